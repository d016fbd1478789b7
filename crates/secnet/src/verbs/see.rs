//! `secnet data who` and `secnet data see`: who can see this, and what can I see.

use secnet_app::{Seer, Wish};
use secnet_types::{Action, DatasetId, Purpose, RecordId, RecordMeta};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::show::{self, Names, command};

/// Who can see a record, or anything in the dataset.
pub(crate) async fn who(
    node: &Node,
    out: Output,
    owner: &str,
    (dataset, record): (DatasetId, Option<RecordId>),
) -> Result<(), Failure> {
    let owner = node.identity(owner)?.member();
    let seers = node.pdc.seers(owner, dataset, record).await.map_err(access_failure)?;
    let line = |seer: &Seer| {
        json!({
            "who": command::party(seer.party), "grant": seer.grant.to_string(),
            "records": seer.records,
        })
    };
    let value = json!({
        "dataset": dataset.to_string(), "record": record.map(|id| id.to_string()),
        "who": seers.iter().map(line).collect::<Vec<_>>(),
    });
    out.result(&value, |_| {
        let names = Names::of(node);
        let lines: Vec<String> = seers
            .iter()
            .map(|seer| {
                let who = names.say(&command::party(seer.party).into());
                format!("{who:20} {:>14}  by {}", show::count(seer.records, "record"), seer.grant)
            })
            .collect();
        if lines.is_empty() { "nobody but the owner".into() } else { lines.join("\n") }
    });
    Ok(())
}

/// What somebody can see: one page.
pub(crate) async fn see(
    node: &Node,
    out: Output,
    requester: &str,
    (dataset, purpose, action): (DatasetId, Purpose, Action),
    (after, limit): (Option<RecordId>, usize),
) -> Result<(), Failure> {
    let requester = node.identity(requester)?.member();
    let wish = Wish { requester, dataset, purpose, action };
    let page = node.pdc.visible(wish, after, limit).await.map_err(access_failure)?;
    let page = page.ok_or_else(|| {
        Failure::new("not-visible", "there is nothing here that you may know of")
            .hint("check the id, or ask the owner for a grant")
            .exit(Exit::Denied)
    })?;
    let value = json!({
        "dataset": dataset.to_string(),
        "records": page.records.iter().map(record).collect::<Vec<_>>(),
        "next": page.next.map(|id| id.to_string()),
    });
    out.result(&value, |_| {
        let lines: Vec<_> = page.records.iter().map(record_text).collect();
        if lines.is_empty() { "nothing".into() } else { lines.join("\n") }
    });
    if let Some(next) = page.next {
        out.say(&format!("there is more: --after {next}"));
    }
    Ok(())
}

/// A record's description, without its content.
pub(crate) fn record(meta: &RecordMeta) -> Value {
    json!({
        "record": meta.id.to_string(), "type": meta.kind, "category": meta.category.as_str(),
        "labels": meta.labels.iter().map(|l| l.as_str()).collect::<Vec<_>>(),
        "from": meta.period.map(|p| p.from.to_string()),
    })
}

pub(crate) fn record_text(meta: &RecordMeta) -> String {
    let labels: Vec<_> = meta.labels.iter().map(secnet_types::Label::as_str).collect();
    format!("{}  {:14} {:20} {}", meta.id, meta.category, meta.kind, labels.join(","))
}
