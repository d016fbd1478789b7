//! The ledger's durable half: blocks, state, event log and Merkle tiles in one store that notices damage.
//!
//! Owns the data folder: what is in it, how it is written, read, checked, exported, backed up.
//! Refuses to know what a block or a state entry means: both are bytes here.
//!
//! ```
//! use secnet_node::store::{BlockRecord, Commit, EntryKey, Leaf, Options, Store};
//! # let folder = tempfile::tempdir()?;
//! # let dir = folder.path();
//! let store = Store::open(dir, Options::default())?;
//! store.commit(Commit {
//!     blocks: vec![BlockRecord { height: 0, header: vec![1], body: vec![2], certificate: vec![] }],
//!     entries: vec![(EntryKey::new(7, b"ada".as_slice()), Some(b"member".to_vec()))],
//!     leaves: vec![Leaf::new(b"ada joined".to_vec())],
//!     meta: vec![("digest", vec![0; 32])],
//! })?;
//! assert_eq!(store.last_height()?, Some(0));
//! assert_eq!(store.event(0)?, b"ada joined");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agreed;
mod arriving;
mod chain;
mod chain_error;
mod check;
mod checkpoint;
mod committer;
mod cose_receipt;
mod cosigned;
mod doors;
mod handovers;
mod kept;
mod quorum;
mod recent;
mod room;
mod snapshot;
mod solo;
mod steady;
pub mod store;
mod tried;

pub use agreed::FinalBlock;
pub use arriving::{Arriving, NotArrived, Wrong};
pub use chain::{Chain, Processed, store_options, stored_genesis};
pub use chain_error::ChainError;
pub use check::{Closed, NotClosed, check_chain, check_chain_from};
pub use checkpoint::{open_checkpoint, origin};
pub use cosigned::{Cosignature, Cosigned, Cosigning, LogStatement, cosigner_name};
pub use doors::learn_doors;
pub use kept::{Against, Disagreement, agrees};
pub use quorum::{Link, QuorumRelease};
pub use room::{LOW_BYTES, RESERVE_FILE, Reserve, Room, Unwatched, free_bytes};
pub use snapshot::{
    Drawn, HISTORY_BYTES, HandedBlock, MAX_OFFER_BYTES, MAX_SNAPSHOT_CHUNKS, Offer,
    SNAPSHOT_CHUNK_BYTES, Snapshot,
};
pub use solo::Solo;
pub use tried::Tried;

#[cfg(feature = "faults")]
pub mod faults;
