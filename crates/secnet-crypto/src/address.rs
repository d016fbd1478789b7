//! Content addresses: the BLAKE3 hash of the stored (encrypted) bytes, with verified ranges.
//!
//! BLAKE3 is a tree, so a part can be checked against the address of the whole. An [`Outboard`] keeps
//! the chaining value of every 64 KiB group (the subtree of 64 chunks); it is itself checked against
//! the address when read, after which any group is checked alone and a damaged one is named. It costs
//! 32 bytes for 64 KiB (0.05 %).
//!
//! Written with `blake3::hazmat` instead of `bao-tree`: a flat table is enough for whole-object
//! tables, needs no IO traits and no dependency beyond the hash itself.
//!
//! # Byte format of an outboard
//!
//! ```text
//! length of the content (8, little-endian) | chaining value (32) per group, in order
//! ```
//!
//! Content of at most one group has no chaining values: its only group hashes to the address.

mod outboard;
#[cfg(test)]
mod tests;

use std::{fmt, io, str::FromStr};

use crate::text::{parse_hex32, write_hex};

pub use outboard::{
    GROUP_LEN, MAX_OUTBOARD_CONTENT_LEN, Outboard, OutboardBuilder, OutboardError, SliceError,
};

/// What the text of an address starts with.
const PREFIX: &str = "b3:";

/// The BLAKE3 hash of some bytes, written `b3:<64 lower-case hexadecimal digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 32]);

impl Address {
    /// The address of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// An address received from elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: expected `b3:` and 64 lower-case hexadecimal digits")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.strip_prefix(PREFIX)
            .and_then(parse_hex32)
            .map(Self)
            .ok_or_else(|| AddressError(text.chars().take(PREFIX.len() + 64).collect()))
    }
}

/// Computes an address piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// An empty hasher.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// The address of everything so far.
    #[must_use]
    pub fn finish(&self) -> Address {
        Address(*self.0.finalize().as_bytes())
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher(..)")
    }
}
