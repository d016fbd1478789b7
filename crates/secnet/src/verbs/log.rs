//! `secnet log`

use clap::Args;
use secnet_app::Attempt;
use secnet_types::{MemberId, Verdict};
use serde_json::json;

use crate::failure::Failure;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The history of this owner's data, refused attempts and their reasons included. Default: the ledger's events.
    #[arg(long = "as", value_name = "NAME")]
    owner: Option<String>,
    /// At most so many, the newest.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

pub(crate) async fn run(node: &Node, out: Output, args: LogArgs) -> Result<(), Failure> {
    match &args.owner {
        Some(name) => history(node, out, name, args.limit).await,
        None => events(node, out, args.limit).await,
    }
}

async fn events(node: &Node, out: Output, limit: usize) -> Result<(), Failure> {
    let mut rows = std::collections::VecDeque::new();
    node.pdc
        .for_each_event(|index, event| {
            if rows.len() == limit {
                rows.pop_front();
            }
            rows.push_back((index, event.height, event.time, event.effects.clone()));
        })
        .await
        .map_err(access_failure)?;
    let value: Vec<_> = rows
        .iter()
        .map(|(index, height, time, effects)| {
            json!({
                "event": index, "height": height, "time": time.to_string(),
                "effects": effects.iter().map(show::effect::value).collect::<Vec<_>>(),
            })
        })
        .collect();
    out.result(&json!({ "events": value }), |_| {
        let names = show::Names::of(node);
        rows.iter()
            .map(|(index, height, time, effects)| {
                let said: Vec<_> =
                    effects.iter().map(|effect| show::effect::sentence(effect, &names)).collect();
                format!("{index:>6}  block {height:<6} {time}  {}", said.join("; "))
            })
            .collect::<Vec<_>>()
            .join("\n")
    });
    Ok(())
}

async fn history(node: &Node, out: Output, name: &str, limit: usize) -> Result<(), Failure> {
    let owner = node.identity(name)?;
    let attempts = newest(node, owner.member(), limit).await?;
    let value: Vec<_> = attempts.iter().map(|a| json!({
        "event": a.event, "time": a.time.to_string(), "requester": node.name_of(a.requester),
        "dataset": a.dataset.to_string(), "request": a.request.to_string(), "decision": a.decision.to_string(),
        "outcome": show::verdict(&a.verdict),
        "purpose": a.facts.as_ref().map(|f| f.detail.purpose.as_str()),
        "asked": a.facts.as_ref().map(|f| f.asked),
        "reasons": a.facts.as_ref().map(|f| f.reasons.clone()),
        "watched": a.facts.as_ref().map(|f| f.watched.clone()),
    })).collect();
    out.result(&json!({ "attempts": value }), |_| {
        let mut lines = Vec::new();
        for a in &attempts {
            let purpose = a.facts.as_ref().map_or("(facts erased)", |f| f.detail.purpose.as_str());
            let price = match a.verdict {
                Verdict::Allow { price, records, .. } => {
                    format!("{} for {price}", show::count(records, "record"))
                }
                Verdict::Hold { .. } | Verdict::Deny { .. } => String::new(),
            };
            lines.push(format!(
                "{}  {:5}  {:16} {purpose}  {price}",
                a.time,
                a.verdict.as_str(),
                node.name_of(a.requester)
            ));
            lines.extend(
                a.facts
                    .iter()
                    .flat_map(|f| f.reasons.iter().take(1).chain(&f.watched))
                    .map(|r| format!("        {r}")),
            );
        }
        if lines.is_empty() { "nothing has been tried yet".into() } else { lines.join("\n") }
    });
    Ok(())
}

/// The newest attempts, oldest first.
async fn newest(node: &Node, owner: MemberId, limit: usize) -> Result<Vec<Attempt>, Failure> {
    let mut attempts = Vec::new();
    let mut before = None;
    while attempts.len() < limit {
        let rest = limit.saturating_sub(attempts.len());
        let page = node.pdc.history_page(owner, before, rest).await.map_err(access_failure)?;
        before = page.before;
        attempts.splice(..0, page.attempts);
        if before.is_none() {
            break;
        }
    }
    Ok(attempts)
}
