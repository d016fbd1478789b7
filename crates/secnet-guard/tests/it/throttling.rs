use secnet_guard::{Guard, Model, wait_from};
use secnet_types::Feature;

use crate::common::{HOUR, MONDAY, event};

#[test]
fn a_wait_is_of_one_requester_on_one_dataset_and_forgotten_after_an_hour() {
    let mut guard = Guard::new(Model::default());
    let wait = |guard: &Guard, requester, dataset, at| {
        let facts = guard.features(&event(requester, dataset, at));
        (facts.number(Feature::ThrottledInARow), facts.number(Feature::SecondsSinceThrottled))
    };
    guard.throttle(&event(1, 1, MONDAY));
    guard.throttle(&event(1, 1, MONDAY + 2500));
    assert_eq!(wait(&guard, 1, 1, MONDAY + 9999), (Some(2), Some(7)));
    for (requester, dataset) in [(1, 2), (2, 1)] {
        assert_eq!(wait(&guard, requester, dataset, MONDAY + 9999), (None, None));
    }
    assert_eq!(wait(&guard, 1, 1, MONDAY + 2500 + HOUR), (None, None));
    guard.throttle(&event(1, 1, MONDAY + 2500 + HOUR));
    assert_eq!(wait(&guard, 1, 1, MONDAY + 2500 + HOUR), (Some(1), Some(0)));
    guard.waited(&event(1, 1, MONDAY + 3 * HOUR));
    assert_eq!(wait(&guard, 1, 1, MONDAY + 2500 + HOUR), (None, None));
}

#[test]
fn a_clock_that_was_put_back_makes_nobody_wait_for_ever() {
    let mut guard = Guard::new(Model::default());
    guard.throttle(&event(1, 1, MONDAY + 24 * HOUR));
    // Back by a day: the wait is not over, but the next attempt begins one that can be.
    assert_eq!(wait_from(&guard.features(&event(1, 1, MONDAY))), 20);
    guard.throttle(&event(1, 1, MONDAY));
    let facts = guard.features(&event(1, 1, MONDAY + 20_000));
    assert_eq!(facts.number(Feature::SecondsSinceThrottled), Some(20));
}

#[test]
fn who_waits_is_remembered_and_others_snapshots_still_read() {
    let mut guard = Guard::new(Model::default());
    let before = guard.snapshot();
    guard.throttle(&event(1, 1, MONDAY));
    let kept = guard.snapshot();
    assert_eq!(Guard::restore(Model::default(), &kept).unwrap(), guard);
    assert!(Guard::restore(Model::default(), &before).is_ok());
    // That a wait is over is a change as well.
    let since = guard.tick();
    guard.waited(&event(1, 1, MONDAY));
    let mut behind = Guard::restore(Model::default(), &kept).unwrap();
    assert_eq!(behind.catch_up(&guard.changes_since(since)), Ok(true));
    assert_eq!(behind, guard);
    assert_eq!(behind.features(&event(1, 1, MONDAY)).number(Feature::ThrottledInARow), None);
}
