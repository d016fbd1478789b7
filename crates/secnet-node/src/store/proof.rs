//! Roots and proofs of RFC 9162 from single node hashes, wherever these come from.
//!
//! `node(level, index)` is the hash over the `2^level` leaves from `index * 2^level` on, e.g.
//! [`super::NodeReader::node`]. Only complete subtrees are ever asked for.

use sha2::{Digest, Sha256};

use super::tree::{Hash, node_hash};

/// The Merkle tree hash over the first `size` leaves (RFC 9162 section 2.1.1).
///
/// # Errors
/// Only what `node` returns.
pub fn root<E>(size: u64, mut node: impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    range(0, size, &mut node)
}

/// The inclusion proof of leaf `index` in the tree of `size` leaves (RFC 9162 section 2.1.3.1);
/// `None` if there is no such leaf.
///
/// # Errors
/// Only what `node` returns.
pub fn inclusion<E>(
    index: u64,
    size: u64,
    mut node: impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Option<Vec<Hash>>, E> {
    if index >= size {
        return Ok(None);
    }
    let mut path = Vec::new();
    let (mut low, mut high) = (0, size);
    // Walks from the root to the leaf, noting the sibling at each fork.
    while high.saturating_sub(low) > 1 {
        let middle = split_point(low, high);
        if index < middle {
            path.push(range(middle, high, &mut node)?);
            high = middle;
        } else {
            path.push(range(low, middle, &mut node)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(Some(path))
}

/// The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 9162
/// section 2.1.4.1); `None` unless `0 < old <= new`.
///
/// # Errors
/// Only what `node` returns.
pub fn consistency<E>(
    old: u64,
    new: u64,
    mut node: impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Option<Vec<Hash>>, E> {
    if old == 0 || old > new {
        return Ok(None);
    }
    let mut path = Vec::new();
    let (mut low, mut high) = (0, new);
    while high != old {
        let middle = split_point(low, high);
        if old <= middle {
            path.push(range(middle, high, &mut node)?);
            high = middle;
        } else {
            path.push(range(low, middle, &mut node)?);
            low = middle;
        }
    }
    // The verifier knows the old root; any other old subtree is part of the proof.
    if low != 0 {
        path.push(range(low, high, &mut node)?);
    }
    path.reverse();
    Ok(Some(path))
}

/// Where the tree over leaves `low..high` forks: after the largest power of two below its size.
fn split_point(low: u64, high: u64) -> u64 {
    let size = high.saturating_sub(low);
    let power = size.saturating_sub(1).checked_ilog2().map_or(0, |bits| 1_u64 << bits);
    low.saturating_add(power)
}

fn range<E>(
    low: u64,
    high: u64,
    node: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let size = high.saturating_sub(low);
    if size == 0 {
        return Ok(Sha256::digest([]).into());
    }
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        // A fork is always aligned to the size of its complete side.
        return node(u8::try_from(level).unwrap_or(u8::MAX), low >> level);
    }
    let middle = split_point(low, high);
    let left = range(low, middle, node)?;
    let right = range(middle, high, node)?;
    Ok(node_hash(&left, &right))
}
