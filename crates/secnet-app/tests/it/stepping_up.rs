//! Fresh proofs of who asks: what satisfies a rule that wants one, and what does not.

use std::sync::Arc;

use secnet_app::*;
use secnet_crypto::SigningKey;
use secnet_ledger::Rejection;
use secnet_types::*;

use crate::guarding::{granted_without_count, install};
use crate::world::{HOUR, Person, World, released};

const MINUTE: u64 = 60_000;

fn for_treatment() -> Condition {
    Condition::any_of(Feature::Purpose, &["treatment"]).unwrap()
}

/// A world in which Bo's uses for treatment are permitted, and a rule wants a fresh proof for each.
async fn stepped_up(seed: u64) -> (World, Rule) {
    let mut world = World::new(seed).await;
    granted_without_count(&mut world, 0).await;
    let rule = install(&world, RuleAction::StepUp, for_treatment(), false).await;
    (world, rule)
}

pub(crate) async fn access(world: &World, call: &AccessCall) -> Outcome {
    world.pdc.access(call).await.unwrap()
}

/// Bo asks without a proof; the decision that asks for one.
async fn refused(world: &mut World) -> DecisionId {
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    asked_for_proof(access(world, &call).await)
}

pub(crate) fn asked_for_proof(outcome: Outcome) -> DecisionId {
    let Outcome::Denied(refusal) = outcome else { panic!("no denial: {outcome:?}") };
    assert_eq!(refusal.class, ReasonClass::StepUp);
    assert!(refusal.remedy.contains("your own key"), "{}", refusal.remedy);
    refusal.decision.unwrap()
}

/// A request as the fresh proof that a decision asked for, changed and signed as one likes.
pub(crate) fn proof_with(
    world: &mut World,
    who: &Person,
    by: &SigningKey,
    decision: DecisionId,
    change: impl FnOnce(&mut AccessRequest, &mut RequestDetail),
) -> AccessCall {
    let (mut call, _) = world.call(who, Purpose::Treatment, None);
    let mut detail: RequestDetail = decode("detail", &call.detail, 65_536).unwrap();
    detail.proof_for = Some(decision);
    let mut request = Signed::<AccessRequest>::parse(&call.request).unwrap().value;
    request.id = RequestId::proving(decision);
    change(&mut request, &mut detail);
    request.detail = detail.commitment();
    call.request = Signed::sign(request, by).to_bytes();
    call.detail = encode(&detail);
    call
}

pub(crate) fn proof(world: &mut World, decision: DecisionId) -> AccessCall {
    let bo = World::copy(&world.bo);
    proof_with(world, &bo, &bo.key, decision, |_, _| ())
}

#[tokio::test]
async fn a_fresh_proof_lets_one_request_through_and_no_other() {
    let (mut world, _) = stepped_up(120).await;
    let decision = refused(&mut world).await;
    let call = proof(&mut world, decision);
    let first = released(access(&world, &call).await);
    first.receipt.verify(world.genesis()).unwrap();
    // Sent again it is the same request, decided once.
    let again = released(access(&world, &call).await);
    assert_eq!(again.granted.decision(), first.granted.decision());
    // Another request under the same proof is none: the ledger decides on that id once, whatever stands in it.
    let other = proof(&mut world, decision);
    let error = world.pdc.access(&other).await.unwrap_err();
    assert_eq!(error, AccessError::Rejected(Rejection::RequestReused));
    let bo = World::copy(&world.bo);
    let fresh_id = RequestId([7; 16]);
    let renamed = proof_with(&mut world, &bo, &bo.key, decision, |r, _| r.id = fresh_id);
    asked_for_proof(access(&world, &renamed).await);
    // And the next one needs a proof of its own.
    let next = refused(&mut world).await;
    assert_ne!(next, decision);
    let call = proof(&mut world, next);
    released(access(&world, &call).await);
}

#[tokio::test]
async fn what_is_no_proof_is_refused_as_if_there_were_none() {
    let (mut world, rule) = stepped_up(121).await;
    let bo = World::copy(&world.bo);
    let eve = World::copy(&world.eve);
    let session = SigningKey::from_seed([77; 32]);
    let key = *session.verifying_key().as_bytes();
    let until = world.clock_now().plus_ms(10 * HOUR);
    let opened = Session { key, until, limit: Amount(1_000_000) };
    world.submit(&bo, Operation::OpenSession { session: opened }).await;

    // Whoever has no more than a session key gets no further than the refusal.
    let (plain, _) = world.call(&bo, Purpose::Treatment, None);
    let request = Signed::<AccessRequest>::parse(&plain.request).unwrap().value;
    let by_session = AccessCall { request: Signed::sign(request, &session).to_bytes(), ..plain };
    let decision = asked_for_proof(access(&world, &by_session).await);
    let forged = proof_with(&mut world, &bo, &session, decision, |_, _| ());
    asked_for_proof(access(&world, &forged).await);

    // Not of this kind, and not there.
    let (call, _) = world.call(&bo, Purpose::Marketing, None);
    let Outcome::Denied(refusal) = access(&world, &call).await else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Consent);
    for named in [refusal.decision.unwrap(), DecisionId([9; 16])] {
        let call = proof(&mut world, named);
        asked_for_proof(access(&world, &call).await);
    }

    // Under an id of one's own choice, and with one that the ledger would forget too soon.
    let decision = refused(&mut world).await;
    let id = RequestId([8; 16]);
    let call = proof_with(&mut world, &bo, &bo.key, decision, |request, _| request.id = id);
    asked_for_proof(access(&world, &call).await);
    let soon = world.clock_now().plus_ms(MINUTE);
    let call = proof_with(&mut world, &bo, &bo.key, decision, |r, _| r.expires = soon);
    asked_for_proof(access(&world, &call).await);

    // Too late.
    let decision = refused(&mut world).await;
    world.clock.advance(PROOF_MS - 1000);
    world.tick().await;
    let in_time = proof(&mut world, decision);
    assert!(matches!(world.pdc.preview(&in_time).await, Ok(Preview::Released { .. })));
    world.clock.advance(1000);
    asked_for_proof(access(&world, &in_time).await);

    // Somebody else's.
    let decision = refused(&mut world).await;
    let call = proof_with(&mut world, &eve, &eve.key, decision, |_, _| ());
    assert!(matches!(access(&world, &call).await, Outcome::NotVisible));
    // And without the rule nothing of it matters.
    world.submit(&world.node, Operation::RemoveRule { rule: rule.id() }).await;
    let call = proof(&mut world, DecisionId([10; 16]));
    released(access(&world, &call).await);
}

#[tokio::test]
async fn a_proof_lifts_neither_a_hold_nor_a_denial() {
    for (seed, action) in [(122, RuleAction::Hold), (123, RuleAction::Deny)] {
        let (mut world, _) = stepped_up(seed).await;
        let decision = refused(&mut world).await;
        install(&world, action, for_treatment(), false).await;
        let call = proof(&mut world, decision);
        let outcome = access(&world, &call).await;
        let (Outcome::Held(refusal) | Outcome::Denied(refusal)) = &outcome else { panic!() };
        assert_eq!(refusal.class, ReasonClass::Rule);
        assert_eq!(matches!(outcome, Outcome::Held(_)), action == RuleAction::Hold);
        // It waits for the owner, and her word is enough: she is not asked for twice.
        if let (RuleAction::Hold, Some(held)) = (action, refusal.decision) {
            world.clock.advance(HOUR);
            let answer = Operation::AnswerHold { decision: held, answer: HoldAnswer::Release };
            world.submit(&world.ada, answer).await;
            released(access(&world, &call).await);
        }
    }
}

#[tokio::test]
async fn of_many_requests_at_once_with_one_proof_one_gets_through() {
    let (mut world, _) = stepped_up(124).await;
    let decision = refused(&mut world).await;
    let calls: Vec<_> = (0..8).map(|_| proof(&mut world, decision)).collect();
    let calls: Vec<_> = calls
        .into_iter()
        .map(|call| {
            let pdc = Arc::clone(&world.pdc);
            tokio::spawn(async move { pdc.access(&call).await })
        })
        .collect();
    let mut through = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(Outcome::Released(_)) => through += 1,
            Err(AccessError::Rejected(Rejection::RequestReused)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(through, 1);
}

#[tokio::test]
async fn a_proof_counts_after_a_crash_and_a_used_one_stays_used() {
    let (mut world, _) = stepped_up(125).await;
    let decision = refused(&mut world).await;
    world.restart().await;
    let call = proof(&mut world, decision);
    released(access(&world, &call).await);
    world.restart().await;
    let other = proof(&mut world, decision);
    let error = world.pdc.access(&other).await.unwrap_err();
    assert_eq!(error, AccessError::Rejected(Rejection::RequestReused));
    released(access(&world, &call).await);
}

#[tokio::test]
async fn what_was_proved_is_recorded_told_to_the_owner_and_replayed() {
    let (mut world, rule) = stepped_up(126).await;
    let decision = refused(&mut world).await;
    let call = proof(&mut world, decision);
    let through = released(access(&world, &call).await).granted.decision();
    let history = world.pdc.history(world.ada.id).await.unwrap();
    let facts = |id| {
        let found = history.iter().find(|attempt| attempt.decision == id);
        found.and_then(|attempt| attempt.facts.clone()).unwrap()
    };
    assert_eq!((facts(decision).proves, facts(through).proves), (None, Some(decision)));
    let said = format!("rule {} says step-up", rule.id());
    assert!(facts(decision).reasons.contains(&said));
    assert!(facts(through).reasons.contains(&said));
    let notices = world.pdc.inbox(world.ada.id).await.unwrap().notices;
    assert!(notices.iter().any(|notice| notice.decision == through));
    for repeated in world.pdc.repeat_since(Timestamp(0)).await.unwrap() {
        assert_eq!(repeated.again, Again::Equal, "{}", repeated.decision);
    }
    let explained = world.pdc.explain_decision(decision).await.unwrap().unwrap();
    let verdict = explained.replayed.unwrap().explanation.verdict;
    assert_eq!(verdict.outcome, secnet_guard::Outcome::StepUp);
}

#[tokio::test]
async fn a_preview_says_that_a_proof_is_wanted_and_uses_none_up() {
    let (mut world, _) = stepped_up(127).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let Preview::Denied(foreseen) = world.pdc.preview(&call).await.unwrap() else { panic!() };
    assert_eq!(foreseen.class, ReasonClass::StepUp);
    let decision = refused(&mut world).await;
    let call = proof(&mut world, decision);
    for _ in 0..2 {
        assert!(matches!(world.pdc.preview(&call).await, Ok(Preview::Released { .. })));
    }
    released(access(&world, &call).await);
}

#[tokio::test]
async fn being_asked_for_proofs_is_no_denial_that_counts_against_a_member() {
    let (mut world, rule) = stepped_up(128).await;
    for _ in 0..20 {
        refused(&mut world).await;
        world.clock.advance(MINUTE);
    }
    world.submit(&world.node, Operation::RemoveRule { rule: rule.id() }).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    released(access(&world, &call).await);
}

#[tokio::test]
async fn beyond_the_quota_a_refusal_is_counted_and_names_nothing_to_prove() {
    let (mut world, _) = stepped_up(129).await;
    world.restart_with_quota(1, 8).await;
    refused(&mut world).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let Outcome::Denied(refusal) = access(&world, &call).await else { panic!() };
    assert_eq!((refusal.class, refusal.decision), (ReasonClass::StepUp, None));
    // It is no decision: later the same request is one.
    world.clock.advance(QUOTA_WINDOW_MS);
    asked_for_proof(access(&world, &call).await);
}

#[tokio::test]
async fn whoever_is_slowed_down_and_stepped_up_waits_first_and_proves_then() {
    let (mut world, _) = stepped_up(130).await;
    install(&world, RuleAction::Throttle, for_treatment(), false).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let Outcome::Denied(refusal) = access(&world, &call).await else { panic!() };
    assert_eq!((refusal.class, refusal.wait_s), (ReasonClass::Throttle, Some(10)));
    world.clock.advance(10_000);
    let decision = refused(&mut world).await;
    // The wait is still worth something: it was for nothing until now.
    let call = proof(&mut world, decision);
    released(access(&world, &call).await);
}

#[tokio::test]
async fn a_proof_is_of_the_dataset_it_was_asked_for_on() {
    let (mut world, _) = stepped_up(132).await;
    let here = world.dataset;
    crate::hosted::hosted(&mut world, &[(40, b"{}")]).await;
    granted_without_count(&mut world, 0).await;
    let elsewhere = std::mem::replace(&mut world.dataset, here);
    let decision = refused(&mut world).await;
    let bo = World::copy(&world.bo);
    let call =
        proof_with(&mut world, &bo, &bo.key, decision, |request, _| request.dataset = elsewhere);
    let there = asked_for_proof(access(&world, &call).await);
    // There it takes one of its own.
    let call =
        proof_with(&mut world, &bo, &bo.key, there, |request, _| request.dataset = elsewhere);
    released(access(&world, &call).await);
}
