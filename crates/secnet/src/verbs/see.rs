//! `secnet data who` and `secnet data see`: who can see this, and what can I see.

use secnet_app::{Seer, Wish};
use secnet_types::{Action, DatasetId, Purpose, RecordId, RecordMeta};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::Remote;
use crate::show::fields::{entries, of, word};
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
    out.result(&value, |value| who_text(value, &Names::of(node)));
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn who_at(
    remote: &Remote,
    out: Output,
    owner: &str,
    (dataset, record): (DatasetId, Option<RecordId>),
) -> Result<(), Failure> {
    let owner = remote.identity(owner, false)?;
    let only = record.map(|record| format!("?record={record}")).unwrap_or_default();
    let path = format!("/v1/datasets/{dataset}/who{only}");
    let Some(told) = remote.all(&owner, &path, &["who"]).await? else { return Ok(()) };
    let who = told.get("who").cloned().unwrap_or_else(|| json!([]));
    let value = json!({
        "dataset": dataset.to_string(), "record": record.map(|id| id.to_string()), "who": who,
    });
    out.result(&value, |value| who_text(value, &remote.names()));
    Ok(())
}

fn who_text(told: &Value, names: &Names) -> String {
    let lines: Vec<String> = entries(told, "who")
        .map(|seer| {
            let who = names.say(seer.get("who").unwrap_or(&Value::Null));
            let records = show::count(of(seer, "records"), "record");
            format!("{who:20} {records:>14}  by {}", of(seer, "grant"))
        })
        .collect();
    if lines.is_empty() { "nobody but the owner".into() } else { lines.join("\n") }
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
    tell_page(out, &value);
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn see_at(
    remote: &Remote,
    out: Output,
    requester: &str,
    (dataset, purpose, action): (DatasetId, Purpose, Action),
    (after, limit): (Option<RecordId>, usize),
) -> Result<(), Failure> {
    let requester = remote.identity(requester, false)?;
    let (purpose, action) = (purpose.as_str(), action.as_str());
    let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
    let path = format!(
        "/v1/datasets/{dataset}/records?purpose={purpose}&action={action}&limit={limit}{after}"
    );
    let Some(page) = remote.client.show(&requester, &path).await? else { return Ok(()) };
    tell_page(out, &records_value(dataset, &page));
    Ok(())
}

/// Records as a node elsewhere tells of them, in the shape that they have here.
pub(crate) fn records_value(dataset: DatasetId, told: &Value) -> Value {
    let records: Vec<Value> = entries(told, "records")
        .map(|record| {
            let part = |field: &str| record.get(field).cloned().unwrap_or_default();
            json!({
                "record": part("record"), "type": part("type"), "category": part("category"),
                "labels": part("labels"), "from": part("from"),
            })
        })
        .collect();
    json!({ "dataset": dataset.to_string(), "records": records, "next": told.get("next") })
}

fn tell_page(out: Output, page: &Value) {
    out.result(page, |page| match records_text(page) {
        none if none.is_empty() => "nothing".into(),
        text => text,
    });
    if let Some(next) = page.get("next").and_then(Value::as_str) {
        out.say(&format!("there is more: --after {next}"));
    }
}

/// A record's description, without its content.
pub(crate) fn record(meta: &RecordMeta) -> Value {
    json!({
        "record": meta.id.to_string(), "type": meta.kind, "category": meta.category.as_str(),
        "labels": meta.labels.iter().map(|l| l.as_str()).collect::<Vec<_>>(),
        "from": meta.period.map(|p| p.from.to_string()),
    })
}

/// Records for people, one a line.
pub(crate) fn records_text(value: &Value) -> String {
    let line = |record: &Value| {
        let labels = record.get("labels").and_then(Value::as_array);
        let labels: Vec<String> = labels.into_iter().flatten().map(word).collect();
        let (id, category, kind) =
            (of(record, "record"), of(record, "category"), of(record, "type"));
        format!("{id}  {category:14} {kind:20} {}", labels.join(","))
    };
    entries(value, "records").map(line).collect::<Vec<_>>().join("\n")
}
