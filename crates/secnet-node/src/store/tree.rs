//! The RFC 9162 tree as C2SP tlog-tiles: which hashes exist, and which are still growing.

use sha2::{Digest, Sha256};

use super::StoreError;

/// A SHA-256 hash.
pub type Hash = [u8; 32];
/// Tree levels in one tile.
pub const TILE_HEIGHT: u8 = 8;
/// Hashes in a full tile.
pub const TILE_WIDTH: usize = 256;
const HASH_BYTES: usize = 32;
/// Tile levels a log of 64-bit size can have.
pub(crate) const MAX_TILE_LEVELS: u8 = 8;

/// `SHA-256(0x00 || event)`, RFC 9162 section 2.1.1.
#[must_use]
pub fn leaf_hash(event: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(event).finalize().into()
}

/// `SHA-256(0x01 || left || right)`, RFC 9162 section 2.1.1.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The hash over a power-of-two number of sibling hashes.
pub(crate) fn subtree_root(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => Some(node_hash(left, right)),
                _ => None,
            })
            .collect::<Option<_>>()?;
    }
    row.first().copied()
}

/// The rightmost, still partial tile of every level. Everything to their left is full and final.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    size: u64,
    partial: Vec<Vec<Hash>>,
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A tile that just became full.
pub(crate) struct FullTile {
    pub(crate) level: u8,
    pub(crate) index: u64,
    pub(crate) hashes: Vec<Hash>,
}

impl Tree {
    pub(crate) fn from_parts(size: u64, partial: Vec<Vec<Hash>>) -> Self {
        Self { size, partial }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn partial(&self, level: u8) -> &[Hash] {
        self.partial.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// Appends one leaf; full tiles are handed to `sink`, lowest level first.
    pub(crate) fn append(
        &mut self,
        leaf: Hash,
        mut sink: impl FnMut(FullTile) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.size = self.size.checked_add(1).ok_or(StoreError::Full { what: "the log size" })?;
        let mut carry = leaf;
        for level in 0..MAX_TILE_LEVELS {
            let position = usize::from(level);
            if self.partial.len() <= position {
                self.partial.push(Vec::with_capacity(TILE_WIDTH));
            }
            let Some(hashes) = self.partial.get_mut(position) else { break };
            hashes.push(carry);
            if hashes.len() < TILE_WIDTH {
                break;
            }
            let hashes = std::mem::replace(hashes, Vec::with_capacity(TILE_WIDTH));
            let Some(root) = subtree_root(&hashes) else { break };
            carry = root;
            let index = full_tiles(self.size, level).saturating_sub(1);
            sink(FullTile { level, index, hashes })?;
        }
        Ok(())
    }
}

/// Number of hashes at a tile level of a log of `size` leaves.
pub(crate) fn hashes_at(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level).saturating_mul(u32::from(TILE_HEIGHT))).unwrap_or(0)
}

/// Number of full tiles at a level of a log of `size` leaves.
pub(crate) fn full_tiles(size: u64, level: u8) -> u64 {
    hashes_at(size, level.saturating_add(1))
}

/// Width of the partial tile at a level, 0 if there is none.
pub(crate) fn partial_width(size: u64, level: u8) -> usize {
    usize::try_from(hashes_at(size, level) & 0xff).unwrap_or(0)
}

pub(crate) fn join(hashes: &[Hash]) -> Vec<u8> {
    hashes.as_flattened().to_vec()
}

/// The hashes in a tile's bytes, if it is a whole number of them.
pub(crate) fn split(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    rest.is_empty().then(|| hashes.to_vec())
}
