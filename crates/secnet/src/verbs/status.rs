//! `secnet status`

use serde_json::json;

use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use crate::show;

pub(crate) async fn run(node: &Node, out: Output) -> Result<(), Failure> {
    let value = node.pdc.view(|view| {
        let (members, datasets, grants) = view.state.sizes();
        let conserved = view.state.audit().is_some_and(|(totals, sum)| totals.supply == sum);
        json!({
            "network": view.network().to_string(),
            "name": node.solo.chain().genesis().name,
            "height": view.height,
            "time": view.time.to_string(),
            "events": view.log_size,
            "members": members,
            "datasets": datasets,
            "grants": grants,
            "supply": view.state.totals().supply.to_string(),
            "treasury": view.state.totals().treasury.to_string(),
            "money_conserved": conserved,
            "closed": view.state.is_closed(),
        })
    });
    let value = value.unwrap_or_default();
    out.result(&value, |v| {
        let word = |key: &str| match v.get(key) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let count = |key: &str, one: &str| show::count(word(key), one);
        let whole = word("money_conserved") == "true";
        let money = if whole { "not a millionth is missing" } else { "they do not add up" };
        let closed = if word("closed") == "true" { ", closed" } else { "" };
        format!(
            "network   {} ({}){closed}\nledger    block {}, {}, last block {}\nholds     {}, {}, {}\nmoney     {} issued, {} in the treasury; {money}",
            word("name"), word("network"), word("height"), count("events", "event"), word("time"),
            count("members", "member"), count("datasets", "dataset"), count("grants", "grant"),
            word("supply"), word("treasury"),
        )
    });
    Ok(())
}
