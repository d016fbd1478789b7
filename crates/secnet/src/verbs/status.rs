//! `secnet status`

use serde_json::json;

use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;

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
        format!(
            "network   {} ({})\nledger    block {}, {} events, last block {}\nholds     {} members, {} datasets, {} grants\nmoney     {} issued, {} in the treasury, every unit accounted for: {}",
            word("name"), word("network"), word("height"), word("events"), word("time"),
            word("members"), word("datasets"), word("grants"), word("supply"), word("treasury"),
            word("money_conserved"),
        )
    });
    Ok(())
}
