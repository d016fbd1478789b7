//! Where calls come from: what rules are told of it, whom it is believed from, and where it is never written.

use reqwest::StatusCode;
use secnet_app::AccessCall;
use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_gateway::{ForwardedBy, Limits, Proxies};
use secnet_types::*;

use crate::client::*;
use crate::world::{HOUR, World};

const BLOCKED: &str = "203.0.113.9";
const OTHER: &str = "198.51.100.7";

/// A node behind a proxy of this machine's, or behind none, at which Bo is granted uses without count and 203.0.113.0/24 is blocked.
async fn node(seed: u64, trusted: &[&str], header: ForwardedBy) -> Node {
    let trusted = trusted.iter().map(|block| block.parse().unwrap()).collect();
    let proxies = Proxies { trusted, header };
    let mut node = Node::made(seed, Limits::default(), |gateway| gateway.behind(proxies)).await;
    node.world.granted(None, 0).await;
    let block = "203.0.113.0/24".parse().unwrap();
    let inside = Condition::new(Feature::Source, Test::Inside(block)).unwrap();
    let expires = node.now().plus_ms(HOUR);
    let rule = Rule::new(RuleAction::Deny, vec![inside], RuleScope::ALL, expires).unwrap();
    let name = EntryName::new(EntryKind::Rule, &[], &rule.id().0);
    let kept = vec![Change { name, value: Some(encode(&rule)) }];
    node.world.pdc.archive.write(kept).await.unwrap();
    let listing =
        RuleListing { rule: rule.id(), price: Amount::ZERO, evidence: Digest::ZERO, expires };
    node.world.submit(&node.world.node, Operation::PublishRule { listing }).await;
    let install = Operation::InstallRule { rule: rule.id(), until: expires, simulate: false };
    node.world.submit(&node.world.node, install).await;
    node
}

/// Bo asks, with a header that somebody put there.
async fn ask(node: &mut Node, header: Option<(&str, &str)>) -> (StatusCode, AccessCall) {
    let bo = World::copy(&node.world.bo);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let request = node.signed(&bo, "POST", "/v1/access", Some(&access_body(&call)));
    let request = match header {
        Some((name, value)) => request.header(name, value),
        None => request,
    };
    (answer(request.send().await.unwrap()).await.status, call)
}

/// The source that was recorded with the newest decision.
async fn recorded(node: &Node) -> Option<String> {
    let attempt = node.world.pdc.history(node.world.ada.id).await.unwrap().pop().unwrap();
    let features = attempt.facts.unwrap().features;
    let features: FeatureVector = decode("features", &features, 1 << 16).unwrap();
    match features.value(Feature::Source) {
        Some(FeatureValue::Address(address)) => Some(address.to_string()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_blocked_behind_a_trusted_proxy_and_what_a_caller_adds_changes_nothing() {
    let mut node = Box::pin(node(70, &["127.0.0.0/8"], ForwardedBy::XForwardedFor)).await;
    for (said, status) in [
        (BLOCKED.to_owned(), StatusCode::FORBIDDEN),
        (format!("{OTHER}, {BLOCKED}"), StatusCode::FORBIDDEN),
        (format!("127.0.0.1, ::ffff:{BLOCKED}"), StatusCode::FORBIDDEN),
        (format!("{BLOCKED}, {OTHER}"), StatusCode::OK),
    ] {
        let (got, _) = ask(&mut node, Some(("x-forwarded-for", &said))).await;
        assert_eq!(got, status, "{said}");
        let source = if status == StatusCode::OK { OTHER } else { BLOCKED };
        assert_eq!(recorded(&node).await.as_deref(), Some(source), "{said}");
    }
    // The header that these proxies do not write is a caller's own.
    let (got, _) = ask(&mut node, Some(("forwarded", &format!("for={BLOCKED}")))).await;
    assert_eq!((got, recorded(&node).await.as_deref()), (StatusCode::OK, Some("127.0.0.1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_believed() {
    let mut node = Box::pin(node(71, &["10.0.0.0/8"], ForwardedBy::XForwardedFor)).await;
    for header in [Some(("x-forwarded-for", BLOCKED)), Some(("forwarded", "for=\"x"))] {
        let (got, _) = ask(&mut node, header).await;
        assert_eq!((got, recorded(&node).await.as_deref()), (StatusCode::OK, Some("127.0.0.1")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_can_be_read_in_two_ways_is_refused_at_every_door() {
    let mut node = Box::pin(node(72, &["127.0.0.1/32"], ForwardedBy::Forwarded)).await;
    let before = node.world.pdc.view(|view| view.log_size);
    let (got, call) = ask(&mut node, Some(("forwarded", "for=\"x, for=203.0.113.9"))).await;
    assert_eq!(got, StatusCode::BAD_REQUEST);
    assert_eq!(node.world.pdc.view(|view| view.log_size), before, "nothing was decided");
    let question = serde_json::json!({
        "subject": { "type": "member", "id": node.world.bo.id.to_string() },
        "action": { "name": "read" },
        "resource": { "type": "dataset", "id": node.world.dataset.to_string() },
        "context": {
            "request": b64(&call.request), "detail": b64(&call.detail),
            "receiving_key": b64(&call.receiving_key),
        },
    });
    let bo = World::copy(&node.world.bo);
    let path = "/access/v1/evaluation";
    for (said, decision) in [("for=\"203.0.113.9:80\"", false), ("for=\"", false)] {
        let request = node.signed(&bo, "POST", path, Some(&question)).header("forwarded", said);
        let got = answer(request.send().await.unwrap()).await;
        match got.status {
            StatusCode::OK => {
                assert_eq!(
                    (&got.body["decision"], decision),
                    (&false.into(), false),
                    "{}",
                    got.text
                );
                assert_eq!(got.body["context"]["reason"], "rule");
                assert_eq!(recorded(&node).await.as_deref(), Some(BLOCKED));
            }
            status => assert_eq!((status, said), (StatusCode::BAD_REQUEST, "for=\"")),
        }
    }
}

/// What an address is, is between the caller and the data centre.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_on_no_ledger_in_no_metric_and_is_judged_again_from_the_archive() {
    let mut node = Box::pin(node(73, &["127.0.0.0/8"], ForwardedBy::XForwardedFor)).await;
    let (got, _) = ask(&mut node, Some(("x-forwarded-for", BLOCKED))).await;
    assert_eq!(got, StatusCode::FORBIDDEN);
    let bytes = [203_u8, 0, 113, 9];
    let shows = |text: &[u8]| {
        text.windows(4).any(|part| part == bytes)
            || text.windows(BLOCKED.len()).any(|part| part == BLOCKED.as_bytes())
    };
    for (index, event) in node.world.pdc.log.events(0, 1000).await.unwrap() {
        let command = node.world.pdc.log.command_of(index).await.unwrap();
        assert!(!shows(&event) && !command.is_some_and(|command| shows(&command)), "{index}");
    }
    assert!(!shows(node.gateway.metrics.text(&[]).as_bytes()));
    let decision = node.world.pdc.history(node.world.ada.id).await.unwrap().pop().unwrap().decision;
    let explained = node.world.pdc.explain_decision(decision).await.unwrap().unwrap();
    let replayed = explained.replayed.unwrap();
    assert!(replayed.same_rules && replayed.same_model);
    // The requester is not told what the rule looked at.
    let bo = World::copy(&node.world.bo);
    let (got, _) = ask(&mut node, Some(("x-forwarded-for", BLOCKED))).await;
    assert_eq!(got, StatusCode::FORBIDDEN);
    let shown = node.get(&bo, "/v1/history").await;
    assert!(!shown.text.contains(BLOCKED));
}
