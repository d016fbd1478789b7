//! The lists equal asking of every record.

use proptest::prelude::*;
use secnet_types::*;

use super::support::*;
use crate::*;

fn brute(consent: &CompiledConsent, question: &Question, records: &[RecordMeta]) -> Vec<RecordId> {
    let permitted = records.iter().filter(|r| decide(consent, question, r).choice().is_some());
    permitted.map(|r| r.id).collect()
}

fn pages(
    index: &RecordIndex,
    consent: &CompiledConsent,
    question: &Question,
    limit: usize,
) -> Vec<RecordId> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = index.page(consent, question, after, limit);
        assert!(page.records.len() <= limit);
        all.extend(page.records);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

proptest! {
    #[test]
    fn pages_equal_brute_force(
        slice in any_slice(60),
        questions in prop::collection::vec(any_question(), 6),
        records in any_records(60),
        limit in 1usize..30,
    ) {
        let consent = compile(&slice);
        let index = RecordIndex::new(records.clone());
        for question in &questions {
            let expected = brute(&consent, question, &records);
            prop_assert_eq!(pages(&index, &consent, question, limit), expected);
        }
    }

    #[test]
    fn a_changed_index_equals_a_new_one(
        slice in any_slice(40),
        question in any_question(),
        before in any_records(40),
        after in any_records(40),
        gone in prop::collection::btree_set(0u16..40, 0..20),
    ) {
        let consent = compile(&slice);
        let mut index = RecordIndex::new(before);
        for record in &after {
            prop_assert!(index.insert(record.clone()).is_some());
        }
        for id in &gone {
            prop_assert!(index.remove(record_id(*id)).is_some());
        }
        let kept: Vec<_> =
            after.into_iter().filter(|r| !gone.iter().any(|id| record_id(*id) == r.id)).collect();
        prop_assert_eq!(index.len(), kept.len());
        prop_assert_eq!(pages(&index, &consent, &question, 7), brute(&consent, &question, &kept));
    }

    #[test]
    fn who_can_see_equals_brute_force(
        slice in any_slice(4),
        record in any_record(0),
        time in 0u64..40,
        memberships in prop::collection::vec((any_party(), any_party()), 0..6),
    ) {
        let consent = compile(&slice);
        let parties_of = |party: Party| {
            let more = memberships.iter().filter(|(of, _)| *of == party).map(|(_, as_)| *as_);
            let more = more.filter(|p| !matches!(p, Party::Member(_)));
            std::iter::once(party).chain(more).collect::<Vec<_>>()
        };
        let mut expected = Vec::new();
        for fact in &slice.grants {
            let party = fact.grant.grantee;
            let requester = match party {
                Party::Member(id) => id,
                _ => member(200),
            };
            let seen = Purpose::ALL.iter().any(|purpose| Action::ALL.iter().any(|action| {
                let question = Question {
                    requester,
                    parties: parties_of(party),
                    purpose: *purpose,
                    action: *action,
                    time: Timestamp(time),
                    max_price: Amount(u64::MAX),
                    fields: None,
                    used_up: Default::default(),
                };
                matches!(
                    decide(&consent, &question, &record),
                    PolicyVerdict::Permit(grants) if grants.iter().any(|g| g.grant == fact.id)
                )
            }));
            if seen {
                expected.push((party, fact.id));
            }
        }
        expected.sort_unstable();
        prop_assert_eq!(who_can_see(&consent, &record, Timestamp(time), parties_of), expected);
    }
}

fn lab_grant(n: u8) -> GrantFact {
    let scope = Scope { categories: Some(set(&[Category::Laboratory])), ..Scope::default() };
    grant(n, Party::Member(member(1)), 1, detail(&[Purpose::Treatment], &[Action::Read], scope))
}

#[test]
fn page_two_starts_where_page_one_ended_though_records_come_and_go() {
    let consent = compile(&slice(vec![lab_grant(1)], vec![]));
    let mut index = RecordIndex::new((0..100).map(record));
    let one = index.page(&consent, &question(1), None, 10);
    assert_eq!(one.records, (0..10).map(record_id).collect::<Vec<_>>());
    let cursor = one.next.unwrap();
    index.remove(cursor);
    index.remove(record_id(10));
    index.insert(RecordMeta { category: Category::Imaging, ..record(11) });
    let two = index.page(&consent, &question(1), Some(cursor), 10);
    assert_eq!(two.records, (12..22).map(record_id).collect::<Vec<_>>());
}

#[test]
fn the_last_page_has_no_next_and_a_page_has_a_limit() {
    let consent = compile(&slice(vec![lab_grant(1)], vec![]));
    let index = RecordIndex::new((0..2000).map(record));
    let page = index.page(&consent, &question(1), None, usize::MAX);
    assert_eq!(page.records.len(), MAX_PAGE_RECORDS);
    let rest = index.page(&consent, &question(1), page.next, MAX_PAGE_RECORDS);
    assert_eq!((rest.records.len(), rest.next), (1000, None));
    assert_eq!(index.page(&consent, &question(2), None, 10), Page { records: vec![], next: None });
}
