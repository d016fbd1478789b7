//! Administrators are told of irregular dealings on the ledger, each once.
//!
//! What the watcher remembers is not kept: it reads the log again at the start. The folder keeps how far findings have been told, so
//! that a restart repeats none. It is noted after the telling: a crash in between tells one again, by the same number.

use std::path::PathBuf;
use std::time::Duration;

use super::alerts::Alerts;
use crate::failure::Failure;
use crate::files;
use crate::irregular::Watching;
use crate::node::{Node, access_failure};

/// Events read again at the start, at most: the newest.
const MAX_READ_AGAIN: u64 = 1_000_000;
/// After a failure.
const WAIT: Duration = Duration::from_secs(60);
/// The note, in the data folder.
const NOTE: &str = "irregular";
/// Longest note, in bytes.
const MAX_NOTE_BYTES: u64 = 64;

/// Watch, for as long as this is polled.
pub(super) async fn run(node: &Node, alerts: &Alerts) {
    loop {
        let Err(failure) = watch(node, alerts).await else { return };
        let why = failure.causes.join(": ");
        tracing::error!(why, "irregular dealings are not watched: {}", failure.message);
        tokio::time::sleep(WAIT).await;
    }
}

async fn watch(node: &Node, alerts: &Alerts) -> Result<(), Failure> {
    let size = node.pdc.view(|view| view.log_size).unwrap_or_default();
    let mut told = Told::open(node, size)?;
    let mut watching = Watching::from(size.saturating_sub(MAX_READ_AGAIN));
    loop {
        match watching.read_on(node).await? {
            Some(found) => {
                for finding in found.iter().filter(|finding| finding.found_at >= told.next) {
                    alerts.tell_of(finding);
                }
                if let Some(last) = found.last() {
                    told.note(last.found_at.saturating_add(1))?;
                }
                // Answers do not wait for a long log.
                tokio::task::yield_now().await;
            }
            None => {
                let grown = node.pdc.log.grown(watching.next).await;
                grown.map_err(|error| access_failure(error.into()))?;
            }
        }
    }
}

/// How far in the log findings have been told.
struct Told {
    next: u64,
    note: PathBuf,
}

impl Told {
    /// A folder that never watched tells what is found from now on; the verb shows what was before.
    fn open(node: &Node, size: u64) -> Result<Self, Failure> {
        let note = node.dir.join(NOTE);
        let known = files::read_if_present(&note, MAX_NOTE_BYTES)?;
        let known = known.and_then(|text| core::str::from_utf8(&text).ok()?.trim().parse().ok());
        let mut told = Self { next: 0, note };
        match known {
            Some(next) => told.next = next,
            None => told.note(size)?,
        }
        Ok(told)
    }

    fn note(&mut self, next: u64) -> Result<(), Failure> {
        if next > self.next || !self.note.exists() {
            self.next = self.next.max(next);
            files::write_private(&self.note, format!("{}\n", self.next).as_bytes())?;
        }
        Ok(())
    }
}
