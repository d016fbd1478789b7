//! The datasets of a folder.

use secnet_ledger::DatasetStatus;
use serde_json::json;

use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use crate::show;

pub(super) fn list(node: &Node, out: Output, owner: Option<&str>) -> Result<(), Failure> {
    let owner = owner.map(|name| node.member(name)).transpose()?;
    let rows = node.pdc.view(|view| {
        view.state
            .datasets()
            .filter(|(_, dataset)| owner.is_none_or(|owner| dataset.owner == owner))
            .map(|(id, dataset)| {
                let grants = view
                    .state
                    .grants_on(id)
                    .filter(|(_, g)| view.state.grant_is_live(g, view.time))
                    .count();
                (id, dataset.clone(), grants)
            })
            .collect::<Vec<_>>()
    });
    let rows = rows.unwrap_or_default();
    let value: Vec<_> = rows
        .iter()
        .map(|(id, dataset, grants)| {
            json!({
                "dataset": id.to_string(), "owner": node.name_of(dataset.owner),
                "price": dataset.terms.price.to_string(),
                "level": dataset.terms.level.as_str(), "status": status(dataset.status),
                "grants": grants,
            })
        })
        .collect();
    out.result(&json!({ "datasets": value }), |_| {
        rows.iter()
            .map(|(id, dataset, grants)| {
                format!(
                    "{id}  {:16} {:>8} a use  {}  {:>9}  {}",
                    node.name_of(dataset.owner),
                    dataset.terms.price,
                    dataset.terms.level,
                    show::count(grants, "grant"),
                    status(dataset.status)
                )
            })
            .collect::<Vec<_>>()
            .join("\n")
    });
    Ok(())
}

const fn status(status: DatasetStatus) -> &'static str {
    match status {
        DatasetStatus::Active => "active",
        DatasetStatus::Withdrawn => "withdrawn",
        DatasetStatus::Erased => "erased",
    }
}
