//! What a node does besides answering: publish the log, save what the guard has learnt, let old backup keys die, back up.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secnet_app::ports::Clock as _;
use tokio::time::{MissedTickBehavior, interval};

use super::alerts::{Alerts, Kind};
use crate::config::Settings;
use crate::failure::Failure;
use crate::node::{Node, publish};
use crate::system::SystemClock;
use crate::verbs::backup;

/// How often a log that has grown is published.
const PUBLISH: Duration = Duration::from_secs(1);
/// How often the guard's memory is saved: what a crash can make it forget.
const SAVE_GUARD: Duration = Duration::from_secs(60);
/// How often it is looked for backup keys past their date, and for a backup that is due.
const LOOK: Duration = Duration::from_secs(10 * 60);

/// Do all of it, for as long as this is polled. What fails is logged and tried again at its next time.
pub(super) async fn run(node: &Node, settings: &Settings, alerts: &Alerts) {
    tokio::join!(
        publishing(node),
        saving(node),
        expiring(node),
        backing_up(node, settings, alerts)
    );
}

async fn publishing(node: &Node) {
    let mut times = every(PUBLISH);
    loop {
        times.tick().await;
        let (ledger, dir) = (Arc::clone(&node.ledger), node.dir.clone());
        // It writes and syncs files: answers do not wait for that.
        let done = tokio::task::spawn_blocking(move || publish(&*ledger, &dir)).await;
        let broken = |error| Failure::new("threads", "publishing broke off").because(&error);
        tell("the log is not published", done.map_err(broken).flatten());
    }
}

async fn saving(node: &Node) {
    let mut times = every(SAVE_GUARD);
    loop {
        times.tick().await;
        // What is left of the room is not for that.
        if node.ledger.standing().lacks_room() {
            continue;
        }
        let saved = node.pdc.save_guard().await;
        let failed =
            |error: secnet_app::ports::ArchiveError| crate::node::access_failure(error.into());
        tell("the guard's memory is not saved", saved.map_err(failed));
    }
}

async fn expiring(node: &Node) {
    let mut times = every(LOOK);
    loop {
        times.tick().await;
        let expired = node.epochs().and_then(|mut epochs| {
            epochs.expire(SystemClock.now()).map_err(|error| crate::node::backup_failure(&error))
        });
        tell("old backup keys are not destroyed", expired.map(drop));
    }
}

async fn backing_up(node: &Node, settings: &Settings, alerts: &Alerts) {
    let Some((folder, apart)) = &settings.backup else { return std::future::pending().await };
    let mut times = every(LOOK);
    loop {
        times.tick().await;
        if is_due(folder, *apart) && !node.ledger.standing().lacks_room() {
            match backup::make(node, folder).await {
                Ok(made) => {
                    tracing::info!(passphrase_left_out = made.secret_left_out, "a backup was made")
                }
                Err(failure) => {
                    alerts.tell(Kind::NoBackup, format!("no backup was made: {}", why(&failure)));
                }
            }
        }
    }
}

/// Is the newest backup older than it may be?
fn is_due(folder: &Path, apart: Duration) -> bool {
    let apart = u64::try_from(apart.as_millis()).unwrap_or(u64::MAX);
    backup::newest(folder).is_none_or(|made| SystemClock.now().since_ms(made) >= apart)
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut times = interval(period);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    times
}

fn tell(what: &str, done: Result<(), Failure>) {
    if let Err(failure) = done {
        tracing::error!(why = why(&failure), "{what}");
    }
}

fn why(failure: &Failure) -> String {
    let why =
        [failure.message.as_str()].into_iter().chain(failure.causes.iter().map(String::as_str));
    why.collect::<Vec<_>>().join(": ")
}
