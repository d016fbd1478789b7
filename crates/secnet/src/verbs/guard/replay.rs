//! `secnet guard replay`: recorded decisions, judged again and compared bit for bit.

use std::collections::BTreeMap;

use clap::Args;
use secnet_app::{Again, Repeated};
use secnet_types::{DecisionId, Timestamp};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::verbs::rules;

/// Of what does not agree, so many are listed for a reader.
const LISTED: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// One decision; without it, all of the period.
    #[arg(value_name = "DECISION")]
    decision: Option<DecisionId>,
    /// The past so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 90, conflicts_with = "decision",
        value_parser = clap::value_parser!(u64).range(1..=36_500))]
    days: u64,
}

pub(super) async fn run(node: &Node, out: Output, args: &ReplayArgs) -> Result<(), Failure> {
    let all = match args.decision {
        Some(decision) => {
            let one = node.pdc.repeat(decision).await.map_err(access_failure)?;
            vec![one.ok_or_else(|| {
                Failure::new("unknown-decision", format!("there is no decision {decision} here"))
                    .hint("`secnet log --as OWNER --json` has the decisions on an owner's data")
            })?]
        }
        None => {
            let ago = args.days.saturating_mul(rules::DAY_MS);
            let since = Timestamp(node.pdc.now().0.saturating_sub(ago));
            node.pdc.repeat_since(since).await.map_err(access_failure)?
        }
    };
    let mut counts: BTreeMap<&str, usize> =
        ["equal", "differs", "gone", "not-asked", "erased"].map(|word| (word, 0)).into();
    for repeated in &all {
        *counts.entry(repeated.again.as_str()).or_default() += 1;
    }
    let count = |word: &str| counts.get(word).copied().unwrap_or_default();
    let differs = count("differs");
    if differs > 0 {
        let first = all.iter().filter(|own| matches!(own.again, Again::Differs(_))).take(LISTED);
        let causes = first.map(|own| format!("{}: {}", own.decision, own.again.what().join(", ")));
        let said = format!("{differs} of {} decisions are judged otherwise now", all.len());
        let mut failure = Failure::new("not-repeated", said)
            .hint("this program, its archive or the log is not what it was when they were made")
            .exit(Exit::Verification);
        failure.causes = causes.collect();
        return Err(failure);
    }
    let value = json!({
        "decisions": all.len(), "equal": count("equal"), "gone": count("gone"),
        "not_asked": count("not-asked"), "erased": count("erased"),
        "each": all.iter().map(|own| told(node, own)).collect::<Vec<Value>>(),
    });
    out.result(&value, |_| {
        let head = format!(
            "{} decisions judged again from their recorded facts: {} are the same bit for bit",
            all.len(),
            count("equal")
        );
        let rest = [
            ("gone", "cannot be compared: rules or models of then are not here any more"),
            ("not-asked", "were decided without guard and rules"),
            ("erased", "have no facts any more"),
        ];
        let rest = rest.into_iter().filter(|(word, _)| count(word) > 0);
        let lines = rest.map(|(word, said)| format!("{} {said}", count(word)));
        std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn told(node: &Node, own: &Repeated) -> Value {
    json!({
        "decision": own.decision.to_string(), "time": own.time.to_string(),
        "requester": node.name_of(own.requester), "outcome": own.verdict.as_str(),
        "again": own.again.as_str(), "what": own.again.what(),
    })
}
