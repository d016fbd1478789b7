//! Merging runs, a little with every commit, so that no commit waits for a large one.
//!
//! When [`FAN_IN`] runs of a level are there, the oldest of them become one run of the level above. Each commit moves
//! at least as many bytes as keeps the merges ahead of what is written; the lowest level goes first, because it fills
//! fastest. A merge that a crash cuts off is started again: its chunks belong to no run that the head lists, and are
//! removed on opening.

use redb::{ReadableTable as _, Table};

use super::StoreError;
use super::head::Head;
use super::row::{self, Kind, TAG_BYTES};
use super::run::{CHUNK_BYTES, ChunkWriter, Load, Merged, Run};

/// Runs of one level that are merged into one.
const FAN_IN: usize = 8;
/// Bytes that a commit moves for each byte of state it writes: one for each level there can be, and no level lags.
const BYTES_PER_BYTE: usize = 8;
/// Bytes that a commit moves in any case.
const MIN_BYTES: usize = 32 << 10;
/// Chunks of merged runs that a commit removes, besides twice as many as it can have moved.
const MIN_REMOVED: usize = 64;

type StateTable<'t> = Table<'t, (u64, u32), &'static [u8]>;

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    running: Vec<Merge>,
    /// Runs that nobody needs any more.
    dead: Vec<u64>,
}

#[derive(Debug)]
struct Merge {
    inputs: Vec<Run>,
    output: Run,
    /// Nothing is older, so deletions have done their work.
    oldest: bool,
    merged: Merged,
    writer: ChunkWriter,
}

impl Merges {
    /// After opening: runs that the head does not list are leftovers of merges.
    pub(crate) fn new(dead: Vec<u64>) -> Self {
        Self { running: Vec::new(), dead }
    }

    /// Moves on; `written` bytes of state are new.
    pub(crate) fn advance(
        &mut self,
        table: &mut StateTable<'_>,
        head: &mut Head,
        written: usize,
    ) -> Result<(), StoreError> {
        let mut budget = written.saturating_mul(BYTES_PER_BYTE).max(MIN_BYTES);
        let removed = MIN_REMOVED.saturating_add(budget.saturating_mul(2) / CHUNK_BYTES);
        let mut level = 0;
        while level <= head.runs.iter().map(|run| run.level).max().unwrap_or(0) {
            self.begin(level, head);
            let running = self.running.iter().position(|merge| merge.output.level == level + 1);
            if let Some(mut merge) = running.map(|at| self.running.swap_remove(at)) {
                if merge.run(table, &mut budget)? {
                    self.end(&merge, head);
                } else {
                    self.running.push(merge);
                }
            }
            level += 1;
        }
        self.remove(table, removed)
    }

    fn begin(&mut self, level: u8, head: &mut Head) {
        let inputs: Vec<Run> =
            head.runs.iter().filter(|run| run.level == level).take(FAN_IN).copied().collect();
        let busy = self.running.iter().any(|merge| merge.output.level == level + 1);
        if busy || inputs.len() < FAN_IN {
            return;
        }
        let output = Run { number: head.take_run(), level: level + 1, chunks: 0 };
        self.running.push(Merge {
            oldest: head.runs.first() == inputs.first(),
            merged: Merged::new(&inputs),
            inputs,
            output,
            writer: ChunkWriter::default(),
        });
    }

    /// The output takes the place of its inputs.
    fn end(&mut self, merge: &Merge, head: &mut Head) {
        let at = head.runs.iter().position(|run| Some(run) == merge.inputs.first());
        head.runs.retain(|run| !merge.inputs.contains(run));
        if merge.output.chunks > 0 {
            head.runs.insert(at.unwrap_or(0), merge.output);
        }
        self.dead.extend(merge.inputs.iter().map(|run| run.number));
    }

    fn remove(&mut self, table: &mut StateTable<'_>, mut left: usize) -> Result<(), StoreError> {
        while let Some(run) = self.dead.last().copied() {
            while let Some(key) = last_chunk(table, run)? {
                if left == 0 {
                    return Ok(());
                }
                table.remove(key)?;
                left = left.saturating_sub(1);
            }
            self.dead.pop();
        }
        Ok(())
    }
}

fn last_chunk(table: &StateTable<'_>, run: u64) -> Result<Option<(u64, u32)>, StoreError> {
    let last = table.range((run, 0)..=(run, u32::MAX))?.next_back().transpose()?;
    Ok(last.map(|(key, _)| key.value()))
}

impl Merge {
    /// Moves bytes until the budget is spent; true when there is nothing left to move.
    fn run(&mut self, table: &mut StateTable<'_>, budget: &mut usize) -> Result<bool, StoreError> {
        while *budget > 0 {
            let Some(entry) = self.merged.next(&mut FromTable(table))? else {
                if let Some(chunk) = self.writer.finish() {
                    write_chunk(table, &mut self.output, &chunk)?;
                }
                return Ok(true);
            };
            let value = entry.value();
            let size = entry.key().len().saturating_add(value.map_or(0, <[u8]>::len));
            *budget = budget.saturating_sub(size);
            if (value.is_some() || !self.oldest)
                && let Some(chunk) = self.writer.push(entry.key(), value)?
            {
                write_chunk(table, &mut self.output, &chunk)?;
            }
        }
        Ok(false)
    }
}

/// Appends a chunk to a run.
pub(crate) fn write_chunk(
    table: &mut StateTable<'_>,
    run: &mut Run,
    chunk: &[u8],
) -> Result<(), StoreError> {
    let key = (run.number, run.chunks);
    run.chunks =
        run.chunks.checked_add(1).ok_or(StoreError::Full { what: "the chunks of a run" })?;
    let mut place = table.insert_reserve(key, chunk.len().saturating_add(TAG_BYTES))?;
    row::fill(place.as_mut(), Kind::State, &row::chunk_key(key.0, key.1), chunk);
    Ok(())
}

struct FromTable<'a, 't>(&'a StateTable<'t>);

impl Load for FromTable<'_, '_> {
    fn load(&mut self, run: u64, chunk: u32) -> Result<Vec<u8>, StoreError> {
        row::open_chunk(run, chunk, self.0.get((run, chunk))?.map(|row| row.value().to_vec()))
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and draws small numbers"
)]
mod tests {
    use std::collections::BTreeMap;

    use redb::ReadableTableMetadata as _;
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::store::{Commit, EntryKey, Options, Store};

    type Model = BTreeMap<EntryKey, Vec<u8>>;

    fn read(store: &Store) -> Model {
        let mut entries = store.entries().unwrap();
        let mut model = Model::new();
        while let Some((table, key, value)) = entries.next().unwrap() {
            assert_eq!(model.insert(EntryKey::new(table, key), value.to_vec()), None);
        }
        model
    }

    /// Commits of all sizes, with keys that come again and go: the state is that of a plain map, and neither runs nor
    /// rows pile up.
    #[test]
    fn merged_runs_are_the_map_that_was_written() {
        let store = Store::open_with_backend(InMemoryBackend::new(), Options::default()).unwrap();
        let mut model = Model::new();
        let mut chance = 7_u64;
        let mut next = |below: u64| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (chance >> 33) % below
        };
        for number in 0..3000_u64 {
            let count = if number % 97 == 0 { 4000 } else { 1 + next(4) };
            let mut entries = BTreeMap::new();
            for _ in 0..count {
                let key = EntryKey::new(3, next(20_000).to_be_bytes());
                let value = (next(5) > 0).then(|| vec![number as u8; next(90) as usize]);
                entries.insert(key, value);
            }
            for (key, value) in &entries {
                match value {
                    Some(value) => model.insert(key.clone(), value.clone()),
                    None => model.remove(key),
                };
            }
            store
                .commit(Commit { entries: entries.into_iter().collect(), ..Commit::default() })
                .unwrap();
            if number % 500 == 499 {
                assert_eq!(read(&store), model);
                assert!(store.verify(&mut |_| {}).is_clean());
            }
        }
        let runs = store.head().unwrap().runs;
        let levels = runs.first().unwrap().level;
        assert!(levels >= 3, "nothing was merged: {runs:?}");
        let most = usize::from(levels + 1) * (2 * FAN_IN);
        assert!(runs.len() <= most, "runs pile up: {runs:?}");
        let live: u64 = runs.iter().map(|run| u64::from(run.chunks)).sum();
        let rows = store.snapshot().unwrap().open_table(super::row::STATE).unwrap();
        assert!(rows.len().unwrap() < 4 * live + 100, "{} rows, {live} live", rows.len().unwrap());
    }
}
