//! Asking for data over HTTP.

use reqwest::StatusCode;
use secnet_crypto::SealKeyPair;
use secnet_lock::*;
use secnet_types::*;
use serde_json::{Value, json};

use crate::client::*;
use crate::world::{HOUR, World};

/// Everything that was released, opened as a client does, from the answer alone.
async fn opened(
    node: &Node,
    answer: &Value,
    receiving: &SealKeyPair,
    detail: &GrantDetail,
) -> Vec<String> {
    let dataset: DatasetId = answer["dataset"].as_str().unwrap().parse().unwrap();
    let binding = GrantBinding { dataset, detail: detail.commitment() };
    let mut grantee = Grantee::new();
    let wraps = GrantWraps::from_bytes(&bytes(&answer["wraps"])).unwrap();
    grantee.accept(&node.world.bo.sealing.secret, &binding, &wraps).unwrap();
    for packet in answer["packets"].as_array().unwrap() {
        grantee.open_packet(&CompartmentPacket::from_bytes(&bytes(packet)).unwrap()).unwrap();
    }
    let context = ReleaseContext {
        request: answer["request"].as_str().unwrap().parse().unwrap(),
        decision: answer["decision"].as_str().unwrap().parse().unwrap(),
        dataset,
    };
    let mut shares = ReceivedShares::new();
    for released in answer["shares"].as_array().unwrap() {
        let released = ReleasedShares::from_bytes(&bytes(released)).unwrap();
        shares.open(receiving, &context, &released).unwrap();
    }
    let mut contents = Vec::new();
    for record in answer["records"].as_array().unwrap() {
        let entry = RecordEntry::from_bytes(&bytes(&record["entry"])).unwrap();
        let key = grantee.unlock(&entry, &shares).unwrap();
        let plain = key.open(&bytes(&record["ciphertext"])).unwrap();
        contents.push(String::from_utf8(plain.to_vec()).unwrap());
    }
    contents.sort();
    contents
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_request_brings_what_opens_the_records_and_the_proof_of_it() {
    let mut node = Node::start(1).await;
    let (_, detail) = node.world.granted(None, 1_000_000).await;
    let bo = World::copy(&node.world.bo);
    let (call, receiving) = node.world.call(&bo, Purpose::Treatment, None);
    let body = access_body(&call);
    let answer = node.post(&bo, "/v1/access", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.body["price"], "1");
    assert_eq!(opened(&node, &answer.body, &receiving, &detail).await, ["result 0", "result 1"]);
    let receipt = secnet_types::Receipt::parse(&bytes(&answer.body["receipt"])).unwrap();
    let verified = receipt.verify(node.world.genesis()).unwrap();
    assert!(matches!(verified.command.value.operation, Operation::RecordDecision { .. }));
    let paid = node.world.balance(&bo);

    // Sent again, it is the same decision, and charged once.
    let again = node.post(&bo, "/v1/access", &body).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text);
    assert_eq!(again.body["decision"], answer.body["decision"]);
    assert_eq!(node.world.balance(&bo), paid);
    // Its receipt can be had again, by whom it is about.
    let path = format!("/v1/receipts/{}", receipt.index);
    for (who, status) in [("bo", 200), ("ada", 200), ("eve", 404)] {
        let who = match who {
            "bo" => &bo,
            "ada" => &node.world.ada,
            _ => &node.world.eve,
        };
        assert_eq!(node.get(who, &path).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_can_begin_anywhere_and_ends_when_consent_ends() {
    let mut node = Node::start(2).await;
    let (grant, _) = node.world.granted(None, 0).await;
    let bo = World::copy(&node.world.bo);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let answer = node.post(&bo, "/v1/access", &access_body(&call)).await;
    let record = &answer.body["records"][0];
    let path = format!(
        "/v1/access/{}/records/{}",
        answer.body["request"].as_str().unwrap(),
        record["record"].as_str().unwrap()
    );
    let whole = bytes(&record["ciphertext"]);
    let length = whole.len();
    let ranges = [
        (None, 200, 0..length),
        (Some("bytes=0-0"), 206, 0..1),
        (Some("bytes=5-"), 206, 5..length),
        (Some("bytes=-7"), 206, length - 7..length),
        (Some("bytes=10-99999999"), 206, 10..length),
        (Some("bytes=1-2,4-5"), 200, 0..length),
        (Some("lines=1-2"), 200, 0..length),
    ];
    for (range, status, part) in ranges {
        let mut request = node.signed(&bo, "GET", &path, None);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{range:?}");
        assert_eq!(response.headers()["content-length"], part.len().to_string());
        if status == 206 {
            let shown = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            assert_eq!(response.headers()["content-range"], shown);
        }
        assert_eq!(response.bytes().await.unwrap(), whole[part], "{range:?}");
    }
    for range in [format!("bytes={length}-"), "bytes=9-3".into(), "bytes=-0".into()] {
        let request = node.signed(&bo, "GET", &path, None).header("range", &range);
        assert_eq!(request.send().await.unwrap().status(), 416, "{range}");
    }
    // Nobody else downloads it, and nobody learns that it is there.
    let other = node.get(&node.world.eve, &path).await;
    let unknown = format!("/v1/access/{}/records/{}", RequestId([9; 16]), RecordId([9; 16]));
    let nothing = node.get(&node.world.eve, &unknown).await;
    assert_eq!((other.status, &other.text), (StatusCode::NOT_FOUND, &nothing.text));

    let revoke = Operation::Revoke { grant, reason: Reason::Unstated };
    node.world.submit(&node.world.ada, revoke).await;
    let refused = node.get(&bo, &path).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.body["code"], "not-released");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_why_and_what_to_do_and_proves_that_it_was_recorded() {
    let mut node = Node::start(3).await;
    node.world.granted(None, 0).await;
    let bo = World::copy(&node.world.bo);
    let (call, _) = node.world.call(&bo, Purpose::Marketing, None);
    let answer = node.post(&bo, "/v1/access", &access_body(&call)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.body["code"], "denied");
    assert_eq!(answer.body["type"], "/problems/denied");
    let refusal = &answer.body["refusal"];
    assert_eq!(refusal["reason"], "consent");
    assert!(!refusal["remedy"].as_str().unwrap().is_empty());
    Receipt::parse(&bytes(&refusal["receipt"])).unwrap().verify(node.world.genesis()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_is_answered_as_what_does_not_exist() {
    let mut node = Node::start(4).await;
    let eve = World::copy(&node.world.eve);
    let hidden = node.world.dataset;
    let missing = DatasetId([9; 16]);
    let mut answers = Vec::new();
    for dataset in [hidden, missing] {
        let (call, _) = node.world.call_for(&eve, dataset, Purpose::Treatment, None);
        let body = access_body(&call);
        let asked = node.post(&eve, "/v1/access", &body).await;
        let preview = node.post(&eve, "/v1/access/preview", &body).await;
        let shown = node.get(&eve, &format!("/v1/datasets/{dataset}")).await;
        let records = format!("/v1/datasets/{dataset}/records?purpose=treatment");
        let records = node.get(&eve, &records).await;
        for answer in [&asked, &preview, &shown, &records] {
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
        }
        answers.push([asked.text, preview.text, shown.text, records.text]);
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].iter().all(|text| *text == answers[0][0]));
    let catalogue = node.get(&eve, "/v1/datasets").await;
    assert_eq!(catalogue.body, json!({ "datasets": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_leaves_nothing_behind() {
    let mut node = Node::start(5).await;
    node.world.granted(None, 1_000_000).await;
    let bo = World::copy(&node.world.bo);
    let before = node.world.pdc.view(|view| view.log_size).unwrap();
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let answer = node.post(&bo, "/v1/access/preview", &access_body(&call)).await;
    assert_eq!(answer.body["preview"], true);
    assert_eq!(answer.body["verdict"], "allow");
    assert_eq!(answer.body["price"], "1");
    assert_eq!(node.world.pdc.view(|view| view.log_size).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_complete_page_by_page_and_tells_no_total() {
    let mut node = Node::start(6).await;
    node.world.granted(None, 0).await;
    let first = node.get(&node.world.bo, "/v1/datasets?limit=1").await;
    assert_eq!(first.body["datasets"][0]["dataset"], node.world.dataset.to_string());
    assert_eq!(first.body["datasets"][0]["title"], "Ada's records");
    assert!(first.body.get("next").is_none(), "{}", first.text);
    let records = format!("/v1/datasets/{}/records?purpose=treatment&limit=1", node.world.dataset);
    let page = node.get(&node.world.bo, &records).await;
    let next = page.body["next"].as_str().unwrap().to_owned();
    let second = node.get(&node.world.bo, &format!("{records}&after={next}")).await;
    assert_ne!(page.body["records"][0], second.body["records"][0]);
    assert_eq!(second.body["records"].as_array().unwrap().len(), 1);
    assert!(
        second.body.get("next").is_none(),
        "the labelled third record is hidden: {}",
        second.text
    );
    for wrong in ["limit=0", "limit=1001", "limit=x", "after=abc", "page=2"] {
        let answer = node.get(&node.world.bo, &format!("/v1/datasets?{wrong}")).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (StatusCode::BAD_REQUEST, &json!("malformed"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_ordered_once_and_only_for_whoever_signed_the_call() {
    let mut node = Node::start(7).await;
    let detail = node.world.detail(None);
    let (grant, wraps) = node.world.grant(&detail, 0);
    let ada = World::copy(&node.world.ada);
    let command = node.world.sign(&ada, Operation::Grant { grant });
    let body = json!({
        "command": b64(&command.to_bytes()), "detail": b64(&encode(&detail)),
        "wraps": b64(&wraps.to_bytes()),
    });
    let foreseen = node.post(&ada, "/v1/commands/forecast", &body).await;
    assert_eq!(foreseen.status, StatusCode::OK, "{}", foreseen.text);
    let eve = node.post(&node.world.eve, "/v1/commands", &body).await;
    assert_eq!((eve.status, &eve.body["code"]), (StatusCode::FORBIDDEN, &json!("other-key")));
    let first = node.post(&ada, "/v1/commands", &body).await;
    assert_eq!(first.body["repeated"], false, "{}", first.text);
    assert!(first.body["made"].as_str().unwrap().starts_with("sngrant1"));
    let second = node.post(&ada, "/v1/commands", &body).await;
    assert_eq!(second.body["repeated"], true);
    assert_eq!(second.body["event"], first.body["event"]);

    let command =
        node.world.sign(&ada, Operation::Transfer { to: node.world.bo.id, amount: Amount(5) });
    let refused =
        node.post(&ada, "/v1/commands", &json!({ "command": b64(&command.to_bytes()) })).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.body["code"], "insufficient-funds");
    node.world.clock.advance(HOUR);
}
