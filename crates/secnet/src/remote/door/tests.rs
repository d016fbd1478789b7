//! What a client believes of the door that it is sent on to, and what it sends where.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use secnet_app::{DOOR_LIFETIME_MS, DoorStatement, MAX_DOOR_AHEAD_MS};
use secnet_crypto::SigningKey;
use secnet_types::{Digest, Founder, MemberKind, NetworkId, Parameters, Timestamp, encode};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::output::Output;
use crate::remote::encoded;

const PATH: &str = "/v1/datasets/x";
const MINUTE: u64 = 60_000;

/// Paths that were called, and whether the call was signed.
type Calls = Arc<Mutex<Vec<(String, bool)>>>;

/// A node that answers as it is told; where it is, and what it was asked.
async fn node<A>(answer: A) -> (String, Calls)
where
    A: Fn(&str) -> (u16, Value) + Clone + Send + Sync + 'static,
{
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let door = Router::new().fallback(move |call: Request| {
        let path = call.uri().path().to_owned();
        seen.lock().unwrap().push((path.clone(), call.headers().contains_key("signature")));
        let (status, body) = answer(&path);
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        async move { (status, body.to_string()) }
    });
    tokio::spawn(async move { axum::serve(listener, door).await });
    (base, calls)
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn id(seed: u8) -> MemberId {
    MemberId::from_key(&key(seed).verifying_key())
}

/// A network of the governor 1.
fn network(salt: u8) -> Genesis {
    let member = id(1);
    let sealing_key = Digest([1; 32]);
    let founder = Founder { member, kind: MemberKind::Organisation, sealing_key };
    Genesis {
        version: Genesis::VERSION,
        name: "doors".into(),
        time: Timestamp(0),
        salt: [salt; 32],
        founders: vec![founder],
        governors: vec![member],
        threshold: 1,
        sequencer: member.0,
        parameters: Parameters::default(),
        predecessor: None,
        validators: None,
    }
}

fn told(genesis: &Genesis, data_centre: MemberId) -> Value {
    json!({ "genesis": encoded(&encode(genesis)), "data_centre": data_centre.to_string() })
}

fn said(network: NetworkId, by: u8, url: &str, at: Timestamp) -> DoorStatement {
    DoorStatement { network, member: id(by), url: url.parse().unwrap(), said: at }
}

fn problem(member: MemberId, statement: Option<&SignedDoor>) -> Value {
    let dataset = DatasetId([7; 16]).to_string();
    let mut place = json!({ "dataset": dataset, "member": member.to_string() });
    if let Some(statement) = statement {
        place["door"] = statement.value.url.to_string().into();
        place["statement"] = encoded(&statement.to_bytes());
    }
    json!({ "code": "elsewhere", "detail": "it is elsewhere", "hint": "go there", "place": place })
}

/// The node that does not have it, which names this door. What its ledger says of member 2 is key `now`.
async fn sends_on(statement: Option<SignedDoor>, now: u8) -> (String, Calls) {
    node(move |path| match path {
        "/v1/network" => (200, told(&network(1), id(9))),
        PATH => (421, problem(id(2), statement.as_ref())),
        _ => (200, json!({ "did": key(now).verifying_key().to_did_key() })),
    })
    .await
}

async fn asks(base: &str) -> Result<Value, Failure> {
    let client = Client::new(base, None, false, Output { json: true, quiet: true })?;
    let who = Identity::generate("ada", MemberKind::Person)?;
    client.look(&who, PATH).await
}

#[tokio::test]
async fn a_call_goes_on_to_the_door_that_the_data_centre_has_signed() {
    let (door, calls) = node(|path| match path {
        "/v1/network" => (200, told(&network(1), id(2))),
        _ => (200, json!({ "here": true })),
    })
    .await;
    let said = said(network(1).network(), 2, &door, SystemClock.now());
    // By the first key of the member, and by one that came after it.
    for by in [2, 3] {
        calls.lock().unwrap().clear();
        let statement = SignedDoor::sign(said.clone(), &key(by));
        let (first, asked) = sends_on(Some(statement), by).await;
        assert_eq!(asks(&first).await.unwrap(), json!({ "here": true }));
        let there = [("/v1/network".to_owned(), false), (PATH.to_owned(), true)];
        assert_eq!(*calls.lock().unwrap(), there, "checked before anything is signed for it");
        let members = format!("/v1/members/{}", id(2));
        assert_eq!(asked.lock().unwrap().iter().any(|(path, _)| *path == members), by == 3);
    }
}

#[tokio::test]
async fn a_door_that_is_not_proved_is_not_called() {
    let (door, calls) = node(|_| (200, told(&network(1), id(2)))).await;
    let (now, network) = (SystemClock.now(), network(1).network());
    let good = said(network, 2, &door, now);
    let sign = |said: DoorStatement, by: u8| Some(SignedDoor::sign(said, &key(by)));
    let old = Timestamp(now.0 - DOOR_LIFETIME_MS - MINUTE);
    let early = now.plus_ms(MAX_DOOR_AHEAD_MS + MINUTE);
    let mut forged = SignedDoor::sign(good.clone(), &key(2));
    forged.envelope.signature[0] ^= 1;
    for (what, statement, code) in [
        ("none", None, "elsewhere"),
        ("another's key", sign(good.clone(), 4), "bad-door"),
        ("a former key", sign(good.clone(), 3), "bad-door"),
        ("another's door", sign(said(network, 4, &door, now), 4), "bad-door"),
        ("another network's", sign(said(NetworkId([8; 32]), 2, &door, now), 2), "bad-door"),
        ("too old", sign(said(network, 2, &door, old), 2), "bad-door"),
        ("of a time to come", sign(said(network, 2, &door, early), 2), "bad-door"),
        ("forged", Some(forged), "bad-door"),
    ] {
        let (first, _) = sends_on(statement, 5).await;
        assert_eq!(asks(&first).await.unwrap_err().code, code, "{what}");
    }
    assert!(calls.lock().unwrap().is_empty(), "{:?}", calls.lock().unwrap());
}

#[tokio::test]
async fn a_door_where_somebody_else_answers_is_sent_nothing_signed() {
    for (genesis, data_centre) in [(network(2), id(2)), (network(1), id(4))] {
        let (door, calls) = node(move |_| (200, told(&genesis, data_centre))).await;
        let said = said(network(1).network(), 2, &door, SystemClock.now());
        let (first, _) = sends_on(Some(SignedDoor::sign(said, &key(2))), 2).await;
        assert_eq!(asks(&first).await.unwrap_err().code, "bad-door");
        assert_eq!(*calls.lock().unwrap(), [("/v1/network".to_owned(), false)]);
    }
}

#[tokio::test]
async fn nobody_is_sent_round_in_circles() {
    // On to a second one, which sends on to a third.
    let (third, calls) = node(|_| (200, told(&network(1), id(2)))).await;
    let (network_id, now) = (network(1).network(), SystemClock.now());
    let on = SignedDoor::sign(said(network_id, 2, &third, now), &key(2));
    let (second, _) = node(move |path| match path {
        "/v1/network" => (200, told(&network(1), id(2))),
        _ => (421, problem(id(2), Some(&on))),
    })
    .await;
    let to_second = SignedDoor::sign(said(network_id, 2, &second, now), &key(2));
    let (first, _) = sends_on(Some(to_second), 2).await;
    assert_eq!(asks(&first).await.unwrap_err().code, "elsewhere");
    assert!(calls.lock().unwrap().is_empty());
    // Back to itself.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let back = SignedDoor::sign(said(network_id, 2, &own, now), &key(2));
    let client = Client::new(&own, None, false, Output { json: true, quiet: true }).unwrap();
    assert_eq!(client.may_be_called(&back.value.url).unwrap_err().code, "bad-door");
}

#[test]
fn a_node_elsewhere_leads_nobody_to_their_own_machine() {
    let from = |base: &str, to: &str| {
        let out = Output { json: true, quiet: true };
        Client::new(base, None, false, out).unwrap().may_be_called(&to.parse().unwrap()).is_ok()
    };
    for here in ["http://127.0.0.1:1", "https://[::1]:1", "https://localhost:1"] {
        assert!(!from("https://clinic.example", here), "{here}");
        assert!(!from("http://10.0.0.1:8420", here), "{here}");
        assert!(from("http://localhost:2", here) && from("http://127.0.0.1:2", here), "{here}");
    }
    assert!(from("https://clinic.example", "https://other.example"));
    assert!(!from("https://clinic.example", "https://clinic.example"));
    // An answer of another kind sends nobody on.
    for other in
        [&b"{}"[..], b"", br#"{"code":"misdirected","place":{"dataset":"x","member":"y"}}"#]
    {
        assert!(Elsewhere::in_problem(other).is_none());
    }
}
