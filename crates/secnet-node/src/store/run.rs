//! The state on disk: sorted runs of entries, the newest of which wins.
//!
//! Whoever opens the store reads the whole state into memory, and asks for single entries there. So nothing here is
//! looked up by key: a commit writes its changed entries, in order, as one run at the end, and does not touch a page of
//! what was there before. Runs are merged as they become many ([`super::merge`]), as in a log-structured merge tree
//! (O'Neil et al. 1996).
//!
//! A run is cut into chunks. A chunk is a row: entries one after the other, each as the length of the key (16 bits,
//! little-endian), the length of the value (32 bits, or [`DELETED`]), the key, the value.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::StoreError;
use super::row;

/// A chunk is closed before it would grow beyond this: with its key and framing it fills a page of 64 KiB.
pub(crate) const CHUNK_BYTES: usize = 65_000;
/// In place of a value's length: the entry is gone.
const DELETED: u32 = u32::MAX;
const FRAME_BYTES: usize = 6;

/// A run, as the head lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Runs never share a number, not even with one that is gone.
    pub(crate) number: u64,
    /// 0 for what one commit wrote; a merge of runs is one level higher.
    pub(crate) level: u8,
    /// How many chunks.
    pub(crate) chunks: u32,
}

/// Cuts sorted entries into chunks.
#[derive(Debug, Default)]
pub(crate) struct ChunkWriter {
    bytes: Vec<u8>,
}

impl ChunkWriter {
    /// Appends an entry; returns the chunk before it when the entry begins another.
    pub(crate) fn push(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let size =
            FRAME_BYTES.saturating_add(key.len()).saturating_add(value.map_or(0, <[u8]>::len));
        let full = !self.bytes.is_empty() && self.bytes.len().saturating_add(size) > CHUNK_BYTES;
        let done = full.then(|| std::mem::take(&mut self.bytes));
        let too_large = |size, max| StoreError::TooLarge { what: "an entry".into(), size, max };
        let key_len =
            u16::try_from(key.len()).map_err(|_| too_large(key.len(), usize::from(u16::MAX)))?;
        let value_len = match value {
            None => DELETED,
            Some(value) => u32::try_from(value.len())
                .ok()
                .filter(|len| *len != DELETED)
                .ok_or_else(|| too_large(value.len(), super::MAX_ENTRY_BYTES))?,
        };
        self.bytes.extend_from_slice(&key_len.to_le_bytes());
        self.bytes.extend_from_slice(&value_len.to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        Ok(done)
    }

    /// What is left.
    pub(crate) fn finish(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.bytes);
        (!rest.is_empty()).then_some(rest)
    }
}

/// Walks the entries of one chunk.
#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Where the current entry's key, value and end are.
    key: usize,
    value: usize,
    end: usize,
    deleted: bool,
}

impl Chunk {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    fn key(&self) -> &[u8] {
        self.bytes.get(self.key..self.value).unwrap_or_default()
    }

    fn value(&self) -> Option<&[u8]> {
        (!self.deleted).then(|| self.bytes.get(self.value..self.end).unwrap_or_default())
    }

    /// Goes to the next entry. `None` if the chunk is not one.
    fn step(&mut self) -> Option<bool> {
        let rest = self.bytes.get(self.end..)?;
        if rest.is_empty() {
            return Some(false);
        }
        let (key_len, rest) = rest.split_first_chunk::<2>()?;
        let (value_len, rest) = rest.split_first_chunk::<4>()?;
        let (key_len, value_len) =
            (usize::from(u16::from_le_bytes(*key_len)), u32::from_le_bytes(*value_len));
        self.deleted = value_len == DELETED;
        let value_len = if self.deleted { 0 } else { usize::try_from(value_len).ok()? };
        let size = key_len.checked_add(value_len)?;
        if key_len == 0 || rest.len() < size {
            return None;
        }
        self.key = self.end.checked_add(FRAME_BYTES)?;
        self.value = self.key.checked_add(key_len)?;
        self.end = self.key.checked_add(size)?;
        Some(true)
    }
}

/// Walks the entries of one run, chunk by chunk.
#[derive(Debug)]
pub(crate) struct Cursor {
    run: Run,
    /// The chunk to be read next.
    next: u32,
    chunk: Chunk,
    /// The larger, the newer.
    age: usize,
}

impl Cursor {
    /// Before the first entry.
    pub(crate) fn new(run: Run, age: usize) -> Self {
        Self { run, next: 0, chunk: Chunk::default(), age }
    }

    pub(crate) fn key(&self) -> &[u8] {
        self.chunk.key()
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.chunk.value()
    }

    /// Goes to the next entry; false at the end.
    pub(crate) fn step(&mut self, load: &mut impl Load) -> Result<bool, StoreError> {
        let before = self.chunk.key..self.chunk.value;
        let damaged = |next: u32, problem: &str| {
            let name = row::chunk_name(self.run.number, next.saturating_sub(1));
            StoreError::corrupt(name, problem)
        };
        match self.chunk.step() {
            None => return Err(damaged(self.next, "it does not decode")),
            Some(true) => {
                if self.chunk.bytes.get(before).is_some_and(|before| before >= self.key()) {
                    return Err(damaged(self.next, "its entries are out of order"));
                }
                return Ok(true);
            }
            Some(false) if self.next == self.run.chunks => return Ok(false),
            Some(false) => {}
        }
        let last = self.chunk.bytes.get(before).map(<[u8]>::to_vec);
        self.chunk = Chunk::new(load.load(self.run.number, self.next)?);
        self.next = self.next.saturating_add(1);
        match self.chunk.step() {
            Some(true) if last.is_none_or(|last| last.as_slice() < self.key()) => Ok(true),
            Some(true) => Err(damaged(self.next, "it does not follow the chunk before")),
            _ => Err(damaged(self.next, "it does not decode")),
        }
    }
}

/// Where chunks come from, their tags checked.
pub(crate) trait Load {
    fn load(&mut self, run: u64, chunk: u32) -> Result<Vec<u8>, StoreError>;
}

/// The smallest key first; of equal keys the newest.
impl Ord for Cursor {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(self.key()).then(self.age.cmp(&other.age))
    }
}
impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Cursor {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Cursor {}

/// Walks several runs at once in the order of keys; of each key the newest entry, deletions included.
#[derive(Debug)]
pub(crate) struct Merged {
    /// Not yet at their first entry.
    fresh: Vec<Cursor>,
    heap: BinaryHeap<Cursor>,
    /// The one whose entry was given out last.
    current: Option<Cursor>,
}

impl Merged {
    /// Of these runs, oldest first.
    pub(crate) fn new(runs: &[Run]) -> Self {
        let fresh =
            runs.iter().enumerate().map(|(age, run)| Cursor::new(*run, age)).collect::<Vec<_>>();
        Self { heap: BinaryHeap::with_capacity(fresh.len()), fresh, current: None }
    }

    /// The next entry: key, and value unless it is deleted.
    pub(crate) fn next(&mut self, load: &mut impl Load) -> Result<Option<&Cursor>, StoreError> {
        while let Some(cursor) = self.fresh.pop() {
            self.put_back(cursor, load)?;
        }
        if let Some(current) = self.current.take() {
            // Older entries under the same key.
            while self.heap.peek().is_some_and(|older| older.key() == current.key()) {
                if let Some(older) = self.heap.pop() {
                    self.put_back(older, load)?;
                }
            }
            self.put_back(current, load)?;
        }
        self.current = self.heap.pop();
        Ok(self.current.as_ref())
    }

    /// What [`Merged::next`] gave out last.
    pub(crate) fn current(&self) -> Option<&Cursor> {
        self.current.as_ref()
    }

    fn put_back(&mut self, mut cursor: Cursor, load: &mut impl Load) -> Result<(), StoreError> {
        if cursor.step(load)? {
            self.heap.push(cursor);
        }
        Ok(())
    }
}
