//! The digest of a set, updated in place: `LtHash` over 1024 lanes of 16 bits.
//!
//! Adding or removing an element costs one 2048-byte BLAKE3 output, whatever the size of the set, and
//! the order does not matter. A replica that applied the same changes has the same digest.
//!
//! Bellare and Micciancio, "A New Paradigm for Collision-Free Hashing: Incrementality at Reduced
//! Cost", 1997; Lewi, Kim, Maykov and Weis, "Securing Update Propagation with Homomorphic Hashing",
//! 2019 (`lthash16`). The elements are a multiset: adding twice needs removing twice. The security
//! argument is for sets whose elements were each added at most 2^16 - 1 times.

#[cfg(test)]
mod tests;

use std::fmt;

use crate::text::write_hex;

/// Lanes of 16 bits.
const LANES: usize = 1024;

/// Length in bytes of the serialised state.
pub const LTHASH_LEN: usize = LANES * 2;

/// The homomorphic hash of a set of byte strings.
#[derive(Clone, PartialEq, Eq)]
pub struct LtHash([u16; LANES]);

impl LtHash {
    /// The hash of the empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; LANES])
    }

    /// Adds an element: its 2048-byte BLAKE3 output, lane by lane modulo 2^16.
    pub fn add(&mut self, element: &[u8]) {
        self.combine(element, u16::wrapping_add);
    }

    /// Removes an element that was added before.
    pub fn remove(&mut self, element: &[u8]) {
        self.combine(element, u16::wrapping_sub);
    }

    /// 32 bytes that stand for the set: BLAKE3 of [`Self::to_bytes`].
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    /// The state: 1024 lanes, little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; LTHASH_LEN] {
        let mut bytes = [0u8; LTHASH_LEN];
        for (to, lane) in bytes.chunks_exact_mut(2).zip(self.0) {
            to.copy_from_slice(&lane.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; LTHASH_LEN]) -> Self {
        let mut lanes = [0u16; LANES];
        for (lane, pair) in lanes.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *lane = u16::from_le_bytes(*pair);
        }
        Self(lanes)
    }

    fn combine(&mut self, element: &[u8], op: impl Fn(u16, u16) -> u16) {
        let mut expanded = [0u8; LTHASH_LEN];
        blake3::Hasher::new().update(element).finalize_xof().fill(&mut expanded);
        for (lane, pair) in self.0.iter_mut().zip(expanded.as_chunks::<2>().0) {
            *lane = op(*lane, u16::from_le_bytes(*pair));
        }
    }
}

impl Default for LtHash {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LtHash(")?;
        write_hex(f, &self.digest())?;
        f.write_str(")")
    }
}
