//! The append-only log: the SHA-256 Merkle tree of RFC 9162 with its proofs, C2SP checkpoints and tiles.
//!
//! - [`Tree`] keeps every node in memory; [`NodeSource`] lets storage keep them instead, and
//!   [`tile::TileNodes`] reads them from C2SP tiles.
//! - [`Frontier`] appends and gives the root with O(log n) state and no nodes.
//! - [`verify_inclusion`] and [`verify_consistency`] need nothing but the proof.
//! - [`Checkpoint`] and [`SignedNote`] are the C2SP `tlog-checkpoint` and `signed-note` texts.

pub mod checkpoint;
pub mod cosignature;
mod frontier;
pub mod note;
mod proof;
mod subtree;
#[cfg(test)]
mod tests;
pub mod tile;
mod tree;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::text::write_hex;

pub use checkpoint::Checkpoint;
pub use frontier::Frontier;
pub use note::SignedNote;
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use subtree::{verify_subtree_consistency, verify_subtree_inclusion};
pub use tree::{MemoryNodes, NodeSource, Tree, consistency_proof, inclusion_proof, root};

/// Longest proof: a tree of 2^63 leaves and the two ends of a consistency proof.
pub const MAX_PROOF_LEN: usize = 64;

/// A SHA-256 hash in the tree: of a leaf, a node or a root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The root of the tree without leaves: SHA-256 of nothing.
    #[must_use]
    pub fn empty_root() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// Why a tree could not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MerkleError {
    /// The tree does not have so many leaves.
    #[error("the log has `{have}` entries, not `{wanted}`")]
    Size {
        /// Leaves in the tree.
        have: u64,
        /// What was asked for.
        wanted: u64,
    },
    /// A node that should be there is not.
    #[error("the node `{index}` of level `{level}` is missing")]
    Missing {
        /// Height above the leaves.
        level: u32,
        /// Number within the level.
        index: u64,
    },
}

/// The hash of a leaf: SHA-256(0x00 | entry).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0u8]).chain_update(entry).finalize().into())
}

/// The hash of an inner node: SHA-256(0x01 | left | right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([1u8])
            .chain_update(left.0)
            .chain_update(right.0)
            .finalize()
            .into(),
    )
}
