//! What administrators are told of besides decisions: how disk, ledger, vault, certificate and backups of the node are, and
//! what looks irregular in the log of the ledger. It goes to the node's own log, to the streams of administrators, and from here to the webhooks.

use std::sync::Arc;

use secnet_app::ports::Clock as _;
use secnet_gateway::Bulletin;
use secnet_guard::irregular::Finding;
use serde_json::{Value, json};

use crate::irregular;
use crate::system::{SystemClock, random};

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No room on the disk: nothing is released.
    DiskFull,
    /// There is no room for the reserve.
    NoReserve,
    /// The ledger cannot write: nothing is released.
    Failing,
    /// The vault does not answer: nothing is released.
    VaultUnreachable,
    /// What disk-full, failing or vault-unreachable said is over.
    Recovered,
    /// Something stored is not what was written.
    Damaged,
    /// No backup was made.
    NoBackup,
    /// The certificate ends soon, or has ended.
    Certificate,
    /// Something looks irregular on the ledger.
    Irregular,
    /// A release node handed over shares that do not fit together.
    Misdealt,
    /// Too few nodes that hold shares can be reached to hand them over.
    SharesMissing,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::DiskFull => "disk-full",
            Self::NoReserve => "no-reserve",
            Self::Failing => "failing",
            Self::VaultUnreachable => "vault-unreachable",
            Self::Recovered => "recovered",
            Self::Damaged => "damaged",
            Self::NoBackup => "no-backup",
            Self::Certificate => "certificate",
            Self::Irregular => "irregular",
            Self::Misdealt => "misdealt",
            Self::SharesMissing => "shares-missing",
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
            Self::VaultUnreachable => {
                "look at the vault's storage, its credentials and the network; the node goes on by itself"
            }
            Self::Recovered => "nothing",
            Self::Damaged => {
                "`secnet fsck` names all that is wrong; restore a backup into another folder"
            }
            Self::NoBackup => "look at the backup's folder; it is tried again",
            Self::Certificate => "put a new certificate in place; it is read again by itself",
            Self::Misdealt => {
                "tell whoever runs it, and the governors; enough others make up for it"
            }
            Self::SharesMissing => {
                "start the nodes that held the shares, or have them let in again; what they do not hand over its owners upload anew"
            }
            Self::Irregular => {
                "look at the events with those concerned: nothing was refused, and it may be nothing"
            }
        }
    }
}

/// The alerts since the node was started: in the log, and on the board that webhooks and administrators read.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    pub bulletin: Arc<Bulletin>,
}

impl Alerts {
    /// Tell the log now, and the others as soon as they listen. The number is random, so that whoever is told twice sees it.
    pub(crate) fn tell(&self, kind: Kind, said: impl Into<String>) {
        let (said, hint) = (said.into(), kind.hint());
        match kind {
            Kind::Recovered => tracing::warn!(kind = kind.as_str(), "{said}"),
            _ => tracing::error!(kind = kind.as_str(), hint, "{said}"),
        }
        self.post(u128::from_be_bytes(random()), kind, (said, Value::Null));
    }

    /// Tell of an irregularity. The log does not name members; the number is the finding's, so that it is the same if a crash
    /// makes it told again.
    pub(crate) fn tell_of(&self, finding: &Finding) {
        let (kind, found) = (finding.kind.as_str(), finding.found_at);
        tracing::warn!(
            kind,
            event = found,
            "something looks irregular on the ledger; `secnet guard irregularities` shows it"
        );
        let id = finding.id().0.first_chunk().copied().map_or(0, u128::from_be_bytes);
        let may = finding.kind.may_be_innocent();
        let said = format!("{}; {may}", finding.said(&|member| member.to_string()));
        self.post(id, Kind::Irregular, (said, irregular::value(finding)));
    }

    fn post(&self, id: u128, kind: Kind, (said, finding): (String, Value)) {
        let mut alert = json!({
            "alert": format!("{id:032x}"), "time": SystemClock.now().to_string(),
            "kind": kind.as_str(), "said": said, "do": kind.hint(),
        });
        if let (false, Some(fields)) = (finding.is_null(), alert.as_object_mut()) {
            fields.insert("finding".into(), finding);
        }
        self.bulletin.tell(alert);
    }
}
