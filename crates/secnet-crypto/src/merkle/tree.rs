//! Roots and proofs from stored nodes.

use std::ops::Range;

use super::{Hash, MerkleError, node_hash};

/// Where the nodes of complete subtrees are kept.
pub trait NodeSource {
    /// What can go wrong when reading.
    type Error: From<MerkleError>;

    /// The hash over the leaves `index * 2^level` to `(index + 1) * 2^level`, all of which exist.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root over the first `size` leaves.
pub fn root<N: NodeSource + ?Sized>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    if size == 0 { Ok(Hash::empty_root()) } else { range_hash(nodes, 0..size) }
}

/// The proof that leaf `index` is in the tree of `size` leaves (RFC 9162, section 2.1.3.1).
pub fn inclusion_proof<N: NodeSource + ?Sized>(
    nodes: &N,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, N::Error> {
    if index >= size {
        return Err(MerkleError::Size { have: size, wanted: index.saturating_add(1) }.into());
    }
    let mut proof = Vec::new();
    let mut range = 0..size;
    while len(&range) > 1 {
        let (left, right) = halves(&range);
        let (inside, beside) = if index < left.end { (left, right) } else { (right, left) };
        proof.push(range_hash(nodes, beside)?);
        range = inside;
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is the beginning of that of `new` leaves (RFC 9162,
/// section 2.1.4.1). Empty when `old` is 0 or equals `new`.
pub fn consistency_proof<N: NodeSource + ?Sized>(
    nodes: &N,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, N::Error> {
    if old > new {
        return Err(MerkleError::Size { have: new, wanted: old }.into());
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let mut range = 0..new;
    while range.end != old {
        let (left, right) = halves(&range);
        let (inside, beside) = if old <= left.end { (left, right) } else { (right, left) };
        proof.push(range_hash(nodes, beside)?);
        range = inside;
    }
    if range.start != 0 {
        // The old tree ends inside: its last subtree is not the old root, so the verifier needs it.
        proof.push(range_hash(nodes, range)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The hash over a range of leaves as RFC 9162 divides the tree.
fn range_hash<N: NodeSource + ?Sized>(nodes: &N, range: Range<u64>) -> Result<Hash, N::Error> {
    let size = len(&range);
    if size.is_power_of_two() {
        return nodes.node(size.ilog2(), range.start >> size.ilog2());
    }
    // The left halves are complete, so only the right edge is walked: at most 64 steps.
    let mut complete = Vec::new();
    let mut rest = range;
    while !len(&rest).is_power_of_two() {
        let (left, right) = halves(&rest);
        complete.push(range_node(nodes, &left)?);
        rest = right;
    }
    let last = range_node(nodes, &rest)?;
    Ok(complete.iter().rev().fold(last, |right, left| node_hash(left, &right)))
}

fn range_node<N: NodeSource + ?Sized>(nodes: &N, range: &Range<u64>) -> Result<Hash, N::Error> {
    let level = len(range).max(1).ilog2();
    nodes.node(level, range.start >> level)
}

const fn len(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

/// Divides at the largest power of two below the length, which is at least 2.
const fn halves(range: &Range<u64>) -> (Range<u64>, Range<u64>) {
    let below = len(range).saturating_sub(1);
    let left = if below == 0 { 0 } else { 1u64 << below.ilog2() };
    let middle = range.start.saturating_add(left);
    (range.start..middle, middle..range.end)
}

/// All nodes of complete subtrees, in memory: 64 bytes a leaf.
#[derive(Debug, Clone, Default)]
pub struct MemoryNodes {
    levels: Vec<Vec<Hash>>,
}

impl MemoryNodes {
    /// Adds a leaf and every node it completes.
    fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(nodes) = self.levels.get_mut(level) else { return };
            nodes.push(hash);
            match nodes.as_slice() {
                [.., left, right] if nodes.len().is_multiple_of(2) => {
                    hash = node_hash(left, right);
                }
                _ => return,
            }
        }
    }

    fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }
}

impl NodeSource for MemoryNodes {
    type Error = MerkleError;

    fn node(&self, level: u32, index: u64) -> Result<Hash, MerkleError> {
        let nodes = usize::try_from(level).ok().and_then(|level| self.levels.get(level));
        let index_here = usize::try_from(index).ok();
        nodes
            .zip(index_here)
            .and_then(|(nodes, index)| nodes.get(index))
            .copied()
            .ok_or(MerkleError::Missing { level, index })
    }
}

/// A log with all its nodes in memory.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: MemoryNodes,
}

impl Tree {
    /// A log without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf hash and returns its index.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        let index = self.size();
        self.nodes.append(leaf);
        index
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.nodes.size()
    }

    /// The root over the first `size` leaves.
    pub fn root(&self, size: u64) -> Result<Hash, MerkleError> {
        root(&self.nodes, self.within(size)?)
    }

    /// The proof that leaf `index` is among the first `size`.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, MerkleError> {
        inclusion_proof(&self.nodes, index, self.within(size)?)
    }

    /// The proof that the first `old` leaves are the beginning of the first `new`.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, MerkleError> {
        consistency_proof(&self.nodes, old, self.within(new)?)
    }

    /// The nodes.
    #[must_use]
    pub const fn nodes(&self) -> &MemoryNodes {
        &self.nodes
    }

    fn within(&self, size: u64) -> Result<u64, MerkleError> {
        let have = self.size();
        if size <= have { Ok(size) } else { Err(MerkleError::Size { have, wanted: size }) }
    }
}

impl Extend<Hash> for Tree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}
