//! How a node's ledger stands, for whoever looks after it: `secnet net status`. Digests and heights, nobody's data.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use secnet_app::{HandingOver, Pdc};
use secnet_ledger::State as LedgerState;
use secnet_types::{MemberId, NetworkNode, NodeSet, ValidatorKey};
use serde_json::{Value, json};

use crate::ledger::Ledger;
use crate::network::Part;
use crate::node::Node;

struct Asked {
    ledger: Arc<dyn Ledger>,
    pdc: Arc<Pdc>,
    part: Option<Part>,
}

/// `/standing`, and `/standing?height=N` for the header of one block besides.
pub(super) fn router(node: &Node) -> Router {
    let (ledger, pdc) = (Arc::clone(&node.ledger), Arc::clone(&node.pdc));
    let asked = Asked { ledger, pdc, part: node.part.clone() };
    Router::new().route("/standing", get(standing)).with_state(Arc::new(asked))
}

async fn standing(
    State(asked): State<Arc<Asked>>,
    RawQuery(query): RawQuery,
) -> ([(axum::http::HeaderName, &'static str); 1], String) {
    let height = query.as_deref().and_then(|query| query.strip_prefix("height="));
    let told = told(&asked, height.and_then(|height| height.parse().ok()));
    ([(CONTENT_TYPE, "application/json")], told.to_string())
}

fn told(asked: &Asked, height: Option<u64>) -> Value {
    let (mut seen, mut unaged) = (Value::Null, None);
    let (mut now, mut coming) = (None, None);
    asked.ledger.read(&mut |view| {
        unaged = view.unaged;
        seen = json!({
            "network": view.network().to_string(), "height": view.height,
            "time": view.time.to_string(), "events": view.log_size,
            // Of a ledger that has not been heard of there is no age.
            "age_ms": (view.age_ms != u64::MAX).then_some(view.age_ms),
        });
        now = nodes(view.state, view.height);
        coming = view.state.boundary_above(view.height);
    });
    let trouble = asked.ledger.standing().trouble.map(|trouble| trouble.to_string());
    let trouble = trouble.or_else(|| unaged.map(|unaged| unaged.to_string()));
    // Read after the snapshot, so that the block of its height is there.
    let wanted = height.or_else(|| seen.get("height").and_then(Value::as_u64));
    let block = wanted.and_then(|wanted| asked.ledger.chain().block(wanted).ok().flatten());
    let header = block.map(|(block, _)| {
        let header = block.header;
        json!({
            "height": header.height, "header": header.digest().to_string(),
            "state": header.state.to_string(), "log_size": header.log_size,
            "log_root": header.log_root.to_string(),
        })
    });
    let me = asked.part.as_ref().map(|part| part.me);
    let is_among =
        |nodes: &[NetworkNode]| nodes.iter().any(|node| Some(node.key.0) == me.map(|me| me.0));
    let role = now.as_ref().map(|(_, nodes)| match nodes {
        nodes if is_among(&nodes.validators) => "validator",
        nodes if is_among(&nodes.followers) => "follower",
        _ => "stranger",
    });
    json!({
        "process": std::process::id(), "standing": seen, "trouble": trouble, "block": header,
        "peers": ids(asked.ledger.peers()), "apart": ids(asked.ledger.apart()),
        "validator": asked.part.as_ref().map(|part| part.me.to_string()),
        "votes": asked.part.as_ref().map(|part| part.votes),
        "role": role, "epoch": now.as_ref().map(|(epoch, _)| epoch),
        "validators": now.as_ref().map(|(_, nodes)| nodes.validators.len()),
        "followers": now.as_ref().map(|(_, nodes)| nodes.followers.len()),
        "epoch_ends": coming, "handover": handover(&asked.pdc),
    })
}

/// How far the shares of keys have been handed over to those that are to hold them.
fn handover(pdc: &Pdc) -> Value {
    let HandingOver { epoch, pending, waiting, lost, faulty, why } = pdc.handing_over();
    let faulty: Vec<String> = faulty.iter().map(ToString::to_string).collect();
    json!({
        "epoch": epoch, "pending": pending, "waiting": waiting, "lost": lost.len(),
        "faulty": faulty, "why": why,
    })
}

/// The nodes of the next block's epoch, and its number; none in a solo chain.
fn nodes(state: &LedgerState, height: u64) -> Option<(u64, NodeSet)> {
    let epoch = state.epoch_at(height.saturating_add(1));
    let found = state.epochs().find(|(number, _)| *number == epoch);
    found.map(|(number, epoch)| (number, epoch.nodes.clone()))
}

fn ids(validators: Vec<ValidatorKey>) -> Vec<String> {
    validators.into_iter().map(|validator| MemberId(validator.0).to_string()).collect()
}
