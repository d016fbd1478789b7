//! A dataset moves from one data centre to another.
//!
//! The owner says so in a signed statement. The data centre that she names takes a copy of everything that the other one keeps of
//! the dataset, checks it against its own ledger, and says that it has all of it. With that word the owner's command on the ledger
//! moves the dataset: from then on the new data centre decides. It asks once more, for what was decided and granted meanwhile;
//! then the former one may remove its copy. Whatever stops in between goes on where it was: until the command is on the ledger
//! nothing has moved, and until the new data centre has said that it has everything nothing is removed.

mod checks;
mod clearing;
mod coming;
mod leaving;
mod packets;
mod taking;
mod talk;

use std::collections::BTreeMap;

use async_trait::async_trait;
use secnet_types::{DatasetId, SignedArrival};

pub(crate) use coming::moves_kept;
pub use talk::{MAX_COPY_ANSWER_BYTES, MAX_COPY_CALL_BYTES, reads_copy_talk};

/// The data centre that a dataset is at, or was at, as the one that takes its copy asks it. What it answers need not be believed.
#[async_trait]
pub trait Former: Send + Sync {
    /// Its answer to a call, as [`crate::Pdc::answer_copy`] makes it.
    ///
    /// # Errors
    /// [`FormerFailed`]; the same is asked again later.
    async fn ask(&self, call: Vec<u8>) -> Result<Vec<u8>, FormerFailed>;
}

/// Why the other data centre did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the data centre that the dataset comes from does not answer: {0}")]
pub struct FormerFailed(pub String);

/// How far a move has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStage {
    /// The copy is being taken.
    Copying,
    /// All of it is here: the owner can move the dataset.
    Arrived,
    /// The dataset is here by the ledger, and what came up meanwhile is being fetched.
    Settling,
    /// It is done.
    Settled,
}

impl MoveStage {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::Arrived => "arrived",
            Self::Settling => "settling",
            Self::Settled => "settled",
        }
    }
}

/// How a move stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveStanding {
    /// How far it has come.
    pub stage: MoveStage,
    /// Uploads that have been taken, as of now.
    pub uploads: u64,
    /// Segments that are here, as of now.
    pub segments: u64,
    /// Bytes of segments that were taken since this data centre started.
    pub bytes: u64,
    /// What was not given, or not as the ledger has it: at most [`MAX_LACKING`] of it.
    pub lacking: Vec<String>,
    /// Why nothing goes on, if the other data centre cannot be asked.
    pub why: Option<String>,
    /// This data centre's word that it has everything.
    pub arrival: Option<SignedArrival>,
}

/// Things that a standing names as lacking.
pub const MAX_LACKING: usize = 16;

impl MoveStanding {
    const fn begun() -> Self {
        Self {
            stage: MoveStage::Copying,
            uploads: 0,
            segments: 0,
            bytes: 0,
            lacking: Vec::new(),
            why: None,
            arrival: None,
        }
    }
}

/// The moves to this data centre, in memory.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    coming: BTreeMap<DatasetId, Coming>,
}

#[derive(Debug)]
struct Coming {
    standing: MoveStanding,
    /// Events in the log when the last copy that was whole was begun: what was erased later may be here still.
    whole_at: Option<u64>,
    /// The dataset is here by the ledger, and nothing was erased between the copy and the move, or it is destroyed here too.
    served: bool,
}
