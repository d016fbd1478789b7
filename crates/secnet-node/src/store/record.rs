//! What a commit carries, and the limits on it.

use super::StoreError;
use super::tree::{Hash, leaf_hash};

/// Longest event: the C2SP entry bundles carry a 16-bit length.
pub const MAX_EVENT_BYTES: usize = secnet_types::limits::MAX_EVENT_BYTES;
/// Longest header, body and certificate of one block together.
pub const MAX_BLOCK_BYTES: usize = 64 << 20;
/// Longest key of a state entry.
pub const MAX_KEY_BYTES: usize = 1 << 10;
/// Longest value of a state entry.
pub const MAX_ENTRY_BYTES: usize = 16 << 20;
/// Longest meta value.
pub const MAX_META_BYTES: usize = 16 << 20;

/// Everything that becomes durable together, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Blocks at contiguous heights, the first following the last one stored.
    pub blocks: Vec<BlockRecord>,
    /// State entries to write, or to delete (`None`); each key at most once.
    pub entries: Vec<(EntryKey, Option<Vec<u8>>)>,
    /// Events to append to the log, in order.
    pub leaves: Vec<Leaf>,
    /// Small named values to replace.
    pub meta: Vec<(&'static str, Vec<u8>)>,
}

/// One block as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRecord {
    /// Position in the chain.
    pub height: u64,
    /// The encoded header.
    pub header: Vec<u8>,
    /// The encoded body.
    pub body: Vec<u8>,
    /// The encoded finality certificate.
    pub certificate: Vec<u8>,
}

/// The place of a state entry: a state table and a key in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryKey {
    /// The table, then the key: the order of the fields is the order in the database.
    bytes: Vec<u8>,
}

impl EntryKey {
    /// The entry `key` of state table `table`.
    #[must_use]
    pub fn new(table: u8, key: impl AsRef<[u8]>) -> Self {
        let key = key.as_ref();
        let mut bytes = Vec::with_capacity(key.len().saturating_add(1));
        bytes.push(table);
        bytes.extend_from_slice(key);
        Self { bytes }
    }

    /// The state table.
    #[must_use]
    pub fn table(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// The key in the table.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.bytes.get(1..).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// One event for the log, with its RFC 9162 leaf hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    event: Vec<u8>,
    hash: Hash,
}

impl Leaf {
    /// An event whose leaf hash is computed here.
    #[must_use]
    pub fn new(event: Vec<u8>) -> Self {
        let hash = leaf_hash(&event);
        Self { event, hash }
    }

    /// An event whose leaf hash the caller already has. A wrong hash is found by
    /// [`super::Store::verify`], not here.
    #[must_use]
    pub fn with_hash(event: Vec<u8>, hash: Hash) -> Self {
        Self { event, hash }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &[u8] {
        &self.event
    }

    /// `SHA-256(0x00 || event)`, RFC 9162 section 2.1.1.
    #[must_use]
    pub fn hash(&self) -> &Hash {
        &self.hash
    }
}

pub(crate) fn within(
    what: impl FnOnce() -> String,
    size: usize,
    max: usize,
) -> Result<(), StoreError> {
    if size > max { Err(StoreError::TooLarge { what: what(), size, max }) } else { Ok(()) }
}
