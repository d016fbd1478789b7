//! The published log, and receipts in the form of others.

use std::sync::Arc;

use reqwest::StatusCode;
use secnet_gateway::Limits;
use secnet_types::*;

use crate::client::*;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn checkpoint_and_tiles_are_served_and_nothing_else_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for (file, content) in [
        ("log/checkpoint", "note"),
        ("log/tile/0/000.p/3", "hashes"),
        ("log/tile/0/x001/234", "full"),
        ("log/tile/entries/000.p/3", "events"),
        ("secret", "keys"),
    ] {
        let file = folder.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
    let node = Node::made(1, Limits::default(), |gateway| gateway.publishing(log)).await;
    let served = async |path: &str| answer(node.bare("GET", path).send().await.unwrap()).await;
    for (path, content) in
        [("/checkpoint", "note"), ("/tile/0/000.p/3", "hashes"), ("/tile/0/x001/234", "full")]
    {
        let got = served(path).await;
        assert_eq!((got.status, got.text.as_str()), (StatusCode::OK, content), "{path}");
    }
    // Bundles of entries: not without a signature, and not to just anybody.
    assert_eq!(served("/tile/entries/000.p/3").await.status, StatusCode::UNAUTHORIZED);
    for path in [
        "/tile/0/000",
        "/tile/0/000.p/03",
        "/tile/0/0",
        "/tile/9/000",
        "/tile/0/..%2f..%2f..%2fsecret",
        "/tile/%2e%2e/%2e%2e/secret",
        "/tile/",
        "/secret",
    ] {
        let got = served(path).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!got.text.contains("keys") && !got.text.contains("events"), "{path}");
    }
    let without = Node::start(2).await;
    let none = answer(without.bare("GET", "/checkpoint").send().await.unwrap()).await;
    assert_eq!(
        (none.status, none.body["code"].as_str()),
        (StatusCode::NOT_FOUND, Some("not-published"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_of_entries_are_for_administrators() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for (file, content) in [
        ("log/tile/entries/000.p/3", "events"),
        ("log/tile/entries/x001/234", "more events"),
        ("log/tile/0/000.p/3", "hashes"),
        ("secret", "keys"),
    ] {
        let file = folder.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
    let ada = World::new(1).await.ada.id;
    let node = Node::made(1, Limits::default(), |gateway| {
        gateway.publishing(log).administered_by([ada], Arc::default())
    })
    .await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    for (path, content) in [("000.p/3", "events"), ("x001/234", "more events")] {
        let path = format!("/tile/entries/{path}");
        let response = node.signed(&ada, "GET", &path, None).send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store");
        let got = answer(response).await;
        assert_eq!((got.status, got.text.as_str()), (StatusCode::OK, content), "{path}");
        // Whether it is there or not.
        let (there, nowhere) =
            (node.get(&bo, &path).await, node.get(&bo, "/tile/entries/099").await);
        assert_eq!((there.status, &there.text), (StatusCode::NOT_FOUND, &nowhere.text));
    }
    for path in
        ["000", "000.p/03", "0", "..%2f..%2f..%2fsecret", "%2e%2e/%2e%2e/secret", "x1/234", ""]
    {
        let got = node.get(&ada, &format!("/tile/entries/{path}")).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}: {}", got.text);
        assert!(!got.text.contains("keys"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_can_be_had_in_the_form_of_others_by_the_same_people() {
    let mut node = Node::start(3).await;
    node.world.granted(None, 0).await;
    let bo = World::copy(&node.world.bo);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let answer = node.post(&bo, "/v1/access", &access_body(&call)).await;
    let receipt = Receipt::parse(&bytes(&answer.body["receipt"])).unwrap();
    let path = format!("/v1/receipts/{}?format=scitt", receipt.index);
    let response = node.signed(&bo, "GET", &path, None).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "application/cose; cose-type=\"cose-sign1\"");
    let cose = response.bytes().await.unwrap();
    // A COSE_Sign1, with every node of the same path to the root in it. Its signature is verified by a program of others.
    assert!(cose.starts_with(&[0xd2, 0x84]));
    for node in &receipt.path {
        assert!(cose.windows(32).any(|part| part == node.0));
    }
    assert_eq!(node.get(&node.world.eve, &path).await.status, StatusCode::NOT_FOUND);
    let unknown = path.replace("scitt", "jwt");
    assert_eq!(node.get(&bo, &unknown).await.status, StatusCode::BAD_REQUEST);
}
