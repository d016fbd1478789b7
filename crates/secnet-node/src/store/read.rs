//! Reading: each value's tag is checked before the value is handed out.

use std::ops::RangeBounds;
use std::ops::{Bound, Range as IndexRange};

use redb::{AccessGuard, Database, Range, ReadOnlyTable, ReadTransaction, ReadableDatabase as _};

use super::head::Head;
use super::open::head_in;
use super::record::BlockRecord;
use super::row::{self, BLOCKS, EVENTS, Kind, META, STATE};
use super::run::{Load, Merged};
use super::{Store, StoreError};

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

    /// The number of events that are durable, without a look at the disk.
    #[must_use]
    pub fn events_durable(&self) -> u64 {
        self.tree().size()
    }

    /// The block at a height, `None` if the chain does not reach it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn block(&self, height: u64) -> Result<Option<BlockRecord>, StoreError> {
        let txn = self.snapshot()?;
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
        let txn = self.snapshot()?;
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
        let txn = self.snapshot()?;
        event_in(&txn, index)
    }

    /// The events at these indices, in order, as one snapshot; clipped to the log.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn events(&self, indices: impl RangeBounds<u64>) -> Result<Events, StoreError> {
        let txn = self.snapshot()?;
        let next = clip(&indices, 0..head_in(&txn)?.log_size);
        let rows = txn.open_table(EVENTS)?.range(next.clone())?;
        Ok(Events { rows, next })
    }

    /// All state entries, by table and key, as one snapshot.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn entries(&self) -> Result<Entries, StoreError> {
        let txn = self.snapshot()?;
        let runs = head_in(&txn)?.runs;
        Ok(Entries { chunks: txn.open_table(STATE)?, merged: Merged::new(&runs) })
    }

    /// All state entries, and a small named value of the same moment.
    pub(crate) fn entries_with(
        &self,
        name: &str,
    ) -> Result<(Option<Vec<u8>>, Entries), StoreError> {
        let txn = self.snapshot()?;
        let value = meta_in(&txn, name)?;
        let runs = head_in(&txn)?.runs;
        Ok((value, Entries { chunks: txn.open_table(STATE)?, merged: Merged::new(&runs) }))
    }

    /// A small named value, `None` if it was never written.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        meta_in(&self.snapshot()?, name)
    }

    pub(crate) fn head(&self) -> Result<Head, StoreError> {
        head_in(&self.snapshot()?)
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

/// A state entry: its table, its key in the table, its value.
pub type StoredEntry<'e> = (u8, &'e [u8], &'e [u8]);

/// State entries of one snapshot, see [`Store::entries`].
#[expect(missing_debug_implementations, reason = "the engine's table has no Debug")]
pub struct Entries {
    chunks: ReadOnlyTable<(u64, u32), &'static [u8]>,
    merged: Merged,
}

impl Entries {
    /// The next entry. Borrowed, so that reading a whole state copies none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine; there is nothing after it.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<StoredEntry<'_>>, StoreError> {
        loop {
            // The walk stands still while its entry is borrowed; asked again, it goes on.
            match self.merged.next(&mut self.chunks)? {
                None => return Ok(None),
                Some(entry) if entry.value().is_none() => {}
                Some(_) => break,
            }
        }
        Ok(self.merged.current().and_then(|entry| {
            let (table, key) = entry.key().split_first()?;
            Some((*table, key, entry.value()?))
        }))
    }
}

impl Load for ReadOnlyTable<(u64, u32), &'static [u8]> {
    fn load(&mut self, run: u64, chunk: u32) -> Result<Vec<u8>, StoreError> {
        row::open_chunk(run, chunk, self.get((run, chunk))?.map(|row| row.value().to_vec()))
    }
}

/// Runs with chunks in the table that are no part of the state: what a merge, or its cleaning up, left.
pub(crate) fn unlisted_runs(db: &Database, head: &Head) -> Result<Vec<u64>, StoreError> {
    let table = db.begin_read()?.open_table(STATE)?;
    let mut unlisted = Vec::new();
    let mut from = Some(0);
    while let Some(start) = from {
        let first = table.range((start, 0)..)?.next().transpose()?;
        from = first.map(|(key, _)| key.value().0).and_then(|run| {
            if head.runs.iter().all(|listed| listed.number != run) {
                unlisted.push(run);
            }
            run.checked_add(1)
        });
    }
    Ok(unlisted)
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

fn meta_in(txn: &ReadTransaction, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row = txn.open_table(META)?.get(name)?;
    row.map(|row| {
        row::open(Kind::Meta, name.as_bytes(), row.value())
            .map(<[u8]>::to_vec)
            .map_err(|problem| StoreError::corrupt(row::meta_name(name), problem))
    })
    .transpose()
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
