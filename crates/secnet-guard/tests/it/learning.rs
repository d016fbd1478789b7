use secnet_guard::{Guard, Model, Observed, Outcome, PermittedUse, Remedy};
use secnet_types::{Feature, Obligation, Purpose};

use crate::common::{DAY, HOUR, MINUTE, MONDAY, MORNING, NIGHT, event, sensitive, settled, step};

#[test]
fn a_burst_of_sixty_a_minute_is_denied_and_told_to_slow_down() {
    let mut guard = settled();
    let verdicts: Vec<_> =
        (0..70).map(|n| step(&mut guard, &event(1, 1, MORNING + n * 500))).collect();
    assert_eq!(verdicts[0].outcome.severity(), 0);
    assert_eq!(verdicts[64].outcome, Outcome::Deny);
    assert_eq!(verdicts[64].notice().unwrap().remedy, Remedy::SlowDown);
    assert!(verdicts.is_sorted_by_key(|v| v.score), "more requests never lower the score");
}

#[test]
fn something_new_and_sensitive_in_the_night_is_held() {
    let guard = settled();
    let mut strange = event(1, 9, NIGHT);
    strange.labels = sensitive();
    let facts = guard.features(&strange);
    let verdict = guard.model().vet(&PermittedUse::default(), &facts, &[]);
    assert_eq!(verdict.outcome, Outcome::Hold, "{verdict:?}");
    assert_eq!(verdict.notice().unwrap().remedy, Remedy::WaitForOwner);
    // None of the three alone is enough.
    let mut plain = strange.clone();
    plain.labels = secnet_types::Labels::NONE;
    let known = crate::common::event(1, 1, NIGHT);
    let by_day = {
        let mut e = strange.clone();
        e.at = secnet_types::Timestamp(MORNING);
        e
    };
    for milder in [plain, known, by_day] {
        let facts = guard.features(&milder);
        let verdict = guard.model().vet(&PermittedUse::default(), &facts, &[]);
        assert_eq!(verdict.outcome.severity(), 0, "{verdict:?}");
    }
    // The owner's release lifts a hold.
    let released = PermittedUse { released_by_owner: true, ..PermittedUse::default() };
    let verdict = guard.model().vet(&released, &facts, &[]);
    let Outcome::Allow { obligations } = verdict.outcome else { panic!("still held") };
    assert!(obligations.contains(&Obligation::Review) && verdict.alarm);
}

#[test]
fn a_burst_of_denials_is_held_then_denied() {
    let mut guard = settled();
    let mut outcomes = Vec::new();
    for n in 0..30 {
        let probe = event(1, 1, MORNING + n * 20_000);
        let facts = guard.features(&probe);
        outcomes.push(guard.model().vet(&PermittedUse::default(), &facts, &[]).outcome.severity());
        guard.observe(&probe, Observed::Denied);
    }
    assert!(outcomes.is_sorted());
    assert!(outcomes.contains(&Outcome::Hold.severity()), "{outcomes:?}");
    assert!(outcomes.contains(&Outcome::Deny.severity()), "{outcomes:?}");
}

#[test]
fn a_newcomer_is_not_stopped_for_being_new() {
    let mut guard = Guard::new(Model::default());
    let mut first = event(7, 1, NIGHT);
    first.labels = sensitive();
    let facts = guard.features(&first);
    assert_eq!(facts.number(Feature::Novelty), Some(3));
    assert_eq!(facts.value(Feature::HourShare), None, "no hour is unusual yet");
    assert_eq!(facts.value(Feature::PercentOfUsualRecords), None);
    assert_eq!(step(&mut guard, &first).outcome.severity(), 0);
}

#[test]
fn novelty_goes_from_requester_to_dataset_to_purpose_to_known() {
    let mut guard = Guard::new(Model::default());
    let novelty = |guard: &Guard, e: &_| guard.features(e).number(Feature::Novelty);
    let first = event(1, 1, MONDAY);
    assert_eq!(novelty(&guard, &first), Some(3));
    guard.observe(&first, Observed::Denied);
    assert_eq!(novelty(&guard, &first), Some(3), "a refusal makes nobody known");
    guard.observe(&first, Observed::Allowed);
    assert_eq!(novelty(&guard, &first), Some(0));
    assert_eq!(novelty(&guard, &event(1, 2, MONDAY)), Some(2));
    let mut research = first;
    research.purpose = Purpose::Research;
    assert_eq!(novelty(&guard, &research), Some(1));
}

#[test]
fn a_steady_machine_is_let_keep_its_pace_but_not_double_it() {
    let mut guard = Guard::new(Model::default());
    // An integration engine that asks every five seconds, all day, for two days.
    let mut at = MONDAY;
    while at < MONDAY + 2 * DAY {
        assert_eq!(step(&mut guard, &event(1, 1, at)).outcome.severity(), 0);
        at += 5000;
    }
    // Three times its pace is within its habit.
    for n in 0..30 {
        assert_eq!(step(&mut guard, &event(1, 1, at + n * 2000)).outcome.severity(), 0);
    }
    let at = at + HOUR;
    let last = (0..150).map(|n| step(&mut guard, &event(1, 1, at + n * 300))).last().unwrap();
    assert_eq!(last.outcome, Outcome::Deny);
}

#[test]
fn refusals_teach_nothing() {
    let mut guard = settled();
    let before = guard.features(&event(1, 9, NIGHT));
    for n in 0..200 {
        guard.observe(&event(1, 9, NIGHT - 6 * DAY + n * MINUTE), Observed::Denied);
    }
    let after = guard.features(&event(1, 9, NIGHT));
    for feature in [Feature::Novelty, Feature::HourShare] {
        assert_eq!(before.value(feature), after.value(feature));
    }
}

#[test]
fn a_bulk_request_stands_out() {
    let guard = settled();
    let mut bulk = event(1, 1, MORNING);
    bulk.records = 100;
    assert_eq!(guard.features(&bulk).number(Feature::PercentOfUsualRecords), Some(5000));
    assert_eq!(guard.score(&bulk).score.points(), 3000);
}

#[test]
fn time_running_backwards_neither_panics_nor_resets() {
    let mut guard = settled();
    for n in 0..50 {
        guard.observe(&event(1, 1, MORNING + n * 1000), Observed::Denied);
    }
    let now = guard.score(&event(1, 1, MORNING + 50_000)).score;
    for back in [1000, MINUTE, HOUR, 400 * DAY, MORNING] {
        let score = guard.score(&event(1, 1, MORNING - back)).score;
        assert!(score >= now, "back by {back}: {score:?} after {now:?}");
        guard.observe(&event(1, 1, MORNING - back), Observed::Denied);
    }
    guard.observe(&event(1, 1, u64::MAX), Observed::Allowed);
    for at in [0, u64::MAX] {
        assert!(guard.score(&event(1, 1, at)).score.points() <= 10_000);
    }
}
