//! What a rule would have met in the past of this data centre.

use std::collections::BTreeSet;

use secnet_app::Attempt;
use secnet_types::{FeatureVector, MemberId, Rule, RuleContext, Timestamp, check_safety, decode};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::node::{Node, access_failure};

/// Longest recorded features, in bytes.
const MAX_FEATURES_BYTES: usize = 64 * 1024;
/// Attempts of the past that are listed by name.
const MAX_LISTED: usize = 20;

/// The requests that it matches, of how many.
pub(super) struct Past {
    matched: Vec<Attempt>,
    of: usize,
}

pub(super) async fn past(node: &Node, rule: &Rule) -> Result<Past, Failure> {
    let owners: BTreeSet<MemberId> = node
        .pdc
        .view(|view| view.state.datasets().map(|(_, d)| d.owner).collect())
        .unwrap_or_default();
    let mut past = Past { matched: Vec::new(), of: 0 };
    for owner in owners {
        for attempt in node.pdc.history(owner).await.map_err(access_failure)? {
            let Some(facts) = &attempt.facts else { continue };
            past.of = past.of.saturating_add(1);
            // Requests that policy refused before rules looked have no features.
            let features = decode::<FeatureVector>("features", &facts.features, MAX_FEATURES_BYTES)
                .unwrap_or_default();
            let parties =
                node.pdc.view(|view| view.state.parties_of(attempt.requester)).unwrap_or_default();
            // Today's rule on yesterday's request: its expiry does not matter.
            let context = RuleContext {
                dataset: attempt.dataset,
                parties: &parties,
                purpose: facts.detail.purpose,
                now: Timestamp(0),
            };
            if rule.matches(&features, &context) {
                past.matched.push(attempt);
            }
        }
    }
    Ok(past)
}

pub(super) fn past_value(node: &Node, rule: &Rule, past: &Past) -> Value {
    let matched: Vec<Value> = past
        .matched
        .iter()
        .map(|attempt| {
            json!({
                "time": attempt.time.to_string(), "requester": node.name_of(attempt.requester),
                "decision": attempt.decision.to_string(), "outcome": attempt.verdict.as_str(),
            })
        })
        .collect();
    json!({
        "rule": rule.id().to_string(), "sentence": rule.to_string(), "safe": check_safety(rule).is_ok(),
        "past_requests": past.of, "would_have_matched": matched,
    })
}

pub(super) fn past_text(node: &Node, rule: &Rule, past: &Past) -> String {
    let mut lines = vec![
        rule.to_string(),
        format!(
            "it would have matched {} of the {} requests seen so far",
            past.matched.len(),
            past.of
        ),
    ];
    if let Err(error) = check_safety(rule) {
        lines.push(format!("it cannot be enforced: {error}"));
    }
    for attempt in past.matched.iter().take(MAX_LISTED) {
        let requester = node.name_of(attempt.requester);
        lines.push(format!("  {}  {requester}: {}", attempt.time, attempt.verdict.as_str()));
    }
    if let Some(more) = past.matched.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}
