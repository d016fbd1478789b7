//! Behaviour as a proof of who asks: a session that is used unlike its member is refused until the member's own key signs.

use secnet_app::*;
use secnet_crypto::SigningKey;
use secnet_types::*;

use crate::guarding::granted_without_count;
use crate::stepping_up::{access, asked_for_proof, proof, proof_with};
use crate::world::{HOUR, World, released};

const MINUTE: u64 = 60_000;
const DAYS: u64 = 12;

/// Bo works for a fortnight, in the same four hours of each day.
async fn fortnight(seed: u64) -> World {
    let mut world = World::new(seed).await;
    let bo = World::copy(&world.bo);
    for _ in 0..DAYS {
        granted_without_count(&mut world, 0).await;
        for _ in 0..4 {
            let (call, _) = world.call(&bo, Purpose::Treatment, None);
            released(access(&world, &call).await);
            world.clock.advance(HOUR);
        }
        world.clock.advance(20 * HOUR);
    }
    granted_without_count(&mut world, 0).await;
    world
}

/// Bo opens a session, whose key is soon in other hands.
pub(crate) async fn with_session(world: &World) -> SigningKey {
    let session = SigningKey::from_seed([77; 32]);
    let key = *session.verifying_key().as_bytes();
    let until = world.clock_now().plus_ms(20 * HOUR);
    let opened = Session { key, until, limit: Amount(1_000_000) };
    world.submit(&world.bo, Operation::OpenSession { session: opened }).await;
    session
}

pub(crate) fn by_session(world: &mut World, session: &SigningKey) -> AccessCall {
    let (call, _) = world.call(&World::copy(&world.bo), Purpose::Treatment, None);
    let request = Signed::<AccessRequest>::parse(&call.request).unwrap().value;
    AccessCall { request: Signed::sign(request, session).to_bytes(), ..call }
}

pub(crate) async fn all_replay(world: &World) {
    for repeated in world.pdc.repeat_since(Timestamp(0)).await.unwrap() {
        assert_eq!(repeated.again, Again::Equal, "{}", repeated.decision);
    }
}

#[tokio::test]
async fn a_stolen_session_at_night_gets_no_record_and_its_member_goes_on_with_one_proof() {
    let mut world = fortnight(140).await;
    let session = with_session(&world).await;
    let call = by_session(&mut world, &session);
    released(access(&world, &call).await);
    world.clock.advance(12 * HOUR);

    // Again and again, also with what it calls a proof, and after a restart: no further.
    let bo = World::copy(&world.bo);
    let mut decision = DecisionId([0; 16]);
    for attempt in 0..4 {
        if attempt == 2 {
            world.pdc.save_guard().await.unwrap();
            world.restart().await;
        }
        let call = by_session(&mut world, &session);
        decision = asked_for_proof(access(&world, &call).await);
        let forged = proof_with(&mut world, &bo, &session, decision, |_, _| ());
        asked_for_proof(access(&world, &forged).await);
        world.clock.advance(MINUTE);
    }
    let explained = world.pdc.explain_decision(decision).await.unwrap().unwrap();
    let said = explained.replayed.unwrap().explanation.to_string();
    assert!(said.starts_with("step-up "), "{said}");
    assert!(said.contains("a session asks at another hour of day than its member does"), "{said}");
    assert!(said.contains("signed by the member's own key yes instead of no"), "{said}");

    // Bo himself works on this night. One proof, and his session goes on.
    let call = by_session(&mut world, &session);
    let mine = asked_for_proof(access(&world, &call).await);
    let call = proof(&mut world, mine);
    released(access(&world, &call).await);
    for _ in 0..3 {
        world.clock.advance(HOUR);
        let call = by_session(&mut world, &session);
        released(access(&world, &call).await);
    }
    all_replay(&world).await;
}

#[tokio::test]
async fn a_stolen_session_through_another_door_is_asked_and_what_the_own_key_signs_is_not() {
    let mut world = fortnight(141).await;
    let session = with_session(&world).await;
    let call = by_session(&mut world, &session);
    assert_ne!(call.door, Door::Cli);
    let through = |call: AccessCall| AccessCall { door: Door::Cli, ..call };
    let call = through(call);
    let decision = asked_for_proof(access(&world, &call).await);
    let history = world.pdc.history(world.ada.id).await.unwrap();
    let recorded = history.iter().find(|attempt| attempt.decision == decision).unwrap();
    let reasons = recorded.facts.clone().unwrap().reasons;
    assert!(reasons.iter().any(|why| why.contains("through another door")), "{reasons:?}");

    // A program that has the own key is not asked, whatever it is that it does for the first time.
    world.clock.advance(12 * HOUR);
    let (call, _) = world.call(&World::copy(&world.bo), Purpose::Treatment, None);
    let call = through(call);
    released(access(&world, &call).await);
    // That was a proof of this door too.
    let call = through(by_session(&mut world, &session));
    released(access(&world, &call).await);
    all_replay(&world).await;
}

#[tokio::test]
async fn a_stolen_session_in_a_hurry_is_asked_after_a_few_records() {
    let mut world = fortnight(142).await;
    let session = with_session(&world).await;
    let mut outcomes = Vec::new();
    for _ in 0..6 {
        let call = by_session(&mut world, &session);
        outcomes.push(access(&world, &call).await);
        world.clock.advance(MINUTE);
    }
    let refused = outcomes.split_off(3);
    // Bo has one use an hour, and up to three are not far from that.
    outcomes.into_iter().for_each(|outcome| drop(released(outcome)));
    for outcome in refused {
        asked_for_proof(outcome);
    }
}

#[tokio::test]
async fn whoever_is_new_works_at_any_hour_by_session() {
    let mut world = World::new(143).await;
    let bo = World::copy(&world.bo);
    for day in 0..3 {
        granted_without_count(&mut world, 0).await;
        for hour in 0..8 {
            let (call, _) = world.call(&bo, Purpose::Treatment, None);
            released(access(&world, &call).await);
            world.clock.advance(HOUR + day * hour * MINUTE);
        }
        world.clock.advance(11 * HOUR);
    }
    granted_without_count(&mut world, 0).await;
    let session = with_session(&world).await;
    let call = AccessCall { door: Door::Cli, ..by_session(&mut world, &session) };
    released(access(&world, &call).await);
}
