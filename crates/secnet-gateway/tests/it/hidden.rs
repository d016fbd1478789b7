//! What exists and is hidden is answered as what does not exist, to the byte, wherever an id can be named.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Response;
use secnet_app::Enclosures;
use secnet_types::*;
use serde_json::{Value, json};

use crate::authzen::question;
use crate::client::*;
use crate::world::{HOUR, Person, World};

pub(crate) const MISSING: DatasetId = DatasetId([9; 16]);

/// Everything that a caller sees of an answer, but what is different for every call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    headers: BTreeMap<String, Vec<u8>>,
    body: Vec<u8>,
}

async fn seen(response: Response) -> Seen {
    let status = response.status().as_u16();
    let own = |name: &str| !["x-request-id", "date"].contains(&name);
    let headers = response.headers().iter().filter(|(name, _)| own(name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Seen { status, headers: headers.collect(), body: response.bytes().await.unwrap().to_vec() }
}

pub(crate) async fn asked(
    node: &Node,
    who: &Person,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Seen {
    seen(node.signed(who, method, path, body).send().await.unwrap()).await
}

/// The operations of the document that name a dataset in their path.
pub(crate) fn with_a_dataset_in_the_path() -> BTreeSet<(String, String)> {
    let document: Value =
        serde_json::from_str(&secnet_gateway::openapi().to_json().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let named = paths.iter().filter(|(path, _)| path.contains("{dataset}"));
    named
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_to_a_hidden_dataset_is_a_path_to_none() {
    let mut node = Node::start(1).await;
    node.world.granted(None, 0).await;
    let eve = World::copy(&node.world.eve);
    let operations = with_a_dataset_in_the_path();
    assert!(operations.len() >= 6, "{operations:?}");
    for (method, path) in operations {
        let query = if path.ends_with("/records") { "?purpose=treatment" } else { "" };
        let at = |id: DatasetId| format!("{}{query}", path.replace("{dataset}", &id.to_string()));
        let hidden = asked(&node, &eve, &method, &at(node.world.dataset), None).await;
        let missing = asked(&node, &eve, &method, &at(MISSING), None).await;
        assert_eq!(hidden, missing, "{method} {path}");
        assert_eq!(hidden.status, 404, "{method} {path}");
    }
    // What a list is narrowed to.
    let only = |id: DatasetId| format!("/v1/consents?all=true&dataset={id}");
    let hidden = asked(&node, &eve, "GET", &only(node.world.dataset), None).await;
    assert_eq!(hidden, asked(&node, &eve, "GET", &only(MISSING), None).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_hidden_dataset_is_a_request_for_none() {
    let mut node = Node::start(2).await;
    node.world.granted(None, 0).await;
    let eve = World::copy(&node.world.eve);
    let mut answers = Vec::new();
    for dataset in [node.world.dataset, MISSING] {
        let (call, _) = node.world.call_for(&eve, dataset, Purpose::Treatment, None);
        let (asked_in, question) = (access_body(&call), question(&call));
        let search = json!({
            "subject": { "type": "member", "id": eve.id.to_string() }, "action": { "name": "read" },
            "resource": { "type": "record", "properties": { "dataset": dataset.to_string() } },
            "context": { "purpose": "treatment" },
        });
        let mut of_one = Vec::new();
        for (path, body) in [
            ("/v1/access/preview", asked_in.clone()),
            ("/v1/access", asked_in),
            ("/access/v1/evaluations", json!({ "evaluations": [question.clone()] })),
            ("/access/v1/evaluation", question),
            ("/access/v1/search/resource", search.clone()),
            ("/access/v1/search/subject", search.clone()),
            ("/access/v1/search/action", search),
        ] {
            of_one.push((path, asked(&node, &eve, "POST", path, Some(&body)).await));
        }
        answers.push(of_one);
    }
    assert_eq!(answers[0], answers[1]);
}

/// Every command that names something of Ada's, as a stranger would write it; `ids` are of what there is, or of nothing.
fn commands(node: &Node, eve: &Person, ids: &Ids) -> Vec<(SignedCommand, Option<GrantDetail>)> {
    let (world, now) = (&node.world, node.now());
    let window = Window { from: now, until: now.plus_ms(HOUR) };
    let bargain = Bargain { price: Amount(1), uses: None, window };
    let terms = || world.pdc.view(|view| view.state.dataset(world.dataset).unwrap().terms.clone());
    let sign = |operation| (world.sign(eve, operation), None);
    let denial = Denial {
        dataset: Some(ids.dataset),
        party: Party::Member(world.bo.id),
        window,
        even_in_emergency: false,
        detail: None,
    };
    // Also what would be refused for another reason.
    let to_nobody = Delegation {
        delegate: MemberId([8; 32]),
        powers: Powers::ALL,
        dataset: Some(ids.dataset),
        window,
    };
    let mut all = vec![
        sign(Operation::WithdrawDataset { dataset: ids.dataset }),
        sign(Operation::OfferDataset { dataset: ids.dataset, to: Some(eve.id) }),
        sign(Operation::Deny { denial }),
        sign(Operation::Delegate { delegation: Delegation { delegate: world.bo.id, ..to_nobody } }),
        sign(Operation::Delegate { delegation: to_nobody }),
        sign(Operation::Revoke { grant: ids.grant, reason: Reason::Unstated }),
        sign(Operation::FundGrant { grant: ids.grant, amount: Amount(1) }),
        sign(Operation::LiftDenial { denial: ids.denial }),
        sign(Operation::WithdrawAsk { ask: ids.ask }),
        sign(Operation::AcceptCounter { ask: ids.ask, bargain }),
        sign(Operation::AnswerAsk { ask: ids.ask, answer: Answer::Refuse(Reason::Unstated) }),
        sign(Operation::AnswerHold { decision: ids.decision, answer: HoldAnswer::Refuse }),
    ];
    let detail = GrantDetail {
        purposes: [Purpose::Treatment].into(),
        actions: [Action::Read].into(),
        scope: Scope::default(),
        salt: [1; 32],
    };
    // An ask that cannot be: it is not said why.
    let ask = Ask {
        dataset: ids.dataset,
        grantee: Party::Member(world.bo.id),
        price: terms().unwrap().price,
        uses: None,
        window,
        deadline: now.plus_ms(HOUR),
        detail: detail.commitment(),
    };
    all.push((world.sign(eve, Operation::OpenAsk { ask }), Some(detail)));
    all
}

struct Ids {
    dataset: DatasetId,
    grant: GrantId,
    denial: DenialId,
    ask: AskId,
    decision: DecisionId,
}

/// Bo's ask and Ada's denial, beside a grant and a decision on it.
async fn everything(node: &mut Node) -> Ids {
    let (grant, detail) = node.world.granted(None, 0).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    let (call, _) = node.world.call(&bo, Purpose::Marketing, None);
    let decided = node.post(&bo, "/v1/access", &access_body(&call)).await;
    let now = node.now();
    let window = Window { from: now, until: now.plus_ms(HOUR) };
    let denial = Denial {
        dataset: Some(node.world.dataset),
        party: Party::Member(node.world.eve.id),
        window,
        even_in_emergency: false,
        detail: None,
    };
    let denied = node.world.submit(&ada, Operation::Deny { denial }).await;
    let ask = Ask {
        dataset: node.world.dataset,
        grantee: Party::Member(bo.id),
        price: Amount(1),
        uses: None,
        window,
        deadline: window.until,
        detail: detail.commitment(),
    };
    let asked = node.world.sign(&bo, Operation::OpenAsk { ask });
    let enclosures = Enclosures { detail: Some(detail), wraps: None };
    node.world.pdc.order(&asked, enclosures).await.unwrap();
    Ids {
        dataset: node.world.dataset,
        grant,
        denial: DenialId::derive(ada.id, denied.value.id),
        ask: AskId::derive(bo.id, asked.value.id),
        decision: decided.body["refusal"]["decision"].as_str().unwrap().parse().unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_about_what_is_hidden_is_a_command_about_nothing() {
    let mut node = Node::start(3).await;
    let hidden = everything(&mut node).await;
    let eve = World::copy(&node.world.eve);
    let nothing = Ids {
        dataset: MISSING,
        grant: GrantId([9; 16]),
        denial: DenialId([9; 16]),
        ask: AskId([9; 16]),
        decision: DecisionId([9; 16]),
    };
    let before = node.world.pdc.view(|view| view.log_size).unwrap();
    let pairs = commands(&node, &eve, &hidden).into_iter().zip(commands(&node, &eve, &nothing));
    for ((there, detail), (nowhere, _)) in pairs {
        for path in ["/v1/commands/forecast", "/v1/commands"] {
            let body = |command: &SignedCommand| {
                let detail = detail.as_ref().map(|detail| b64(&encode(detail)));
                json!({ "command": b64(&command.to_bytes()), "detail": detail })
            };
            let of_hidden = asked(&node, &eve, "POST", path, Some(&body(&there))).await;
            let of_nothing = asked(&node, &eve, "POST", path, Some(&body(&nowhere))).await;
            assert_eq!(of_hidden, of_nothing, "{path}: {:?}", there.value.operation);
            assert_eq!(of_hidden.status, 409, "{:?}", there.value.operation);
        }
    }
    assert_eq!(node.world.pdc.view(|view| view.log_size).unwrap(), before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_about_a_hidden_dataset_is_one_about_none() {
    let mut node = Node::start(4).await;
    node.world.granted(None, 0).await;
    let eve = World::copy(&node.world.eve);
    let world = &node.world;
    let entry = world.pdc.view(|view| view.state.dataset(world.dataset).unwrap().clone()).unwrap();
    let detail = secnet_app::TermsDetail {
        title: "mine".into(),
        purposes: None,
        actions: None,
        salt: [3; 32],
    };
    let terms = Terms { detail: detail.commitment(), ..entry.terms };
    // The same records, or others, with and without their list.
    for manifest in [entry.manifest, Digest([5; 32])] {
        let statements = |dataset: DatasetId| {
            let (pdc, terms) = (world.node.id, terms.clone());
            [
                Operation::UpdateDataset { dataset, pdc, terms: terms.clone(), manifest },
                Operation::AcceptDataset { dataset, pdc, terms, manifest },
            ]
        };
        for (there, nowhere) in statements(world.dataset).into_iter().zip(statements(MISSING)) {
            let mut answers = Vec::new();
            for operation in [there, nowhere] {
                let command = b64(&world.sign(&eve, operation).to_bytes());
                let body = json!({ "command": command, "terms": b64(&encode(&detail)) });
                answers.push(asked(&node, &eve, "POST", "/v1/datasets", Some(&body)).await);
            }
            assert_eq!(answers[0], answers[1]);
            assert_eq!(answers[0].status, 409);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_there_is_something_to_ask_for_is_not_foretold() {
    let mut node = Node::start(5).await;
    let eve = World::copy(&node.world.eve);
    let detail = node.world.detail(None);
    let now = node.now();
    let ask = |dataset| Ask {
        dataset,
        grantee: Party::Member(eve.id),
        price: Amount(1),
        uses: Some(1),
        window: Window { from: now, until: now.plus_ms(HOUR) },
        deadline: now.plus_ms(HOUR),
        detail: detail.commitment(),
    };
    let body = |dataset| {
        let command = node.world.sign(&eve, Operation::OpenAsk { ask: ask(dataset) });
        json!({ "command": b64(&command.to_bytes()), "detail": b64(&encode(&detail)) })
    };
    let path = "/v1/commands/forecast";
    let hidden = asked(&node, &eve, "POST", path, Some(&body(node.world.dataset))).await;
    assert_eq!(hidden, asked(&node, &eve, "POST", path, Some(&body(MISSING))).await);
    // The ask itself is put to the owner, who sees who asks; from then on the asker knows of the dataset.
    let ordered = node.post(&eve, "/v1/commands", &body(node.world.dataset)).await;
    assert_eq!(ordered.status, 200, "{}", ordered.text);
    let inbox = node.get(&node.world.ada, "/v1/inbox").await;
    assert_eq!(inbox.body["asks"][0]["from"], eve.id.to_string());
    let again = node.post(&eve, path, &body(node.world.dataset)).await;
    assert_eq!(again.status, 200, "{}", again.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_member_is_only_a_place_in_ones_own_list() {
    let mut node = Node::start(6).await;
    let (grant, _) = node.world.granted(None, 0).await;
    let (ada, eve) = (World::copy(&node.world.ada), World::copy(&node.world.eve));
    let request = RequestId([1; 16]);
    for path in [
        format!("/v1/datasets?after={}", node.world.dataset),
        format!("/v1/consents?after=given:{grant}"),
        format!("/v1/consents?all=true&after=received:{grant}"),
        "/v1/history?before=3".to_owned(),
        "/v1/statement?before=99999".to_owned(),
    ] {
        let taken = asked(&node, &eve, "GET", &path, None).await;
        assert_eq!(taken.status, 200, "{path}");
        let text = String::from_utf8(taken.body).unwrap();
        for hidden in [node.world.dataset.to_string(), grant.to_string(), ada.id.to_string()] {
            assert!(!text.contains(&hidden), "{path}: {text}");
        }
    }
    // Forged ones are no places.
    for path in [
        "/v1/consents?after=given:sngrant1qqqq".to_owned(),
        format!("/v1/consents?after={grant}"),
        format!("/v1/consents?after=denied:{grant}"),
        format!("/v1/datasets?after={request}"),
        "/v1/history?before=-1".to_owned(),
        "/v1/history?before=18446744073709551616".to_owned(),
        "/v1/statement?before=1e3".to_owned(),
        "/v1/statement?limit=10001".to_owned(),
        format!("/v1/datasets/{}/previews?after=1:x", node.world.dataset),
        format!("/v1/datasets/{}/who?after=1", node.world.dataset),
    ] {
        assert_eq!(asked(&node, &eve, "GET", &path, None).await.status, 400, "{path}");
    }
}
