//! `secnet log`

use std::collections::BTreeMap;

use clap::Args;
use secnet_app::{HistoryPage, Summarised, SummaryRecord};
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
    let HistoryPage { attempts, summaries, .. } = newest(node, owner.member(), limit).await?;
    let counted: Vec<_> = summaries.iter().map(|s| json!({
        "event": s.event, "time": s.time.to_string(), "requester": node.name_of(s.requester),
        "dataset": s.dataset.to_string(), "count": s.count,
        "from": s.record.as_ref().map(|r| r.from.to_string()),
        "until": s.record.as_ref().map(|r| r.until.to_string()),
        "classes": s.record.as_ref().map(classes),
    })).collect();
    let value: Vec<_> = attempts.iter().map(|a| json!({
        "event": a.event, "time": a.time.to_string(), "requester": node.name_of(a.requester),
        "dataset": a.dataset.to_string(), "request": a.request.to_string(), "decision": a.decision.to_string(),
        "outcome": show::verdict(&a.verdict),
        "purpose": a.facts.as_ref().map(|f| f.detail.purpose.as_str()),
        "asked": a.facts.as_ref().map(|f| f.asked),
        "reasons": a.facts.as_ref().map(|f| f.reasons.clone()),
        "watched": a.facts.as_ref().map(|f| f.watched.clone()),
        "features": a.facts.as_ref().map(|f| show::features(&f.features)),
    })).collect();
    out.result(&json!({ "attempts": value, "summaries": counted }), |_| {
        let mut lines = Vec::new();
        let mut summaries = summaries.iter().peekable();
        for a in &attempts {
            while let Some(s) = summaries.next_if(|s| s.event < a.event) {
                lines.push(counted_line(node, s));
            }
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
        lines.extend(summaries.map(|s| counted_line(node, s)));
        if lines.is_empty() { "nothing has been tried yet".into() } else { lines.join("\n") }
    });
    Ok(())
}

/// How many were refused for what.
fn classes(record: &SummaryRecord) -> BTreeMap<&'static str, u32> {
    record.classes.iter().map(|(class, count)| (class.as_str(), *count)).collect()
}

fn counted_line(node: &Node, summarised: &Summarised) -> String {
    let Summarised { time, count, requester, record, .. } = summarised;
    let why: Vec<String> =
        record.iter().flat_map(classes).map(|(c, n)| format!("{n} {c}")).collect();
    let why = why.join(", ");
    format!(
        "{time}  deny   {:16} {count} requests beyond the quota: {why}",
        node.name_of(*requester)
    )
}

/// The newest attempts and counts, oldest first.
async fn newest(node: &Node, owner: MemberId, limit: usize) -> Result<HistoryPage, Failure> {
    let mut all = HistoryPage::default();
    loop {
        let rest = limit.saturating_sub(all.attempts.len()).saturating_sub(all.summaries.len());
        if rest == 0 {
            return Ok(all);
        }
        let page = node.pdc.history_page(owner, all.before, rest).await.map_err(access_failure)?;
        all.before = page.before;
        all.attempts.splice(..0, page.attempts);
        all.summaries.splice(..0, page.summaries);
        if all.before.is_none() {
            return Ok(all);
        }
    }
}
