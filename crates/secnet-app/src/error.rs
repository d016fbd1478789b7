//! Why an access ended without an answer of policy or guard.

use secnet_ledger::Rejection;
use secnet_types::DatasetId;

use crate::place::Place;
use crate::ports::{ArchiveError, LogError, SubmitError, Unaged, VaultError};
use crate::release::ReleaseFailed;

/// Why something could not be done at all. A refusal is not an error: see [`crate::Outcome`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Something handed in is not well-formed, or its parts do not belong together.
    #[error("{0}")]
    Malformed(String),
    /// The caller has not shown who it is. Nothing reaches the ledger.
    #[error("the request is not signed by a current key of an active member")]
    Unauthenticated,
    /// Something referred to is not known here.
    #[error("{0} is not known here")]
    Unknown(String),
    /// What is asked about is at another data centre, and the caller may know it. Nothing was decided, ordered or kept; but for an
    /// ask for what its author did not know of before, which is on the ledger without its detail.
    #[error("{0}")]
    Elsewhere(Box<Place>),
    /// The state machine refuses a command.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The ledger could not order a command. Nothing was released.
    #[error(transparent)]
    Ledger(SubmitError),
    /// The ledger could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The view of the ledger is too old to release anything on.
    #[error("{}; nothing is released meanwhile", stale(*age_ms, *unaged))]
    StaleLedger {
        /// How old.
        age_ms: u64,
        /// Why it has no age, if it has none.
        unaged: Option<Unaged>,
    },
    /// The decision was an allow, but nothing may be released on it any more.
    #[error("nothing is released: {0}")]
    NotReleased(&'static str),
    /// The release nodes did not answer.
    #[error(transparent)]
    Release(#[from] ReleaseFailed),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The archive failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The dataset has moved here, and what was erased before at the data centre where it was may be here still.
    #[error("{0} has just moved here; what was erased of it meanwhile is destroyed first")]
    Settling(DatasetId),
    /// What was asked about was erased.
    #[error("{0} was erased")]
    Erased(String),
    /// A member has sent as much ahead of commands as it may.
    #[error("you have sent as much as you may that no accepted command points at yet")]
    Quota,
    /// A member has tried out as much as it may.
    #[error("you have tried out as much as you may in a minute")]
    TooOften,
    /// Something stored is damaged.
    #[error("something stored is damaged: {0}; restore a backup")]
    Damaged(String),
}

/// What makes a view too old.
fn stale(age_ms: u64, unaged: Option<Unaged>) -> String {
    match unaged {
        Some(unaged) => unaged.to_string(),
        None => format!("the ledger was last heard of {age_ms} ms ago"),
    }
}

/// What to do about it.
const fn refreshed(unaged: Option<Unaged>) -> &'static str {
    match unaged {
        Some(Unaged::NoRoom) => ROOM,
        Some(Unaged::Failing) => DISK_AND_NETWORK,
        Some(Unaged::ClockBehind) => {
            "set the clock of the data centre's machine: the next block shows that it is right; then send the same request again: it is charged once"
        }
        Some(Unaged::Unheard) | None => {
            "see whether the data centre reaches the network's validators, and whether enough of them run; then send the same request again: it is charged once"
        }
    }
}

const ROOM: &str = "make room on the data centre's disk: it goes on by itself; what ends rights or destroys data is taken meanwhile";
const DISK_AND_NETWORK: &str = "check disk and network of the data centre, then send the same request again: it is charged once";

impl From<SubmitError> for AccessError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => Self::Rejected(rejection),
            other => Self::Ledger(other),
        }
    }
}

impl AccessError {
    /// The ledger shows nothing at the moment.
    pub(crate) fn unreadable() -> Self {
        Self::Log(LogError::Unavailable("it shows no view of its state".into()))
    }

    /// Is something broken that only a repair changes?
    pub(crate) fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged(_)
                | Self::Archive(ArchiveError::Damaged(_))
                | Self::Log(LogError::Damaged(_))
        )
    }

    /// Would collecting the same decision again fail in the same way?
    pub(crate) fn is_lasting(&self) -> bool {
        self.is_damage() || matches!(self, Self::NotReleased(_))
    }

    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Vault(VaultError::Mismatch(_)) => "malformed",
            Self::Quota => "quota",
            Self::TooOften => "too-often",
            Self::Unauthenticated => "unauthenticated",
            Self::Unknown(_) => "unknown",
            Self::Elsewhere(_) => "elsewhere",
            Self::Rejected(rejection) | Self::Ledger(SubmitError::Rejected(rejection)) => {
                rejection.code()
            }
            Self::Ledger(SubmitError::Invalid(_)) => "invalid-command",
            Self::Ledger(SubmitError::Busy) | Self::Settling(_) => "busy",
            Self::Ledger(SubmitError::NoRoom)
            | Self::StaleLedger { unaged: Some(Unaged::NoRoom), .. }
            | Self::Vault(VaultError::NoRoom)
            | Self::Archive(ArchiveError::NoRoom) => "disk-full",
            Self::Log(LogError::NoSuchEvent(_)) => "no-such-event",
            Self::Log(LogError::NotACommand(_)) => "no-receipt",
            Self::Ledger(SubmitError::Unavailable(_))
            | Self::Log(LogError::Unavailable(_))
            | Self::StaleLedger { .. }
            | Self::Release(_)
            | Self::Vault(VaultError::Storage(_))
            | Self::Archive(ArchiveError::Storage(_)) => "unavailable",
            Self::NotReleased(_) => "not-released",
            Self::Erased(_) => "erased",
            Self::Log(LogError::Damaged(_))
            | Self::Vault(_)
            | Self::Archive(ArchiveError::Damaged(_))
            | Self::Damaged(_) => "damaged",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Quota => {
                "register what you sent, or wait until it is cleared away; then send again"
            }
            Self::TooOften => "wait a minute, or ask: a request is decided, and recorded",
            Self::Malformed(_)
            | Self::Vault(VaultError::Mismatch(_))
            | Self::Ledger(SubmitError::Invalid(_)) => {
                "make it anew with a current version of this program; nothing was changed"
            }
            Self::Unauthenticated => "the member may be suspended, or its key rotated",
            Self::Unknown(_) | Self::Log(LogError::NoSuchEvent(_)) => "check the id",
            Self::Elsewhere(place) if place.door.is_some() => {
                "make the same call at that door, signed for it"
            }
            Self::Elsewhere(_) => "ask who runs that data centre where its door is, and call there",
            Self::Rejected(rejection) | Self::Ledger(SubmitError::Rejected(rejection)) => {
                rejection.hint()
            }
            Self::Ledger(SubmitError::Busy) | Self::Settling(_) => "try again in a moment",
            Self::Ledger(SubmitError::NoRoom)
            | Self::Vault(VaultError::NoRoom)
            | Self::Archive(ArchiveError::NoRoom) => ROOM,
            Self::Log(LogError::NotACommand(_)) => "ask for the receipt of the command before it",
            Self::StaleLedger { unaged, .. } => refreshed(*unaged),
            Self::Ledger(SubmitError::Unavailable(_))
            | Self::Log(LogError::Unavailable(_))
            | Self::Release(_)
            | Self::Vault(VaultError::Storage(_))
            | Self::Archive(ArchiveError::Storage(_)) => DISK_AND_NETWORK,
            Self::Erased(_) => {
                "nobody can see or be granted anything of it any more; the ledger's log says when"
            }
            Self::NotReleased(_) => "make a new request, or ask the owner of the data",
            Self::Log(LogError::Damaged(_))
            | Self::Vault(_)
            | Self::Archive(ArchiveError::Damaged(_))
            | Self::Damaged(_) => "`secnet fsck` names what is wrong; a backup repairs it",
        }
    }

    /// Could the same call succeed a little later?
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Ledger(SubmitError::Busy | SubmitError::NoRoom | SubmitError::Unavailable(_))
            | Self::StaleLedger { .. }
            | Self::TooOften
            | Self::Settling(_)
            | Self::Release(_)
            | Self::Log(LogError::Unavailable(_))
            | Self::Vault(VaultError::NoRoom | VaultError::Storage(_))
            | Self::Archive(ArchiveError::NoRoom | ArchiveError::Storage(_)) => true,
            Self::Ledger(_)
            | Self::Malformed(_)
            | Self::Unauthenticated
            | Self::Unknown(_)
            | Self::Elsewhere(_)
            | Self::Rejected(_)
            | Self::NotReleased(_)
            | Self::Erased(_)
            | Self::Quota
            | Self::Log(_)
            | Self::Vault(_)
            | Self::Archive(_)
            | Self::Damaged(_) => false,
        }
    }
}
