//! Sessions, and the keys behind them.

use std::sync::Arc;

use reqwest::StatusCode;
use secnet_crypto::SigningKey;
use secnet_types::*;
use serde_json::{Value, json};

use crate::client::*;
use crate::world::{HOUR, World};

async fn opened(node: &Node, request: reqwest::RequestBuilder) -> String {
    let answer = answer(request.send().await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert!(answer.body["until"].as_str().unwrap() > node.now().to_string().as_str());
    answer.body["token"].as_str().unwrap().to_owned()
}

async fn with(node: &Node, token: &str, method: &str, path: &str, body: Option<&Value>) -> Got {
    let mut request = node.bare(method, path).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(body);
    }
    answer(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reads_until_it_ends_and_opens_no_other() {
    let node = Node::start(1).await;
    let bo = World::copy(&node.world.bo);
    let token = opened(&node, node.signed(&bo, "POST", "/v1/sessions", None)).await;
    assert_eq!(with(&node, &token, "GET", "/v1/datasets", None).await.status, StatusCode::OK);
    let second = with(&node, &token, "POST", "/v1/sessions", None).await;
    assert_eq!(second.body["code"], "must-be-signed");
    node.world.clock.advance(HOUR / 4);
    let late = with(&node, &token, "GET", "/v1/datasets", None).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);

    let token = opened(&node, node.signed(&bo, "POST", "/v1/sessions", None)).await;
    let ended = with(&node, &token, "DELETE", "/v1/sessions", None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let late = with(&node, &token, "GET", "/v1/datasets", None).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_session_is_of_no_use_to_another_key() {
    let mut node = Node::start(2).await;
    node.world.granted(None, 0).await;
    let (bo, eve) = (World::copy(&node.world.bo), World::copy(&node.world.eve));
    let token = opened(&node, node.signed(&bo, "POST", "/v1/sessions", None)).await;
    let (call, _) = node.world.call(&eve, Purpose::Treatment, None);
    let stolen = with(&node, &token, "POST", "/v1/access", Some(&access_body(&call))).await;
    assert_eq!((stolen.status, &stolen.body["code"]), (StatusCode::FORBIDDEN, &json!("other-key")));
    // In the owner's name but with her own key.
    let mut forger = World::copy(&bo);
    forger.key = Arc::clone(&eve.key);
    let (call, _) = node.world.call(&forger, Purpose::Treatment, None);
    let forged = with(&node, &token, "POST", "/v1/access", Some(&access_body(&call))).await;
    assert_eq!(forged.body["code"], "other-key");
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let own = with(&node, &token, "POST", "/v1/access", Some(&access_body(&call))).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_key_on_the_ledger_calls_until_it_is_ended_there() {
    let mut node = Node::start(3).await;
    node.world.granted(None, 0).await;
    let bo = World::copy(&node.world.bo);
    let key = SigningKey::from_seed([77; 32]);
    let before = node.signed_by((&bo, &key), "GET", "/v1/datasets", None);
    assert_eq!(before.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let session = Session {
        key: *key.verifying_key().as_bytes(),
        until: node.now().plus_ms(HOUR),
        limit: Amount(1_000_000),
    };
    node.world.submit(&bo, Operation::OpenSession { session: session.clone() }).await;
    let request = node.signed_by((&bo, &key), "POST", "/v1/sessions", None);
    let token = opened(&node, request).await;
    let mut by_session = World::copy(&bo);
    by_session.key = Arc::new(SigningKey::from_seed([77; 32]));
    let (call, _) = node.world.call(&by_session, Purpose::Treatment, None);
    let answer = with(&node, &token, "POST", "/v1/access", Some(&access_body(&call))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    // The member's own key is another one than the session's.
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let other = with(&node, &token, "POST", "/v1/access", Some(&access_body(&call))).await;
    assert_eq!(other.body["code"], "other-key");

    node.world.submit(&bo, Operation::EndSession { key: session.key }).await;
    let late = with(&node, &token, "GET", "/v1/datasets", None).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
}
