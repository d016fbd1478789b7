use proptest::prelude::*;
use secnet_guard::{Explanation, Model, Outcome, PermittedUse, Signal, explain};
use secnet_types::{
    Condition, Feature, FeatureKind, FeatureValue, FeatureVector, Obligation, Rule, RuleAction,
    RuleScope, RuleSet, Timestamp,
};

use crate::common::{context, facts, permitted, rule};

fn apply(facts: &FeatureVector, feature: Feature, to: &FeatureValue) -> FeatureVector {
    facts.with(feature, to.clone()).unwrap()
}

fn severity(model: &Model, use_: &PermittedUse, facts: &FeatureVector, rules: &RuleSet) -> u8 {
    model.vet(use_, facts, &rules.matches(facts, &context())).outcome.severity()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn p2_the_guard_can_only_say_no(
        permitted in permitted(),
        facts in facts(),
        rules in prop::collection::vec(rule(), 0..12),
    ) {
        let rules = RuleSet::new(rules).unwrap();
        let matched = rules.matches(&facts, &context());
        let verdict = Model::default().vet(&permitted, &facts, &matched);
        if let Outcome::Allow { obligations } = &verdict.outcome {
            prop_assert!(obligations.is_superset(&permitted.obligations));
        }
        // Neither more rules nor a release of another kind makes it milder.
        let without = Model::default().vet(&permitted, &facts, &[]);
        prop_assert!(verdict.outcome.severity() >= without.outcome.severity());
        prop_assert!(verdict.score.points() <= 10_000);
    }

    #[test]
    fn an_emergency_is_never_held_or_denied(
        facts in facts(),
        rules in prop::collection::vec(rule(), 0..12),
    ) {
        let rules = RuleSet::new(rules).unwrap();
        let matched = rules.matches(&facts, &context());
        let emergency = PermittedUse { emergency: true, ..PermittedUse::default() };
        let verdict = Model::default().vet(&emergency, &facts, &matched);
        let Outcome::Allow { obligations } = verdict.outcome else {
            panic!("an emergency was stopped")
        };
        let ordinary = severity(&Model::default(), &PermittedUse::default(), &facts, &rules);
        prop_assert!(ordinary == 0 || (verdict.alarm && obligations.contains(&Obligation::Review)));
    }

    #[test]
    fn more_of_anything_suspicious_never_lowers_the_score(facts in facts(), more in 1..2000_i64) {
        let model = Model::default();
        let before = model.assess(&facts).score;
        for signal in Signal::ALL.iter().copied().filter(|s| *s != Signal::QuietHour) {
            if let (FeatureKind::Number { .. }, Some(n)) =
                (signal.feature().kind(), facts.number(signal.feature()))
            {
                let raised = apply(&facts, signal.feature(), &FeatureValue::Number(n + more));
                prop_assert!(model.assess(&raised).score >= before);
            }
        }
    }

    #[test]
    fn explanations_are_true(
        facts in facts(),
        rules in prop::collection::vec(rule(), 0..6),
        permitted in permitted(),
    ) {
        let model = Model::default();
        let rules = RuleSet::new(rules).unwrap();
        let said = explain(&model, &permitted, &facts, &rules, &context());
        let before = said.verdict.outcome.severity();
        for change in &said.decisive {
            let changed = apply(&facts, change.feature, &change.to);
            prop_assert!(severity(&model, &permitted, &changed, &rules) < before);
        }
        let mut changed = facts.clone();
        for change in &said.together {
            changed = apply(&changed, change.feature, &change.to);
        }
        prop_assert!(
            said.together.is_empty() || severity(&model, &permitted, &changed, &rules) < before
        );
    }

    #[test]
    fn what_the_detector_alone_stops_is_always_explained(facts in facts()) {
        let none = RuleSet::new([]).unwrap();
        let permitted = PermittedUse::default();
        let said: Explanation = explain(&Model::default(), &permitted, &facts, &none, &context());
        prop_assert_eq!(said.verdict.outcome.severity() > 0, !said.together.is_empty());
    }

    #[test]
    fn the_requester_is_told_no_number_and_no_feature(
        facts in facts(),
        rules in prop::collection::vec(rule(), 0..6),
    ) {
        let rules = RuleSet::new(rules).unwrap();
        let matched = rules.matches(&facts, &context());
        let verdict = Model::default().vet(&PermittedUse::default(), &facts, &matched);
        prop_assert_eq!(verdict.notice().is_some(), verdict.outcome.severity() > 0);
        if let Some(notice) = verdict.notice() {
            prop_assert!(!notice.to_string().contains(|c: char| c.is_ascii_digit()));
        }
    }
}

/// A rule with this action that matches each of these facts.
fn always(action: RuleAction) -> Rule {
    let condition = Condition::at_least(Feature::RequestsLastMinute, 1).unwrap();
    Rule::new(action, vec![condition], RuleScope::ALL, Timestamp::MAX).unwrap()
}

proptest! {
    #[test]
    fn having_waited_satisfies_what_slows_down_and_nothing_else(
        facts in facts(),
        others in prop::collection::vec(rule(), 0..6),
        permitted in permitted(),
        in_a_row in 1..9_i64,
    ) {
        let facts = apply(&facts, Feature::RequestsLastMinute, &FeatureValue::Number(1));
        let facts = apply(&facts, Feature::ThrottledInARow, &FeatureValue::Number(in_a_row));
        let wait = 10_i64 << (in_a_row - 1).min(5);
        let since = |s| apply(&facts, Feature::SecondsSinceThrottled, &FeatureValue::Number(s));
        let others: Vec<Rule> =
            others.into_iter().filter(|rule| rule.action() != RuleAction::Throttle).collect();
        let without = RuleSet::new(others.clone()).unwrap();
        let with = RuleSet::new(others.into_iter().chain([always(RuleAction::Throttle)])).unwrap();
        let model = Model::default();
        let plain = severity(&model, &permitted, &since(wait), &without);
        prop_assert_eq!(severity(&model, &permitted, &since(wait), &with), plain);
        let lifted = permitted.emergency || permitted.released_by_owner;
        let least = if lifted { 0 } else { Outcome::Throttle { wait_s: 0 }.severity() };
        prop_assert_eq!(severity(&model, &permitted, &since(wait - 1), &with), plain.max(least));
    }

    #[test]
    fn a_fresh_proof_satisfies_what_steps_up_and_nothing_else(
        facts in facts(),
        others in prop::collection::vec(rule(), 0..6),
        mut permitted in permitted(),
    ) {
        let facts = apply(&facts, Feature::RequestsLastMinute, &FeatureValue::Number(1));
        let others: Vec<Rule> =
            others.into_iter().filter(|rule| rule.action() != RuleAction::StepUp).collect();
        let without = RuleSet::new(others.clone()).unwrap();
        let with = RuleSet::new(others.into_iter().chain([always(RuleAction::StepUp)])).unwrap();
        let model = Model::default();
        permitted.proved_anew = true;
        let proved = severity(&model, &permitted, &facts, &with);
        prop_assert_eq!(proved, severity(&model, &permitted, &facts, &without));
        permitted.proved_anew = false;
        let unproved = severity(&model, &permitted, &facts, &with);
        let lifted = permitted.emergency || permitted.released_by_owner;
        let least = if lifted { 0 } else { Outcome::StepUp.severity() };
        prop_assert_eq!(unproved, proved.max(least));
    }
}
