//! Cedar, its slicing, the lists and the naive model say the same.

use cedar_policy::{Authorizer, Decision, PolicySet};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use secnet_types::*;

use super::naive::naive;
use super::support::*;
use crate::engine::{Mode, Prepared};
use crate::*;

proptest! {
    #[test]
    fn decide_equals_the_naive_model(
        slice in any_slice(8),
        questions in prop::collection::vec(any_question(), 8),
        records in any_records(8),
    ) {
        let consent = compile(&slice);
        for question in &questions {
            for record in &records {
                prop_assert_eq!(
                    decide(&consent, question, record),
                    naive(&slice, question, record)
                );
            }
        }
    }

    #[test]
    fn slicing_changes_no_verdict(
        slice in any_slice(4),
        question in any_question(),
        records in any_records(4),
    ) {
        let consent = compile(&slice);
        let all: String = consent.policies().map(|(_, text)| text).collect();
        let all: PolicySet = all.parse().unwrap();
        for mode in Mode::of(question.purpose) {
            let prepared = Prepared::new(&consent, &question, *mode, consent.principal(&question).unwrap()).unwrap();
            for record in &records {
                let (request, entities) = prepared.arguments(record).unwrap();
                let bare = Authorizer::new().is_authorized(&request, &all, &entities);
                prop_assert_eq!(bare.diagnostics().errors().count(), 0);
                let sliced = matches!(
                    prepared.ask(record).unwrap(),
                    crate::engine::Outcome::Permitted(_)
                );
                prop_assert_eq!(sliced, bare.decision() == Decision::Allow);
            }
        }
    }

    #[test]
    fn what_is_permitted_is_permitted_by_the_shared_part(
        slice in any_slice(4),
        questions in prop::collection::vec(any_question(), 8),
        record in any_record(0),
    ) {
        let consent = compile(&slice);
        for question in &questions {
            if let PolicyVerdict::Permit(grants) = decide(&consent, question, &record) {
                for permitted in grants {
                    let fact = slice.grants.iter().find(|g| g.id == permitted.grant).unwrap();
                    prop_assert!(shared_part_permits(fact, question));
                }
            }
        }
    }

    /// With nothing but the shared part to judge, Cedar and the shared part agree both ways.
    #[test]
    fn the_shared_part_and_cedar_agree(
        fact in any_grant(1, 1),
        questions in prop::collection::vec(any_question(), 8),
    ) {
        let mut fact = fact;
        fact.detail = detail(
            Purpose::ALL,
            Action::ALL,
            Scope { labels: Some(Labels::ALL), ..Scope::default() },
        );
        let consent = compile(&slice(vec![fact.clone()], vec![]));
        for question in &questions {
            let cedar = decide(&consent, question, &record(0)).choice().is_some();
            prop_assert_eq!(cedar, shared_part_permits(&fact, question));
        }
    }

    #[test]
    fn input_order_changes_nothing(slice in any_slice(4)) {
        let mut turned = slice.clone();
        turned.grants.reverse();
        turned.denials.reverse();
        prop_assert_eq!(compile(&slice).digest(), compile(&turned).digest());
    }
}

/// The random worlds are not all refusals, or the properties above would say little.
#[test]
fn random_worlds_meet_every_verdict() {
    let mut runner = TestRunner::deterministic();
    let mut counts = [0; 5];
    for _ in 0..300 {
        let worlds = (any_slice(8), any_question(), any_records(8));
        let (slice, question, records) = worlds.new_tree(&mut runner).unwrap().current();
        for record in &records {
            let verdict = naive(&slice, &question, record);
            let kind = match &verdict {
                PolicyVerdict::Permit(grants) if grants.iter().any(|g| g.emergency) => 0,
                PolicyVerdict::Permit(grants) if grants.len() > 1 => 1,
                PolicyVerdict::Permit(_) => 2,
                PolicyVerdict::Deny(DenyCause::Forbidden(_)) => 3,
                PolicyVerdict::Deny(DenyCause::NoGrant) | PolicyVerdict::Fault(_) => 4,
            };
            counts[kind] += 1;
        }
    }
    assert!(counts.iter().all(|count| *count >= 10), "{counts:?}");
}
