//! AuthZEN: the standard's shapes, and that a decision asked for in them is a decision.

use reqwest::StatusCode;
use secnet_app::AccessCall;
use secnet_types::*;
use serde_json::{Value, json};

use crate::client::*;
use crate::world::{Person, World};

/// A call as a question.
pub(crate) fn question(call: &AccessCall) -> Value {
    let request = Signed::<AccessRequest>::parse(&call.request).unwrap().value;
    json!({
        "subject": { "type": "member", "id": request.requester.to_string() },
        "action": { "name": "read" },
        "resource": { "type": "dataset", "id": request.dataset.to_string() },
        "context": {
            "request": b64(&call.request), "detail": b64(&call.detail),
            "receiving_key": b64(&call.receiving_key),
        },
    })
}

const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";
const SEARCH: &str = "/access/v1/search/resource";

fn size(node: &Node) -> u64 {
    node.world.pdc.view(|view| view.log_size).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_is_recorded_paid_for_and_collected_without_paying_again() {
    let mut node = Node::start(1).await;
    node.world.granted(None, 1_000_000).await;
    let bo = World::copy(&node.world.bo);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let before = node.world.balance(&bo);
    let mut asked = question(&call);
    // What the standard lets others add decides nothing.
    asked["futureField"] = json!({ "nested": true });
    asked["subject"]["properties"] = json!({ "role": "admin" });
    asked["context"]["time"] = json!("1985-10-26T01:22-07:00");
    let answer = node.post(&bo, EVALUATION, &asked).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.body["decision"], true);
    let context = &answer.body["context"];
    assert_eq!(context["price"], "1");
    assert_eq!(context.get("preview"), None);
    let receipt = Receipt::parse(&bytes(&context["receipt"])).unwrap();
    receipt.verify(node.world.genesis()).unwrap();
    assert_eq!(node.world.balance(&bo), before - 1_000_000);
    for _ in 0..2 {
        let again = node.post(&bo, EVALUATION, &asked).await;
        assert_eq!(again.body, answer.body);
    }
    let collected = node.post(&bo, "/v1/access", &access_body(&call)).await;
    assert_eq!(collected.body["decision"], context["decision"]);
    assert_eq!(node.world.balance(&bo), before - 1_000_000);
    let history = node.world.pdc.history(node.world.ada.id).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].facts.as_ref().unwrap().door, "authzen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_an_answer_and_what_is_hidden_is_answered_as_what_does_not_exist() {
    let mut node = Node::start(2).await;
    node.world.granted(None, 0).await;
    let (bo, eve) = (World::copy(&node.world.bo), World::copy(&node.world.eve));
    let (call, _) = node.world.call(&bo, Purpose::Marketing, None);
    let denied = node.post(&bo, EVALUATION, &question(&call)).await;
    assert_eq!(denied.status, StatusCode::OK);
    assert_eq!(denied.body["decision"], false);
    let context = &denied.body["context"];
    assert_eq!((&context["reason"], &context["held"]), (&json!("consent"), &json!(false)));
    Receipt::parse(&bytes(&context["receipt"])).unwrap().verify(node.world.genesis()).unwrap();

    let mut answers = Vec::new();
    for dataset in [node.world.dataset, DatasetId([9; 16])] {
        let (call, _) = node.world.call_for(&eve, dataset, Purpose::Treatment, None);
        let asked = question(&call);
        let decided = node.post(&eve, EVALUATION, &asked).await;
        let previewed = node.post(&eve, EVALUATIONS, &json!({ "evaluations": [asked] })).await;
        let search = json!({
            "subject": asked["subject"], "action": asked["action"],
            "resource": { "type": "record", "properties": { "dataset": dataset.to_string() } },
            "context": { "purpose": "treatment" },
        });
        let found = node.post(&eve, SEARCH, &search).await;
        assert_eq!(found.body["results"], json!([]), "{}", found.text);
        answers.push([decided, previewed, found].map(|got| (got.status, got.text)));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][0].1.matches("\"decision\":false").count(), 1);
}

async fn text(node: &Node, who: &Person, path: &str, body: &Value) -> (u16, String) {
    let request = node.signed(who, "POST", path, Some(body));
    let response = request.header("x-request-id", "my-own-id").send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "my-own-id");
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let expected = if status == 200 { "application/json" } else { "text/plain; charset=utf-8" };
    assert_eq!(kind, expected);
    (status, response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_not_what_was_signed_or_not_whole_is_a_bad_request() {
    let mut node = Node::start(3).await;
    node.world.granted(None, 0).await;
    let (bo, eve) = (World::copy(&node.world.bo), World::copy(&node.world.eve));
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let whole = question(&call);
    let before = size(&node);
    let changed = |pointer: &str, value: Value| {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    let without = |object: &str, key: &str| {
        let mut changed = whole.clone();
        changed.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        changed
    };
    let cases = [
        changed("/subject/id", json!(eve.id.to_string())),
        changed("/subject/type", json!("user")),
        changed("/subject", json!("alice")),
        changed("/action/name", json!("write")),
        changed("/action/name", json!(123)),
        changed("/resource/id", json!(DatasetId([9; 16]).to_string())),
        changed("/resource/type", json!("record")),
        changed("/context/detail", json!("AAAA")),
        changed("/context/request", json!("AAAA")),
        without("", "subject"),
        without("", "action"),
        without("", "resource"),
        without("", "context"),
        without("/subject", "type"),
        without("/subject", "id"),
        without("/action", "name"),
        without("/resource", "type"),
        without("/resource", "id"),
        without("/context", "receiving_key"),
        json!([]),
    ];
    for case in cases {
        let (status, said) = text(&node, &bo, EVALUATION, &case).await;
        assert_eq!(status, 400, "{case}: {said}");
    }
    let request = node.signed(&bo, "POST", EVALUATION, Some(&whole));
    let typed = request.header("content-encoding", "gzip").send().await.unwrap();
    assert_eq!(typed.status(), StatusCode::BAD_REQUEST);
    let bare = node.bare("POST", EVALUATION).json(&whole).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
    assert!(!bare.text().await.unwrap().starts_with('{'));
    assert_eq!(text(&node, &eve, EVALUATION, &whole).await.0, 403, "not her request");
    assert_eq!(size(&node), before, "nothing was decided");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_evaluations_are_previews_and_leave_nothing_behind() {
    let mut node = Node::start(4).await;
    node.world.granted(None, 1_000_000).await;
    let bo = World::copy(&node.world.bo);
    let (yes, _) = node.world.call(&bo, Purpose::Treatment, None);
    let (no, _) = node.world.call(&bo, Purpose::Marketing, None);
    let (yes, no) = (question(&yes), question(&no));
    let before = size(&node);
    let only = |asked: &Value| json!({ "context": asked["context"] });
    let ask = |all: Vec<Value>, semantic: Option<&str>| {
        let mut body = json!({
            "subject": yes["subject"], "action": yes["action"], "resource": yes["resource"],
            "evaluations": all,
        });
        if let Some(semantic) = semantic {
            body["options"] = json!({ "evaluations_semantic": semantic });
        }
        body
    };
    let decisions = |answer: &Got| -> Vec<bool> {
        let all = answer.body["evaluations"].as_array().unwrap();
        assert!(all.iter().all(|one| one["context"]["preview"] == true), "{}", answer.text);
        all.iter().map(|one| one["decision"].as_bool().unwrap()).collect()
    };
    let three = vec![only(&yes), only(&no), only(&yes)];
    let all = node.post(&bo, EVALUATIONS, &ask(three.clone(), None)).await;
    assert_eq!(decisions(&all), [true, false, true], "{}", all.text);
    assert_eq!(all.body["evaluations"][0]["context"]["price"], "1");
    assert_eq!(all.body.get("decision"), None);
    let first_no = ask(three.clone(), Some("deny_on_first_deny"));
    assert_eq!(decisions(&node.post(&bo, EVALUATIONS, &first_no).await), [true, false]);
    let first_yes = ask(three, Some("permit_on_first_permit"));
    assert_eq!(decisions(&node.post(&bo, EVALUATIONS, &first_yes).await), [true]);
    let broken = node.post(&bo, EVALUATIONS, &ask(vec![only(&yes), json!({})], None)).await;
    assert_eq!(decisions(&broken), [true, false]);
    assert_eq!(broken.body["evaluations"][1]["context"]["error"]["status"], 400);
    let unknown = node.post(&bo, EVALUATIONS, &ask(vec![only(&yes)], Some("guess"))).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    let many = node.post(&bo, EVALUATIONS, &ask(vec![only(&yes); 33], None)).await;
    assert_eq!(many.status, StatusCode::BAD_REQUEST);
    assert_eq!(size(&node), before);

    // Without a list it is the single evaluation.
    let mut single = yes.clone();
    single["evaluations"] = json!([]);
    let single = node.post(&bo, EVALUATIONS, &single).await;
    assert_eq!(single.body["decision"], true, "{}", single.text);
    assert!(size(&node) > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_page_by_page_what_could_be_asked_for() {
    let mut node = Node::start(5).await;
    node.world.granted(None, 0).await;
    let bo = World::copy(&node.world.bo);
    let body = |page: Value| {
        json!({
            "subject": { "type": "member", "id": bo.id.to_string() },
            "action": { "name": "read" },
            "resource": {
                "type": "record", "properties": { "dataset": node.world.dataset.to_string() },
            },
            "context": { "purpose": "treatment" },
            "page": page,
        })
    };
    let first = node.post(&bo, SEARCH, &body(json!({ "limit": 1 }))).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!(first.body["results"][0]["type"], "record");
    assert_eq!(first.body["page"]["count"], 1);
    assert_eq!(first.body["context"], json!({ "preview": true }));
    let token = first.body["page"]["next_token"].as_str().unwrap();
    let second = node.post(&bo, SEARCH, &body(json!({ "token": token }))).await;
    assert_ne!(second.body["results"][0]["id"], first.body["results"][0]["id"]);
    assert_eq!(second.body["page"], json!({ "next_token": "", "count": 1 }));
    // Kinds that there are none of here, and other people's eyes.
    for (pointer, value) in [
        ("/resource/type", "spaceship"),
        ("/subject/type", "user"),
        ("/subject/id", "nobody"),
        ("/action/name", "fly"),
    ] {
        let mut other = body(json!({}));
        *other.pointer_mut(pointer).unwrap() = json!(value);
        let found = node.post(&bo, SEARCH, &other).await;
        assert_eq!(
            (found.status, &found.body["results"]),
            (StatusCode::OK, &json!([])),
            "{pointer}"
        );
    }
    let mut vague = body(json!({}));
    vague.as_object_mut().unwrap().remove("context");
    assert_eq!(node.post(&bo, SEARCH, &vague).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_see_where_the_api_is() {
    let node = Node::start(6).await;
    let found = node.bare("GET", "/.well-known/authzen-configuration").send().await.unwrap();
    assert_eq!(found.headers()["content-type"], "application/json");
    let found = answer(found).await;
    let base = found.body["policy_decision_point"].as_str().unwrap();
    assert_eq!(base, format!("http://{}", node.authority));
    for (name, path) in [
        ("access_evaluation_endpoint", EVALUATION),
        ("access_evaluations_endpoint", EVALUATIONS),
        ("search_resource_endpoint", SEARCH),
    ] {
        assert_eq!(found.body[name], format!("{base}{path}"));
    }
}
