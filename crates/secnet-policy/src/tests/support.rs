//! Small worlds to ask questions in.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::subsequence;
use secnet_types::*;

use crate::*;

pub(super) const DATASET: DatasetId = DatasetId([0xda; 16]);
pub(super) const OWNER: MemberId = MemberId([0x0e; 32]);

pub(super) fn member(n: u8) -> MemberId {
    MemberId([n; 32])
}

pub(super) fn group(n: u8) -> GroupId {
    GroupId([n; 16])
}

pub(super) fn grant_id(n: u8) -> GrantId {
    GrantId([n; 16])
}

pub(super) fn denial_id(n: u8) -> DenialId {
    DenialId([n; 16])
}

pub(super) fn record_id(n: u16) -> RecordId {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    RecordId(id)
}

pub(super) fn window(from: u64, until: u64) -> Window {
    Window { from: Timestamp(from), until: Timestamp(until) }
}

pub(super) fn set<T: Ord + Copy>(items: &[T]) -> BTreeSet<T> {
    items.iter().copied().collect()
}

pub(super) fn texts(items: &[&str]) -> BTreeSet<String> {
    items.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn detail(purposes: &[Purpose], actions: &[Action], scope: Scope) -> GrantDetail {
    GrantDetail { purposes: set(purposes), actions: set(actions), scope, salt: [0; 32] }
}

/// A grant from 100 until 900.
pub(super) fn grant(n: u8, grantee: Party, price: u64, detail: GrantDetail) -> GrantFact {
    GrantFact {
        id: grant_id(n),
        grant: Grant {
            dataset: DATASET,
            grantee,
            window: window(100, 900),
            uses: None,
            price: Amount(price),
            emergency: false,
            detail: detail.commitment(),
            wraps: Digest::ZERO,
            tenure: 0,
        },
        detail,
        uses_left: None,
    }
}

/// A denial from 0 on.
pub(super) fn denial(n: u8, party: Party, detail: Option<GrantDetail>) -> DenialFact {
    DenialFact {
        id: denial_id(n),
        denial: Denial {
            dataset: None,
            party,
            window: Window::ALWAYS,
            even_in_emergency: false,
            detail: detail.as_ref().map(GrantDetail::commitment),
        },
        detail,
    }
}

pub(super) fn open_terms() -> TermsFact {
    TermsFact {
        expires: Timestamp::MAX,
        purposes: None,
        actions: None,
        level: ServiceLevel::Hosted,
    }
}

pub(super) fn slice(grants: Vec<GrantFact>, denials: Vec<DenialFact>) -> ConsentSlice {
    ConsentSlice { dataset: DATASET, owner: OWNER, terms: open_terms(), grants, denials }
}

/// Member `n` asks at 500 to read for treatment, paying up to 100.
pub(super) fn question(n: u8) -> Question {
    Question {
        requester: member(n),
        parties: vec![Party::Member(member(n)), Party::Organisation(member(n))],
        purpose: Purpose::Treatment,
        action: Action::Read,
        time: Timestamp(500),
        max_price: Amount(100),
        fields: None,
        used_up: BTreeSet::new(),
    }
}

/// A laboratory observation of data time 200 to 210 without labels.
pub(super) fn record(n: u16) -> RecordMeta {
    RecordMeta {
        id: record_id(n),
        kind: "Observation".into(),
        category: Category::Laboratory,
        labels: Labels::NONE,
        period: Some(window(200, 210)),
    }
}

pub(super) fn compile(slice: &ConsentSlice) -> CompiledConsent {
    CompiledConsent::compile(slice).expect("the slice compiles")
}

// Random worlds, small enough that things meet.

const KINDS: [&str; 4] = ["Observation", "Condition", "a\"b\\c\n", "\u{e9}"];
const CATEGORIES: [Category; 3] = [Category::Laboratory, Category::Conditions, Category::Imaging];
const FIELDS: [&str; 3] = ["code", "value", "note"];

fn any_purpose() -> impl Strategy<Value = Purpose> {
    prop::sample::select(vec![Purpose::Treatment, Purpose::Research, Purpose::Emergency])
}

fn any_action() -> impl Strategy<Value = Action> {
    prop::sample::select(Action::ALL.to_vec())
}

fn any_purposes() -> impl Strategy<Value = BTreeSet<Purpose>> {
    prop_oneof![
        1 => Just(Purpose::ALL.iter().copied().collect()),
        1 => prop::collection::btree_set(any_purpose(), 2..4),
        1 => prop::collection::btree_set(any_purpose(), 0..3),
    ]
}

fn any_actions() -> impl Strategy<Value = BTreeSet<Action>> {
    let size = prop_oneof![3 => 2usize..=3, 1 => 0usize..=3];
    size.prop_flat_map(|n| subsequence(Action::ALL.to_vec(), n))
        .prop_map(|a| a.into_iter().collect())
}

fn any_labels() -> impl Strategy<Value = Labels> {
    prop_oneof![
        3 => Just(Labels::NONE),
        1 => Just(Labels::ALL),
        1 => Just(Labels::NONE.with(Label::Hiv)),
        1 => Just(Labels::NONE.with(Label::Hiv).with(Label::Genetics)),
    ]
}

/// Narrow ones, for records.
fn any_span() -> impl Strategy<Value = Window> {
    let until = prop_oneof![6 => 0u64..40, 1 => Just(u64::MAX)];
    (0u64..40, until).prop_map(|(from, until)| window(from, until))
}

/// Mostly wide ones, for grants.
fn any_wide_span() -> impl Strategy<Value = Window> {
    let until = prop_oneof![2 => 20u64..40, 1 => Just(u64::MAX)];
    let wide = (0u64..15, until).prop_map(|(from, until)| window(from, until));
    prop_oneof![4 => wide, 1 => any_span()]
}

pub(super) fn any_party() -> impl Strategy<Value = Party> {
    prop_oneof![
        (1u8..3).prop_map(|n| Party::Member(member(n))),
        (1u8..3).prop_map(|n| Party::Group(group(n))),
        (1u8..3).prop_map(|n| Party::Organisation(member(n))),
    ]
}

fn any_fields() -> impl Strategy<Value = BTreeSet<String>> {
    subsequence(FIELDS.to_vec(), 0..=3).prop_map(|f| texts(&f))
}

pub(super) fn any_scope(records: u16) -> impl Strategy<Value = Scope> {
    use prop::option::weighted;
    let ids = prop::collection::btree_set(0..records, 0..=usize::from(records))
        .prop_map(|ids| ids.into_iter().map(record_id).collect());
    (
        weighted(0.15, ids),
        weighted(0.2, subsequence(KINDS.to_vec(), 1..=4).prop_map(|k| texts(&k))),
        weighted(0.3, subsequence(CATEGORIES.to_vec(), 1..=3).prop_map(|c| set(&c))),
        weighted(0.7, prop_oneof![Just(Labels::ALL), any_labels()]),
        weighted(0.25, any_wide_span()),
        weighted(0.1, any_fields()),
    )
        .prop_map(|(records, kinds, categories, labels, period, fields)| Scope {
            records,
            kinds,
            categories,
            labels,
            period,
            fields,
        })
}

fn any_detail(records: u16) -> impl Strategy<Value = GrantDetail> {
    (any_purposes(), any_actions(), any_scope(records)).prop_map(|(purposes, actions, scope)| {
        GrantDetail { purposes, actions, scope, salt: [0; 32] }
    })
}

pub(super) fn any_grant(n: u8, records: u16) -> impl Strategy<Value = GrantFact> {
    let uses = prop::option::weighted(0.3, 0u32..3);
    let price = prop_oneof![12 => 0u64..4, 1 => Just(u64::MAX), 1 => Just(i64::MAX as u64)];
    (any_party(), any_wide_span(), price, prop::bool::weighted(0.3), any_detail(records), uses)
        .prop_map(move |(grantee, window, price, emergency, detail, uses)| {
            let mut fact = grant(n, grantee, price, detail);
            fact.grant.window = window;
            fact.grant.emergency = emergency;
            fact.grant.uses = uses.map(|_| 9);
            fact.uses_left = uses;
            fact
        })
}

fn any_denial(n: u8, records: u16) -> impl Strategy<Value = DenialFact> {
    let detail = prop::option::weighted(0.9, any_detail(records));
    (any_party(), any_span(), any::<bool>(), any::<bool>(), detail).prop_map(
        move |(party, window, hard, here, detail)| {
            let mut fact = denial(n, party, detail);
            fact.denial.window = window;
            fact.denial.even_in_emergency = hard;
            fact.denial.dataset = here.then_some(DATASET);
            fact
        },
    )
}

pub(super) fn any_terms() -> impl Strategy<Value = TermsFact> {
    use prop::option::weighted;
    let expires = prop_oneof![7 => Just(u64::MAX), 1 => 10u64..40];
    let level = prop::sample::select(vec![ServiceLevel::Sealed, ServiceLevel::Hosted]);
    (expires, weighted(0.2, any_purposes()), weighted(0.2, any_actions()), level).prop_map(
        |(expires, purposes, actions, level)| TermsFact {
            expires: Timestamp(expires),
            purposes,
            actions,
            level,
        },
    )
}

/// Up to 7 grants and 2 denials.
pub(super) fn any_slice(records: u16) -> impl Strategy<Value = ConsentSlice> {
    let grants: Vec<_> =
        (0..7).map(|n| prop::option::weighted(0.8, any_grant(n, records))).collect();
    let denials: Vec<_> =
        (0..2).map(|n| prop::option::weighted(0.3, any_denial(n, records))).collect();
    (any_terms(), grants, denials).prop_map(|(terms, grants, denials)| ConsentSlice {
        dataset: DATASET,
        owner: OWNER,
        terms,
        grants: grants.into_iter().flatten().collect(),
        denials: denials.into_iter().flatten().collect(),
    })
}

pub(super) fn any_question() -> impl Strategy<Value = Question> {
    let used_up = prop::collection::btree_set((0u8..7).prop_map(grant_id), 0..2);
    let max_price = prop_oneof![1 => 0u64..4, 3 => Just(u64::MAX)];
    (
        1u8..3,
        prop::collection::vec(any_party(), 0..12),
        any_purpose(),
        any_action(),
        0u64..40,
        max_price,
        prop::option::weighted(0.1, any_fields()),
        used_up,
    )
        .prop_map(|(n, parties, purpose, action, time, max_price, fields, used_up)| Question {
            requester: member(n),
            parties,
            purpose,
            action,
            time: Timestamp(time),
            max_price: Amount(max_price),
            fields: fields.map(Arc::new),
            used_up,
        })
}

pub(super) fn any_record(n: u16) -> impl Strategy<Value = RecordMeta> {
    (
        prop::sample::select(KINDS.to_vec()),
        prop::sample::select(CATEGORIES.to_vec()),
        any_labels(),
        prop::option::weighted(0.8, any_span()),
    )
        .prop_map(move |(kind, category, labels, period)| RecordMeta {
            id: record_id(n),
            kind: kind.into(),
            category,
            labels,
            period,
        })
}

pub(super) fn any_records(count: u16) -> impl Strategy<Value = Vec<RecordMeta>> {
    (0..count).map(any_record).collect::<Vec<_>>()
}
