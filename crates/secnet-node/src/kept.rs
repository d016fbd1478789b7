//! A ledger against what somebody kept of it elsewhere.

use secnet_types::{Genesis, Receipt, encode};

use crate::chain::stored_genesis;
use crate::chain_error::ChainError;
use crate::checkpoint::open_checkpoint;
use crate::store::{Store, StoreError, proof};

/// Something kept outside of the folder that the folder must agree with.
#[derive(Debug, Clone)]
pub enum Against {
    /// A C2SP checkpoint.
    Checkpoint(String),
    /// A receipt.
    Receipt(Box<Receipt>),
}

/// How a ledger and what was kept of it do not go together.
#[derive(Debug, thiserror::Error)]
pub enum Disagreement {
    /// It has fewer events than were certified.
    #[error(
        "it holds {here} events, but {certified} were certified: the tail was cut or the folder rolled back"
    )]
    FewerEvents {
        /// Events it holds.
        here: u64,
        /// Events that were certified.
        certified: u64,
    },
    /// It has fewer blocks than were certified.
    #[error(
        "it ends before block {height}, which the receipt proves: the tail was cut or the folder rolled back"
    )]
    FewerBlocks {
        /// The height that was certified.
        height: u64,
    },
    /// It has other events than were certified.
    #[error(
        "its first {certified} events are not those that were certified: history was rewritten"
    )]
    OtherEvents {
        /// Events that were certified.
        certified: u64,
    },
    /// It has another block than was certified.
    #[error("its block {height} is not the one the receipt proves: history was rewritten")]
    OtherBlock {
        /// Its height.
        height: u64,
    },
    /// What was kept is not of this network, or not whole.
    #[error("the {what} proves nothing here: {why}")]
    ProvesNothing {
        /// Checkpoint or receipt.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ChainError),
}

impl From<StoreError> for Disagreement {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error.into())
    }
}

impl Disagreement {
    /// Is the ledger what was certified, but not all of it?
    #[must_use]
    pub fn is_behind(&self) -> bool {
        matches!(self, Self::FewerEvents { .. } | Self::FewerBlocks { .. })
    }

    /// Is the ledger another one than was certified?
    #[must_use]
    pub fn is_rewritten(&self) -> bool {
        matches!(self, Self::OtherEvents { .. } | Self::OtherBlock { .. })
    }
}

/// Does the ledger hold what was kept of it? Executes nothing; see [`crate::check_chain`] for that.
///
/// # Errors
/// [`Disagreement`].
pub fn agrees(store: &Store, kept: &Against) -> Result<(), Disagreement> {
    disagreement(store, &stored_genesis(store)?, kept)
}

pub(crate) fn disagreement(
    store: &Store,
    genesis: &Genesis,
    kept: &Against,
) -> Result<(), Disagreement> {
    let (certified, root) = match kept {
        Against::Checkpoint(note) => {
            let kept = open_checkpoint(genesis, note).map_err(|why| nothing("checkpoint", why))?;
            (kept.size(), kept.root().0)
        }
        Against::Receipt(receipt) => {
            receipt.verify(genesis).map_err(|why| nothing("receipt", why))?;
            let header = &receipt.header.header;
            let height = header.height;
            let stored = store.block(height)?.ok_or(Disagreement::FewerBlocks { height })?;
            if stored.header != encode(header) {
                return Err(Disagreement::OtherBlock { height });
            }
            (header.log_size, header.log_root.0)
        }
    };
    let here = store.log_size()?;
    if here < certified {
        return Err(Disagreement::FewerEvents { here, certified });
    }
    let mut nodes = store.nodes()?;
    let actual = proof::root(certified, |l, i| nodes.node(l, i))?;
    if actual == root { Ok(()) } else { Err(Disagreement::OtherEvents { certified }) }
}

fn nothing(what: &'static str, why: impl core::fmt::Display) -> Disagreement {
    Disagreement::ProvesNothing { what, why: why.to_string() }
}
