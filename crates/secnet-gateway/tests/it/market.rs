//! What members offer each other, and lists that are longer than a page.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use secnet_app::Enclosures;
use secnet_types::*;
use serde_json::{Value, json};

use crate::client::*;
use crate::world::{HOUR, Person, World};

/// All entries of a list, page by page, so many at once.
async fn paged(node: &Node, who: &Person, path: &str, list: &str, limit: usize) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = node.get(who, &format!("{path}?limit={limit}{after}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(page.body.get("total").is_none());
        let entries = page.body[list].as_array().unwrap();
        assert!(entries.len() <= limit && !entries.is_empty(), "{}", page.text);
        all.extend(entries.iter().cloned());
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

async fn asked(node: &mut Node, count: u32) -> BTreeSet<AskId> {
    let bo = World::copy(&node.world.bo);
    let mut ids = BTreeSet::new();
    for uses in 1..=count {
        let (detail, now) = (node.world.detail(None), node.now());
        let ask = Ask {
            dataset: node.world.dataset,
            grantee: Party::Member(bo.id),
            price: Amount(1),
            uses: Some(uses),
            window: Window { from: now, until: now.plus_ms(200 * HOUR) },
            deadline: now.plus_ms(20 * HOUR),
            detail: detail.commitment(),
        };
        let command = node.world.sign(&bo, Operation::OpenAsk { ask });
        let enclosures = Enclosures { detail: Some(detail), wraps: None };
        node.world.pdc.order(&command, enclosures).await.unwrap();
        ids.insert(AskId::derive(bo.id, command.value.id));
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_asked_for_comes_page_by_page() {
    let mut node = Node::start(1).await;
    let opened = asked(&mut node, 5).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    for limit in [1, 2, 5, 1000] {
        let all = paged(&node, &bo, "/v1/asks", "asks", limit).await;
        let ids: Vec<AskId> =
            all.iter().map(|a| a["ask"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(ids, opened.iter().copied().collect::<Vec<_>>(), "{limit} at once, in order");
    }
    // What was taken back after page 1 is not on page 2, and an id that is gone still says where to go on.
    let first = node.get(&bo, "/v1/asks?limit=2").await;
    let gone: Vec<AskId> = opened.iter().copied().skip(1).take(2).collect();
    for ask in &gone {
        node.world.submit(&bo, Operation::WithdrawAsk { ask: *ask }).await;
    }
    let next = first.body["next"].as_str().unwrap();
    assert_eq!(next, gone[0].to_string());
    let rest = node.get(&bo, &format!("/v1/asks?after={next}")).await;
    assert_eq!(rest.body["asks"].as_array().unwrap().len(), 2, "{}", rest.text);
    assert_eq!(
        node.get(&ada, "/v1/asks").await.body["asks"],
        json!([]),
        "her own, not those to her"
    );
    for wrong in ["limit=0", "limit=1001", "after=sndata1", "before=1"] {
        let answer = node.get(&bo, &format!("/v1/asks?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_on_offer_are_listed_without_what_they_say_or_where_they_hold() {
    let node = Node::start(2).await;
    let (ada, bo) = (World::copy(&node.world.ada), World::copy(&node.world.bo));
    let expires = node.now().plus_ms(1000 * HOUR);
    let none = node.get(&bo, "/v1/rules").await;
    assert_eq!(none.body, json!({ "rules": [] }));
    for n in 1..=3 {
        let evidence = if n == 1 { Digest::ZERO } else { Digest([n; 32]) };
        let rule = RuleId([n; 32]);
        let listing = RuleListing { rule, price: Amount(u64::from(n)), evidence, expires };
        node.world.submit(&ada, Operation::PublishRule { listing }).await;
    }
    let all = paged(&node, &bo, "/v1/rules", "rules", 2).await;
    assert_eq!(all.len(), 3);
    assert_eq!(
        all[0],
        json!({
            "rule": RuleId([1; 32]).to_string(), "author": ada.id.to_string(), "price": "0.000001",
            "expires": expires.to_string(),
        })
    );
    assert_eq!(all[1]["evidence"], b64(&[2; 32]));
    let path = |n: u8| format!("/v1/rules/{}", RuleId([n; 32]));
    assert_eq!(node.get(&bo, &path(2)).await.body, all[1]);
    let missing = node.get(&bo, &path(9)).await;
    assert_eq!(
        (missing.status, &missing.body["code"]),
        (StatusCode::NOT_FOUND, &json!("not-visible"))
    );
    let stranger = answer(node.bare("GET", "/v1/rules").send().await.unwrap()).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_told_to_whoever_runs_it_and_does_not_exist_to_others() {
    let node = Node::start(3).await;
    let people = [&node.world.ada, &node.world.bo, &node.world.eve].map(World::copy);
    let [ada, bo, eve] = &people;
    let made = node.world.submit(ada, Operation::CreateGroup).await;
    let group = GroupId::derive(ada.id, made.value.id);
    let add = vec![bo.id, eve.id];
    let change = Operation::ChangeGroup { group, add, remove: Vec::new() };
    node.world.submit(ada, change).await;
    let path = format!("/v1/groups/{group}");
    let told = paged(&node, ada, &path, "members", 1).await;
    let members: BTreeSet<&str> = told.iter().map(|member| member.as_str().unwrap()).collect();
    let (first, second) = (bo.id.to_string(), eve.id.to_string());
    assert_eq!(members, [first.as_str(), second.as_str()].into());
    let none = format!("/v1/groups/{}", GroupId([9; 16]));
    for other in [bo, eve] {
        let (there, nowhere) = (node.get(other, &path).await, node.get(other, &none).await);
        assert_eq!((there.status, &there.text), (nowhere.status, &nowhere.text));
        assert_eq!(there.status, StatusCode::NOT_FOUND);
    }
}
