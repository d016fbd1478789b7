//! P9: a use limited to fields is answered over HTTP as in the process, and there is no way to the rest of the record.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use reqwest::StatusCode;
use secnet_crypto::SealKeyPair;
use secnet_lock::{ProjectedKeys, ReceivedProjections, ReleaseContext};
use secnet_types::*;
use serde_json::{Value, json};

use crate::authzen::question;
use crate::client::*;
use crate::hosted::{self, RESULT};
use crate::world::World;

fn opened(answer: &Value, receiving: &SealKeyPair) -> Vec<String> {
    let id = |name: &str| answer[name].as_str().unwrap();
    let context = ReleaseContext {
        request: id("request").parse().unwrap(),
        decision: id("decision").parse().unwrap(),
        dataset: id("dataset").parse().unwrap(),
    };
    let keys = ProjectedKeys::from_bytes(&bytes(&answer["projected_keys"])).unwrap();
    let opened = ReceivedProjections::open(receiving, context, &keys).unwrap();
    let each = answer["records"].as_array().unwrap().iter().map(|record| {
        let id = record["record"].as_str().unwrap().parse().unwrap();
        let plain = opened.record(id, &bytes(&record["ciphertext"])).unwrap();
        String::from_utf8(plain.to_vec()).unwrap()
    });
    each.collect()
}

/// Everything in an answer that is bytes.
fn decoded(value: &Value) -> Vec<Vec<u8>> {
    match value {
        Value::String(text) => Base64UrlUnpadded::decode_vec(text).into_iter().collect(),
        Value::Array(all) => all.iter().flat_map(decoded).collect(),
        Value::Object(all) => all.values().flat_map(decoded).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_come_over_http_as_in_the_process_and_nothing_else_can_be_had() {
    let mut node = Node::start(60).await;
    hosted::hosted(&mut node.world, &[(11, RESULT.as_bytes())]).await;
    hosted::granted(&mut node.world, &["status"], 1_000_000).await;
    let bo = World::copy(&node.world.bo);
    let (call, receiving) = hosted::call(&mut node.world, &bo, None);
    let body = access_body(&call);
    let preview = node.post(&bo, "/v1/access/preview", &body).await;
    assert_eq!(preview.body["fields"], json!(["status"]), "{}", preview.text);

    // Asked as AuthZEN it is decided and paid; collected by the same request.
    let before = node.world.balance(&bo);
    let evaluation = question(&call);
    let evaluated = node.post(&bo, "/access/v1/evaluation", &evaluation).await;
    assert_eq!(evaluated.body["decision"], true, "{}", evaluated.text);
    assert_eq!(evaluated.body["context"]["fields"], json!(["status"]));
    let answer = node.post(&bo, "/v1/access", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.body["fields"], json!(["status"]));
    assert_eq!(node.world.balance(&bo), before - 1_000_000);
    let secnet_app::Outcome::Projected(here) = node.world.pdc.access(&call).await.unwrap() else {
        panic!("not in the process")
    };
    assert_eq!(opened(&answer.body, &receiving), hosted::texts(&here, &receiving));

    // Nothing of the whole record: neither how it opens nor its ciphertext, in this answer or under it.
    for nothing in ["packets", "shares"] {
        assert_eq!(answer.body[nothing], json!([]));
    }
    assert!(answer.body.get("wraps").is_none());
    let record = &answer.body["records"][0];
    assert!(record.get("entry").is_none());
    let id = record["record"].as_str().unwrap();
    let path = format!("/v1/access/{}/records/{id}", answer.body["request"].as_str().unwrap());
    assert_eq!(node.get(&bo, &path).await.status, StatusCode::NOT_FOUND);
    let (ada, dataset) = (node.world.ada.id, node.world.dataset);
    let stored = node.world.pdc.uploads_to_host(ada, dataset).await.unwrap().remove(0);
    let halves = &stored.packets[0].envelope;
    let everything = decoded(&answer.body);
    assert!(everything.len() > 3 && everything.iter().any(|part| part.len() > 1000));
    for part in &everything {
        assert!(
            !part
                .windows(32)
                .any(|window| window == &halves[..32] || window == &halves[halves.len() - 32..])
        );
        assert!(!part.windows(11).any(|window| window == b"SECRET-NOTE"));
    }

    let reason = Reason::NoLongerWanted;
    let grant = answer.body["grant"].as_str().unwrap().parse().unwrap();
    node.world.submit(&node.world.ada, Operation::Revoke { grant, reason }).await;
    assert_eq!(node.post(&bo, "/v1/access", &body).await.status, StatusCode::FORBIDDEN);
}
