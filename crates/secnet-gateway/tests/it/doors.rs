//! P9: the same question gets the same answer at every door. Each question is asked in a world of its own, made from the
//! same seed in the same way, once in the process, as the command line does, once over HTTP and once as AuthZEN.

use secnet_app::{AccessCall, Outcome, Preview};
use secnet_types::*;
use serde_json::{Value, json};

use crate::authzen::question;
use crate::client::*;
use crate::world::{Person, World};

/// How the world came to be as it is when the question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    NothingGranted,
    Granted,
    GrantedForMoney,
    GrantedForMoreThanThereIs,
    Revoked,
    Withdrawn,
    UsedUp,
}

const STORIES: [Story; 7] = [
    Story::NothingGranted,
    Story::Granted,
    Story::GrantedForMoney,
    Story::GrantedForMoreThanThereIs,
    Story::Revoked,
    Story::Withdrawn,
    Story::UsedUp,
];

#[derive(Debug, Clone, Copy)]
enum Door {
    InProcess,
    Http,
    AuthZen,
}

async fn prepared(story: Story) -> Node {
    let mut node = Node::start(42).await;
    let ada = World::copy(&node.world.ada);
    let price = match story {
        Story::NothingGranted => return node,
        Story::GrantedForMoney => 1_000_000,
        Story::GrantedForMoreThanThereIs => 4_000_000,
        _ => 0,
    };
    let (grant, _) = node.world.granted(None, price).await;
    match story {
        Story::Revoked => {
            let revoke = Operation::Revoke { grant, reason: Reason::Unstated };
            node.world.submit(&ada, revoke).await;
        }
        Story::Withdrawn => {
            let withdraw = Operation::WithdrawDataset { dataset: node.world.dataset };
            node.world.submit(&ada, withdraw).await;
        }
        Story::UsedUp => {
            let bo = World::copy(&node.world.bo);
            for _ in 0..2 {
                let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
                node.world.pdc.access(&call).await.unwrap();
            }
        }
        Story::GrantedForMoreThanThereIs => {
            let bo = World::copy(&node.world.bo);
            let amount = Amount(node.world.balance(&bo) - 3_000_000);
            node.world.submit(&bo, Operation::Transfer { to: ada.id, amount }).await;
        }
        _ => {}
    }
    node
}

/// What is the same at every door: the verdict, what it costs, and why.
async fn asked(node: &Node, who: &Person, call: &AccessCall, door: Door) -> Value {
    match door {
        Door::InProcess => match node.world.pdc.access(call).await.unwrap() {
            Outcome::Released(delivery) => {
                json!({ "verdict": "allow", "price": delivery.price.to_string() })
            }
            Outcome::Projected(projected) => {
                json!({ "verdict": "allow", "price": projected.price.to_string() })
            }
            Outcome::Held(refusal) => {
                json!({ "verdict": "hold", "reason": refusal.class.as_str(), "remedy": refusal.remedy })
            }
            Outcome::Denied(refusal) => {
                json!({ "verdict": "deny", "reason": refusal.class.as_str(), "remedy": refusal.remedy })
            }
            Outcome::NotVisible => json!({ "verdict": "not-visible" }),
        },
        Door::Http => {
            let answer = node.post(who, "/v1/access", &access_body(call)).await;
            let because = |verdict: &str, refusal: &Value| json!({ "verdict": verdict, "reason": refusal["reason"], "remedy": refusal["remedy"] });
            match answer.status.as_u16() {
                200 => json!({ "verdict": "allow", "price": answer.body["price"] }),
                202 => because("hold", &answer.body),
                403 => because("deny", &answer.body["refusal"]),
                404 => json!({ "verdict": "not-visible" }),
                other => panic!("{other}: {}", answer.text),
            }
        }
        Door::AuthZen => {
            let answer = node.post(who, "/access/v1/evaluation", &question(call)).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            evaluated(&answer.body)
        }
    }
}

fn evaluated(answer: &Value) -> Value {
    let context = &answer["context"];
    match (answer["decision"].as_bool().unwrap(), context["reason"].as_str()) {
        (true, _) => json!({ "verdict": "allow", "price": context["price"] }),
        (false, Some("not-visible")) => json!({ "verdict": "not-visible" }),
        (false, _) => {
            let verdict = if context["held"] == true { "hold" } else { "deny" };
            json!({ "verdict": verdict, "reason": context["reason"], "remedy": context["remedy"] })
        }
    }
}

/// The same as a preview.
async fn previewed(node: &Node, who: &Person, call: &AccessCall, door: Door) -> Value {
    match door {
        Door::InProcess => match node.world.pdc.preview(call).await.unwrap() {
            Preview::Released { price, .. } => {
                json!({ "verdict": "allow", "price": price.to_string() })
            }
            Preview::Held(why) => {
                json!({ "verdict": "hold", "reason": why.class.as_str(), "remedy": why.remedy })
            }
            Preview::Denied(why) => {
                json!({ "verdict": "deny", "reason": why.class.as_str(), "remedy": why.remedy })
            }
            Preview::Decided(verdict) => json!({ "verdict": verdict.as_str() }),
            Preview::NotVisible => json!({ "verdict": "not-visible" }),
        },
        Door::Http => {
            let answer = node.post(who, "/v1/access/preview", &access_body(call)).await;
            let body = &answer.body;
            match (answer.status.as_u16(), body["verdict"].as_str()) {
                (200, Some("allow")) => json!({ "verdict": "allow", "price": body["price"] }),
                (200, Some(verdict)) => {
                    json!({ "verdict": verdict, "reason": body["reason"], "remedy": body["remedy"] })
                }
                (404, _) => json!({ "verdict": "not-visible" }),
                (other, _) => panic!("{other}: {}", answer.text),
            }
        }
        Door::AuthZen => {
            let body = json!({ "evaluations": [question(call)] });
            let answer = node.post(who, "/access/v1/evaluations", &body).await;
            evaluated(&answer.body["evaluations"][0])
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_the_same_question_gets_the_same_answer_at_every_door() {
    let mut verdicts = std::collections::BTreeSet::new();
    for story in STORIES {
        for (who, purpose) in [
            ("bo", Purpose::Treatment),
            ("bo", Purpose::Marketing),
            ("ada", Purpose::Treatment),
            ("eve", Purpose::Treatment),
        ] {
            let mut answers = Vec::new();
            for door in [Door::InProcess, Door::Http, Door::AuthZen] {
                let mut node = Box::pin(prepared(story)).await;
                let person = match who {
                    "bo" => World::copy(&node.world.bo),
                    "ada" => World::copy(&node.world.ada),
                    _ => World::copy(&node.world.eve),
                };
                let (call, _) = node.world.call(&person, purpose, None);
                let foreseen = previewed(&node, &person, &call, door).await;
                let answer = asked(&node, &person, &call, door).await;
                let events = node.world.pdc.view(|view| view.log_size).unwrap();
                let left = node.world.balance(&person);
                answers.push((foreseen, answer, events, left));
            }
            verdicts.insert(answers[0].1["verdict"].as_str().unwrap().to_owned());
            for other in &answers[1..] {
                assert_eq!(*other, answers[0], "{story:?}, {who} for {purpose:?}");
            }
        }
    }
    // The stories tell of something.
    assert!(verdicts.is_superset(&["allow", "deny", "not-visible"].map(str::to_owned).into()));
}
