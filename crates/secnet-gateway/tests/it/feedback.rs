//! What owners say of decisions over HTTP: in their own name only, and without learning of anybody else's.

use reqwest::StatusCode;
use secnet_app::{Feedback, Finding};
use secnet_types::*;
use serde_json::{Value, json};

use crate::client::*;
use crate::world::{HOUR, Person, World};

const PATH: &str = "/v1/feedback";

/// A decision on Ada's data: Bo asks for what is not granted.
async fn refused(node: &mut Node) -> DecisionId {
    let bo = World::copy(&node.world.bo);
    let (call, _) = node.world.call(&bo, Purpose::Marketing, None);
    let answered = node.post(&bo, "/v1/access", &access_body(&call)).await;
    answered.body["refusal"]["decision"].as_str().unwrap().parse().unwrap()
}

fn statement(node: &Node, author: &Person, decision: DecisionId) -> Feedback {
    Feedback {
        network: node.world.pdc.network(),
        decision,
        dataset: node.world.dataset,
        author: author.id,
        finding: Finding::Fine,
        at: node.now(),
        note: "as it should be".into(),
    }
}

fn body(statements: &[Signed<Feedback>]) -> Value {
    let statements: Vec<String> = statements.iter().map(|said| b64(&said.to_bytes())).collect();
    json!({ "statements": statements })
}

fn signed(said: Feedback, by: &Person) -> Signed<Feedback> {
    Signed::sign(said, by.key.as_ref())
}

/// What a member says of one decision, signed and sent by itself.
async fn say(node: &Node, who: &Person, decision: DecisionId) -> Got {
    node.post(who, PATH, &body(&[signed(statement(node, who, decision), who)])).await
}

async fn about(node: &Node, who: &Person, decision: DecisionId) -> Got {
    node.get(who, &format!("{PATH}/{decision}")).await
}

/// All that is kept of what was said.
async fn kept(node: &Node) -> Vec<Feedback> {
    let said = node.world.pdc.feedback_on(node.world.dataset).await.unwrap();
    said.into_iter().map(|said| said.value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_says_once_what_a_decision_was_and_may_change_it() {
    let mut node = Node::start(1).await;
    node.world.granted(None, 0).await;
    let decision = refused(&mut node).await;
    let ada = World::copy(&node.world.ada);
    let asked = about(&node, &ada, decision).await;
    let dataset = node.world.dataset.to_string();
    assert_eq!(asked.body, json!({ "decision": decision.to_string(), "dataset": dataset }));
    let first = statement(&node, &ada, decision);
    let call = body(&[signed(first.clone(), &ada)]);
    // An answer that was lost: the same once more is no contradiction.
    for _ in 0..2 {
        let taken = node.post(&ada, PATH, &call).await;
        assert_eq!((taken.status, taken.text.as_str()), (StatusCode::NO_CONTENT, ""));
    }
    assert_eq!(about(&node, &ada, decision).await.body["said"]["finding"], "fine");
    let then = Feedback { finding: Finding::Wrong, at: first.at.plus_ms(1), ..first.clone() };
    let mut other = body(&[signed(then.clone(), &ada)]);
    let contradicted = node.post(&ada, PATH, &other).await;
    assert_eq!(contradicted.status, StatusCode::CONFLICT);
    assert_eq!(contradicted.body["code"], "already-said");
    other["change"] = true.into();
    assert_eq!(node.post(&ada, PATH, &other).await.status, StatusCode::NO_CONTENT);
    assert_eq!(kept(&node).await, std::slice::from_ref(&then));
    // What she said before does not come back, whoever kept it.
    let mut replayed = call;
    replayed["change"] = true.into();
    let older = node.post(&ada, PATH, &replayed).await;
    assert_eq!((older.status, &older.body["code"]), (StatusCode::CONFLICT, &"already-said".into()));
    assert_eq!(kept(&node).await, [then]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_contradict_each_other_at_once_one_is_taken() {
    const AT_ONCE: u8 = 16;
    let mut node = Node::start(5).await;
    node.world.granted(None, 0).await;
    let decision = refused(&mut node).await;
    let ada = World::copy(&node.world.ada);
    let said = |n: u8| {
        let said = Feedback { note: format!("{n}"), ..statement(&node, &ada, decision) };
        body(&[signed(said, &ada)])
    };
    let bodies: Vec<Value> = (0..AT_ONCE).map(said).collect();
    let calls = bodies.iter().map(|body| node.post(&ada, PATH, body));
    let answers = futures::future::join_all(calls).await;
    let taken = answers.iter().filter(|answer| answer.status == StatusCode::NO_CONTENT).count();
    assert_eq!(taken, 1);
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::NO_CONTENT) {
        assert_eq!(answer.body["code"], "already-said", "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_nobody_speaks_in_anothers_name() {
    let mut node = Node::start(2).await;
    node.world.granted(None, 0).await;
    let decision = refused(&mut node).await;
    let [ada, eve] = [&node.world.ada, &node.world.eve].map(World::copy);
    let genuine = signed(statement(&node, &ada, decision), &ada);
    // Ada's own words, in a call of Eve's; then words that Eve has put into Ada's mouth.
    let carried = node.post(&eve, PATH, &body(std::slice::from_ref(&genuine))).await;
    assert_eq!(
        (carried.status, &carried.body["code"]),
        (StatusCode::FORBIDDEN, &"other-key".into())
    );
    let forged = body(&[signed(statement(&node, &ada, decision), &eve)]);
    for caller in [&ada, &eve] {
        let refused = node.post(caller, PATH, &forged).await;
        assert_eq!(refused.body["code"], "other-key", "{}", refused.text);
    }
    // A flipped bit in what is said.
    let mut bytes = genuine.to_bytes();
    let at = bytes.windows(4).position(|window| window == b"as i").unwrap();
    bytes[at] ^= 1;
    let changed = json!({ "statements": [b64(&bytes)] });
    assert_eq!(node.post(&ada, PATH, &changed).await.status, StatusCode::UNAUTHORIZED);
    // A session that was stolen, by another key; and one of hers, which is enough for what is signed inside.
    let opened =
        answer(node.signed(&ada, "POST", "/v1/sessions", None).send().await.unwrap()).await;
    let token = opened.body["token"].as_str().unwrap();
    let by_session = async |body: &Value| {
        answer(node.bare("POST", PATH).bearer_auth(token).json(body).send().await.unwrap()).await
    };
    assert_eq!(by_session(&forged).await.body["code"], "other-key");
    assert_eq!(kept(&node).await, []);
    assert_eq!(by_session(&body(&[genuine])).await.status, StatusCode::NO_CONTENT);
    assert_eq!(kept(&node).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_somebody_elses_data_is_answered_as_one_that_is_not() {
    let mut node = Node::start(3).await;
    node.world.granted(None, 0).await;
    let decision = refused(&mut node).await;
    let nowhere = DecisionId([9; 16]);
    let [ada, bo, eve] = [&node.world.ada, &node.world.bo, &node.world.eve].map(World::copy);
    // Bo was refused by it, and knows its id; what it was is not for him to say.
    for who in [&bo, &eve] {
        let there = (about(&node, who, decision).await, say(&node, who, decision).await);
        let not = (about(&node, who, nowhere).await, say(&node, who, nowhere).await);
        for (there, not) in [(there.0, not.0), (there.1, not.1)] {
            assert_eq!((there.status, &there.text), (StatusCode::NOT_FOUND, &not.text));
            assert_eq!(there.body["code"], "not-visible");
        }
    }
    // Also to the owner, of a dataset that it was not on.
    let elsewhere = Feedback { dataset: DatasetId([9; 16]), ..statement(&node, &ada, decision) };
    let wrong = node.post(&ada, PATH, &body(&[signed(elsewhere, &ada)])).await;
    assert_eq!(wrong.status, StatusCode::NOT_FOUND);
    // All or nothing.
    let second = refused(&mut node).await;
    let both = [second, nowhere].map(|id| signed(statement(&node, &ada, id), &ada));
    assert_eq!(node.post(&ada, PATH, &body(&both)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(kept(&node).await, []);
    // Whom she lets grant speaks for her, as long as she does; and says it in its own name.
    let now = node.now();
    let delegation = Delegation {
        delegate: eve.id,
        powers: Powers::default().with(Power::Grant),
        dataset: None,
        window: Window { from: now, until: now.plus_ms(HOUR) },
    };
    node.world.submit(&ada, Operation::Delegate { delegation }).await;
    assert_eq!(say(&node, &eve, decision).await.status, StatusCode::NO_CONTENT);
    assert!(about(&node, &ada, decision).await.body.get("said").is_none(), "it is Eve's word");
    node.world.clock.advance(HOUR);
    assert_eq!(about(&node, &eve, decision).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_are_not_well_formed_are_refused_each_with_its_reason() {
    let mut node = Node::start(4).await;
    node.world.granted(None, 0).await;
    let decision = refused(&mut node).await;
    let ada = World::copy(&node.world.ada);
    let good = statement(&node, &ada, decision);
    let twice = [signed(good.clone(), &ada), signed(good.clone(), &ada)];
    let one = |said: Feedback| [signed(said, &ada)];
    for (statements, code) in [
        (&[][..], "malformed"),
        (&twice[..], "invalid-feedback"),
        (&one(Feedback { network: NetworkId([1; 32]), ..good.clone() }), "invalid-feedback"),
        (&one(Feedback { note: "x".repeat(1025), ..good.clone() }), "invalid-feedback"),
        // It could never be replaced before that time.
        (&one(Feedback { at: good.at.plus_ms(HOUR), ..good.clone() }), "invalid-feedback"),
    ] {
        let refused = node.post(&ada, PATH, &body(statements)).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (StatusCode::BAD_REQUEST, &code.into())
        );
    }
    for body in [
        json!({}),
        json!({ "statements": "" }),
        json!({ "statements": ["AAAA"] }),
        json!({ "statements": [1] }),
        json!({ "statements": [], "by": "ada" }),
        json!([[], false]),
    ] {
        assert_eq!(node.post(&ada, PATH, &body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(node.get(&ada, &format!("{PATH}/abc")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        node.bare("GET", PATH).send().await.unwrap().status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(kept(&node).await, []);
}
