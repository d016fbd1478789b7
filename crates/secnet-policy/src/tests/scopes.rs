//! One grant for many records.

use proptest::prelude::*;
use secnet_types::*;

use super::support::*;
use crate::*;

fn of(n: u8, price: u64, categories: &[Category]) -> GrantFact {
    let scope = Scope { categories: Some(set(categories)), ..Scope::default() };
    let detail = detail(&[Purpose::Treatment], &[Action::Read], scope);
    grant(n, Party::Member(member(1)), price, detail)
}

fn in_category(n: u16, category: Category) -> RecordMeta {
    RecordMeta { category, ..record(n) }
}

fn chosen(grants: Vec<GrantFact>, records: &[RecordMeta]) -> ScopeVerdict {
    decide_all(&compile(&slice(grants, vec![])), &question(1), records)
}

#[test]
fn the_grant_that_covers_most_is_chosen_then_the_cheapest_then_the_lowest() {
    use Category::{Conditions, Imaging, Laboratory};
    let records = [
        in_category(1, Laboratory),
        in_category(2, Conditions),
        in_category(3, Imaging),
        in_category(2, Conditions),
    ];
    let wide = chosen(vec![of(1, 1, &[Laboratory]), of(2, 9, &[Laboratory, Conditions])], &records);
    let ScopeVerdict::Permit { grant, records: covered, refused } = wide else {
        panic!("{wide:?}")
    };
    assert_eq!(grant.grant, grant_id(2));
    assert_eq!(covered, [record_id(1), record_id(2)]);
    assert_eq!(refused[&record_id(3)], Refusal::Denied(DenyCause::NoGrant));
    assert_eq!(refused.len(), 1);
    let cheap = chosen(vec![of(1, 5, &[Imaging]), of(2, 4, &[Conditions])], &records);
    let ScopeVerdict::Permit { grant, refused, .. } = cheap else { panic!("{cheap:?}") };
    assert_eq!(grant.grant, grant_id(2));
    assert_eq!(refused[&record_id(3)], Refusal::OtherGrant(vec![grant_id(1)]));
    let low = chosen(vec![of(2, 4, &[Conditions]), of(1, 4, &[Conditions])], &records);
    let ScopeVerdict::Permit { grant, .. } = low else { panic!("{low:?}") };
    assert_eq!(grant.grant, grant_id(1));
}

#[test]
fn nothing_asked_or_nothing_granted_is_a_denial() {
    let none = chosen(vec![of(1, 1, &[Category::Laboratory])], &[]);
    assert_eq!(none, ScopeVerdict::Deny { refused: Default::default() });
    let other = chosen(vec![of(1, 1, &[Category::Imaging])], &[record(1)]);
    let ScopeVerdict::Deny { refused } = other else { panic!("{other:?}") };
    assert_eq!(refused[&record_id(1)], Refusal::Denied(DenyCause::NoGrant));
}

proptest! {
    #[test]
    fn many_equal_one_by_one(
        slice in any_slice(30),
        questions in prop::collection::vec(any_question(), 6),
        records in any_records(30),
    ) {
        let consent = compile(&slice);
        for question in &questions {
            let one = |id: RecordId| {
                let record = records.iter().find(|r| r.id == id).unwrap();
                decide(&consent, question, record)
            };
            let permits = |verdict: &PolicyVerdict, grant: GrantId| match verdict {
                PolicyVerdict::Permit(grants) => grants.iter().any(|g| g.grant == grant),
                _ => false,
            };
            let (best, covered, refused) = match decide_all(&consent, question, &records) {
                ScopeVerdict::Permit { grant, records, refused } => (Some(grant), records, refused),
                ScopeVerdict::Deny { refused } => (None, vec![], refused),
                ScopeVerdict::Fault(message) => panic!("{message}"),
            };
            prop_assert_eq!(covered.len() + refused.len(), records.len());
            for id in &covered {
                prop_assert!(permits(&one(*id), best.as_ref().unwrap().grant));
            }
            for (id, refusal) in &refused {
                match (refusal, one(*id)) {
                    (Refusal::Denied(cause), PolicyVerdict::Deny(same)) => {
                        prop_assert_eq!(cause, &same);
                    }
                    (Refusal::OtherGrant(grants), verdict) => {
                        prop_assert!(grants.iter().all(|g| permits(&verdict, *g)));
                        prop_assert!(!permits(&verdict, best.as_ref().unwrap().grant));
                    }
                    (refusal, verdict) => panic!("{refusal:?} {verdict:?}"),
                }
            }
            for fact in &slice.grants {
                let all = records.iter().all(|r| permits(&one(r.id), fact.id));
                prop_assert_eq!(permits_all(&consent, question, fact.id, &records), Ok(all));
            }
            // No other grant covers more, or as much for less.
            if let Some(best) = best {
                for fact in &slice.grants {
                    let count = records.iter().filter(|r| permits(&one(r.id), fact.id)).count();
                    prop_assert!(
                        (count, std::cmp::Reverse((fact.grant.price, fact.id)))
                            <= (covered.len(), std::cmp::Reverse((best.price, best.grant)))
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Questions that differ in little are asked of one compiled slice, which remembers, and of Cedar each time.
    #[test]
    fn what_is_remembered_is_what_would_be_decided(
        slice in any_slice(6),
        question in any_question(),
        others in prop::collection::vec((any_question(), 0u8..64), 24),
        records in any_records(6),
    ) {
        let consent = compile(&slice);
        for (other, changed) in others {
            let mut asked = question.clone();
            let mut change = |bit: u8, set: &dyn Fn(&mut Question)| {
                if changed >> bit & 1 == 1 {
                    set(&mut asked);
                }
            };
            change(0, &|q| q.time = other.time);
            change(1, &|q| q.max_price = other.max_price);
            change(2, &|q| q.used_up = other.used_up.clone());
            change(3, &|q| q.parties = other.parties.clone());
            change(4, &|q| q.fields = other.fields.clone());
            change(5, &|q| (q.requester, q.purpose) = (other.requester, other.purpose));
            for fact in &slice.grants {
                let all = records.iter().all(|record| match decide(&consent, &asked, record) {
                    PolicyVerdict::Permit(grants) => grants.iter().any(|g| g.grant == fact.id),
                    PolicyVerdict::Deny(_) | PolicyVerdict::Fault(_) => false,
                });
                prop_assert_eq!(permits_all(&consent, &asked, fact.id, &records), Ok(all));
            }
            let fresh = decide_all(&compile(&slice), &asked, &records);
            prop_assert_eq!(decide_all(&consent, &asked, &records), fresh);
        }
    }
}
