use proptest::prelude::*;
use secnet_guard::{Guard, Limits, Model, ModelError, Observed, Parameters, SnapshotError};
use secnet_types::DecodeError;

use crate::common::{MONDAY, MORNING, event, settled, step};

fn small() -> Model {
    let limits = Limits { requesters: 10, pairs: 20, datasets: 5 };
    Model::new(Parameters { limits, ..Parameters::default() }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn memory_is_bounded_and_snapshots_are_exact(
        steps in prop::collection::vec((0..40_u8, 0..40_u8, 0..3_u8, any::<u32>()), 0..300),
    ) {
        let mut guard = Guard::new(small());
        for (requester, dataset, outcome, at) in steps {
            let observed =
                [Observed::Allowed, Observed::Held, Observed::Denied][usize::from(outcome)];
            guard.observe(&event(requester, dataset, u64::from(at)), observed);
        }
        let (requesters, pairs, datasets) = guard.tracked();
        prop_assert!(requesters <= 10 && pairs <= 20 && datasets <= 5);
        let back = Guard::restore(small(), &guard.snapshot()).unwrap();
        prop_assert_eq!(back, guard);
    }

    /// A whole, and then one change after the other, some of them told twice: the same as what was there.
    #[test]
    fn whoever_catches_up_knows_and_has_forgotten_the_same(
        steps in prop::collection::vec((0..40_u8, 0..40_u8, 0..5_u8, any::<u32>(), 0..20_u8), 0..300),
    ) {
        let mut guard = Guard::new(small());
        let mut kept = Guard::restore(small(), &guard.snapshot()).unwrap();
        let mut since = guard.tick();
        for (requester, dataset, outcome, at, keep) in steps {
            let event = event(requester, dataset, u64::from(at));
            match outcome {
                0 => guard.observe(&event, Observed::Allowed),
                1 => guard.observe(&event, Observed::Held),
                2 => guard.observe(&event, Observed::Denied),
                3 => guard.throttle(&event),
                _ => guard.waited(&event),
            }
            if keep == 0 {
                let changes = guard.changes_since(since);
                prop_assert_eq!(kept.catch_up(&changes), Ok(true));
                prop_assert_eq!(kept.catch_up(&changes), Ok(true));
                prop_assert_eq!(&kept, &guard);
                // What was not seen to be durable is told again.
                since = if at % 2 == 0 { guard.tick() } else { since };
            }
        }
    }
}

#[test]
fn a_snapshot_with_any_flipped_bit_is_refused_or_consistent() {
    let mut guard = Guard::new(small());
    for n in 0..15 {
        guard.observe(&event(n, n, u64::from(n)), Observed::Allowed);
    }
    let mut bytes = guard.snapshot();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            if let Ok(restored) = Guard::restore(small(), &bytes) {
                assert_eq!(restored.snapshot(), bytes, "byte {at}, bit {bit}");
            }
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn the_one_touched_longest_ago_is_forgotten_first() {
    let mut guard = Guard::new(small());
    for n in 0..10 {
        guard.observe(&event(n, 0, MONDAY), Observed::Allowed);
    }
    guard.observe(&event(0, 0, MONDAY), Observed::Allowed);
    guard.observe(&event(10, 0, MONDAY), Observed::Allowed);
    let novelty = |n| guard.features(&event(n, 0, MONDAY)).number(secnet_types::Feature::Novelty);
    assert_eq!(novelty(0), Some(0));
    assert_eq!(novelty(1), Some(3));
}

#[test]
fn behaviour_survives_a_restart() {
    let mut guard = settled();
    for n in 0..40 {
        step(&mut guard, &event(1, 1, MORNING + n * 500));
    }
    let mut back = Guard::restore(Model::default(), &guard.snapshot()).unwrap();
    for n in 40..80 {
        let next = event(1, 1, MORNING + n * 500);
        assert_eq!(step(&mut guard, &next), step(&mut back, &next));
    }
    assert_eq!(guard, back);
}

#[test]
fn changes_are_as_small_as_what_has_changed_and_a_gap_is_noticed() {
    let mut guard = Guard::new(Model::default());
    for n in 0..200 {
        guard.observe(&event(n, n, MONDAY), Observed::Allowed);
    }
    let (whole, since) = (guard.snapshot(), guard.tick());
    guard.observe(&event(3, 4, MONDAY), Observed::Allowed);
    let (first, later) = (guard.changes_since(since), guard.tick());
    assert!(first.len() * 50 < whole.len(), "{} of {}", first.len(), whole.len());
    guard.observe(&event(5, 6, MONDAY), Observed::Allowed);
    let second = guard.changes_since(later);
    let mut back = Guard::restore(Model::default(), &whole).unwrap();
    assert_eq!(back.catch_up(&second), Ok(false));
    assert_eq!(back.snapshot(), whole, "nothing of it was taken in");
    assert_eq!((back.catch_up(&first), back.catch_up(&second)), (Ok(true), Ok(true)));
    assert_eq!(back, guard);
    assert!(back.catch_up(&whole).is_err(), "a whole is no change");
}

#[test]
fn a_snapshot_is_strict() {
    let mut bytes = settled().snapshot();
    bytes.push(0);
    let trailing = Guard::restore(Model::default(), &bytes);
    assert!(matches!(trailing, Err(SnapshotError::Decode(DecodeError::NotCanonical { .. }))));
    assert!(Guard::restore(Model::default(), &[]).is_err());
}

#[test]
fn a_model_says_what_is_wrong_with_it() {
    let with = |change: fn(&mut Parameters)| {
        let mut parameters = Parameters::default();
        change(&mut parameters);
        Model::new(parameters)
    };
    assert!(matches!(with(|p| p.hold_at = 0), Err(ModelError::Thresholds { .. })));
    assert!(matches!(with(|p| p.deny_at = 10_001), Err(ModelError::BeyondScale { .. })));
    assert!(matches!(with(|p| p.pace.to = 1), Err(ModelError::Ramp { name: "pace" })));
    assert_eq!(with(|p| p.novelty = [0, 3, 2, 1]), Err(ModelError::Novelty));
    assert_ne!(with(|p| p.labels = 1).unwrap().digest(), Model::default().digest());
}
