//! What a door offers besides: pages about problems, calls that can be made again, lists in pages, what an owner committed to, who
//! tried something out.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use secnet_app::PREVIEWS_PER_MINUTE;
use secnet_types::*;
use serde_json::{Value, json};

use crate::authzen::question;
use crate::client::*;
use crate::world::{HOUR, Person, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_type_of_a_problem_leads_to_a_page_about_it() {
    let node = Node::start(1).await;
    let refused = answer(node.bare("GET", "/v1/datasets").send().await.unwrap()).await;
    let page = node.bare("GET", refused.body["type"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(
        page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'")
    );
    assert!(page.text().await.unwrap().contains("<title>unauthenticated</title>"));
    for code in ["malformed", "insufficient-funds", "damaged", "not-released", "too-often"] {
        let page = node.bare("GET", &format!("/problems/{code}")).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "{code}");
    }
    for code in ["nothing", "..%2f..%2fsecret", "%3Cscript%3E", "code", "-", "%60"] {
        let none =
            answer(node.bare("GET", &format!("/problems/{code}")).send().await.unwrap()).await;
        assert_eq!(
            (none.status, &none.body["code"]),
            (StatusCode::NOT_FOUND, &json!("unknown-path"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_opened_once_however_often_the_call_is_made_again() {
    let node = Node::start(2).await;
    let (bo, eve) = (World::copy(&node.world.bo), World::copy(&node.world.eve));
    let open = async |who: &Person, key: &str| {
        let call = node.signed(who, "POST", "/v1/sessions", None).header("idempotency-key", key);
        answer(call.send().await.unwrap()).await
    };
    let first = open(&bo, "0123456789abcdef").await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    node.world.clock.advance(30_000);
    assert_eq!(open(&bo, "0123456789abcdef").await.text, first.text);
    let others = [open(&bo, "another-key-of-his").await, open(&eve, "0123456789abcdef").await];
    for other in &others {
        assert_ne!(other.body["token"], first.body["token"]);
    }
    let get = async |token: &Value| {
        let call = node.bare("GET", "/v1/datasets").bearer_auth(token.as_str().unwrap());
        call.send().await.unwrap().status()
    };
    assert_eq!(get(&first.body["token"]).await, StatusCode::OK);
    let end =
        node.bare("DELETE", "/v1/sessions").bearer_auth(first.body["token"].as_str().unwrap());
    assert_eq!(end.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    // An ended session does not come back.
    let after = open(&bo, "0123456789abcdef").await;
    assert_ne!(after.body["token"], first.body["token"]);
    assert_eq!(get(&first.body["token"]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(get(&others[1].body["token"]).await, StatusCode::OK);
    for wrong in ["short", &"a".repeat(129), "with a blank in it"] {
        assert_eq!(open(&bo, wrong).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_gets_the_list_that_her_next_update_goes_on_from() {
    let node = Node::start(3).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    let path = format!("/v1/datasets/{}/manifest", node.world.dataset);
    let answer = node.get(&ada, &path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let manifest = bytes(&answer.body["manifest"]);
    let manifest = secnet_app::DatasetManifest::from_bytes(&manifest).unwrap();
    let entry = node.world.pdc.view(|view| view.state.dataset(node.world.dataset).unwrap().clone());
    let on_ledger = entry.unwrap().manifest;
    assert_eq!(manifest.commitment(), on_ledger);
    assert_eq!(bytes(&answer.body["commitment"]), on_ledger.0);
    assert_eq!(answer.body["uploads"], json!([b64(&manifest.uploads[0].0)]));
    assert_eq!(node.get(&bo, &path).await.status, StatusCode::NOT_FOUND);
    // Whom she lets grant reads it in her name.
    let now = node.now();
    let delegation = Delegation {
        delegate: bo.id,
        powers: Powers::ALL,
        dataset: None,
        window: Window { from: now, until: now.plus_ms(HOUR) },
    };
    node.world.submit(&ada, Operation::Delegate { delegation }).await;
    assert_eq!(node.get(&bo, &format!("{path}?as={}", ada.id)).await.body, answer.body);
}

/// All pages of a list, gone through with a limit.
async fn pages(node: &Node, who: &Person, path: &str, fields: &[&str]) -> Vec<Vec<Value>> {
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = node.get(who, &format!("{path}{after}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let lists = fields.iter().flat_map(|field| page.body[field].as_array().unwrap().clone());
        pages.push(lists.collect());
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return pages,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_come_page_by_page_and_each_once() {
    let mut node = Node::start(4).await;
    let mut grants = Vec::new();
    for _ in 0..5 {
        grants.push(node.world.granted(None, 0).await.0);
    }
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    let now = node.now();
    for party in [node.world.bo.id, node.world.eve.id] {
        let denial = Denial {
            dataset: None,
            party: Party::Member(party),
            window: Window { from: now, until: now.plus_ms(HOUR) },
            even_in_emergency: false,
            detail: None,
        };
        node.world.submit(&ada, Operation::Deny { denial }).await;
    }
    let lists = ["given", "received", "denials"];
    let whole = pages(&node, &ada, "/v1/consents?limit=1000", &lists).await;
    assert_eq!(whole.len(), 1);
    for limit in 1..=8 {
        let path = format!("/v1/consents?limit={limit}");
        let paged = pages(&node, &ada, &path, &lists).await;
        assert_eq!(paged.concat(), whole[0], "{limit}");
        assert!(paged.iter().all(|page| page.len() <= limit));
    }
    assert_eq!(pages(&node, &bo, "/v1/consents?limit=2", &lists).await.concat().len(), 5);
    // A grant that ends between two pages moves nothing else, and is on no later page.
    grants.sort_unstable();
    let first = node.get(&ada, "/v1/consents?limit=2").await;
    let next = first.body["next"].as_str().unwrap();
    for gone in [grants[0], grants[3]] {
        let revoke = Operation::Revoke { grant: gone, reason: Reason::Unstated };
        node.world.submit(&ada, revoke).await;
    }
    let second = node.get(&ada, &format!("/v1/consents?limit=2&after={next}")).await;
    let ids: Vec<_> =
        second.body["given"].as_array().unwrap().iter().map(|g| &g["grant"]).collect();
    assert_eq!(ids, [&json!(grants[2].to_string()), &json!(grants[4].to_string())]);

    let who = format!("/v1/datasets/{}/who?limit=1", node.world.dataset);
    let seers = pages(&node, &ada, &who, &["who"]).await;
    let seen: BTreeSet<_> = seers.concat().iter().map(|seer| seer["grant"].to_string()).collect();
    assert_eq!((seers.len(), seen.len()), (seers.concat().len().max(1), seers.concat().len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_gone_back_through_page_by_page() {
    let node = Node::start(5).await;
    let bo = World::copy(&node.world.bo);
    for amount in 1..=6 {
        let transfer = Operation::Transfer { to: node.world.eve.id, amount: Amount(amount) };
        node.world.submit(&bo, transfer).await;
    }
    let whole = node.get(&bo, "/v1/statement").await;
    let all = whole.body["lines"].as_array().unwrap();
    assert_eq!((all.len(), &whole.body["earlier"]), (7, &json!(0)));
    assert!(whole.body.get("before").is_none());
    let (mut lines, mut before) = (Vec::new(), String::new());
    loop {
        let page = node.get(&bo, &format!("/v1/statement?limit=3{before}")).await;
        let mut part = page.body["lines"].as_array().unwrap().clone();
        assert!(part.len() <= 3);
        part.extend(lines);
        lines = part;
        match page.body.get("before") {
            Some(event) => before = format!("&before={event}"),
            None => break,
        }
    }
    assert_eq!(lines, *all);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_something_out_is_seen_by_the_owner() {
    let mut node = Node::start(6).await;
    node.world.granted(None, 0).await;
    let (ada, bo, eve) =
        (World::copy(&node.world.ada), World::copy(&node.world.bo), World::copy(&node.world.eve));
    for (who, purpose) in
        [(&bo, Purpose::Treatment), (&bo, Purpose::Marketing), (&eve, Purpose::Treatment)]
    {
        let (call, _) = node.world.call(who, purpose, None);
        node.post(who, "/v1/access/preview", &access_body(&call)).await;
        let (call, _) = node.world.call(who, purpose, None);
        let body = json!({ "evaluations": [question(&call)] });
        node.post(who, "/access/v1/evaluations", &body).await;
    }
    let path = format!("/v1/datasets/{}/previews", node.world.dataset);
    let seen = node.get(&ada, &path).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    let tried = seen.body["previews"].as_array().unwrap();
    // Whom nothing was told leaves nothing.
    assert_eq!(tried.len(), 1, "{}", seen.text);
    assert_eq!(tried[0]["requester"], bo.id.to_string());
    let counts = ["allowed", "held", "denied"].map(|field| tried[0][field].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 2]);
    assert_eq!(tried[0]["purposes"], json!(["treatment", "marketing"]));
    assert_eq!(node.get(&bo, &path).await.status, StatusCode::NOT_FOUND);
    // In the process nothing is kept: whoever is there has the folder.
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    node.world.pdc.preview(&call).await.unwrap();
    assert_eq!(node.get(&ada, &path).await.body, seen.body);
    // Another day is another entry, and a page of its own.
    node.world.clock.advance(24 * HOUR);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    node.post(&bo, "/v1/access/preview", &access_body(&call)).await;
    let days = pages(&node, &ada, &format!("{path}?limit=1"), &["previews"]).await;
    assert_eq!(days.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_out_is_limited_alike_for_what_there_is_and_what_there_is_not() {
    let mut node = Node::start(7).await;
    node.world.granted(None, 0).await;
    let (bo, eve) = (World::copy(&node.world.bo), World::copy(&node.world.eve));
    for (who, dataset, told) in [(&bo, node.world.dataset, 200), (&eve, node.world.dataset, 404)] {
        for n in 0..PREVIEWS_PER_MINUTE + 1 {
            // Also what does not exist counts.
            let dataset = if n % 2 == 0 { dataset } else { DatasetId([9; 16]) };
            let (call, _) = node.world.call_for(who, dataset, Purpose::Treatment, None);
            let answer = node.post(who, "/v1/access/preview", &access_body(&call)).await;
            let wanted = match n {
                PREVIEWS_PER_MINUTE => 429,
                n if n % 2 == 0 => told,
                _ => 404,
            };
            assert_eq!(answer.status.as_u16(), wanted, "{n}: {}", answer.text);
        }
    }
    node.world.clock.advance(60_000);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let answer = node.post(&bo, "/v1/access/preview", &access_body(&call)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_find_who_could_and_what_one_could_do_as_the_decision_would_say() {
    let mut node = Node::start(8).await;
    node.world.granted(None, 0).await;
    let (ada, bo, eve) =
        (World::copy(&node.world.ada), World::copy(&node.world.bo), World::copy(&node.world.eve));
    let [plain, _, labelled] = <[RecordId; 3]>::try_from(node.world.records.clone()).unwrap();
    let search = |record: Option<RecordId>, purpose: &str| {
        let mut resource = json!({ "type": "record", "properties": { "dataset": node.world.dataset.to_string() } });
        if let Some(record) = record {
            resource["id"] = json!(record.to_string());
        }
        json!({
            "subject": { "type": "member", "id": bo.id.to_string() },
            "action": { "name": "read" }, "resource": resource, "context": { "purpose": purpose },
        })
    };
    const SUBJECT: &str = "/access/v1/search/subject";
    const ACTION: &str = "/access/v1/search/action";
    let found = async |who: &Person, path: &str, body: &Value| {
        let answer = node.post(who, path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.body["context"], json!({ "preview": true }));
        assert_eq!(answer.body["page"]["count"], answer.body["results"].as_array().unwrap().len());
        answer.body["results"].clone()
    };
    let him = json!([{ "type": "member", "id": bo.id.to_string() }]);
    for (record, purpose, subjects, actions) in [
        (None, "treatment", &him, json!([{ "name": "read" }])),
        (Some(plain), "treatment", &him, json!([{ "name": "read" }])),
        (Some(labelled), "treatment", &json!([]), json!([])),
        (Some(plain), "marketing", &json!([]), json!([])),
        (Some(RecordId([9; 16])), "treatment", &json!([]), json!([])),
    ] {
        let body = search(record, purpose);
        assert_eq!(found(&ada, SUBJECT, &body).await, *subjects, "{record:?} {purpose}");
        assert_eq!(found(&bo, ACTION, &body).await, actions, "{record:?} {purpose}");
        // Neither is a stranger's, nor of another's.
        assert_eq!(found(&bo, SUBJECT, &body).await, json!([]));
        assert_eq!(found(&eve, SUBJECT, &body).await, json!([]));
        assert_eq!(found(&eve, ACTION, &body).await, json!([]));
    }
    let mut other = search(None, "treatment");
    other["subject"] = json!({ "type": "group" });
    assert_eq!(found(&ada, SUBJECT, &other).await, json!([]));
    other["action"] = json!({ "name": "swim" });
    assert_eq!(found(&ada, SUBJECT, &other).await, json!([]));
    for missing in ["subject", "resource", "context"] {
        let mut body = search(None, "treatment");
        body.as_object_mut().unwrap().remove(missing);
        for path in [SUBJECT, ACTION] {
            assert_eq!(
                node.post(&ada, path, &body).await.status,
                StatusCode::BAD_REQUEST,
                "{missing}"
            );
        }
    }
    let configuration =
        node.bare("GET", "/.well-known/authzen-configuration").send().await.unwrap();
    let configuration = answer(configuration).await.body;
    for (endpoint, path) in
        [("search_subject_endpoint", SUBJECT), ("search_action_endpoint", ACTION)]
    {
        assert!(configuration[endpoint].as_str().unwrap().ends_with(path));
    }
}
