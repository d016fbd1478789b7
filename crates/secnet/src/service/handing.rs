//! When other nodes hold the shares of keys, what is kept here is handed over to them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::alerts::{Alerts, Kind};
use crate::node::Node;

/// How often it is looked whether there is something to hand over, and whether it can be.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks that find uploads which nobody can read it is told: nodes may just be starting.
const LOOKS_BEFORE_LOST: u32 = 30;

/// Hand over, for as long as this is polled.
pub(super) async fn run(node: &Node, alerts: &Alerts) {
    if node.part.is_none() {
        return std::future::pending().await;
    }
    let (mut told, mut lost_for, mut known) = (BTreeSet::new(), 0_u32, None);
    loop {
        tokio::time::sleep(LOOK).await;
        // What is left of the room is not for that.
        if node.ledger.standing().lacks_room() {
            continue;
        }
        let done = match node.pdc.hand_over().await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "shares are not handed over");
                continue;
            }
        };
        for dealer in &done.faulty {
            if told.insert(*dealer) {
                let said = format!("node {dealer} handed over shares that do not fit together");
                alerts.tell(Kind::Misdealt, said);
            }
        }
        let is_lost = !done.lost.is_empty();
        lost_for = if is_lost { lost_for.saturating_add(1) } else { 0 };
        if lost_for == LOOKS_BEFORE_LOST {
            let count = done.lost.len();
            alerts.tell(Kind::SharesMissing, format!("{count} uploads can be read by nobody: too few nodes that hold shares of their keys can be reached"));
        }
        let now = (done.epoch, done.waiting);
        if known.is_some_and(|known| known != now) {
            let (epoch, waiting, why) = (done.epoch, done.waiting, done.why.as_deref());
            tracing::info!(epoch, waiting, why, "uploads to hand over");
        }
        known = Some(now);
    }
}
