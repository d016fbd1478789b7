//! What becomes of a dataset, in words: here and at a node elsewhere the same.

use secnet_types::{DatasetId, Terms};
use serde_json::json;

use crate::output::Output;
use crate::show;

pub(super) fn would_add(records: usize, terms: &Terms) -> String {
    format!("seal {records} records and register them at {} a use", terms.price)
}

pub(super) fn added(out: Output, dataset: DatasetId, records: usize, left_out: usize) {
    let value = json!({
        "dataset": dataset.to_string(), "records": records, "left_out": left_out,
    });
    out.result(&value, |_| format!("registered {records} records as {dataset}"));
}

pub(super) fn would_offer(dataset: DatasetId, to: Option<&str>) -> String {
    match to {
        Some(name) => format!("offer {dataset} to {name}"),
        None => format!("take the offer of {dataset} back"),
    }
}

pub(super) fn offered(out: Output, dataset: DatasetId, to: Option<&str>) {
    let value = json!({ "dataset": dataset.to_string(), "offered_to": to });
    out.result(&value, |_| match to {
        Some(name) => format!("offered {dataset} to {name}"),
        None => format!("took the offer of {dataset} back"),
    });
}

pub(super) fn would_withdraw(dataset: DatasetId) -> String {
    format!("withdraw {dataset}; every grant on it would end")
}

pub(super) fn withdrawn(out: Output, dataset: DatasetId) {
    let value = json!({ "withdrawn": dataset.to_string() });
    out.result(&value, |_| format!("withdrew {dataset}"));
}

pub(super) fn would_extend(dataset: DatasetId, records: usize) -> String {
    format!("seal {records} records and add them to {dataset}")
}

pub(super) fn extended(out: Output, dataset: DatasetId, records: usize, left_out: usize) {
    let value = json!({
        "dataset": dataset.to_string(), "added": records, "left_out": left_out,
    });
    out.result(&value, |_| format!("added {records} records to {dataset}"));
}

pub(super) fn would_set(dataset: DatasetId, terms: &Terms) -> String {
    format!("set other terms for {dataset}: {} a use", terms.price)
}

pub(super) fn set(out: Output, dataset: DatasetId, terms: &Terms) {
    let value = json!({ "dataset": dataset.to_string(), "terms": show::command::terms(terms) });
    out.result(&value, |_| {
        format!("{dataset} costs {} a use, and is {}", terms.price, terms.level)
    });
}

pub(super) fn would_accept(dataset: DatasetId, records: usize) -> String {
    format!("take {dataset} over with {records} records; every grant on it would end")
}

pub(super) fn accepted(
    out: Output,
    dataset: DatasetId,
    owner: &str,
    (records, left_out): (usize, usize),
) {
    let value = json!({
        "dataset": dataset.to_string(), "owner": owner, "records": records, "left_out": left_out,
    });
    out.result(&value, |_| format!("{dataset} belongs to {owner} now"));
}
