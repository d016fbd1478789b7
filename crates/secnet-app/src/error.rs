//! Why an access ended without an answer of policy or guard.

use secnet_ledger::Rejection;

use crate::ports::{ArchiveError, LogError, SubmitError, VaultError};
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
    #[error("the ledger was last heard of {age_ms} ms ago; nothing is released on a view that old")]
    StaleLedger {
        /// How old.
        age_ms: u64,
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
    /// Something stored is damaged.
    #[error("something stored is damaged: {0}; restore a backup")]
    Damaged(String),
}

impl From<SubmitError> for AccessError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => Self::Rejected(rejection),
            other => Self::Ledger(other),
        }
    }
}

impl AccessError {
    /// Could the same call succeed a little later?
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Ledger(SubmitError::Busy | SubmitError::Unavailable(_))
            | Self::StaleLedger { .. }
            | Self::Release(_)
            | Self::Log(LogError::Unavailable(_))
            | Self::Vault(VaultError::Storage(_))
            | Self::Archive(ArchiveError::Storage(_)) => true,
            Self::Ledger(_)
            | Self::Malformed(_)
            | Self::Unauthenticated
            | Self::Unknown(_)
            | Self::Rejected(_)
            | Self::NotReleased(_)
            | Self::Log(_)
            | Self::Vault(_)
            | Self::Archive(_)
            | Self::Damaged(_) => false,
        }
    }
}
