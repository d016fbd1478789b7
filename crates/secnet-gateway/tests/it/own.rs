//! What members see of their own, what their delegates see of it, and that strangers see nothing.

use reqwest::StatusCode;
use secnet_app::Enclosures;
use secnet_types::*;
use serde_json::json;

use crate::client::*;
use crate::world::{HOUR, Person, World};

/// Ada lets Eve act for her for an hour.
async fn delegated(node: &Node, powers: Powers) {
    let now = node.now();
    let delegation = Delegation {
        delegate: node.world.eve.id,
        powers,
        dataset: None,
        window: Window { from: now, until: now.plus_ms(HOUR) },
    };
    node.world.submit(&node.world.ada, Operation::Delegate { delegation }).await;
}

/// Bo asks Ada for a grant.
async fn asked(node: &mut Node) -> AskId {
    let detail = node.world.detail(None);
    let now = node.now();
    let bo = World::copy(&node.world.bo);
    let ask = Ask {
        dataset: node.world.dataset,
        grantee: Party::Member(bo.id),
        price: Amount(500_000),
        uses: Some(2),
        window: Window { from: now, until: now.plus_ms(200 * HOUR) },
        deadline: now.plus_ms(20 * HOUR),
        detail: detail.commitment(),
    };
    let command = node.world.sign(&bo, Operation::OpenAsk { ask });
    let enclosures = Enclosures { detail: Some(detail), wraps: None };
    node.world.pdc.order(&command, enclosures).await.unwrap();
    AskId::derive(bo.id, command.value.id)
}

/// The same answer to a stranger, whether the other exists or not; and what it was.
async fn to_a_stranger(node: &Node, stranger: &Person, path: &str, id: &str, none: &str) -> Got {
    let there = node.get(stranger, &format!("{path}{id}")).await;
    let nowhere = node.get(stranger, &format!("{path}{none}")).await;
    assert_eq!((there.status, &there.text), (nowhere.status, &nowhere.text), "{path}");
    there
}

const OWN: [&str; 3] = ["/v1/inbox?as=", "/v1/history?limit=5&as=", "/v1/consents?as="];

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_is_shown_to_its_owner_and_whom_she_lets_grant() {
    let mut node = Node::start(1).await;
    let ask = asked(&mut node).await;
    let (ada, eve) = (World::copy(&node.world.ada), World::copy(&node.world.eve));
    let own = node.get(&ada, "/v1/inbox").await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
    let shown = &own.body["asks"][0];
    assert_eq!(shown["ask"], ask.to_string());
    assert_eq!(shown["from"], node.world.bo.id.to_string());
    assert_eq!((&shown["price"], &shown["uses"]), (&json!("0.5"), &json!(2)));
    assert_eq!(shown["status"], "open");
    assert_eq!(shown["detail"]["purposes"], json!(["treatment"]));
    assert_eq!(own.body["holds"], json!([]));

    let path = format!("/v1/inbox?as={}", ada.id);
    assert_eq!(node.get(&eve, &path).await.status, StatusCode::NOT_FOUND);
    delegated(&node, Powers::default().with(Power::Revoke)).await;
    assert_eq!(node.get(&eve, &path).await.status, StatusCode::NOT_FOUND, "not this power");
    delegated(&node, Powers::default().with(Power::Grant)).await;
    assert_eq!(node.get(&eve, &path).await.body, own.body);
    assert_eq!(node.get(&eve, "/v1/inbox").await.body["asks"], json!([]));
    // No block shows the ledger that the time is over; the clock does.
    node.world.clock.advance(HOUR);
    assert_eq!(node.get(&eve, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_act_for_a_member_learns_nothing_about_it() {
    let mut node = Node::start(2).await;
    node.world.granted(None, 0).await;
    let eve = World::copy(&node.world.eve);
    let (ada, nobody) = (node.world.ada.id.to_string(), MemberId([9; 32]).to_string());
    for path in OWN {
        let answer = to_a_stranger(&node, &eve, path, &ada, &nobody).await;
        assert_eq!(answer.body["code"], "not-visible", "{path}");
    }
    let (dataset, missing) = (node.world.dataset, DatasetId([9; 16]));
    for what in ["who", "contents"] {
        let path = |id| format!("{id}/{what}");
        let (id, none) = (path(dataset), path(missing));
        let answer = to_a_stranger(&node, &eve, "/v1/datasets/", &id, &none).await;
        assert_eq!(answer.body["code"], "not-visible", "{what}");
    }
    // Bo may know of the dataset, and still not who else does.
    let bo = World::copy(&node.world.bo);
    let answer = node.get(&bo, &format!("/v1/datasets/{dataset}/who")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(node.get(&eve, "/v1/inbox?as=abc").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_tells_every_attempt_page_by_page() {
    let mut node = Node::start(3).await;
    node.world.granted(None, 0).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    for purpose in [Purpose::Treatment, Purpose::Marketing] {
        let (call, _) = node.world.call(&bo, purpose, None);
        node.post(&bo, "/v1/access", &access_body(&call)).await;
    }
    let newest = node.get(&ada, "/v1/history?limit=1").await;
    assert_eq!(newest.status, StatusCode::OK, "{}", newest.text);
    let attempt = &newest.body["attempts"][0];
    assert_eq!(attempt["purpose"], "marketing");
    assert_eq!(attempt["outcome"], json!({ "verdict": "deny", "reason": "consent" }));
    assert!(!attempt["reasons"].as_array().unwrap().is_empty());
    let before = newest.body["before"].as_u64().unwrap();
    let earlier = node.get(&ada, &format!("/v1/history?limit=1&before={before}")).await;
    assert_eq!(earlier.body["attempts"][0]["outcome"]["verdict"], "allow");
    assert_eq!(earlier.body["attempts"][0]["outcome"]["records"], 2);
    assert!(earlier.body.get("before").is_none(), "{}", earlier.text);
    // What Bo tried is not in Bo's history: he owns nothing.
    assert_eq!(node.get(&bo, "/v1/history").await.body["attempts"], json!([]));
    delegated(&node, Powers::ALL).await;
    let path = format!("/v1/history?as={}", ada.id);
    let all = node.get(&node.world.eve, &path).await;
    assert_eq!(all.body["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(node.get(&ada, "/v1/history?limit=1001").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_tells_also_what_was_only_counted() {
    const TRIES: u64 = 40;
    let mut node = Node::start(12).await;
    node.world.granted(None, 0).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    for _ in 0..TRIES {
        let (call, _) = node.world.call(&bo, Purpose::Marketing, None);
        let refused = node.post(&bo, "/v1/access", &access_body(&call)).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    }
    let told = node.get(&ada, "/v1/history?limit=1000").await;
    let attempts = told.body["attempts"].as_array().unwrap().len() as u64;
    let summaries = told.body["summaries"].as_array().unwrap();
    assert!(!summaries.is_empty(), "more than one quota was tried");
    let counted: u64 = summaries.iter().map(|counted| counted["count"].as_u64().unwrap()).sum();
    assert_eq!(attempts + counted, TRIES);
    for counted in summaries {
        assert_eq!(counted["requester"], bo.id.to_string());
        let classes = counted["classes"].as_object().unwrap();
        let all: u64 = classes.values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(counted["count"], all);
        assert!(counted["from"].is_string() && counted["until"].is_string());
    }
    assert_eq!(node.get(&bo, "/v1/history").await.body["summaries"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_its_members_alone() {
    let mut node = Node::start(4).await;
    node.world.granted(None, 1_000_000).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    node.post(&bo, "/v1/access", &access_body(&call)).await;
    let statement = node.get(&ada, "/v1/statement").await;
    assert_eq!(statement.status, StatusCode::OK, "{}", statement.text);
    let lines = statement.body["lines"].as_array().unwrap();
    assert_eq!(lines.last().unwrap()["balance"], statement.body["balance"]);
    assert_ne!(statement.body["balance"], "0");
    let bos = node.get(&bo, "/v1/statement").await;
    assert_eq!(bos.body["lines"][0]["what"], "issued");
    delegated(&node, Powers::ALL).await;
    let hers = node.get(&node.world.eve, &format!("/v1/statement?as={}", ada.id)).await;
    assert_eq!(hers.status, StatusCode::BAD_REQUEST, "{}", hers.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_and_seers_are_shown_to_both_sides_of_a_grant_as_far_as_it_is_theirs() {
    let mut node = Node::start(5).await;
    let (grant, _) = node.world.granted(None, 0).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    let given = node.get(&ada, "/v1/consents").await;
    let shown = &given.body["given"][0];
    assert_eq!(shown["grant"], grant.to_string(), "{}", given.text);
    assert_eq!((&shown["status"], &shown["uses"]), (&json!("active"), &json!(2)));
    assert_eq!(shown["to"], bo.id.to_string());
    assert_eq!(shown["detail"]["actions"], json!(["read"]));
    let received = node.get(&bo, "/v1/consents").await;
    assert_eq!(received.body["received"][0], *shown);
    assert_eq!(received.body["given"], json!([]));
    let other = node.get(&bo, &format!("/v1/consents?dataset={}", DatasetId([9; 16]))).await;
    assert_eq!(other.body["received"], json!([]));

    let who = format!("/v1/datasets/{}/who", node.world.dataset);
    let seers = node.get(&ada, &who).await;
    assert_eq!(
        seers.body["who"],
        json!([{ "who": bo.id.to_string(), "grant": grant.to_string(), "records": 2 }])
    );
    let hidden = node.get(&ada, &format!("{who}?record={}", node.world.records[2])).await;
    assert_eq!(hidden.body["who"], json!([]), "the labelled record");
    delegated(&node, Powers::ALL).await;
    let eve = World::copy(&node.world.eve);
    assert_eq!(node.get(&eve, &who).await.body, seers.body);
    let consents = node.get(&eve, &format!("/v1/consents?as={}", ada.id)).await;
    assert_eq!(consents.body, given.body);

    node.world.submit(&ada, Operation::Revoke { grant, reason: Reason::Unstated }).await;
    assert_eq!(node.get(&ada, "/v1/consents").await.body["given"], json!([]));
    let all = node.get(&ada, "/v1/consents?all=true").await;
    assert_eq!(all.body["given"][0]["status"], "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sees_all_records_of_hers_page_by_page() {
    let node = Node::start(6).await;
    let (ada, eve) = (World::copy(&node.world.ada), World::copy(&node.world.eve));
    let path = format!("/v1/datasets/{}/contents?limit=2", node.world.dataset);
    let first = node.get(&ada, &path).await;
    assert_eq!(first.body["records"].as_array().unwrap().len(), 2, "{}", first.text);
    let next = first.body["next"].as_str().unwrap();
    let second = node.get(&ada, &format!("{path}&after={next}")).await;
    assert_eq!(second.body["records"][0]["labels"], json!(["mental-health"]));
    assert!(second.body.get("next").is_none());
    delegated(&node, Powers::ALL).await;
    let theirs = node.get(&eve, &format!("{path}&as={}", ada.id)).await;
    assert_eq!(theirs.body, first.body);
    // In her own name she owns nothing of it.
    assert_eq!(node.get(&eve, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_put_aside_by_a_signed_call_only() {
    let node = Node::start(7).await;
    let (ada, eve) = (World::copy(&node.world.ada), World::copy(&node.world.eve));
    let decision = DecisionId([7; 16]);
    let notice = secnet_app::Notice {
        decision,
        dataset: node.world.dataset,
        requester: node.world.bo.id,
        request: RequestId([1; 16]),
        time: node.now(),
        review: true,
        reasons: vec!["at night".into()],
        marks: None,
    };
    let name = secnet_app::ports::EntryName::new(
        secnet_app::ports::EntryKind::Notice,
        &ada.id.0,
        &decision.0,
    );
    let value = Some(encode(&notice));
    let change = secnet_app::ports::Change { name, value };
    node.world.pdc.archive.write(vec![change]).await.unwrap();
    let notices = async || node.get(&ada, "/v1/inbox").await.body["notices"].clone();
    assert_eq!(notices().await[0]["reasons"], json!(["at night"]));

    let path = format!("/v1/inbox/notices/{decision}");
    let stranger = format!("{path}?as={}", ada.id);
    let refused = answer(node.signed(&eve, "DELETE", &stranger, None).send().await.unwrap()).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let opened =
        answer(node.signed(&ada, "POST", "/v1/sessions", None).send().await.unwrap()).await;
    let token = opened.body["token"].as_str().unwrap();
    let by_session = node.bare("DELETE", &path).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer(by_session).await.body["code"], "must-be-signed");
    assert_eq!(notices().await.as_array().unwrap().len(), 1);
    for _ in 0..2 {
        let done = node.signed(&ada, "DELETE", &path, None).send().await.unwrap();
        assert_eq!(done.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(notices().await, json!([]));

    // Who did it is kept, for the same people; a signed call undoes it.
    let aside =
        async |who: &Person, query: &str| node.get(who, &format!("/v1/inbox/notices{query}")).await;
    let told = aside(&ada, "").await.body["notices"].clone();
    assert_eq!(
        (&told[0]["decision"], &told[0]["marks"][0]["by"]),
        (&json!(decision.to_string()), &json!(ada.id.to_string()))
    );
    assert_eq!(told[0]["marks"].as_array().unwrap().len(), 1, "twice is once");
    let (there, nobody) = (format!("?as={}", ada.id), format!("?as={}", MemberId([9; 32])));
    let (there, nobody) = (aside(&eve, &there).await, aside(&eve, &nobody).await);
    assert_eq!((there.status, there.text), (StatusCode::NOT_FOUND, nobody.text));
    assert_eq!(aside(&eve, "").await.body, json!({ "notices": [] }));
    let refused = answer(node.signed(&eve, "PUT", &stranger, None).send().await.unwrap()).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let by_session = node.bare("PUT", &path).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer(by_session).await.body["code"], "must-be-signed");
    assert_eq!(notices().await, json!([]));
    for _ in 0..2 {
        let done = node.signed(&ada, "PUT", &path, None).send().await.unwrap();
        assert_eq!(done.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(notices().await[0]["marks"].as_array().unwrap().len(), 2);
    assert_eq!(aside(&ada, "").await.body, json!({ "notices": [] }));
}

/// The ledger would say that the records are destroyed, and they would still be here.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_cannot_have_an_erasure_recorded_that_is_not_carried_out() {
    let node = Node::start(31).await;
    let (ada, dataset) = (World::copy(&node.world.ada), node.world.dataset);
    let erased = vec![Digest([1; 32])];
    let operation =
        Operation::RecordErasure { dataset, erased, last_backup_dies: node.now(), whole: true };
    let events = || node.world.pdc.view(|view| view.log_size).unwrap();
    let before = events();
    let body = json!({ "command": b64(&node.world.sign(&ada, operation).to_bytes()) });
    for path in ["/v1/commands", "/v1/commands/forecast"] {
        let answer = node.post(&ada, path, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text);
        assert!(answer.text.contains("secnet shred"), "{}", answer.text);
    }
    assert_eq!(events(), before);
}
