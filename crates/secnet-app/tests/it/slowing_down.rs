//! Rules that slow down: who waits, how long, and what waiting is worth.

use secnet_app::*;
use secnet_types::*;

use crate::guarding::{ask, at_once, granted_without_count, install};
use crate::world::{World, released};

const SECOND: u64 = 1000;

/// A world in which Bo's uses for treatment are permitted, and a rule slows them down.
async fn slowed_down(seed: u64) -> (World, Rule) {
    let mut world = World::new(seed).await;
    granted_without_count(&mut world, 0).await;
    let treatment = Condition::any_of(Feature::Purpose, &["treatment"]).unwrap();
    let rule = install(&world, RuleAction::Throttle, treatment, false).await;
    (world, rule)
}

/// Bo asks too early; how long he is told to wait.
async fn told_to_wait(world: &mut World) -> u32 {
    let Outcome::Denied(refusal) = ask(world, Purpose::Treatment).await else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Throttle);
    refusal.receipt.verify(world.genesis()).unwrap();
    refusal.wait_s.unwrap()
}

#[tokio::test]
async fn whoever_waits_as_long_as_told_is_let_through_once() {
    let (mut world, _) = slowed_down(140).await;
    assert_eq!(told_to_wait(&mut world).await, 10);
    world.clock.advance(10 * SECOND - 1);
    // Too early, by as little as one likes: the wait begins anew, and is longer.
    assert_eq!(told_to_wait(&mut world).await, 20);
    world.clock.advance(20 * SECOND);
    released(ask(&mut world, Purpose::Treatment).await);
    assert_eq!(told_to_wait(&mut world).await, 10, "the next one waits again");
}

#[tokio::test]
async fn the_wait_grows_up_to_a_bound_and_is_no_denial_that_counts_against_a_member() {
    let (mut world, rule) = slowed_down(141).await;
    let mut waits = Vec::new();
    for _ in 0..12 {
        waits.push(told_to_wait(&mut world).await);
        world.clock.advance(SECOND);
    }
    assert_eq!(waits[..6], [10, 20, 40, 80, 160, 320]);
    assert!(waits[6..].iter().all(|wait| *wait == 320), "{waits:?}");
    for _ in 0..12 {
        world.clock.advance(320 * SECOND);
        released(ask(&mut world, Purpose::Treatment).await);
        assert_eq!(told_to_wait(&mut world).await, 10);
    }
    world.submit(&world.node, Operation::RemoveRule { rule: rule.id() }).await;
    released(ask(&mut world, Purpose::Treatment).await);
}

#[tokio::test]
async fn of_many_requests_at_once_after_a_wait_one_gets_through() {
    let (mut world, _) = slowed_down(142).await;
    told_to_wait(&mut world).await;
    world.clock.advance(10 * SECOND);
    let mut through = 0;
    for outcome in at_once(&mut world, 8).await {
        match outcome {
            Outcome::Released(_) => through += 1,
            Outcome::Denied(refusal) => assert_eq!(refusal.class, ReasonClass::Throttle),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(through, 1);
}

#[tokio::test]
async fn the_same_request_sent_again_is_told_what_is_left_of_its_wait() {
    let (mut world, _) = slowed_down(143).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    for (later, left) in [(0, Some(10)), (4, Some(6)), (6, None), (1, None)] {
        world.clock.advance(later * SECOND);
        let Outcome::Denied(refusal) = world.pdc.access(&call).await.unwrap() else { panic!() };
        assert_eq!((refusal.class, refusal.wait_s), (ReasonClass::Throttle, left));
    }
    // Being told so again was no new attempt.
    released(ask(&mut world, Purpose::Treatment).await);
}

#[tokio::test]
async fn a_wait_outlives_the_data_centre() {
    let (mut world, _) = slowed_down(144).await;
    told_to_wait(&mut world).await;
    world.pdc.save_guard().await.unwrap();
    world.restart().await;
    world.clock.advance(10 * SECOND);
    released(ask(&mut world, Purpose::Treatment).await);
}

#[tokio::test]
async fn having_waited_lifts_nothing_else() {
    let (mut world, _) = slowed_down(145).await;
    // What policy refuses is no attempt, and a wait is no consent.
    for _ in 0..2 {
        let Outcome::Denied(refusal) = ask(&mut world, Purpose::Research).await else { panic!() };
        assert_eq!(refusal.class, ReasonClass::Consent);
    }
    assert_eq!(told_to_wait(&mut world).await, 10);
    let any = Condition::any_of(Feature::Purpose, &["treatment"]).unwrap();
    let hold = install(&world, RuleAction::Hold, any.clone(), false).await;
    world.clock.advance(10 * SECOND);
    assert!(matches!(ask(&mut world, Purpose::Treatment).await, Outcome::Held(_)));
    world.submit(&world.node, Operation::RemoveRule { rule: hold.id() }).await;
    // A hold used nothing up.
    released(ask(&mut world, Purpose::Treatment).await);
    install(&world, RuleAction::Deny, any, false).await;
    let Outcome::Denied(refusal) = ask(&mut world, Purpose::Treatment).await else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Rule);
}

#[tokio::test]
async fn a_preview_neither_begins_a_wait_nor_ends_one() {
    let (mut world, _) = slowed_down(146).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    for _ in 0..3 {
        let Preview::Denied(foreseen) = world.pdc.preview(&call).await.unwrap() else { panic!() };
        assert_eq!(foreseen.class, ReasonClass::Throttle);
    }
    assert_eq!(told_to_wait(&mut world).await, 10);
    world.clock.advance(10 * SECOND);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    for _ in 0..3 {
        assert!(matches!(world.pdc.preview(&call).await, Ok(Preview::Released { .. })));
    }
    released(ask(&mut world, Purpose::Treatment).await);
}

#[tokio::test]
async fn what_was_slowed_down_is_replayed() {
    let (mut world, _) = slowed_down(147).await;
    told_to_wait(&mut world).await;
    told_to_wait(&mut world).await;
    world.clock.advance(20 * SECOND);
    released(ask(&mut world, Purpose::Treatment).await);
    let all = world.pdc.repeat_since(Timestamp(0)).await.unwrap();
    assert_eq!(all.len(), 3);
    for repeated in all {
        assert_eq!(repeated.again, Again::Equal, "{}", repeated.decision);
    }
}
