//! The learnt models that the ledger lists for this data centre, and what they have said.

use std::collections::BTreeMap;

use secnet_app::{KeptModel, PastRequest};
use secnet_types::{Digest, MemberId, RuleId, Timestamp};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::node::{Node, access_failure};

/// Requesters, and decisions, that are listed by name.
const MAX_LISTED: usize = 5;

/// One that is in force or watches.
#[derive(Debug)]
pub(super) struct Here {
    pub digest: Digest,
    pub until: Timestamp,
    pub watches: bool,
    pub kept: KeptModel,
}

/// All of them.
pub(super) async fn here(node: &Node) -> Result<Vec<Here>, Failure> {
    let installed: Vec<(RuleId, Timestamp, bool)> = node
        .pdc
        .view(|view| {
            let all = view.state.installed_rules(node.pdc.member, view.time);
            all.map(|(id, install)| (id, install.until, install.simulate)).collect()
        })
        .unwrap_or_default();
    let mut here = Vec::new();
    for (id, until, watches) in installed {
        let digest = Digest(id.0);
        if let Some(kept) = node.pdc.kept_model(digest).await.map_err(access_failure)? {
            here.push(Here { digest, until, watches, kept });
        }
    }
    Ok(here)
}

/// Models in force that cannot be read, each with the reason.
pub(crate) async fn unreadable(node: &Node) -> Result<Vec<(Digest, String)>, Failure> {
    let here = here(node).await?.into_iter();
    Ok(here.filter_map(|one| Some((one.digest, one.kept.model.err()?))).collect())
}

/// What the models here have said, for `guard status`.
#[derive(Debug)]
pub(in crate::verbs::guard) struct Seen {
    pub value: Value,
    pub watches: bool,
    pub lines: Vec<String>,
}

pub(in crate::verbs::guard) async fn seen(
    node: &Node,
    past: &[PastRequest],
) -> Result<Vec<Seen>, Failure> {
    Ok(here(node).await?.iter().map(|one| said(node, one, past)).collect())
}

fn said(node: &Node, one: &Here, past: &[PastRequest]) -> Seen {
    let of_it = |request: &&PastRequest| request.learnt.iter().any(|r| r.model == one.digest);
    let asked: Vec<&PastRequest> = past.iter().filter(of_it).collect();
    let holds =
        |request: &&&PastRequest| request.learnt.iter().any(|r| r.model == one.digest && r.holds);
    let held: Vec<&&PastRequest> = asked.iter().filter(holds).collect();
    let mut by: BTreeMap<MemberId, usize> = BTreeMap::new();
    for request in &held {
        *by.entry(request.requester).or_default() += 1;
    }
    let mut by: Vec<(String, usize)> =
        by.into_iter().map(|(member, count)| (node.name_of(member), count)).collect();
    by.sort_by_key(|(name, count)| (core::cmp::Reverse(*count), name.clone()));
    let objected = held.iter().filter(|r| r.known.is_some_and(|known| known.misuse)).count();
    let ahead = held.iter().filter(|request| request.went_ahead()).count();
    let newest: Vec<String> =
        held.iter().rev().take(MAX_LISTED).map(|r| r.decision.to_string()).collect();
    let rows: Vec<Value> = by
        .iter()
        .map(|(requester, held)| json!({ "requester": requester, "held": held }))
        .collect();
    let doing = if one.watches { "watches" } else { "in force" };
    let wrong = one.kept.model.as_ref().err();
    let value = json!({
        "model": one.digest.to_string(), "doing": doing, "until": one.until.to_string(), "unreadable": wrong,
        "asked": asked.len(), "held": held.len(), "went_ahead": ahead, "misuse": objected,
        "by_requester": rows, "newest": newest,
    });
    let would = if one.watches { "would have held" } else { "held" };
    let mut lines = vec![format!(
        "model {} {doing} until {}: asked {} times, it {would} {}, {objected} of which were misuse",
        one.digest,
        one.until,
        asked.len(),
        held.len()
    )];
    lines.extend(wrong.map(|why| format!("  it cannot be read: {why}")));
    lines.extend(by.iter().take(MAX_LISTED).map(|(name, count)| format!("  {name:16} {count}")));
    Seen { value, watches: one.watches, lines }
}

/// The models that can be read, in force or watching, each with the moment when it was learnt.
pub(in crate::verbs::guard) async fn learnt_here(
    node: &Node,
) -> Result<Vec<(std::sync::Arc<secnet_guard::Learnt>, Timestamp)>, Failure> {
    let readable = here(node).await?.into_iter().filter_map(|one| one.kept.model.ok());
    let dated = readable.map(|model| {
        let at = model.parts().card.at;
        (model, at)
    });
    Ok(dated.collect())
}
