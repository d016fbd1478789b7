//! What a rule meets in the past of this data centre.

use std::collections::BTreeMap;

use secnet_app::PastRequest;
use secnet_types::{MemberId, Rule, RuleAction, Timestamp, check_safety};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::node::{Node, access_failure};

/// Attempts of the past that are listed by name.
const MAX_LISTED: usize = 20;
pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The requests since so many days ago that rules have a say in; all of them without a number.
pub(crate) async fn since(node: &Node, days: Option<u64>) -> Result<Vec<PastRequest>, Failure> {
    let before = |days: u64| node.pdc.now().0.saturating_sub(days.saturating_mul(DAY_MS));
    let from = Timestamp(days.map_or(0, before));
    node.pdc.past(from).await.map_err(access_failure)
}

pub(super) fn met<'p>(rule: &Rule, past: &'p [PastRequest]) -> Vec<&'p PastRequest> {
    past.iter().filter(|request| request.meets(rule)).collect()
}

pub(super) fn value(node: &Node, rule: &Rule, past: &[PastRequest]) -> Value {
    let matched: Vec<Value> = met(rule, past)
        .iter()
        .map(|request| {
            json!({
                "time": request.time.to_string(), "requester": node.name_of(request.requester),
                "decision": request.decision.to_string(), "outcome": request.verdict.as_str(),
            })
        })
        .collect();
    json!({
        "rule": rule.id().to_string(), "sentence": rule.to_string(), "safe": check_safety(rule).is_ok(),
        "past_requests": past.len(), "would_have_matched": matched,
    })
}

pub(super) fn text(node: &Node, rule: &Rule, past: &[PastRequest]) -> String {
    let matched = met(rule, past);
    let mut lines = vec![
        rule.to_string(),
        format!(
            "it would have matched {} of the {} permitted requests seen so far",
            matched.len(),
            past.len()
        ),
    ];
    if let Err(error) = check_safety(rule) {
        lines.push(format!("it cannot be enforced: {error}"));
    }
    for request in matched.iter().take(MAX_LISTED) {
        let requester = node.name_of(request.requester);
        lines.push(format!("  {}  {requester}: {}", request.time, request.verdict.as_str()));
    }
    if let Some(more) = matched.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

/// What a rule would have done to one requester.
#[derive(Debug, Default)]
struct Share {
    matched: usize,
    went_ahead: usize,
    objected_to: usize,
}

/// `rules simulate`: whom it would have stopped, and how often.
pub(super) fn simulated(
    node: &Node,
    rule: &Rule,
    days: u64,
    past: &[PastRequest],
    against: Option<&str>,
) -> (Value, String) {
    let mut by: BTreeMap<MemberId, Share> = BTreeMap::new();
    for request in met(rule, past) {
        let share = by.entry(request.requester).or_default();
        share.matched += 1;
        share.went_ahead += usize::from(request.went_ahead());
        share.objected_to += usize::from(request.went_ahead() && !request.unobjected());
    }
    let ahead = past.iter().filter(|request| request.went_ahead()).count();
    let stopped: usize = by.values().map(|share| share.went_ahead).sum();
    let stops = rule.action() != RuleAction::Flag;
    let rows: Vec<Value> = by
        .iter()
        .map(|(member, share)| {
            json!({
                "requester": node.name_of(*member), "matched": share.matched,
                "would_stop": if stops { share.went_ahead } else { 0 }, "objected_to": share.objected_to,
            })
        })
        .collect();
    let value = json!({
        "rule": rule.id().to_string(), "sentence": rule.to_string(), "days": days, "went_ahead": ahead,
        "would_stop": if stops { stopped } else { 0 }, "by_requester": rows, "unsafe": against,
    });
    let doing = if stops { "stopped" } else { "flagged" };
    let mut lines = vec![
        rule.to_string(),
        format!(
            "in the past {days} days it would have {doing} {stopped} of the {ahead} requests that went ahead"
        ),
    ];
    lines.extend(by.iter().map(|(member, share)| {
        format!(
            "  {:16} {} of them; {} of these were objected to",
            node.name_of(*member),
            share.went_ahead,
            share.objected_to
        )
    }));
    lines.extend(against.map(|why| format!("it cannot be enforced: {why}")));
    (value, lines.join("\n"))
}
