//! One decision on policy and consent, beside bare Cedar; and the first page of a list.

use std::collections::BTreeSet;
use std::hint::black_box;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use secnet_policy::{
    CompiledConsent, ConsentSlice, GrantFact, Question, RecordIndex, TermsFact, decide,
};
use secnet_types::{
    Action, Amount, Category, DatasetId, Digest, Grant, GrantDetail, GrantId, GroupId, Label,
    Labels, MemberId, Party, Purpose, RecordId, RecordMeta, Scope, ServiceLevel, Timestamp, Window,
};

use super::row::{Bar, Row, Times, figure, ms, us};
use super::{Place, broken, wrong};
use crate::failure::Failure;

const DATASET: DatasetId = DatasetId([1; 16]);
const POLICIES: usize = 10;
const ENTITIES: usize = 400;
const BAR_OF_BARE: f64 = 0.5;
const LISTED: usize = 10_000;
const LIST_GRANTS: usize = 500;
const PAGE: usize = 100;
const BAR_PAGE_MS: f64 = 0.5;

pub(super) fn decision(place: &Place) -> Result<Vec<Row>, Failure> {
    let rounds = place.amount(40_000, 5_000);
    let slice = slice(POLICIES);
    let consent = compile(&slice)?;
    let question = question();
    let records: Vec<_> = (0..ENTITIES).map(record).collect();
    let bare = Bare::new(&consent, &question, &records)?;
    for (request, record) in bare.requests.iter().zip(&records) {
        let allowed = decide(&consent, &question, record).choice().is_some();
        if bare.allows(request) != allowed {
            return Err(wrong("bare Cedar and the decision do not agree"));
        }
    }
    let ours = Times::of(rounds, |n| {
        if let Some(record) = records.get(n % ENTITIES) {
            black_box(decide(&consent, &question, record));
        }
    });
    let theirs = Times::of(rounds, |n| {
        if let Some(request) = bare.requests.get(n % ENTITIES) {
            black_box(bare.allows(request));
        }
    });
    let compiled = Times::of(50, |_| {
        black_box(CompiledConsent::compile(&slice).is_ok());
    });
    Ok(vec![
        Row::new(
            "policy and consent decision, p50",
            (us(ours.p50()), "us"),
            Some(us(theirs.p50())),
            Bar::PartAtMost(BAR_OF_BARE),
        )
        .workload(format!(
            "{POLICIES} grants, {ENTITIES} records in turn, {} decisions, each checked to be Cedar's own",
            figure(rounds as f64)
        ))
        .detail(format!(
            "p99 {} us; aims: p50 10 us, p99 40 us; slice compiled once, in {} us",
            figure(us(ours.p99())),
            figure(us(compiled.p50()))
        ))
        .detail(format!(
            "ceiling: bare is_authorized over the unsliced set, requests and entities built beforehand; p99 {} us",
            figure(us(theirs.p99()))
        )),
    ])
}

pub(super) fn list(place: &Place) -> Result<Vec<Row>, Failure> {
    let rounds = place.amount(2_000, 300);
    let index = RecordIndex::new((0..LISTED).map(record));
    let wide = compile(&slice(LIST_GRANTS))?;
    let narrow = compile(&narrowed(LIST_GRANTS))?;
    let question = question();
    let mut rows = Vec::new();
    for (what, consent) in
        [("grants by category", &wide), ("grants by period and by record", &narrow)]
    {
        let visible =
            index.iter().filter(|r| decide(consent, &question, r).choice().is_some()).count();
        let found = index.page(consent, &question, None, PAGE).records.len();
        if found != visible.min(PAGE) {
            return Err(wrong("the page is not what asking of every record gives"));
        }
        let times = Times::of(rounds, |_| {
            black_box(index.page(consent, &question, None, PAGE));
        });
        let row = Row::new(
            format!("first page of what a member can see, {what}, p50"),
            (ms(times.p50()), "ms"),
            None,
            Bar::AtMost(BAR_PAGE_MS),
        );
        rows.push(
            row.workload(format!(
                "{PAGE} of {} records, {visible} of them visible, {LIST_GRANTS} grants",
                figure(LISTED as f64)
            ))
            .detail(format!("p99 {} ms", figure(ms(times.p99())))),
        );
    }
    Ok(rows)
}

fn compile(slice: &ConsentSlice) -> Result<CompiledConsent, Failure> {
    CompiledConsent::compile(slice).map_err(|error| broken("consent that does not compile", &error))
}

fn member(n: usize) -> MemberId {
    let mut id = [7; 32];
    for (to, from) in id.iter_mut().zip(n.to_be_bytes()) {
        *to = from;
    }
    MemberId(id)
}

/// Ids that are spread as random ones are.
fn spread(n: usize) -> [u8; 16] {
    let mut id = [0; 16];
    let mixed = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for (to, from) in id.iter_mut().zip(mixed.to_be_bytes()) {
        *to = from;
    }
    id
}

/// The entry at a position, around and around.
fn at<T: Copy>(all: &[T], n: usize, otherwise: T) -> T {
    all.get(n % all.len().max(1)).copied().unwrap_or(otherwise)
}

/// Grant `n`, to the asker or to its organisation, for one of four purposes.
fn grant(n: usize) -> GrantFact {
    let purposes = [Purpose::Treatment, Purpose::Research, Purpose::Payment, Purpose::Operations];
    let scope = Scope {
        kinds: n.is_multiple_of(3).then(|| ["Observation", "Condition"].map(str::to_owned).into()),
        categories: Some([at(Category::ALL, n, Category::Other), Category::Laboratory].into()),
        labels: n.is_multiple_of(2).then_some(Labels::NONE.with(Label::Hiv)),
        period: n
            .is_multiple_of(5)
            .then_some(Window { from: Timestamp(0), until: Timestamp(1 << 40) }),
        ..Scope::default()
    };
    let detail = GrantDetail {
        purposes: [at(&purposes, n, Purpose::Treatment)].into(),
        actions: [Action::Read].into(),
        scope,
        salt: [0; 32],
    };
    let grantee =
        if n.is_multiple_of(2) { Party::Member(member(0)) } else { Party::Organisation(member(1)) };
    GrantFact {
        id: GrantId(spread(n)),
        grant: Grant {
            dataset: DATASET,
            grantee,
            window: Window { from: Timestamp(0), until: Timestamp(1 << 41) },
            uses: None,
            price: Amount(n as u64),
            emergency: false,
            detail: detail.commitment(),
            wraps: Digest::ZERO,
            tenure: 0,
        },
        detail,
        uses_left: None,
    }
}

fn slice(grants: usize) -> ConsentSlice {
    ConsentSlice {
        dataset: DATASET,
        owner: member(9),
        terms: TermsFact {
            expires: Timestamp::MAX,
            purposes: None,
            actions: None,
            level: ServiceLevel::Hosted,
        },
        grants: (0..grants).map(grant).collect(),
        denials: Vec::new(),
    }
}

/// Each grant opens a few records by data time, or a few by id.
fn narrowed(grants: usize) -> ConsentSlice {
    let mut slice = slice(grants);
    for (n, fact) in slice.grants.iter_mut().enumerate() {
        if n.is_multiple_of(2) {
            let from = Timestamp((n as u64 * 20) << 20);
            fact.detail.scope.period = Some(Window { from, until: from.plus_ms(5 << 20) });
        } else {
            fact.detail.scope.records = Some((0..20).map(|k| record(n * 20 + k).id).collect());
        }
    }
    slice
}

fn question() -> Question {
    let me = member(0);
    Question {
        requester: me,
        parties: vec![
            Party::Member(me),
            Party::Organisation(me),
            Party::Organisation(member(1)),
            Party::Group(GroupId([3; 16])),
        ],
        purpose: Purpose::Treatment,
        action: Action::Read,
        time: Timestamp(1 << 39),
        max_price: Amount(1_000_000),
        fields: None,
        used_up: BTreeSet::new(),
    }
}

fn record(n: usize) -> RecordMeta {
    let start = Timestamp((n as u64) << 20);
    RecordMeta {
        id: RecordId(spread(n)),
        kind: at(&["Observation", "Condition", "Procedure"], n, "Observation").to_owned(),
        category: at(Category::ALL, n, Category::Other),
        labels: if n.is_multiple_of(10) { Labels::NONE.with(Label::Hiv) } else { Labels::NONE },
        period: Some(Window { from: start, until: start.plus_ms(1000) }),
    }
}

/// Cedar as it comes, over everything at once.
struct Bare {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    requests: Vec<Request>,
}

impl Bare {
    fn new(
        consent: &CompiledConsent,
        question: &Question,
        records: &[RecordMeta],
    ) -> Result<Self, Failure> {
        let policies: String = consent.policies().map(|(_, text)| text).collect();
        let policies = policies.parse().map_err(|error| broken("the policies", &error))?;
        let requests = records.iter().map(|r| request(question, r)).collect::<Result<_, _>>()?;
        Ok(Self {
            authorizer: Authorizer::new(),
            policies,
            entities: entities(question, records)?,
            requests,
        })
    }

    fn allows(&self, request: &Request) -> bool {
        self.authorizer.is_authorized(request, &self.policies, &self.entities).decision()
            == Decision::Allow
    }
}

fn uid(kind: &str, id: &dyn std::fmt::Display) -> Result<EntityUid, Failure> {
    format!("{kind}::\"{id}\"").parse().map_err(|error| broken("an entity's name", &error))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn long(time: Timestamp) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::try_from(time.0).unwrap_or(i64::MAX))
}

fn entities(question: &Question, records: &[RecordMeta]) -> Result<Entities, Failure> {
    let parents = [uid("Organisation", &member(0))?, uid("Organisation", &member(1))?];
    let principal = Entity::new_with_tags(uid("Member", &question.requester)?, [], parents, [])
        .map_err(|error| broken("an entity", &error))?;
    let dataset = uid("Dataset", &DATASET)?;
    let mut all = vec![principal];
    for record in records {
        let labels = record.labels.iter().map(|label| text(label.as_str()));
        let period = record.period.unwrap_or(Window { from: Timestamp(0), until: Timestamp(0) });
        let attributes = [
            ("kind".to_owned(), text(&record.kind)),
            ("category".to_owned(), text(record.category.as_str())),
            ("labels".to_owned(), RestrictedExpression::new_set(labels)),
            ("dated".to_owned(), RestrictedExpression::new_bool(true)),
            ("from".to_owned(), long(period.from)),
            ("until".to_owned(), long(period.until)),
        ];
        let entity =
            Entity::new_with_tags(uid("Record", &record.id)?, attributes, [dataset.clone()], []);
        all.push(entity.map_err(|error| broken("an entity", &error))?);
    }
    Entities::from_entities(all, None).map_err(|error| broken("the entities", &error))
}

fn request(question: &Question, record: &RecordMeta) -> Result<Request, Failure> {
    let max_price = i64::try_from(question.max_price.0).unwrap_or(i64::MAX);
    let context = Context::from_pairs([
        ("purpose".to_owned(), text(question.purpose.as_str())),
        ("time".to_owned(), long(question.time)),
        ("maxPrice".to_owned(), RestrictedExpression::new_long(max_price)),
        ("usedUp".to_owned(), RestrictedExpression::new_set([])),
        ("breakGlass".to_owned(), RestrictedExpression::new_bool(false)),
        ("fieldsNamed".to_owned(), RestrictedExpression::new_bool(false)),
        ("fields".to_owned(), RestrictedExpression::new_set([])),
    ])
    .map_err(|error| broken("a context", &error))?;
    Request::new(
        uid("Member", &question.requester)?,
        uid("Action", &question.action)?,
        uid("Record", &record.id)?,
        context,
        None,
    )
    .map_err(|error| broken("a request", &error))
}
