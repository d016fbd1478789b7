//! P9 for fresh proofs and waits: what HTTP and AuthZEN answer to whoever is to prove anew who it is, or to slow down.

use std::sync::Arc;

use reqwest::StatusCode;
use secnet_app::AccessCall;
use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_crypto::SigningKey;
use secnet_types::*;
use serde_json::Value;

use crate::authzen::question;
use crate::client::*;
use crate::world::{HOUR, Person, World};

/// Uses for treatment are permitted, and a rule acts on each.
async fn ruled(seed: u64, action: RuleAction) -> Node {
    let mut node = Node::start(seed).await;
    node.world.granted(None, 0).await;
    let treatment = Condition::any_of(Feature::Purpose, &["treatment"]).unwrap();
    let expires = node.now().plus_ms(500 * HOUR);
    let rule = Rule::new(action, vec![treatment], RuleScope::ALL, expires).unwrap();
    let (id, price, evidence) = (rule.id(), Amount::ZERO, Digest::ZERO);
    let name = EntryName::new(EntryKind::Rule, &[], &id.0);
    let change = Change { name, value: Some(encode(&rule)) };
    node.world.pdc.archive.write(vec![change]).await.unwrap();
    let listing = RuleListing { rule: id, price, evidence, expires };
    node.world.submit(&node.world.node, Operation::PublishRule { listing }).await;
    let install = Operation::InstallRule { rule: id, until: expires, simulate: false };
    node.world.submit(&node.world.node, install).await;
    node
}

/// A rule wants a proof for each; Bo, and Bo by a session key.
async fn stepped_up(seed: u64) -> (Node, Person, Person) {
    let node = Box::pin(ruled(seed, RuleAction::StepUp)).await;
    let bo = World::copy(&node.world.bo);
    let key = SigningKey::from_seed([77; 32]);
    let public = *key.verifying_key().as_bytes();
    let until = node.now().plus_ms(HOUR);
    let session = Session { key: public, until, limit: Amount(1_000_000) };
    node.world.submit(&bo, Operation::OpenSession { session }).await;
    let mut by_session = World::copy(&bo);
    by_session.key = Arc::new(key);
    (node, bo, by_session)
}

fn proof(node: &mut Node, by: &Person, decision: &Value) -> AccessCall {
    let decision: DecisionId = decision.as_str().unwrap().parse().unwrap();
    let (mut call, _) = node.world.call(by, Purpose::Treatment, None);
    let mut detail: RequestDetail = decode("detail", &call.detail, 65_536).unwrap();
    detail.proof_for = Some(decision);
    let request = Signed::<AccessRequest>::parse(&call.request).unwrap().value;
    let (id, commitment) = (RequestId::proving(decision), detail.commitment());
    let request = AccessRequest { id, detail: commitment, ..request };
    call.request = Signed::sign(request, by.key.as_ref()).to_bytes();
    call.detail = encode(&detail);
    call
}

async fn by(node: &Node, (who, key): (&Person, &Person), path: &str, body: &Value) -> Got {
    let call = node.signed_by((who, key.key.as_ref()), "POST", path, Some(body));
    answer(call.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_key_gets_no_further_than_the_question_and_the_members_own_key_does() {
    let (mut node, bo, session) = Box::pin(stepped_up(31)).await;
    let (call, _) = node.world.call(&session, Purpose::Treatment, None);
    let refused = by(&node, (&bo, &session), "/v1/access", &access_body(&call)).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::FORBIDDEN, &"step-up".into()));
    assert_eq!(refused.body["type"], "/problems/step-up");
    assert_eq!(refused.body["retryable"], false, "sent again it is the same request");
    let refusal = &refused.body["refusal"];
    assert_eq!(refusal["reason"], "step-up");
    Receipt::parse(&bytes(&refusal["receipt"])).unwrap().verify(node.world.genesis()).unwrap();
    let page = node.get(&bo, "/problems/step-up").await;
    assert_eq!(page.status, StatusCode::OK);

    // The thief's own attempt is one refusal more.
    let forged = proof(&mut node, &session, &refusal["decision"]);
    let forged = by(&node, (&bo, &session), "/v1/access", &access_body(&forged)).await;
    assert_eq!(forged.body["code"], "step-up");
    // Nor does a call by the session with the member's signature inside get through.
    let next = &forged.body["refusal"]["decision"];
    let proof = proof(&mut node, &bo, next);
    let mixed = by(&node, (&bo, &session), "/v1/access", &access_body(&proof)).await;
    assert_eq!(mixed.body["code"], "other-key");
    let through = node.post(&bo, "/v1/access", &access_body(&proof)).await;
    assert_eq!(through.status, StatusCode::OK, "{}", through.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn authzen_says_so_and_takes_the_proof() {
    let (mut node, bo, _) = Box::pin(stepped_up(32)).await;
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let evaluation = "/access/v1/evaluation";
    let refused = node.post(&bo, evaluation, &question(&call)).await;
    assert_eq!(refused.body["decision"], false);
    let context = &refused.body["context"];
    assert_eq!((&context["reason"], &context["held"]), (&"step-up".into(), &false.into()));
    let proof = proof(&mut node, &bo, &context["decision"]);
    let through = node.post(&bo, evaluation, &question(&proof)).await;
    assert_eq!(through.body["decision"], true, "{}", through.text);
    // What it allowed is collected by the same request at the other door.
    let collected = node.post(&bo, "/v1/access", &access_body(&proof)).await;
    assert_eq!(collected.body["decision"], through.body["context"]["decision"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_slowed_down_is_told_how_long_at_both_doors() {
    let mut node = Box::pin(ruled(33, RuleAction::Throttle)).await;
    let bo = World::copy(&node.world.bo);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let body = access_body(&call);
    let refused = node.signed(&bo, "POST", "/v1/access", Some(&body)).send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "10");
    let refused = answer(refused).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        (&refused.body["code"], &refused.body["retryable"]),
        (&"throttled".into(), &false.into())
    );
    let refusal = &refused.body["refusal"];
    assert_eq!((&refusal["reason"], &refusal["wait"]), (&"throttle".into(), &10.into()));

    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let refused = node.post(&bo, "/access/v1/evaluation", &question(&call)).await;
    let context = &refused.body["context"];
    assert_eq!((&context["reason"], &context["wait"]), (&"throttle".into(), &20.into()));
    node.world.clock.advance(20_000);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let through = node.post(&bo, "/v1/access", &access_body(&call)).await;
    assert_eq!(through.status, StatusCode::OK, "{}", through.text);
}
