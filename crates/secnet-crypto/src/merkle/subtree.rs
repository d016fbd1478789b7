//! Proofs about a subtree `[start, end)` of the log, for receipts over a block of entries.
//!
//! A subtree is valid when `start` is a multiple of the smallest power of two that is at least
//! `end - start`: then its hash is that of the tree over those entries alone. Source:
//! draft-ietf-plants-merkle-tree-certs, "Subtrees".

use super::{Hash, ProofError, node_hash, verify_inclusion};

/// Checks that the leaf with this hash is number `index` of the log and under the hash `root` of the
/// subtree `start..end`.
pub fn verify_subtree_inclusion(
    leaf_hash: &Hash,
    index: u64,
    start: u64,
    end: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    check_subtree(start, end)?;
    let inner =
        index.checked_sub(start).ok_or(ProofError::Position { inner: index, outer: start })?;
    verify_inclusion(leaf_hash, inner, end.saturating_sub(start), proof, root)
}

/// Checks that the subtree `start..end` with the hash `subtree_root` is part of the log of `size`
/// leaves under `root`. The empty subtree is part of every log: its hash is the empty root and its
/// proof has no hashes.
pub fn verify_subtree_consistency(
    start: u64,
    end: u64,
    size: u64,
    proof: &[Hash],
    subtree_root: &Hash,
    root: &Hash,
) -> Result<(), ProofError> {
    let length = ProofError::Length(proof.len());
    if end > size {
        return Err(ProofError::Position { inner: end, outer: size });
    }
    if start == end {
        return match (proof, *subtree_root == Hash::empty_root()) {
            ([], true) => Ok(()),
            ([], false) => Err(ProofError::Root),
            _ => Err(length),
        };
    }
    check_subtree(start, end)?;
    let (mut first, mut node, mut last) = (start, end.saturating_sub(1), size.saturating_sub(1));
    // Climb to the largest node that is all of the subtree, or its last complete part.
    if node == last {
        while first != node {
            (first, node, last) = (first >> 1, node >> 1, last >> 1);
        }
    } else {
        while first != node && node & 1 == 1 {
            (first, node, last) = (first >> 1, node >> 1, last >> 1);
        }
    }
    let (seed, rest) =
        if first == node { (subtree_root, proof) } else { proof.split_first().ok_or(length)? };
    let (mut inner_hash, mut outer_hash) = (*seed, *seed);
    for sibling in rest {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            if first < node {
                inner_hash = node_hash(sibling, &inner_hash);
            }
            outer_hash = node_hash(sibling, &outer_hash);
            while node & 1 == 0 && node != 0 {
                (first, node, last) = (first >> 1, node >> 1, last >> 1);
            }
        } else {
            outer_hash = node_hash(&outer_hash, sibling);
        }
        (first, node, last) = (first >> 1, node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(length);
    }
    let holds = inner_hash == *subtree_root && outer_hash == *root;
    if holds { Ok(()) } else { Err(ProofError::Root) }
}

fn check_subtree(start: u64, end: u64) -> Result<(), ProofError> {
    let position = ProofError::Position { inner: start, outer: end };
    let width = end.checked_sub(start).filter(|width| *width > 0).ok_or(position)?;
    let aligned =
        width.checked_next_power_of_two().map_or(start == 0, |span| start.is_multiple_of(span));
    if aligned { Ok(()) } else { Err(position) }
}
