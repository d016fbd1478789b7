//! Reading: each value's tag is checked before the value is handed out.

use std::ops::RangeBounds;
use std::ops::{Bound, Range as IndexRange};

use redb::{AccessGuard, Range, ReadTransaction, ReadableDatabase as _};

use super::head::Head;
use super::open::head_in;
use super::record::BlockRecord;
use super::row::{self, BLOCKS, EVENTS, Kind, META, STATE};
use super::{Options, Store, StoreError};

const MISSING: &str = "it is missing";

impl Store {
    /// The height of the newest block, `None` before the first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn last_height(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.head()?.last_height())
    }

    /// The height of the oldest block, `None` before the first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn first_height(&self) -> Result<Option<u64>, StoreError> {
        let head = self.head()?;
        Ok(head.last_height().map(|_| head.first_height))
    }

    /// The number of commits so far.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn commit_number(&self) -> Result<u64, StoreError> {
        Ok(self.head()?.commit)
    }

    /// The number of events in the log.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn log_size(&self) -> Result<u64, StoreError> {
        Ok(self.head()?.log_size)
    }

    /// The block at a height, `None` if the chain does not reach it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn block(&self, height: u64) -> Result<Option<BlockRecord>, StoreError> {
        let txn = self.db.begin_read()?;
        let row = txn.open_table(BLOCKS)?.get(height)?;
        match row {
            Some(row) => block_in(height, row.value()).map(Some),
            None => {
                let head = head_in(&txn)?;
                if (head.first_height..head.next_height).contains(&height) {
                    return Err(StoreError::corrupt(row::block_name(height), MISSING));
                }
                Ok(None)
            }
        }
    }

    /// The blocks at these heights, oldest first, as one snapshot.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn blocks(&self, heights: impl RangeBounds<u64>) -> Result<Blocks, StoreError> {
        let txn = self.db.begin_read()?;
        let head = head_in(&txn)?;
        let next = clip(&heights, head.first_height..head.next_height);
        let rows = txn.open_table(BLOCKS)?.range(next.clone())?;
        Ok(Blocks { rows, next })
    }

    /// The event at an index.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`], [`StoreError::Corrupt`] or an error of the engine.
    pub fn event(&self, index: u64) -> Result<Vec<u8>, StoreError> {
        let txn = self.db.begin_read()?;
        event_in(&txn, index)
    }

    /// The events at these indices, in order, as one snapshot; clipped to the log.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn events(&self, indices: impl RangeBounds<u64>) -> Result<Events, StoreError> {
        let txn = self.db.begin_read()?;
        let next = clip(&indices, 0..head_in(&txn)?.log_size);
        let rows = txn.open_table(EVENTS)?.range(next.clone())?;
        Ok(Events { rows, next })
    }

    /// All entries of a state table in key order, as one snapshot, without copying them.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn entries(&self, table: u8) -> Result<Entries<'_>, StoreError> {
        let txn = self.db.begin_read()?;
        let expected = head_in(&txn)?.counts.get(&table).copied().unwrap_or(0);
        let state = txn.open_table(STATE)?;
        let low = [table];
        let rows = match table.checked_add(1) {
            Some(after) => state.range(low.as_slice()..[after].as_slice())?,
            None => state.range(low.as_slice()..)?,
        };
        Ok(Entries { rows, options: &self.options, table, left: expected, done: false })
    }

    /// One state entry, `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn entry(&self, key: &super::EntryKey) -> Result<Option<Vec<u8>>, StoreError> {
        let txn = self.db.begin_read()?;
        let row = txn.open_table(STATE)?.get(key.as_bytes())?;
        row.map(|row| {
            row::open(Kind::State, key.as_bytes(), row.value()).map(<[u8]>::to_vec).map_err(
                |problem| {
                    StoreError::corrupt(row::entry_name(&self.options, key.as_bytes()), problem)
                },
            )
        })
        .transpose()
    }

    /// A small named value, `None` if it was never written.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let txn = self.db.begin_read()?;
        let row = txn.open_table(META)?.get(name)?;
        row.map(|row| {
            row::open(Kind::Meta, name.as_bytes(), row.value())
                .map(<[u8]>::to_vec)
                .map_err(|problem| StoreError::corrupt(row::meta_name(name), problem))
        })
        .transpose()
    }

    pub(crate) fn head(&self) -> Result<Head, StoreError> {
        head_in(&self.db.begin_read()?)
    }
}

/// Blocks of one snapshot, see [`Store::blocks`].
#[expect(missing_debug_implementations, reason = "the engine's iterator has no Debug")]
pub struct Blocks {
    rows: Range<'static, u64, &'static [u8]>,
    next: IndexRange<u64>,
}

impl Iterator for Blocks {
    type Item = Result<BlockRecord, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let height = self.next.next()?;
        Some(
            next_row(&mut self.rows, height, row::block_name)
                .and_then(|row| block_in(height, row.value())),
        )
        .inspect(|item| stop_on_error(item, &mut self.next))
    }
}

/// Events of one snapshot, see [`Store::events`].
#[expect(missing_debug_implementations, reason = "the engine's iterator has no Debug")]
pub struct Events {
    rows: Range<'static, u64, &'static [u8]>,
    next: IndexRange<u64>,
}

impl Iterator for Events {
    type Item = Result<Vec<u8>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next.next()?;
        Some(
            next_row(&mut self.rows, index, row::event_name)
                .and_then(|row| open_event(index, row.value())),
        )
        .inspect(|item| stop_on_error(item, &mut self.next))
    }
}

/// Entries of one state table in one snapshot, see [`Store::entries`].
#[expect(missing_debug_implementations, reason = "the engine's iterator has no Debug")]
pub struct Entries<'s> {
    rows: Range<'static, &'static [u8], &'static [u8]>,
    options: &'s Options,
    table: u8,
    left: u64,
    done: bool,
}

impl Entries<'_> {
    /// How many entries are still to come.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.left
    }

    fn step(&mut self) -> Option<Result<Entry, StoreError>> {
        let table = || format!("state table {}", self.options.table_name(self.table));
        match self.rows.next() {
            None if self.left == 0 => None,
            None => Some(Err(StoreError::corrupt(table(), "entries are missing"))),
            Some(_) if self.left == 0 => {
                Some(Err(StoreError::corrupt(table(), "it has more entries than were written")))
            }
            Some(Err(error)) => Some(Err(error.into())),
            Some(Ok((key, row))) => {
                let entry = row::open(Kind::State, key.value(), row.value()).map(|_| ());
                if let Err(problem) = entry {
                    let name = row::entry_name(self.options, key.value());
                    return Some(Err(StoreError::corrupt(name, problem)));
                }
                self.left = self.left.saturating_sub(1);
                Some(Ok(Entry { key, row }))
            }
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

/// A state entry, borrowed from the database's pages.
#[expect(missing_debug_implementations, reason = "the engine's guards have no Debug")]
pub struct Entry {
    key: AccessGuard<'static, &'static [u8]>,
    row: AccessGuard<'static, &'static [u8]>,
}

impl Entry {
    /// The key, without the table.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.key.value().get(1..).unwrap_or_default()
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.row.value().get(row::TAG_BYTES..).unwrap_or_default()
    }
}

type RowGuard = AccessGuard<'static, &'static [u8]>;

/// The row at `index`, which must be the next one.
fn next_row(
    rows: &mut Range<'static, u64, &'static [u8]>,
    index: u64,
    name: fn(u64) -> String,
) -> Result<RowGuard, StoreError> {
    match rows.next() {
        Some(Ok((key, row))) if key.value() == index => Ok(row),
        Some(Err(error)) => Err(error.into()),
        _ => Err(StoreError::corrupt(name(index), MISSING)),
    }
}

fn stop_on_error<T>(item: &Result<T, StoreError>, next: &mut IndexRange<u64>) {
    if item.is_err() {
        next.start = next.end;
    }
}

pub(crate) fn block_in(height: u64, row: &[u8]) -> Result<BlockRecord, StoreError> {
    let value = row::open(Kind::Block, &height.to_be_bytes(), row)
        .map_err(|problem| StoreError::corrupt(row::block_name(height), problem))?;
    row::decode_block(height, value)
        .ok_or_else(|| StoreError::corrupt(row::block_name(height), "it does not decode"))
}

pub(crate) fn open_event(index: u64, row: &[u8]) -> Result<Vec<u8>, StoreError> {
    row::open(Kind::Event, &index.to_be_bytes(), row)
        .map(<[u8]>::to_vec)
        .map_err(|problem| StoreError::corrupt(row::event_name(index), problem))
}

fn event_in(txn: &ReadTransaction, index: u64) -> Result<Vec<u8>, StoreError> {
    match txn.open_table(EVENTS)?.get(index)? {
        Some(row) => open_event(index, row.value()),
        None => {
            let size = head_in(txn)?.log_size;
            if index < size {
                return Err(StoreError::corrupt(row::event_name(index), MISSING));
            }
            Err(StoreError::OutOfRange { what: row::event_name(index), size })
        }
    }
}

/// The part of `wanted` that lies in `there`.
fn clip(wanted: &impl RangeBounds<u64>, there: IndexRange<u64>) -> IndexRange<u64> {
    let low = match wanted.start_bound() {
        Bound::Included(low) => *low,
        Bound::Excluded(low) => low.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let high = match wanted.end_bound() {
        Bound::Included(high) => high.saturating_add(1),
        Bound::Excluded(high) => *high,
        Bound::Unbounded => u64::MAX,
    };
    let low = low.clamp(there.start, there.end);
    low..high.clamp(low, there.end.max(low))
}
