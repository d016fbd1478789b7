//! The document is what the code says, and what it says is so.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::*;

#[test]
fn the_document_that_is_checked_in_is_the_one_of_the_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
    let given: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let now: Value = serde_json::from_str(&secnet_gateway::openapi().to_json().unwrap()).unwrap();
    assert!(given == now, "write it anew: cargo run -q -- openapi > docs/reference/openapi.json");
    assert_eq!(now["openapi"], "3.1.0");
}

#[test]
fn the_document_leaves_no_answer_open_and_no_reference_loose() {
    let text = secnet_gateway::openapi().to_json().unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let answers = operation["responses"].as_object().unwrap();
            assert!(!answers.contains_key("default"), "{method} {path}");
            let shown = operation["security"].as_array().map_or(0, Vec::len);
            assert_eq!(shown > 0, answers.contains_key("401"), "{method} {path}");
        }
    }
}

/// Of two shapes with one name the document has only one.
#[test]
fn no_two_shapes_have_one_name() {
    let mut names = std::collections::BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            for after in source.split("ToSchema)]").skip(1) {
                let declared = after
                    .split([';', '{', '('])
                    .find(|part| [" struct ", " enum "].iter().any(|word| part.contains(word)));
                let name = declared.unwrap().trim().rsplit(' ').next().unwrap();
                assert!(names.insert(name.to_owned()), "{name} in {}", path.display());
            }
        }
    }
    assert!(names.len() > 40, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_see_how_the_node_is_and_what_it_offers() {
    let node = Node::start(1).await;
    for path in ["/healthz", "/readyz", "/openapi.json", "/v1/network"] {
        let response = node.bare("GET", path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers().contains_key("x-request-id"), "{path}");
    }
    let network = answer(node.bare("GET", "/v1/network").send().await.unwrap()).await;
    assert_eq!(network.body["threshold"], 1);
    assert_eq!(network.body["network"], node.world.genesis().network().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_a_problem_document() {
    let node = Node::start(2).await;
    let bo = &node.world.bo;
    let cases = [
        (node.bare("GET", "/nothing"), 404, "unknown-path"),
        (node.bare("DELETE", "/healthz"), 405, "wrong-method"),
        (node.signed(bo, "GET", "/v1/datasets/abc", None), 400, "malformed"),
        (node.signed(bo, "GET", "/v1/receipts/-1", None), 400, "malformed"),
        (node.signed(bo, "POST", "/v1/commands", Some(&json!([]))), 400, "malformed"),
        (
            node.signed(bo, "POST", "/v1/commands", Some(&json!({ "command": "+" }))),
            400,
            "malformed",
        ),
        (node.signed(bo, "POST", "/v1/access", Some(&json!({ "more": 1 }))), 400, "malformed"),
        (
            node.signed(bo, "POST", "/v1/commands", Some(&json!({})))
                .header("content-encoding", "gzip"),
            415,
            "unsupported-media-type",
        ),
    ];
    for (request, status, code) in cases {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let answer = answer(response).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (status, &json!(code)),
            "{}",
            answer.text
        );
        assert_eq!(answer.body["status"], status);
        assert!(!answer.body["hint"].as_str().unwrap().is_empty());
    }
    let long = json!({ "command": "A".repeat(5 * 1024 * 1024) });
    let long = node.signed(bo, "POST", "/v1/commands", Some(&long)).send().await;
    // The answer may come before all is sent.
    if let Ok(response) = long {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_ends_what_it_has_begun() {
    let node = Node::start(3).await;
    assert_eq!(node.bare("GET", "/healthz").send().await.unwrap().status(), StatusCode::OK);
    node.stop();
    let refused = async {
        while node.bare("GET", "/healthz").send().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), refused).await.unwrap();
}
