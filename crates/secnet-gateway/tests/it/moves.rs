//! A move as the doors of the two data centres see it: who may begin it, who is answered, and in what form.

use reqwest::StatusCode;
use secnet_gateway::{Call, sign_call};
use secnet_types::*;
use serde_json::{Value, json};

use crate::client::*;
use crate::hidden::MISSING;
use crate::world::{HOUR, Person, World};

fn statement(world: &World) -> MoveStatement {
    let said = world.clock_now();
    MoveStatement {
        network: world.pdc.network(),
        dataset: world.dataset,
        from: world.node.id,
        to: world.others[0].id,
        said,
        until: said.plus_ms(HOUR),
    }
}

fn body(who: &Person, said: &MoveStatement) -> Value {
    json!({ "statement": b64(&SignedMove::sign(said.clone(), who.key.as_ref()).to_bytes()) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_begun_by_the_owner_where_it_is_to_end() {
    let node = Node::start(60).await;
    let world = &node.world;
    let said = statement(world);
    let told = node.post(&world.ada, "/v1/moves", &body(&world.ada, &said)).await;
    assert_eq!(told.status, StatusCode::MISDIRECTED_REQUEST, "{}", told.text);
    assert_eq!(told.body["place"]["member"], world.others[0].id.to_string());
    // Whoever does not own it learns nothing of it.
    let strange = node.post(&world.eve, "/v1/moves", &body(&world.eve, &said)).await;
    let missing = MoveStatement { dataset: MISSING, ..said.clone() };
    let missing = node.post(&world.eve, "/v1/moves", &body(&world.eve, &missing)).await;
    assert_eq!(strange.status, StatusCode::NOT_FOUND, "{}", strange.text);
    assert_eq!((strange.status, &strange.body), (missing.status, &missing.body));
    // What somebody else has signed is nobody else's to hand in.
    let other = node.post(&world.eve, "/v1/moves", &body(&world.ada, &said)).await;
    assert_eq!((other.status, &other.body["code"]), (StatusCode::FORBIDDEN, &json!("other-key")));
    let garbage = node.post(&world.ada, "/v1/moves", &json!({ "statement": b64(&[0x80]) })).await;
    assert_eq!(garbage.status, StatusCode::BAD_REQUEST, "{}", garbage.text);
    // It is here: there is nothing to wait for.
    let path = format!("/v1/moves/{}", world.dataset);
    let told = node.get(&world.ada, &path).await;
    assert_eq!((told.status, &told.body["stage"]), (StatusCode::OK, &json!("settled")));
    assert_eq!(node.get(&world.eve, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_for_data_centres_and_of_one_form() {
    let node = Node::start(61).await;
    let world = &node.world;
    let statement = SignedMove::sign(statement(world), world.ada.key.as_ref());
    let question = [&[0x83][..], &encode(&statement), &[0x00, 0x82, 0x00, 0x81, 0x04]].concat();
    let ask = async |who: &Person, kind: &'static str, body: Vec<u8>| {
        let call = Call {
            method: "POST",
            authority: &node.authority,
            path: "/v1/copies",
            query: "",
            body: Some(&body),
        };
        let made = (node.now(), node.nonce());
        let signature = sign_call(&call, who.id, true, who.key.as_ref(), made);
        let request = node.bare("POST", "/v1/copies");
        let request = request
            .header("signature-input", signature.input)
            .header("signature", signature.signature)
            .header("content-digest", signature.content_digest.unwrap());
        let answer = request.header("content-type", kind).body(body).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap().to_vec())
    };
    let cbor = "application/cbor";
    let (status, answer) = ask(&world.others[0], cbor, question.clone()).await;
    assert_eq!((status, &answer[..3]), (StatusCode::OK, &[0x82, 0x00, 0x82][..]));
    assert!(answer.len() > 48, "one upload, with its digest");
    for who in [&world.others[1], &world.ada, &world.eve] {
        let (status, answer) = ask(who, cbor, question.clone()).await;
        assert_eq!((status, answer), (StatusCode::OK, vec![0x82, 0x06, 0x81, 0x00]));
    }
    let (status, _) = ask(&world.others[0], "application/json", question).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (status, _) = ask(&world.others[0], cbor, vec![0; 5000]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) = ask(&world.others[0], cbor, vec![0x83, 0, 0, 0]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
