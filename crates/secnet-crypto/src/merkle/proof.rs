//! Checking proofs, with the loops of RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use super::{Hash, node_hash};

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The leaf is not among that many, or the old tree is not smaller.
    #[error("the proof is about `{inner}` within `{outer}` entries, which cannot be")]
    Position {
        /// Leaf index, old size or start.
        inner: u64,
        /// Tree size or new size.
        outer: u64,
    },
    /// Too few or too many hashes.
    #[error("the proof has `{0}` hashes, which does not fit the sizes")]
    Length(usize),
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks that the leaf with this hash is number `index` of the `size` leaves under `root`.
pub fn verify_inclusion(
    leaf_hash: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Position { inner: index, outer: size });
    }
    let length = ProofError::Length(proof.len());
    let (mut node, mut last, mut hash) = (index, size.saturating_sub(1), *leaf_hash);
    for sibling in proof {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A right edge without siblings has no hashes in the proof.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the log with `old_root` over `old` leaves is the beginning of the one with `new_root`
/// over `new` leaves. Equal sizes need equal roots and an empty proof. A log cannot be proven to
/// continue the empty log: `old` = 0 holds for `new` = 0 and the empty root only.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), ProofError> {
    let length = ProofError::Length(proof.len());
    if old > new {
        return Err(ProofError::Position { inner: old, outer: new });
    }
    if old == new {
        let same = old_root == new_root && (new > 0 || *new_root == Hash::empty_root());
        return match (proof, same) {
            ([], true) => Ok(()),
            ([], false) => Err(ProofError::Root),
            _ => Err(length),
        };
    }
    if old == 0 {
        return Err(ProofError::Position { inner: old, outer: new });
    }
    // A complete old tree is itself the first hash, which the proof leaves out.
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(length)?
    };
    let (mut node, mut last) = (old.saturating_sub(1), new.saturating_sub(1));
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    if old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(ProofError::Root) }
}
