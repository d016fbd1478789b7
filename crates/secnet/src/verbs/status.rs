//! `secnet status`

use clap::Args;
use secnet_app::ports::Standing;
use serde_json::{Value, json};

use crate::config::MEBIBYTE;
use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use crate::remote::{RemoteArgs, text};
use crate::show;
use crate::vault::{self, Where};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// What a running node says of itself.
pub(crate) async fn run_remote(out: Output, args: &StatusArgs) -> Result<(), Failure> {
    let client = args.remote.client(out)?;
    if client.prints() {
        let line = format!("curl '{}/v1/network'", client.base());
        out.result(&json!({ "curl": line }), |_| line.clone());
        return Ok(());
    }
    let network = client.open("/v1/network").await?;
    let not_ready = client.open("/readyz").await.err();
    let of = |field: &str| text(&network, field).map(Value::from);
    let value = json!({
        "url": client.base(), "network": of("network")?, "name": of("name")?,
        "height": network.get("height"), "time": of("time")?, "events": network.get("events"),
        "data_centre": of("data_centre")?, "ready": not_ready.is_none(),
        "why_not": not_ready.as_ref().map(|failure| &failure.message),
    });
    out.result(&value, |v| {
        let word = |key: &str| v.get(key).map(|v| v.to_string().trim_matches('"').to_owned());
        let word = |key: &str| word(key).unwrap_or_default();
        format!(
            "network   {} ({})\nledger    block {}, {} events, last block {}\nready     {}",
            word("name"),
            word("network"),
            word("height"),
            word("events"),
            word("time"),
            not_ready.as_ref().map_or("yes", |failure| failure.message.as_str()),
        )
    });
    Ok(())
}

pub(crate) async fn run(node: &Node, out: Output) -> Result<(), Failure> {
    let standing = node.ledger.standing();
    let trouble = standing.trouble.as_ref().map(ToString::to_string);
    let looked = vault::look(&node.dir, &node.place).await.err();
    let vault_trouble = looked.as_ref().map(|failure| &failure.message);
    let value = node.pdc.view(|view| {
        let (members, datasets, grants) = view.state.sizes();
        let conserved = view.state.audit().is_some_and(|(totals, sum)| totals.supply == sum);
        json!({
            "network": view.network().to_string(),
            "name": node.ledger.chain().genesis().name,
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
            "free_bytes": standing.free,
            "reserve_bytes": standing.reserve,
            "trouble": trouble,
            "vault": node.place.to_string(),
            "vault_trouble": vault_trouble,
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
            "network   {} ({}){closed}\nledger    block {}, {}, last block {}\nholds     {}, {}, {}\nmoney     {} issued, {} in the treasury; {money}\ndisk      {}\nvault     {}",
            word("name"), word("network"), word("height"), count("events", "event"), word("time"),
            count("members", "member"), count("datasets", "dataset"), count("grants", "grant"),
            word("supply"), word("treasury"), disk(&standing), vault_line(&node.place, looked.as_ref()),
        )
    });
    Ok(())
}

/// Where segments are, and whether they can be reached.
fn vault_line(place: &Where, trouble: Option<&Failure>) -> String {
    match trouble {
        Some(trouble) => trouble.message.clone(),
        None => place.to_string(),
    }
}

/// How much room there is, in words.
fn disk(standing: &Standing) -> String {
    let free = match standing.free {
        Some(free) => format!("{} MiB free", free / MEBIBYTE),
        None => "it is not known how much is free".into(),
    };
    let kept = match standing.reserve {
        0 => "no reserve".into(),
        bytes => format!("{} MiB in reserve", bytes / MEBIBYTE),
    };
    match &standing.trouble {
        Some(trouble) => format!("{free}, {kept}; {trouble}"),
        None => format!("{free}, {kept}"),
    }
}
