//! Server-sent events: what concerns whom, from where on, and until when.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use secnet_types::*;
use serde_json::{Value, json};

use crate::client::*;
use crate::world::{HOUR, Person, World};

/// An open stream.
struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self { response, text: String::new() };
        // What opens every stream: where it stands.
        let opened = stream.block().await.unwrap();
        assert!(opened.starts_with(": here"), "{opened}");
        stream
    }

    async fn open(node: &Node, who: &Person) -> Self {
        Self::of(node.signed(who, "GET", "/v1/events", None)).await
    }

    async fn resume(node: &Node, who: &Person, last: u64) -> Self {
        let request = node.signed(who, "GET", "/v1/events", None);
        Self::of(request.header("last-event-id", last.to_string())).await
    }

    /// The next block of lines; none at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk());
            let chunk = chunk.await.expect("nothing came").unwrap()?;
            self.text.push_str(core::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event: its id and its data.
    async fn event(&mut self) -> Option<(u64, Value)> {
        loop {
            let block = self.block().await?;
            if block.starts_with(':') {
                continue;
            }
            let (id, data) = block.split_once('\n').unwrap();
            let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            return Some((id.strip_prefix("id: ").unwrap().parse().unwrap(), data));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_of_a_grant_are_told_of_it_and_of_its_end_and_nobody_else_is() {
    let mut node = Node::start(1).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    let mut hers = Stream::open(&node, &ada).await;
    let mut his = Stream::open(&node, &bo).await;
    let mut strangers = Stream::open(&node, &node.world.eve).await;
    let (grant, _) = node.world.granted(None, 0).await;
    let revoke = Operation::Revoke { grant, reason: Reason::Misuse };
    node.world.submit(&ada, revoke).await;
    for stream in [&mut hers, &mut his] {
        let (id, granted) = stream.event().await.unwrap();
        assert_eq!(granted["event"], id);
        assert_eq!(granted["effects"][0]["effect"], "granted");
        assert_eq!(granted["effects"][0]["grant"], grant.to_string());
        let (later, revoked) = stream.event().await.unwrap();
        assert!(later > id);
        assert_eq!(
            revoked["effects"],
            json!([{
                "effect": "grant-revoked", "grant": grant.to_string(),
                "by": ada.id.to_string(), "reason": "misuse",
            }])
        );
    }
    // The stranger's first event is the first one that concerns it.
    let now = node.now();
    let delegation = Delegation {
        delegate: node.world.eve.id,
        powers: Powers::ALL,
        dataset: None,
        window: Window { from: now, until: now.plus_ms(HOUR) },
    };
    node.world.submit(&ada, Operation::Delegate { delegation }).await;
    let (_, told) = strangers.event().await.unwrap();
    assert_eq!(told["effects"][0]["effect"], "delegated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_after_the_event_that_was_seen_last() {
    let mut node = Node::start(2).await;
    node.world.granted(None, 0).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    for purpose in [Purpose::Treatment, Purpose::Marketing] {
        let (call, _) = node.world.call(&bo, purpose, None);
        node.post(&bo, "/v1/access", &access_body(&call)).await;
    }
    let mut all = Stream::resume(&node, &ada, 0).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.push(all.event().await.unwrap());
    }
    let words: Vec<_> = seen.iter().map(|(_, e)| e["effects"][0]["effect"].clone()).collect();
    assert_eq!(words, [json!("granted"), json!("decided"), json!("decided")]);
    assert_eq!(
        seen[2].1["effects"][0]["verdict"],
        json!({ "verdict": "deny", "reason": "consent" })
    );
    let mut rest = Stream::resume(&node, &ada, seen[1].0).await;
    assert_eq!(rest.event().await.unwrap(), seen[2]);
    // The requester gets the decisions on his requests from the same log.
    let mut his = Stream::resume(&node, &bo, seen[0].0).await;
    assert_eq!(his.event().await.unwrap().0, seen[1].0);

    for (last, status) in [("999999", 400), ("x", 400), ("-1", 400)] {
        let request = node.signed(&ada, "GET", "/v1/events", None).header("last-event-id", last);
        assert_eq!(request.send().await.unwrap().status(), status, "{last}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_not_told_of_the_denial_that_shows_that_there_is_something() {
    let mut node = Node::start(3).await;
    let eve = World::copy(&node.world.eve);
    let (call, _) = node.world.call(&eve, Purpose::Treatment, None);
    let before = node.world.pdc.view(|view| view.log_size).unwrap();
    node.post(&eve, "/v1/access", &access_body(&call)).await;
    let after = node.world.pdc.view(|view| view.log_size).unwrap();
    assert!(after > before, "it was recorded");
    let mut stream = Stream::resume(&node, &eve, 0).await;
    // Told to her once she calls for something that is hers.
    node.world.tick().await;
    let key = secnet_crypto::SigningKey::from_seed([7; 32]);
    let session = Session {
        key: *key.verifying_key().as_bytes(),
        until: node.now().plus_ms(HOUR),
        limit: Amount(1),
    };
    node.world.submit(&eve, Operation::OpenSession { session }).await;
    let (id, first) = stream.event().await.unwrap();
    assert!(id >= after, "{first}");
    assert_eq!(first["effects"][0]["effect"], "session-opened");
    // Nor does a receipt of her request show it.
    for event in before..after {
        let receipt = node.get(&eve, &format!("/v1/receipts/{event}")).await;
        assert_eq!(receipt.status, StatusCode::NOT_FOUND, "{event}");
    }
    let owners = node.get(&node.world.ada, &format!("/v1/receipts/{before}")).await;
    assert_eq!(owners.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_session_or_the_key_that_opened_it() {
    let node = Node::start(4).await;
    let bo = World::copy(&node.world.bo);
    let opened = answer(node.signed(&bo, "POST", "/v1/sessions", None).send().await.unwrap()).await;
    let token = opened.body["token"].as_str().unwrap();
    let mut by_session = Stream::of(node.bare("GET", "/v1/events").bearer_auth(token)).await;
    let mut signed = Stream::open(&node, &bo).await;
    let ended = node.bare("DELETE", "/v1/sessions").bearer_auth(token).send().await.unwrap();
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    assert_eq!(by_session.event().await, None);

    let key = secnet_crypto::SigningKey::from_seed([9; 32]);
    let session = Session {
        key: *key.verifying_key().as_bytes(),
        until: node.now().plus_ms(HOUR),
        limit: Amount(1),
    };
    node.world.submit(&bo, Operation::OpenSession { session: session.clone() }).await;
    assert!(signed.event().await.is_some());
    let delegated = node.signed_by((&bo, &key), "GET", "/v1/events", None);
    let mut delegated = Stream::of(delegated).await;
    node.world.submit(&bo, Operation::EndSession { key: session.key }).await;
    assert_eq!(delegated.event().await, None, "not even that its key has ended");
    assert!(signed.event().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_are_told_how_the_node_is_and_others_not_that_there_are_any() {
    let bulletin = std::sync::Arc::new(secnet_gateway::Bulletin::default());
    let (told, ada) = (std::sync::Arc::clone(&bulletin), World::new(6).await.ada.id);
    let node = Node::made(6, secnet_gateway::Limits::default(), |gateway| {
        gateway.administered_by([ada], told)
    })
    .await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    bulletin.tell(json!({ "alert": "1", "kind": "no-backup" }));
    let mut stream = Stream::of(node.signed(&ada, "GET", "/v1/alerts", None)).await;
    // What was said since the node was started comes first.
    assert_eq!(stream.block().await.unwrap(), "data: {\"alert\":\"1\",\"kind\":\"no-backup\"}");
    bulletin.tell(json!({ "alert": "2", "kind": "damaged" }));
    assert!(stream.block().await.unwrap().contains("\"damaged\""));
    let refused = node.get(&bo, "/v1/alerts").await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (StatusCode::NOT_FOUND, &json!("not-visible"))
    );
    assert_eq!(node.bare("GET", "/v1/alerts").send().await.unwrap().status(), 401);
    for last in ["999999", "x", "-1"] {
        let request = node.signed(&ada, "GET", "/v1/alerts", None).header("last-event-id", last);
        assert_eq!(request.send().await.unwrap().status(), 400, "{last}");
    }
    // It ends with the key that opened it.
    let key = secnet_crypto::SigningKey::from_seed([9; 32]);
    let session = Session {
        key: *key.verifying_key().as_bytes(),
        until: node.now().plus_ms(HOUR),
        limit: Amount(1),
    };
    node.world.submit(&ada, Operation::OpenSession { session: session.clone() }).await;
    let delegated = node.signed_by((&ada, &key), "GET", "/v1/alerts", None);
    let mut delegated = Stream::of(delegated).await;
    // The two that stand in the bulletin.
    delegated.block().await.unwrap();
    delegated.block().await.unwrap();
    node.world.submit(&ada, Operation::EndSession { key: session.key }).await;
    bulletin.tell(json!({ "alert": "3" }));
    assert_eq!(delegated.block().await, None);
    // And as soon as somebody else is told instead.
    assert!(stream.block().await.unwrap().contains("\"3\""));
    assert!(node.gateway.administer_by([bo.id]));
    assert_eq!(stream.block().await, None);
    assert_eq!(node.get(&ada, "/v1/alerts").await.status, StatusCode::NOT_FOUND);
    let mut others = Stream::of(node.signed(&bo, "GET", "/v1/alerts", None)).await;
    assert!(others.block().await.is_some());
}

/// The log of a network has what all data centres have decided.
#[tokio::test(flavor = "multi_thread")]
async fn administrators_are_told_of_their_own_data_centre() {
    let node = Node::start(7).await;
    let (pdc, here) = (&node.world.pdc, node.world.dataset);
    let (other, elsewhere) = (node.world.eve.id, DatasetId([9; 16]));
    for (author, dataset, told) in
        [(pdc.member, here, 1), (pdc.member, elsewhere, 1), (other, here, 1), (other, elsewhere, 0)]
    {
        let event = Event {
            height: 3,
            time: node.now(),
            position: 0,
            cause: Cause::Command { digest: Digest::ZERO, author, id: CommandId([1; 16]) },
            effects: vec![Effect::Decided {
                decision: DecisionId([2; 16]),
                dataset,
                requester: node.world.bo.id,
                request: RequestId([3; 16]),
                verdict: Verdict::Deny { reason: ReasonClass::Guard },
            }],
        };
        let alerts = secnet_gateway::alerts_of(pdc, 7, &event).await.unwrap();
        assert_eq!(alerts.len(), told, "{author} {dataset}");
        assert!(alerts.iter().all(|alert| alert["kind"] == "stopped" && alert["event"] == 7));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_name_incidents_and_administrators_read_them_and_nobody_else() {
    let node = Node::start(8).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    node.gateway.administer_by([ada.id]);
    let mut numbers = Vec::new();
    for count in [3, 4] {
        let (now, requester) = (node.now(), bo.id);
        numbers.push(node.world.pdc.view(|view| view.log_size).unwrap());
        let summary = DenialSummary {
            requester,
            from: now,
            until: now,
            count,
            requests: Digest::ZERO,
            dataset: node.world.dataset,
        };
        node.world.submit(&node.world.node, Operation::SummariseDenials { summary }).await;
        node.world.clock.advance(25 * HOUR);
        node.world.tick().await;
    }
    let open = node.signed(&ada, "GET", "/v1/alerts", None).header("last-event-id", "0");
    let mut stream = Stream::of(open).await;
    let (event, told) = stream.event().await.unwrap();
    assert_eq!((&told["kind"], &told["count"]), (&json!("flood"), &json!(3)));
    assert_eq!((event, &told["incident"]), (numbers[0], &json!(numbers[0])));
    let first = node.get(&ada, "/v1/incidents?limit=1").await;
    assert_eq!(first.body["before"], numbers[1]);
    let entry = &first.body["incidents"][0];
    assert_eq!((&entry["incident"], &entry["status"]), (&json!(numbers[1]), &json!("open")));
    assert_eq!(entry["subject"], json!({ "kind": "member", "id": bo.id.to_string() }));
    let rest = node.get(&ada, &format!("/v1/incidents?limit=1&before={}", numbers[1])).await;
    assert_eq!(rest.body["incidents"][0]["incident"], numbers[0]);
    assert_eq!(rest.body.get("before"), None);
    let shown = node.get(&ada, &format!("/v1/incidents/{}", numbers[0])).await;
    assert_eq!(shown.body["incident"]["requests"], 3, "{}", shown.text);
    assert_eq!(shown.body["timeline"][0]["what"], "flood");
    assert_eq!(node.get(&ada, "/v1/incidents?status=closed").await.body["incidents"], json!([]));
    // One that is none is as one that is not the caller's to see.
    let none = node.get(&ada, &format!("/v1/incidents/{}", numbers[0] + 1)).await;
    let hidden = node.get(&bo, &format!("/v1/incidents/{}", numbers[0])).await;
    assert_eq!((none.status, none.text), (hidden.status, hidden.text));
    assert_eq!(node.get(&bo, "/v1/incidents").await.status, StatusCode::NOT_FOUND);
    assert_eq!(node.bare("GET", "/v1/incidents").send().await.unwrap().status(), 401);
    let huge = "9".repeat(40);
    let wrong = ["?status=x", "?limit=0", "?limit=1001", "?before=-1", "/x", "/-1", "?after=1"];
    for wrong in wrong.map(str::to_owned).into_iter().chain([format!("/{huge}")]) {
        let got = node.get(&ada, &format!("/v1/incidents{wrong}")).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_has_so_many_streams_and_no_more() {
    let node = Node::start(5).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(Stream::open(&node, &node.world.bo).await);
    }
    assert_eq!(node.get(&node.world.bo, "/v1/events").await.status, StatusCode::TOO_MANY_REQUESTS);
    Stream::open(&node, &node.world.eve).await;
    streams.clear();
    let again = async {
        while node.signed(&node.world.bo, "GET", "/v1/events", None).send().await.unwrap().status()
            != StatusCode::OK
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
}
