//! Calls that are not what their signer signed.

use reqwest::StatusCode;
use secnet_gateway::*;
use serde_json::{Value, json};

use crate::client::*;
use crate::world::World;

const PATH: &str = "/v1/datasets";

async fn status(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = answer(request.send().await.unwrap()).await;
    (answer.status, answer.body["code"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_good_for_one_call_only() {
    let node = Node::start(1).await;
    let call =
        || Call { method: "GET", authority: &node.authority, path: PATH, query: "", body: None };
    let bo = &node.world.bo;
    let sign =
        |call: Call<'_>, at| sign_call(&call, bo.id, true, bo.key.as_ref(), (at, node.nonce()));
    let send = |signature: &CallSignature, path: &str| {
        let request = node.bare("GET", path).header("signature-input", &signature.input);
        request.header("signature", &signature.signature)
    };
    let good = sign(call(), node.now());
    assert_eq!(status(send(&good, PATH)).await.0, StatusCode::OK);
    assert_eq!(
        status(send(&good, PATH)).await,
        (StatusCode::UNAUTHORIZED, json!("unauthenticated"))
    );
    let others = [
        Call { method: "POST", ..call() },
        Call { authority: "other.example", ..call() },
        Call { path: "/v1/network", ..call() },
        Call { query: "limit=1", ..call() },
    ];
    for other in others {
        let signature = sign(other, node.now());
        assert_eq!(status(send(&signature, PATH)).await.0, StatusCode::UNAUTHORIZED, "{other:?}");
    }
    for skew in [-61_000_i64, 61_000] {
        let at = secnet_types::Timestamp(node.now().0.saturating_add_signed(skew));
        let (refused, code) = status(send(&sign(call(), at), PATH)).await;
        assert_eq!((refused, code), (StatusCode::UNAUTHORIZED, json!("bad-signature")), "{skew}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_is_the_one_that_was_signed() {
    let node = Node::start(2).await;
    let bo = &node.world.bo;
    let body = json!({ "command": "aaaa" });
    let other = serde_json::to_vec(&json!({ "command": "bbbb" })).unwrap();
    let request = node.signed(bo, "POST", "/v1/commands", Some(&body)).body(other);
    let answer = answer(request.send().await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("not the one whose digest was signed"), "{}", answer.text);
    // A body that nobody signed.
    let request = node.signed(bo, "POST", "/v1/commands", None);
    let request = request.header("content-type", "application/json").body("{}");
    assert_eq!(status(request).await, (StatusCode::UNAUTHORIZED, json!("bad-signature")));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_no_signature_are_refused_and_nothing_breaks() {
    let node = Node::start(3).await;
    let bo = &node.world.bo;
    let call =
        Call { method: "GET", authority: &node.authority, path: PATH, query: "", body: None };
    let good = sign_call(&call, bo.id, true, bo.key.as_ref(), (node.now(), node.nonce()));
    let changed = |from: &str, to: &str| good.input.replacen(from, to, 1);
    let inputs = [
        String::new(),
        "secnet".into(),
        "secnet=()".into(),
        "secnet=(((".into(),
        good.input.clone() + ", " + &good.input.replacen("secnet=", "second=", 1),
        changed("\"@query\"", "\"@query-param\";name=\"a\""),
        changed("\"@query\"", "\"@query\" \"@query\""),
        changed("\"@query\"", ""),
        changed("\"@method\" ", ""),
        changed("tag=\"secnet\"", "tag=\"other\""),
        changed(";nonce", ";nonsense"),
        changed("snid1", "snid2"),
        changed(";keyid", ";alg=\"rsa-v1_5-sha256\";keyid"),
        changed(";created=", ";created=\"x\";c="),
        "a".repeat(5000),
    ];
    for input in inputs {
        let request = node.bare("GET", PATH).header("signature-input", &input);
        let request = request.header("signature", &good.signature);
        assert_eq!(status(request).await.0, StatusCode::UNAUTHORIZED, "{input}");
    }
    for signature in ["", "secnet=1", "secnet=:AAAA:", "other=:AAAA:", "secnet=:====:"] {
        let request = node.bare("GET", PATH).header("signature-input", &good.input);
        assert_eq!(
            status(request.header("signature", signature)).await.0,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(
        status(node.bare("GET", PATH)).await,
        (StatusCode::UNAUTHORIZED, json!("unauthenticated"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_calls_too_often_is_turned_away_and_others_are_not() {
    let limits = Limits { rate_per_second: 1, burst: 3, ..Limits::default() };
    let node = Node::with(4, limits).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(node.get(&node.world.eve, PATH).await.status.as_u16());
    }
    assert_eq!(seen, [200, 200, 200, 429, 429]);
    assert_eq!(node.get(&node.world.bo, PATH).await.status, StatusCode::OK);
    node.world.clock.advance(1000);
    assert_eq!(node.get(&node.world.eve, PATH).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_member_and_a_stranger_get_one_answer() {
    let node = Node::start(5).await;
    let mut stranger = World::copy(&node.world.bo);
    stranger.id = secnet_types::MemberId([7; 32]);
    let unknown = node.get(&stranger, PATH).await;
    let mut forger = World::copy(&node.world.bo);
    forger.key = std::sync::Arc::clone(&node.world.eve.key);
    let forged = node.get(&forger, PATH).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    assert_eq!(unknown.text, forged.text);
}
