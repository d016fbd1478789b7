//! Why a chain cannot go on, and what whoever asks the log is told of it.

use secnet_app::ports::LogError;
use secnet_ledger::{LoadError, SuccessorError};
use secnet_types::{DecodeError, GenesisError};

use crate::store::StoreError;

/// Why the chain cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored state is not what the chain committed to.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The stored genesis is damaged.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// Something stored is damaged.
    #[error("{what} is damaged: {source}")]
    Decode {
        /// What.
        what: String,
        /// How.
        source: DecodeError,
    },
    /// The folder holds no chain yet.
    #[error("the folder holds no ledger; make one with `secnet init`")]
    Empty,
    /// The folder holds a chain already.
    #[error("the folder already holds a ledger; use it, or give another folder")]
    NotEmpty,
    /// The genesis is not that of a network which continues the closed chain.
    #[error(transparent)]
    Successor(#[from] SuccessorError),
    /// The sequencer's key is not that of the genesis.
    #[error("this key is not the sequencer's key that the genesis names")]
    WrongKey,
    /// The genesis names validators.
    #[error(
        "this network's blocks are agreed on by validators, not made by one sequencer; run it as a network"
    )]
    Agreed,
    /// The genesis names no validators.
    #[error("this ledger has one sequencer and no validators; run it in solo mode")]
    NotAgreed,
    /// A block that was agreed on does not come out here as it was agreed on.
    #[error(
        "block {0} was agreed on, but executing it here gives another result; install the version that the validators run"
    )]
    Diverged(u64),
    /// A block does not follow the last one.
    #[error("block {given} does not follow block {last}; blocks between them are missing")]
    Gap {
        /// The last block there is.
        last: u64,
        /// The one that was given.
        given: u64,
    },
    /// The last block before other validators has no certificate of its own.
    #[error(
        "block {0} is the last of its validators and is not certified by them; restore a backup, or follow the network anew"
    )]
    Uncertified(u64),
    /// The chain was opened for reading.
    #[error("the ledger was opened without the sequencer's key, for reading only")]
    ReadOnly,
    /// There is no such event.
    #[error("there is no event {0} in the log")]
    NoSuchEvent(u64),
    /// The event has no command.
    #[error("event {0} was caused by a deadline, not by a command; it has no receipt")]
    NotACommand(u64),
    /// No certified header covers the event yet.
    #[error("event {0} is not yet covered by a certified header; try again in a moment")]
    NotCovered(u64),
}

impl From<ChainError> for LogError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::NoSuchEvent(index) => Self::NoSuchEvent(index),
            ChainError::NotACommand(index) => Self::NotACommand(index),
            error @ (ChainError::NotCovered(_) | ChainError::ReadOnly) => {
                Self::Unavailable(error.to_string())
            }
            error => Self::Damaged(error.to_string()),
        }
    }
}
