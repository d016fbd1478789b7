use std::collections::BTreeSet;

use proptest::prelude::*;
use secnet_guard::{Event, Guard, GuardVerdict, Model, Observed, Outcome, PermittedUse};
use secnet_types::{
    Action, Amount, Category, Condition, DatasetId, Feature, FeatureKind, FeatureValue,
    FeatureVector, Label, Labels, MemberId, Obligation, Party, Purpose, Rule, RuleAction,
    RuleContext, RuleScope, Timestamp,
};

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
/// Monday 2026-01-05, midnight.
pub(crate) const MONDAY: u64 = 1_767_571_200_000;

const PARTIES: &[Party] = &[Party::Member(MemberId([1; 32]))];

/// Somebody's treatment with the first dataset.
pub(crate) fn context() -> RuleContext<'static> {
    RuleContext {
        dataset: DatasetId([1; 16]),
        parties: PARTIES,
        purpose: Purpose::Treatment,
        now: Timestamp(0),
    }
}

pub(crate) fn event(requester: u8, dataset: u8, at: u64) -> Event {
    Event {
        requester: MemberId([requester; 32]),
        dataset: DatasetId([dataset; 16]),
        purpose: Purpose::Treatment,
        action: Action::Read,
        records: 2,
        categories: BTreeSet::from([Category::Laboratory]),
        labels: Labels::NONE,
        emergency: false,
        at: Timestamp(at),
        door: "fhir".to_owned(),
        source: None,
        price: Some(Amount::ZERO),
        own_key: true,
    }
}

/// Judge without rules, then learn.
pub(crate) fn step(guard: &mut Guard, event: &Event) -> GuardVerdict {
    let facts = guard.features(event);
    let verdict = guard.model().vet(&PermittedUse::default(), &facts, &[]);
    let observed = match verdict.outcome {
        Outcome::Allow { .. } => Observed::Allowed,
        Outcome::StepUp | Outcome::Throttle { .. } | Outcome::Hold => Observed::Held,
        Outcome::Deny => Observed::Denied,
    };
    guard.observe(event, observed);
    verdict
}

/// A doctor who worked five weeks from 8 to 17 o'clock, twice an hour, on dataset 1.
pub(crate) fn settled() -> Guard {
    let mut guard = Guard::new(Model::default());
    for day in (0..35).filter(|day| day % 7 < 5) {
        for hour in 8..17 {
            for minute in [10, 40] {
                let at = MONDAY + day * DAY + hour * HOUR + minute * MINUTE;
                let verdict = step(&mut guard, &event(1, 1, at));
                assert_eq!(verdict.outcome.severity(), 0, "ordinary work passes: {verdict:?}");
            }
        }
    }
    guard
}

/// Ten o'clock on the Monday after [`settled`].
pub(crate) const MORNING: u64 = MONDAY + 35 * DAY + 10 * HOUR;
/// Three o'clock on the night after that.
pub(crate) const NIGHT: u64 = MONDAY + 36 * DAY + 3 * HOUR;

pub(crate) fn sensitive() -> Labels {
    Labels::NONE.with(Label::Hiv)
}

pub(crate) fn value(feature: Feature) -> BoxedStrategy<FeatureValue> {
    match feature.kind() {
        FeatureKind::Number { low, high } => prop_oneof![low..=high.min(80), low..=high.min(8000)]
            .prop_map(FeatureValue::Number)
            .boxed(),
        FeatureKind::Word(list) => {
            (0..list.all().count_ones()).prop_map(|n| FeatureValue::Words(1 << n)).boxed()
        }
        FeatureKind::Words(list) => (0..=list.all()).prop_map(FeatureValue::Words).boxed(),
        FeatureKind::Text => "[a-c]{0,3}".prop_map(FeatureValue::Text).boxed(),
        FeatureKind::Address => {
            any::<[u8; 4]>().prop_map(|a| FeatureValue::Address(a.into())).boxed()
        }
    }
}

pub(crate) fn facts() -> impl Strategy<Value = FeatureVector> {
    let values: Vec<_> =
        Feature::ALL.iter().map(|feature| prop::option::weighted(0.9, value(*feature))).collect();
    values.prop_map(|values| {
        let mut facts = FeatureVector::new();
        for (feature, value) in Feature::ALL.iter().zip(values) {
            if let Some(value) = value {
                facts.set(*feature, value).unwrap();
            }
        }
        facts
    })
}

pub(crate) fn rule() -> impl Strategy<Value = Rule> {
    let number = prop::sample::select(vec![
        Feature::RequestsLastMinute,
        Feature::DenialsLastHour,
        Feature::ExcessLastMinute,
        Feature::HourOfDay,
        Feature::Novelty,
    ]);
    let condition = (number, 0..30_i64, any::<bool>()).prop_filter_map("vacuous", |(f, n, up)| {
        if up { Condition::at_least(f, n).ok() } else { Condition::at_most(f, n).ok() }
    });
    let label = prop::sample::select(Label::ALL)
        .prop_map(|l| Condition::any_of(Feature::Labels, &[l.as_str()]).unwrap());
    let conditions = prop::collection::vec(prop_oneof![3 => condition, 1 => label], 1..4);
    (prop::sample::select(RuleAction::ALL), conditions)
        .prop_filter_map("contradiction", |(action, conditions)| {
            Rule::new(action, conditions, RuleScope::ALL, Timestamp::MAX).ok()
        })
}

pub(crate) fn permitted() -> impl Strategy<Value = PermittedUse> {
    let all = [Obligation::NotifyOwner, Obligation::Review, Obligation::OnlyGrantedFields];
    let obligations = prop::sample::subsequence(all.to_vec(), 0..=3);
    let flags = any::<(bool, bool, bool)>();
    (obligations, flags).prop_map(|(obligations, (emergency, released_by_owner, proved_anew))| {
        PermittedUse {
            obligations: obligations.into_iter().collect(),
            emergency,
            released_by_owner,
            proved_anew,
        }
    })
}
