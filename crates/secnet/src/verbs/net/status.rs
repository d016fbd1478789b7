//! `secnet net status`: each node, and whether all have the same ledger.

use std::path::Path;

use secnet_types::{Genesis, limits, quorum};
use serde_json::{Value, json};

use super::running::{is_fresh, standing};
use crate::failure::{Exit, Failure};
use crate::files;
use crate::network::Local;
use crate::output::Output;

pub(super) async fn run(dir: &Path, out: Output) -> Result<(), Failure> {
    let net = Local::open(dir)?;
    let genesis = files::read(&net.dir.join("genesis.cbor"), limits::MAX_GENESIS_BYTES as u64)?;
    let genesis = Genesis::parse(&genesis).map_err(|error| {
        Failure::new(error.code(), "the network's genesis does not hold")
            .because(&error)
            .exit(Exit::Verification)
    })?;
    let mut told = Vec::new();
    for node in &net.nodes {
        told.push(standing(out, node, None).await);
    }
    let height = |told: &Value| told.pointer("/standing/height").and_then(Value::as_u64);
    // Nodes are at different heights: they are compared where all of them have been.
    let common = told.iter().flatten().filter_map(height).min();
    let now =
        |field: &str| told.iter().flatten().filter_map(|told| told.get(field)?.as_u64()).max();
    let (epoch, followers) = (now("epoch"), now("followers"));
    // Where nobody says: as many as the network began with.
    let first = genesis.validators.as_ref().map_or(0, Vec::len);
    let validators =
        now("validators").and_then(|count| usize::try_from(count).ok()).unwrap_or(first);
    let mut nodes = Vec::new();
    let mut seen: Vec<Value> = Vec::new();
    for (node, told) in net.nodes.iter().zip(told) {
        let asked = standing(out, node, common).await;
        let block = asked.as_ref().and_then(|asked| asked.get("block")).filter(|b| !b.is_null());
        seen.extend(block.cloned());
        let field = |path: &str| told.as_ref().and_then(|told| told.pointer(path)).cloned();
        nodes.push(json!({
            "node": node.number, "process": node.process(), "url": node.url(),
            "validator": field("/validator"), "votes": field("/votes"), "role": field("/role"),
            "epoch": field("/epoch"),
            "peers": field("/peers"), "apart": field("/apart"),
            "height": field("/standing/height"), "age_ms": field("/standing/age_ms"),
            "fresh": told.as_ref().is_some_and(is_fresh), "trouble": field("/trouble"),
            "handover": field("/handover"),
        }));
    }
    let agree = seen.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
    let value = json!({
        "network": genesis.network().to_string(), "name": genesis.name, "epoch": epoch,
        "validators": validators, "followers": followers, "quorum": quorum(validators),
        "agree": agree, "block": seen.first(), "nodes": nodes,
    });
    out.result(&value, text);
    if agree {
        return Ok(());
    }
    Err(Failure::new("fork", "the nodes have different ledgers")
        .hint("keep all folders as they are: two ledgers of one network show that more than a third of the validators voted twice")
        .exit(Exit::Verification))
}

/// What is still to be handed over to those that hold shares now.
fn handing_over(node: &Value) -> Option<String> {
    let number = |path: &str| node.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let (waiting, lost) = (number("/handover/waiting"), number("/handover/lost"));
    if waiting == 0 {
        return None;
    }
    let why = node.pointer("/handover/why").and_then(Value::as_str).unwrap_or_default();
    let lost =
        if lost == 0 { String::new() } else { format!(", {lost} of them readable by nobody") };
    Some(format!("          {waiting} uploads are being handed over{lost}; {why}"))
}

fn text(value: &Value) -> String {
    let word = |value: &Value, key: &str| match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    let mut lines = vec![format!(
        "network   {} ({}), {} validators, {} must agree, {} followers, epoch {}",
        word(value, "name"),
        word(value, "network"),
        word(value, "validators"),
        word(value, "quorum"),
        word(value, "followers"),
        word(value, "epoch"),
    )];
    for node in value.get("nodes").and_then(Value::as_array).into_iter().flatten() {
        let process = node.get("process").filter(|process| !process.is_null());
        let count = |field: &str| node.get(field).and_then(Value::as_array).map_or(0, Vec::len);
        let peers = match (count("peers"), count("apart")) {
            (peers, 0) => format!("{peers} peers"),
            (peers, apart) => format!("{peers} peers, kept apart from {apart}"),
        };
        let state = match (process, node.get("fresh") == Some(&Value::Bool(true))) {
            (None, _) => "does not run".to_owned(),
            (Some(process), true) => {
                let role = word(node, "role");
                let does = if role == "validator" { "agrees" } else { "follows" };
                format!("process {process}, {peers}, {does}")
            }
            (Some(process), false) => format!("process {process}, {peers}, no quorum"),
        };
        let (number, height, url) = (word(node, "node"), word(node, "height"), word(node, "url"));
        lines.push(format!("node {number:>2}   block {height:>6}  {url:24} {state}"));
        lines.extend(handing_over(node));
    }
    let all = if value.get("agree") == Some(&Value::Bool(true)) { "agree" } else { "DISAGREE" };
    if let Some(block) = value.get("block").filter(|block| !block.is_null()) {
        lines.push(format!(
            "all {all} at block {}: header {}, state {}, log of {} events with root {}",
            word(block, "height"),
            word(block, "header"),
            word(block, "state"),
            word(block, "log_size"),
            word(block, "log_root"),
        ));
    }
    lines.join("\n")
}
