//! A dataset that is at another data centre: whoever may know of it is told where, with what proves it, at every door; to anybody else
//! it is as little there as one that does not exist.

use reqwest::StatusCode;
use secnet_app::{DoorStatement, Enclosures, SignedDoor};
use secnet_types::*;
use serde_json::{Value, json};

use crate::authzen::question;
use crate::client::*;
use crate::hidden::{MISSING, asked, with_a_dataset_in_the_path};
use crate::world::World;

const DOOR: &str = "https://other.example:8420";

/// Bo was granted something of a dataset that is now at another data centre, whose door has been heard of.
async fn moved(seed: u64) -> Node {
    let mut node = Node::start(seed).await;
    node.world.granted(None, 0).await;
    let world = &node.world;
    let (dataset, other) = (world.dataset, &world.others[0]);
    let now = world.pdc.view(|view| view.state.dataset(dataset).cloned()).flatten().unwrap();
    let (terms, manifest) = (now.terms, now.manifest);
    let away = Operation::UpdateDataset { dataset, pdc: other.id, terms, manifest };
    world.submit(&world.ada, away).await;
    let (network, url) = (world.pdc.network(), DOOR.parse().unwrap());
    let said = DoorStatement { network, member: other.id, url, said: world.clock_now() };
    let look = |reader: &mut dyn FnMut(&secnet_app::ports::View<'_>)| world.pdc.log.read(reader);
    let said = vec![SignedDoor::sign(said, other.key.as_ref())];
    assert_eq!(world.pdc.doors.hear(said, &look, world.clock_now()), 1);
    node
}

/// The answer names the data centre and proves where its door is.
fn tells_where(node: &Node, place: &Value) {
    let other = &node.world.others[0];
    assert_eq!(place["dataset"], node.world.dataset.to_string());
    assert_eq!(place["member"], other.id.to_string());
    assert_eq!(place["door"], DOOR);
    let said = SignedDoor::parse(&bytes(&place["statement"])).unwrap();
    said.verify().unwrap();
    assert_eq!((said.envelope.key, said.value.url.as_str()), (other.id.0, DOOR));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_to_a_dataset_elsewhere_says_where_it_is_to_whoever_may_know() {
    let node = Box::pin(moved(1)).await;
    let world = &node.world;
    for (method, path) in with_a_dataset_in_the_path() {
        let query = if path.ends_with("/records") { "?purpose=treatment" } else { "" };
        let at = |id: DatasetId| format!("{}{query}", path.replace("{dataset}", &id.to_string()));
        for who in [&world.ada, &world.bo] {
            let told =
                answer(node.signed(who, &method, &at(world.dataset), None).send().await.unwrap());
            let told = told.await;
            if path.ends_with("/place") {
                assert_eq!(told.status, StatusCode::OK, "{}", told.text);
                tells_where(&node, &told.body);
                continue;
            }
            assert_eq!(told.status, StatusCode::MISDIRECTED_REQUEST, "{path}: {}", told.text);
            assert_eq!(
                (&told.body["code"], &told.body["retryable"]),
                (&json!("elsewhere"), &json!(false))
            );
            tells_where(&node, &told.body["place"]);
        }
        let hidden = asked(&node, &world.eve, &method, &at(world.dataset), None).await;
        assert_eq!(hidden, asked(&node, &world.eve, &method, &at(MISSING), None).await, "{path}");
        assert_eq!(hidden.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_of_a_dataset_elsewhere_is_sent_on_and_leaves_nothing() {
    let mut node = Box::pin(moved(2)).await;
    let before = node.world.pdc.view(|view| view.log_size);
    let (bo, eve) = (World::copy(&node.world.bo), World::copy(&node.world.eve));
    let mut strange = Vec::new();
    for (who, dataset) in [(&bo, node.world.dataset), (&eve, node.world.dataset), (&eve, MISSING)] {
        let (call, _) = node.world.call_for(who, dataset, Purpose::Treatment, None);
        let search = json!({
            "subject": { "type": "member", "id": who.id.to_string() }, "action": { "name": "read" },
            "resource": { "type": "record", "properties": { "dataset": dataset.to_string() } },
            "context": { "purpose": "treatment" },
        });
        let mut of_one = Vec::new();
        for (path, body, sentence) in [
            ("/v1/access/preview", access_body(&call), false),
            ("/v1/access", access_body(&call), false),
            ("/access/v1/evaluation", question(&call), true),
            ("/access/v1/search/resource", search.clone(), true),
            ("/access/v1/search/subject", search.clone(), true),
            ("/access/v1/search/action", search, true),
        ] {
            if who.id == eve.id {
                of_one.push((path, asked(&node, who, "POST", path, Some(&body)).await));
                continue;
            }
            let told = node.post(who, path, &body).await;
            assert_eq!(told.status, StatusCode::MISDIRECTED_REQUEST, "{path}: {}", told.text);
            match sentence {
                true => assert!(told.text.contains(DOOR), "{path}: {}", told.text),
                false => tells_where(&node, &told.body["place"]),
            }
        }
        let many = json!({ "evaluations": [question(&call)] });
        if who.id == eve.id {
            of_one.push((
                "many",
                asked(&node, who, "POST", "/access/v1/evaluations", Some(&many)).await,
            ));
            strange.push(of_one);
            continue;
        }
        let told = node.post(who, "/access/v1/evaluations", &many).await;
        let context = &told.body["evaluations"][0]["context"];
        assert_eq!(context["error"]["status"], 421, "{}", told.text);
    }
    assert_eq!(strange[0], strange[1], "to a stranger it is not there");
    assert_eq!(node.world.pdc.view(|view| view.log_size), before, "nothing was decided");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_kept_where_the_dataset_is() {
    let mut node = Box::pin(moved(3)).await;
    let detail = node.world.detail(None);
    let (grant, wraps) = node.world.grant(&detail, 0);
    let ada = World::copy(&node.world.ada);
    let command = node.world.sign(&ada, Operation::Grant { grant });
    let body = json!({
        "command": b64(&command.to_bytes()), "detail": b64(&encode(&detail)), "wraps": b64(&wraps.to_bytes()),
    });
    let told = node.post(&ada, "/v1/commands", &body).await;
    assert_eq!(told.body["code"], "elsewhere", "{}", told.text);
    tells_where(&node, &told.body["place"]);
    // What ends rights is ordered by any node.
    let grants = node.world.pdc.view(|view| {
        view.state.grants_on(node.world.dataset).map(|(id, _)| id).collect::<Vec<_>>()
    });
    let revoke = Operation::Revoke { grant: grants.unwrap()[0], reason: Reason::Unstated };
    let revoke = node.world.sign(&ada, revoke);
    node.world.pdc.order(&revoke, Enclosures::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_centre_whose_door_nobody_has_heard_of_is_named_all_the_same() {
    let node = Box::pin(moved(4)).await;
    let (bo, path) = (&node.world.bo, format!("/v1/datasets/{}", node.world.dataset));
    node.world.clock.advance(secnet_app::DOOR_LIFETIME_MS + 1);
    let told = node.get(bo, &path).await;
    assert_eq!(told.status, StatusCode::MISDIRECTED_REQUEST, "{}", told.text);
    let place = &told.body["place"];
    assert_eq!(place["member"], node.world.others[0].id.to_string());
    assert!(place.get("door").is_none() && place.get("statement").is_none(), "{place}");
    // What is here is here.
    let own = Node::start(5).await;
    own.world.pdc.open_door(DOOR.parse().unwrap());
    let told = own.get(&own.world.ada, &format!("/v1/datasets/{}/place", own.world.dataset)).await;
    assert_eq!(told.body["member"], own.world.node.id.to_string(), "{}", told.text);
    assert_eq!(told.body["door"], DOOR);
}
