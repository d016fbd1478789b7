//! Learnt models: only ever a hold, exact shares, changes that do what is said of them, and nothing that is not a model.

use std::sync::Arc;

use proptest::prelude::*;
use secnet_guard::learnt::{
    HeldBack, Input, LearntCard, LearntError, LearntFrom, LearntParts, MAX_DEPTH, MAX_LEAF, Next,
    Node, OwnPast, Tree,
};
use secnet_guard::{Learnt, Model, Opinion, Outcome, Panel, PermittedUse, explain_with};
use secnet_types::{
    Digest, Feature, FeatureKind, FeatureValue, FeatureVector, Obligation, RuleSet, Timestamp,
    encode,
};

use crate::common::{context, facts, permitted, rule};

/// What the drawn models ask about.
const ASKED: [Feature; 6] = [
    Feature::RequestsLastMinute,
    Feature::RecordsRequested,
    Feature::HourOfDay,
    Feature::Novelty,
    Feature::Labels,
    Feature::Purpose,
];

fn inputs() -> Vec<Input> {
    ASKED
        .iter()
        .flat_map(|feature| match feature.kind() {
            FeatureKind::Number { .. } => vec![Input::Number(*feature)],
            _ => vec![Input::Word(*feature, 0), Input::Word(*feature, 1)],
        })
        .collect()
}

fn ordinary() -> FeatureVector {
    let mut facts = FeatureVector::new();
    for feature in ASKED {
        let value = match feature.kind() {
            FeatureKind::Number { .. } => FeatureValue::Number(2),
            FeatureKind::Word(_) => FeatureValue::Words(1),
            _ => FeatureValue::Words(0),
        };
        facts.set(feature, value).unwrap();
    }
    facts
}

fn card() -> LearntCard {
    LearntCard {
        at: Timestamp(5),
        from: LearntFrom {
            data: Digest::ZERO,
            requests: 60,
            misuse: 30,
            said_fine: 10,
            presumed_fine: 20,
            oldest: Timestamp(1),
            newest: Timestamp(4),
        },
        held_back: HeldBack {
            misuse_since: Timestamp(3),
            others_since: Timestamp(3),
            hits: 12,
            misses: 0,
            false_alarms: 0,
            passes: 12,
            precision: (8000, 10_000),
            recall: (8000, 10_000),
            false_positive_rate: (0, 2000),
        },
        past: OwnPast { days: 30, requests: 50, would_hold: 12, objected_to: 12, requesters: 1 },
    }
}

/// A tree that asks one question after the other; every leaf is drawn.
fn tree() -> impl Strategy<Value = Tree> {
    let question = (0..8_u32, 0..60_i64, any::<bool>(), -4..5_i64, -4..5_i64, any::<bool>());
    prop::collection::vec(question, 1..=MAX_DEPTH).prop_map(|drawn| {
        let last = drawn.len() - 1;
        let nodes = drawn.into_iter().enumerate().map(|(at, drawn)| {
            let (input, cut, absent_left, one, other, turn) = drawn;
            let leaf = |points: i64| Next::Leaf(points * 1_000_003);
            let on =
                if at == last { leaf(other) } else { Next::Node(u32::try_from(at + 1).unwrap()) };
            let (left, right) = if turn { (leaf(one), on) } else { (on, leaf(one)) };
            // Words are there or not.
            let cut = if input < 4 { cut } else { 0 };
            Node { input, cut, absent_left, left, right }
        });
        Tree { nodes: nodes.collect() }
    })
}

fn parts() -> impl Strategy<Value = LearntParts> {
    (prop::collection::vec(tree(), 1..12), -2_000_000..2_000_000_i64).prop_map(|(trees, start)| {
        let mut parts = LearntParts {
            inputs: inputs(),
            ordinary: ordinary(),
            start,
            trees,
            hold_at: 500 * MAX_LEAF,
            expires: Timestamp(1_000),
            card: card(),
        };
        // A little above what is ordinary, so that much is held.
        parts.hold_at = Learnt::new(parts.clone()).unwrap().score(&ordinary()) + 1_000_000;
        parts
    })
}

fn learnt() -> impl Strategy<Value = Arc<Learnt>> {
    parts().prop_map(|parts| Arc::new(Learnt::new(parts).unwrap()))
}

/// A request with every feature that the drawn models ask about.
fn whole_facts() -> impl Strategy<Value = FeatureVector> {
    (prop::collection::vec(0..60_i64, 4), 0..8_u64, 0..4_u32).prop_map(
        |(numbers, labels, purpose)| {
            let mut facts = ordinary();
            for (feature, number) in ASKED.iter().zip(numbers) {
                facts.set(*feature, FeatureValue::Number(number)).unwrap();
            }
            facts.set(Feature::Labels, FeatureValue::Words(labels)).unwrap();
            facts.set(Feature::Purpose, FeatureValue::Words(1 << purpose)).unwrap();
            facts
        },
    )
}

fn panel(models: &[Arc<Learnt>]) -> Panel {
    let mut panel = Panel::empty();
    models.iter().for_each(|model| panel.add(Arc::clone(model)));
    panel
}

/// Shapley's definition: over all coalitions, in 840ths times 8! / 840 to stay whole.
fn by_definition(model: &Learnt, facts: &FeatureVector) -> Vec<i128> {
    let mixed = |coalition: u32| {
        let mut mixed = ordinary();
        for (at, feature) in ASKED.iter().enumerate() {
            if coalition & (1 << at) != 0 {
                match facts.value(*feature) {
                    Some(value) => mixed.set(*feature, value.clone()).unwrap(),
                    None => mixed.remove(*feature),
                }
            }
        }
        i128::from(model.score(&mixed))
    };
    let factorial = |n: u32| i128::from((1..=n).product::<u32>());
    let n = u32::try_from(ASKED.len()).unwrap();
    (0..n)
        .map(|at| {
            let without = (0..1_u32 << n).filter(|coalition| coalition & (1 << at) == 0);
            without
                .map(|coalition| {
                    let size = coalition.count_ones();
                    let weight = factorial(size) * factorial(n - size - 1);
                    weight * (mixed(coalition | 1 << at) - mixed(coalition))
                })
                .sum()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn p2_a_learnt_model_can_only_say_no_and_no_more_than_wait(
        permitted in permitted(),
        facts in facts(),
        rules in prop::collection::vec(rule(), 0..6),
        models in prop::collection::vec(learnt(), 0..3),
        lost in prop::option::of(any::<bool>()),
    ) {
        let rules = RuleSet::new(rules).unwrap();
        let matched = rules.matches(&facts, &context());
        let mut panel = panel(&models);
        if let Some(holds) = lost {
            panel.add_fixed(Opinion::unreadable(Digest::ZERO, holds));
        }
        let model = Model::default();
        let with = model.vet_with(&permitted, &facts, &matched, &panel.opinions(&facts));
        let without = model.vet(&permitted, &facts, &matched);
        prop_assert!(with.outcome.severity() >= without.outcome.severity());
        prop_assert!(with.outcome != Outcome::Deny || without.outcome == Outcome::Deny);
        prop_assert!(!permitted.emergency || with.outcome.severity() == 0);
        prop_assert_eq!(with.score, without.score);
        if let (Outcome::Allow { obligations: with }, Outcome::Allow { obligations: without }) =
            (&with.outcome, &without.outcome)
        {
            prop_assert!(with.is_superset(without) && with.is_superset(&permitted.obligations));
            prop_assert!(lost.is_none() || with.contains(&Obligation::Review));
        }
    }

    #[test]
    fn shares_are_shapley_values_to_the_last_digit(model in learnt(), facts in whole_facts(), absent in 0..8_usize) {
        let mut facts = facts;
        if let Some(feature) = ASKED.get(absent) {
            facts.remove(*feature);
        }
        let shares = model.shares(&facts);
        let expected = by_definition(&model, &facts);
        for (feature, expected) in ASKED.iter().zip(expected) {
            let share = shares.iter().find(|share| share.feature == *feature);
            let parts = i128::from(share.map_or(0, |share| share.parts));
            // Six players: the definition has 6! = 720 as its denominator.
            prop_assert_eq!(parts * 720, expected * 840);
        }
        let sum: i64 = shares.iter().map(|share| share.parts).sum();
        prop_assert_eq!(sum, 840 * (model.score(&facts) - model.score(&ordinary())));
    }

    #[test]
    fn what_a_model_holds_is_explained_by_changes_that_end_the_hold(
        models in prop::collection::vec(learnt(), 1..2),
        facts in whole_facts(),
    ) {
        let none = RuleSet::new([]).unwrap();
        let panel = panel(&models);
        let permitted = PermittedUse::default();
        let verdict = |facts: &FeatureVector| {
            Model::default().vet_with(&permitted, facts, &[], &panel.opinions(facts)).outcome.severity()
        };
        let alone = Model::default().vet(&permitted, &facts, &[]).outcome.severity();
        let said = explain_with(&Model::default(), &permitted, &facts, (&none, &context()), &panel);
        prop_assert_eq!(said.verdict.outcome.severity(), verdict(&facts));
        for change in &said.decisive {
            let changed = facts.with(change.feature, change.to.clone()).unwrap();
            prop_assert!(verdict(&changed) < verdict(&facts), "{}", change);
        }
        let mut changed = facts.clone();
        for change in &said.together {
            changed = changed.with(change.feature, change.to.clone()).unwrap();
        }
        if !said.together.is_empty() {
            prop_assert!(verdict(&changed) < verdict(&facts));
        }
        if alone == 0 {
            prop_assert_eq!(verdict(&facts) > 0, !said.together.is_empty());
        }
    }

    #[test]
    fn a_safe_value_is_safe_and_there_is_none_nearer(model in learnt(), facts in whole_facts()) {
        prop_assume!(model.holds(&facts));
        for feature in ASKED {
            let Some(FeatureValue::Number(safe)) = model.safe_value(&facts, feature) else { continue };
            prop_assert!(!model.holds(&facts.with(feature, FeatureValue::Number(safe)).unwrap()));
            let now = facts.number(feature).unwrap();
            for other in (0..80).filter(|n: &i64| n.abs_diff(now) < safe.abs_diff(now)) {
                let changed = facts.with(feature, FeatureValue::Number(other)).unwrap();
                prop_assert!(model.holds(&changed), "{feature} {other} is nearer than {safe}");
            }
        }
    }

    #[test]
    fn a_file_comes_back_and_no_flipped_bit_passes_for_the_same_model(model in learnt(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let bytes = model.to_bytes();
        prop_assert_eq!(&Learnt::from_bytes(&bytes).unwrap(), model.as_ref());
        let mut flipped = bytes;
        let place = at.index(flipped.len());
        flipped[place] ^= 1 << bit;
        if let Ok(other) = Learnt::from_bytes(&flipped) {
            prop_assert_ne!(other.digest(), model.digest());
            prop_assert_eq!(other.to_bytes(), flipped);
        }
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _read = Learnt::from_bytes(&bytes);
        let _read = Learnt::from_bytes(&[b"SNLEARN\x01".as_slice(), &bytes].concat());
    }
}

fn leaf_tree(left: Next, right: Next) -> Tree {
    Tree { nodes: vec![Node { input: 0, cut: 3, absent_left: true, left, right }] }
}

fn small() -> LearntParts {
    LearntParts {
        inputs: inputs(),
        ordinary: ordinary(),
        start: 0,
        trees: vec![leaf_tree(Next::Leaf(-500_000), Next::Leaf(1_730_000))],
        hold_at: 1_000_000,
        expires: Timestamp(9),
        card: card(),
    }
}

fn refused(parts: LearntParts) -> String {
    let encoded = [b"SNLEARN\x01".as_slice(), &encode(&parts)].concat();
    let from_file = Learnt::from_bytes(&encoded).unwrap_err();
    let built = Learnt::new(parts).unwrap_err();
    assert_eq!(from_file, built);
    built.to_string()
}

#[test]
fn each_thing_that_is_no_model_is_refused_with_a_reason() {
    assert!(Learnt::new(small()).is_ok());
    let with = |change: fn(&mut LearntParts)| {
        let mut parts = small();
        change(&mut parts);
        refused(parts)
    };
    let tree = |nodes: Vec<Node>| {
        let mut parts = small();
        parts.trees = vec![Tree { nodes }];
        refused(parts)
    };
    let node = |left, right| Node { input: 0, cut: 3, absent_left: true, left, right };
    let end = Next::Leaf(0);
    assert!(with(|p| p.trees.clear()).contains("no trees"));
    assert!(with(|p| p.trees = vec![p.trees[0].clone(); 257]).contains("too many"));
    assert!(with(|p| p.inputs.clear()).contains("no inputs"));
    assert!(with(|p| p.inputs.swap(0, 1)).contains("not in order"));
    assert!(with(|p| p.inputs[0] = Input::Number(Feature::Door)).contains("no number"));
    assert!(with(|p| p.inputs[7] = Input::Word(Feature::Purpose, 63)).contains("no word"));
    assert!(with(|p| p.ordinary.remove(Feature::HourOfDay)).contains("lacks a feature"));
    assert!(with(|p| p.start = MAX_LEAF + 1).contains("beyond its limit"));
    assert!(with(|p| p.start = i64::MIN).contains("beyond its limit"));
    assert!(with(|p| p.hold_at = i64::MIN).contains("beyond its limit"));
    assert!(with(|p| p.hold_at = -500_000).contains("ordinary request"));
    assert!(tree(vec![]).contains("no nodes"));
    assert!(tree(vec![node(end, end); 64]).contains("too many"));
    assert!(tree(vec![node(Next::Node(0), end)]).contains("leads back"), "a cycle");
    assert!(tree(vec![node(Next::Node(9), end)]).contains("leads back"), "nowhere");
    assert!(tree(vec![node(Next::Node(1), Next::Node(1)), node(end, end)]).contains("two parents"));
    assert!(tree(vec![node(end, end), node(end, end)]).contains("nobody's child"));
    assert!(tree(vec![node(Next::Leaf(i64::MAX), end)]).contains("beyond its limit"));
    assert!(tree(vec![Node { input: 8, ..node(end, end) }]).contains("not there"));
    let deep = |depth: u32| {
        let next = |at| if at + 1 == depth { end } else { Next::Node(at + 1) };
        (0..depth).map(|at| node(next(at), end)).collect::<Vec<_>>()
    };
    let limit = u32::try_from(MAX_DEPTH).unwrap();
    assert!(tree(deep(limit + 1)).contains("too deep"));
    let mut parts = small();
    parts.trees = vec![Tree { nodes: deep(limit) }];
    assert!(Learnt::new(parts).is_ok());
}

#[test]
fn what_is_no_file_is_told_apart_from_a_later_version() {
    let bytes = Learnt::new(small()).unwrap().to_bytes();
    assert_eq!(Learnt::from_bytes(b"{}"), Err(LearntError::NotOne));
    assert_eq!(Learnt::from_bytes(b"{\"trees\": []}"), Err(LearntError::NotOne));
    let mut later = bytes.clone();
    later[7] = 2;
    assert_eq!(Learnt::from_bytes(&later), Err(LearntError::Version(2)));
    let long = [bytes.as_slice(), b"\x00"].concat();
    assert!(matches!(Learnt::from_bytes(&long), Err(LearntError::Decode(_))));
    let huge = [bytes.as_slice(), &vec![0; 2 * 1024 * 1024]].concat();
    assert!(Learnt::from_bytes(&huge).unwrap_err().to_string().contains("limit"));
}

#[test]
fn the_reasons_read_well_and_the_address_is_the_recorded_one() {
    let model = Arc::new(Learnt::new(small()).unwrap());
    let facts = ordinary().with(Feature::RequestsLastMinute, FeatureValue::Number(40)).unwrap();
    let panel = panel(&[Arc::clone(&model)]);
    let none = RuleSet::new([]).unwrap();
    let permitted = PermittedUse::default();
    let said = explain_with(&Model::default(), &permitted, &facts, (&none, &context()), &panel);
    let id = model.digest();
    assert_eq!(
        said.to_string(),
        format!(
            "hold (score 1500 of 10000)
- the learnt model {id} finds it like misuse (score 1.73)
- of this score: requests in the last minute is 40, ordinary is 2 (adds 2.23)
- the requester has not done this before: novelty is 2, ordinary is 0 (adds 1500 of 10000)
- it would have been milder with requests in the last minute 3 instead of 40
"
        )
    );
    assert_eq!(
        id.to_string(),
        "sndigest16km3rrdq9jlgf87gj7z0m5r9gtrvzfyytn530rn333afpefps3us5x64p6"
    );
}

#[test]
fn what_calms_the_detector_and_stirs_the_model_up_is_not_named() {
    let node = |input, cut, left, right| Node { input, cut, absent_left: false, left, right };
    let tree = |node| Tree { nodes: vec![node] };
    let (plus, nothing, minus) = (Next::Leaf(1_000_000), Next::Leaf(0), Next::Leaf(-1_000_000));
    let labels = node(4, 0, Next::Node(1), nothing);
    let pace = node(0, 0, nothing, minus);
    let mut parts = small();
    // Nothing new is as good as misuse to the first tree, and to the detector the other way round.
    parts.trees = vec![tree(node(3, 0, plus, nothing)), Tree { nodes: vec![labels, pace] }];
    parts.hold_at = -500_000;
    let model = Arc::new(Learnt::new(parts).unwrap());
    let facts = ordinary().with(Feature::RequestsLastMinute, FeatureValue::Number(0)).unwrap();
    let facts = facts.with(Feature::Labels, FeatureValue::Words(1)).unwrap();
    let panel = panel(&[model]);
    let none = RuleSet::new([]).unwrap();
    let permitted = PermittedUse::default();
    let said = explain_with(&Model::default(), &permitted, &facts, (&none, &context()), &panel);
    assert_eq!((said.verdict.outcome.as_str(), said.decisive.len()), ("hold", 0));
    let mut named: Vec<Feature> = said.together.iter().map(|change| change.feature).collect();
    named.sort_unstable();
    assert_eq!(named, [Feature::RequestsLastMinute, Feature::Labels]);
}
