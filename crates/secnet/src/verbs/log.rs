//! `secnet log`

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use clap::Args;
use secnet_app::{HistoryPage, MAX_HISTORY_PAGE, SummaryRecord};
use secnet_types::MemberId;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::{self, Pages, Remote, RemoteArgs};
use crate::show;
use crate::show::fields::{entries, of, word};

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The history of this owner's data, refused attempts and their reasons included. Default: the ledger's events.
    #[arg(long = "as", value_name = "NAME")]
    owner: Option<String>,
    /// At most so many, the newest.
    #[arg(long, default_value = "50")]
    limit: NonZeroUsize,
    #[command(flatten)]
    pub remote: RemoteArgs,
}

pub(crate) async fn run(node: &Node, out: Output, args: LogArgs) -> Result<(), Failure> {
    match &args.owner {
        Some(name) => history(node, out, name, args.limit.get()).await,
        None => events(node, out, args.limit.get()).await,
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
    out.result(&json!({ "attempts": value, "summaries": counted }), text);
    Ok(())
}

/// At a node elsewhere: the newest of an owner's history, page after page backwards.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: LogArgs,
) -> Result<(), Failure> {
    let Some(name) = &args.owner else {
        return Err(remote::not_remote(
            "a node shows its ledger's events to nobody over HTTP",
            "name an owner with --as for the history of its data, or read the log in the folder",
        ));
    };
    let remote = args.remote.open(globals, out)?;
    let owner = remote.identity(name, false)?;
    let (mut attempts, mut summaries, mut before) = (Vec::new(), Vec::new(), None::<u64>);
    let mut pages = Pages::default();
    loop {
        let rest = args.limit.get().saturating_sub(attempts.len()).saturating_sub(summaries.len());
        if rest == 0 {
            break;
        }
        let from = before.map(|before| format!("&before={before}")).unwrap_or_default();
        let path = format!("/v1/history?limit={}{from}", rest.min(MAX_HISTORY_PAGE));
        if remote.client.prints() {
            return remote.client.show(&owner, &path).await.map(drop);
        }
        let page = pages.next(&remote, &owner, &path).await?;
        attempts.splice(..0, named(&remote, &page, "attempts"));
        summaries.splice(..0, named(&remote, &page, "summaries"));
        // Only ever further back: a node that turns in circles is not followed.
        let next = page.get("before").and_then(Value::as_u64);
        match next.filter(|next| before.is_none_or(|before| *next < before)) {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    out.result(&json!({ "attempts": attempts, "summaries": summaries }), text);
    Ok(())
}

/// The entries of a page, their requesters by name.
fn named(remote: &Remote, page: &Value, list: &str) -> Vec<Value> {
    let with_name = |entry: &Value| {
        let mut entry = entry.clone();
        if let Some(Value::String(id)) = entry.get_mut("requester") {
            *id = remote.name_of(id);
        }
        entry
    };
    entries(page, list).map(with_name).collect()
}

/// For people: attempts and counts in the order of events.
fn text(history: &Value) -> String {
    let event = |entry: &Value| entry.get("event").and_then(Value::as_u64).unwrap_or_default();
    let attempts = entries(history, "attempts").map(|a| (event(a), attempt_lines(a)));
    let counts = entries(history, "summaries").map(|s| (event(s), vec![counted_line(s)]));
    let mut all: Vec<_> = attempts.chain(counts).collect();
    all.sort_by_key(|(event, _)| *event);
    let lines: Vec<String> = all.into_iter().flat_map(|(_, lines)| lines).collect();
    if lines.is_empty() { "nothing has been tried yet".into() } else { lines.join("\n") }
}

fn attempt_lines(attempt: &Value) -> Vec<String> {
    let outcome = attempt.get("outcome").unwrap_or(&Value::Null);
    let purpose = attempt.get("purpose").and_then(Value::as_str).unwrap_or("(facts erased)");
    let price = match outcome.get("verdict").and_then(Value::as_str) {
        Some("allow") => {
            let records = show::count(of(outcome, "records"), "record");
            format!("{records} for {}", of(outcome, "price"))
        }
        _ => String::new(),
    };
    let mut lines = vec![format!(
        "{}  {:5}  {:16} {purpose}  {price}",
        of(attempt, "time"),
        of(outcome, "verdict"),
        of(attempt, "requester"),
    )];
    let said = entries(attempt, "reasons").take(1).chain(entries(attempt, "watched"));
    lines.extend(said.map(|said| format!("        {}", word(said))));
    lines
}

/// How many were refused for what.
fn classes(record: &SummaryRecord) -> BTreeMap<&'static str, u32> {
    record.classes.iter().map(|(class, count)| (class.as_str(), *count)).collect()
}

fn counted_line(counted: &Value) -> String {
    let classes = counted.get("classes").and_then(Value::as_object);
    let why: Vec<String> =
        classes.into_iter().flatten().map(|(class, n)| format!("{} {class}", word(n))).collect();
    format!(
        "{}  deny   {:16} {} requests beyond the quota: {}",
        of(counted, "time"),
        of(counted, "requester"),
        of(counted, "count"),
        why.join(", ")
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
