//! What administrators are told of besides what is in the log of the ledger: how disk, ledger, vault, certificate and
//! backups of the node are. It goes to the node's own log, to the streams of administrators, and from here to the webhooks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secnet_app::ports::Clock as _;
use secnet_gateway::Bulletin;
use secnet_types::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::system::{SystemClock, random};

/// Alerts that are kept for webhooks that do not answer; older ones are in the node's log.
const MAX_KEPT: usize = 1024;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No room on the disk: nothing is released.
    DiskFull,
    /// There is no room for the reserve.
    NoReserve,
    /// The ledger cannot write: nothing is released.
    Failing,
    /// What one of the two above said is over.
    Recovered,
    /// Something stored is not what was written.
    Damaged,
    /// No backup was made.
    NoBackup,
    /// The certificate ends soon, or has ended.
    Certificate,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::DiskFull => "disk-full",
            Self::NoReserve => "no-reserve",
            Self::Failing => "failing",
            Self::Recovered => "recovered",
            Self::Damaged => "damaged",
            Self::NoBackup => "no-backup",
            Self::Certificate => "certificate",
        }
    }

    /// What to do about it.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::DiskFull => {
                "make room on the node's disk: it goes on by itself; what ends rights or destroys data is taken meanwhile"
            }
            Self::NoReserve => {
                "make room on the ledger's disk: without a reserve, a full one stops revocations too"
            }
            Self::Failing => "look at the disk; when it is mended, start the node again",
            Self::Recovered => "nothing",
            Self::Damaged => {
                "`secnet fsck` names all that is wrong; restore a backup into another folder"
            }
            Self::NoBackup => "look at the backup's folder; it is tried again",
            Self::Certificate => "put a new certificate in place; it is read again by itself",
        }
    }
}

/// One alert.
#[derive(Debug, Clone)]
pub(crate) struct Alert {
    /// Random, so that whoever is told twice sees it.
    pub id: [u8; 16],
    pub time: Timestamp,
    pub kind: Kind,
    pub said: String,
}

impl Alert {
    /// As it is told.
    pub(crate) fn shown(&self) -> Value {
        let Self { id, time, kind, said } = self;
        json!({
            "alert": format!("{:032x}", u128::from_be_bytes(*id)), "time": time.to_string(),
            "kind": kind.as_str(), "said": said, "do": kind.hint(),
        })
    }
}

/// The alerts since the node was started.
#[derive(Debug)]
pub(crate) struct Alerts {
    kept: Mutex<Kept>,
    grown: watch::Sender<u64>,
    /// Where administrators read them at the door.
    pub bulletin: Arc<Bulletin>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Number of the first one that is kept.
    first: u64,
    alerts: VecDeque<Alert>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self { kept: Mutex::default(), grown: watch::Sender::new(0), bulletin: Arc::default() }
    }
}

impl Alerts {
    /// Tell the log now, and the webhooks as soon as they listen.
    pub(crate) fn tell(&self, kind: Kind, said: impl Into<String>) {
        let (said, hint) = (said.into(), kind.hint());
        match kind {
            Kind::Recovered => tracing::warn!(kind = kind.as_str(), "{said}"),
            _ => tracing::error!(kind = kind.as_str(), hint, "{said}"),
        }
        let alert = Alert { id: random(), time: SystemClock.now(), kind, said };
        self.bulletin.tell(alert.shown());
        let mut kept = self.kept();
        kept.alerts.push_back(alert);
        if kept.alerts.len() > MAX_KEPT {
            kept.alerts.pop_front();
            kept.first = kept.first.saturating_add(1);
        }
        let next = kept.first.saturating_add(kept.alerts.len() as u64);
        drop(kept);
        self.grown.send_replace(next);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first alert from this number on, with the number after it. Waits until there is one.
    pub(crate) async fn from(&self, number: u64) -> (Alert, u64) {
        let mut grown = self.grown.subscribe();
        loop {
            let found = {
                let kept = self.kept();
                let at = number.max(kept.first);
                let place = usize::try_from(at.saturating_sub(kept.first)).unwrap_or(usize::MAX);
                kept.alerts.get(place).map(|alert| (alert.clone(), at.saturating_add(1)))
            };
            if let Some(found) = found {
                return found;
            }
            // INVARIANT: the sender lives as long as self.
            grown.changed().await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn each_alert_is_had_once_in_order_and_the_oldest_make_room() {
        let alerts = Alerts::default();
        assert!(alerts.from(0).now_or_never().is_none());
        for number in 0..MAX_KEPT + 2 {
            alerts.tell(Kind::Damaged, number.to_string());
        }
        let (first, next) = alerts.from(0).now_or_never().unwrap();
        assert_eq!((first.said.as_str(), next), ("2", 3));
        let (second, next) = alerts.from(next).now_or_never().unwrap();
        assert_eq!((second.said.as_str(), next), ("3", 4));
        let end = (MAX_KEPT + 2) as u64;
        assert!(alerts.from(end).now_or_never().is_none());
        assert_ne!(first.id, second.id);
    }
}
