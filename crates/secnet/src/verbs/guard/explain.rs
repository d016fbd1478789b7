//! `secnet guard explain`: a recorded decision, judged again from its recorded facts.

use secnet_app::Explained;
use secnet_guard::Change;
use secnet_types::DecisionId;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::node::{Node, access_failure};
use crate::output::Output;

pub(super) async fn run(node: &Node, out: Output, decision: DecisionId) -> Result<(), Failure> {
    let explained = node.pdc.explain_decision(decision).await.map_err(access_failure)?;
    let explained = explained.ok_or_else(|| {
        Failure::new("unknown-decision", format!("there is no decision {decision} here"))
            .hint("`secnet log --as OWNER --json` has the decisions on an owner's data")
    })?;
    out.result(&value(node, &explained), |_| text(node, &explained));
    Ok(())
}

fn changes(all: &[Change]) -> Vec<Value> {
    all.iter()
        .map(|change| {
            let feature = change.feature;
            json!({
                "feature": feature.name(), "from": change.from.describe(feature),
                "to": change.to.describe(feature),
            })
        })
        .collect()
}

fn value(node: &Node, explained: &Explained) -> Value {
    let (attempt, replayed) = (&explained.attempt, &explained.replayed);
    let again = replayed.as_ref().map(|replayed| {
        let said = &replayed.explanation;
        let reasons: Vec<String> = said.verdict.reasons.iter().map(ToString::to_string).collect();
        json!({
            "same_model": replayed.same_model, "same_rules": replayed.same_rules,
            "verdict": said.verdict.outcome.as_str(), "score": said.verdict.score.points(),
            "reasons": reasons, "rules": said.rules,
            "decisive": changes(&said.decisive), "together": changes(&said.together),
        })
    });
    json!({
        "decision": attempt.decision.to_string(), "time": attempt.time.to_string(),
        "requester": node.name_of(attempt.requester), "outcome": attempt.verdict.as_str(),
        "recorded": attempt.facts.as_ref().map(|facts| facts.reasons.clone()),
        "replayed": again,
    })
}

fn text(node: &Node, explained: &Explained) -> String {
    let (attempt, replayed) = (&explained.attempt, &explained.replayed);
    let requester = node.name_of(attempt.requester);
    let mut lines = vec![format!("{}  {requester}: {}", attempt.time, attempt.verdict.as_str())];
    match &attempt.facts {
        Some(facts) => lines.extend(facts.reasons.iter().map(|reason| format!("  {reason}"))),
        None => lines.push("  its facts were erased".into()),
    }
    let Some(replayed) = replayed else {
        lines.push("guard and rules had no say in it".into());
        return lines.join("\n");
    };
    let with = match (replayed.same_model, replayed.same_rules) {
        (true, true) => "with the same model and rules",
        (true, false) => "with the same model, and of the rules only those that it names",
        (false, _) => "with another model than then",
    };
    lines.push(format!("judged again from its recorded facts, {with}:"));
    lines.push(replayed.explanation.to_string().trim_end().to_owned());
    lines.join("\n")
}
