//! Writing: one transaction, one sync, all or nothing.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use redb::WriteTransaction;

use super::head::Head;
use super::heights;
use super::merge::{Merges, write_chunk};
use super::record::{self, BlockRecord, Commit, EntryKey, Leaf};
use super::row::{self, BLOCKS, EVENTS, Kind, META, META_HEAD, RESERVED, STATE, TAG_BYTES, TILES};
use super::run::{ChunkWriter, Run};
use super::tree::{self, FullTile, Tree};
use super::{
    MAX_BLOCK_BYTES, MAX_ENTRY_BYTES, MAX_EVENT_BYTES, MAX_KEY_BYTES, MAX_META_BYTES, Options,
    Store, StoreError,
};

impl Store {
    /// Makes the whole commit durable; when this returns `Ok`, it survives a crash.
    ///
    /// # Errors
    /// A refused commit ([`StoreError::Gap`], [`StoreError::TooLarge`], [`StoreError::Duplicate`],
    /// [`StoreError::ReservedName`]) changes nothing. After an error of the engine the outcome is
    /// unknown: every later commit fails with [`StoreError::Poisoned`] until the store is reopened.
    pub fn commit(&self, mut commit: Commit) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.poisoned.load(Ordering::Acquire) {
            return Err(StoreError::Poisoned);
        }
        let mut head = writer.head.clone();
        head.commit =
            head.commit.checked_add(1).ok_or(StoreError::Full { what: "the commit number" })?;
        advance(&mut head, &commit.blocks)?;
        check_limits(&self.options, &commit)?;
        commit.entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        check_duplicates(&self.options, &commit.entries)?;

        let mut tree = Tree::clone(&self.tree());
        let written = self.write(commit, &mut head, &mut writer.merges, &mut tree);
        if written.is_err() {
            self.poison();
        }
        written?;
        self.acknowledge(tree, head.commit).inspect_err(|_| self.poison())?;
        writer.head = head;
        Ok(())
    }

    fn write(
        &self,
        commit: Commit,
        head: &mut Head,
        merges: &mut Merges,
        tree: &mut Tree,
    ) -> Result<(), StoreError> {
        let mut txn = self.database()?.begin_write()?;
        txn.set_quick_repair(self.options.quick_repair);
        write_blocks(&txn, &commit.blocks)?;
        if self.indexed.load(Ordering::Acquire) {
            heights::write(&txn, &commit.blocks)?;
        }
        write_leaves(&txn, &commit.leaves, tree)?;
        head.log_size = tree.size();
        write_entries(&txn, &commit.entries, head, merges)?;
        write_meta(&txn, commit.meta, head)?;
        txn.commit()?;
        Ok(())
    }
}

fn advance(head: &mut Head, blocks: &[BlockRecord]) -> Result<(), StoreError> {
    for block in blocks {
        if head.last_height().is_none() {
            head.first_height = block.height;
            head.next_height = block.height;
        }
        if block.height != head.next_height {
            return Err(StoreError::Gap { expected: head.next_height, got: block.height });
        }
        head.next_height =
            head.next_height.checked_add(1).ok_or(StoreError::Full { what: "the height" })?;
    }
    Ok(())
}

fn check_limits(options: &Options, commit: &Commit) -> Result<(), StoreError> {
    for block in &commit.blocks {
        let size = block
            .header
            .len()
            .saturating_add(block.body.len())
            .saturating_add(block.certificate.len());
        record::within(|| row::block_name(block.height), size, MAX_BLOCK_BYTES)?;
    }
    for leaf in &commit.leaves {
        record::within(|| "an event".into(), leaf.event().len(), MAX_EVENT_BYTES)?;
    }
    for (key, value) in &commit.entries {
        let name = || row::entry_name(options, key.as_bytes());
        record::within(|| format!("the key of {}", name()), key.key().len(), MAX_KEY_BYTES)?;
        record::within(name, value.as_ref().map_or(0, Vec::len), MAX_ENTRY_BYTES)?;
    }
    for (name, value) in &commit.meta {
        if name.starts_with(RESERVED) {
            return Err(StoreError::ReservedName { name: (*name).into() });
        }
        record::within(|| row::meta_name(name), value.len(), MAX_META_BYTES)?;
    }
    Ok(())
}

fn check_duplicates(
    options: &Options,
    entries: &[(EntryKey, Option<Vec<u8>>)],
) -> Result<(), StoreError> {
    let twice = entries.windows(2).find_map(|pair| match pair {
        [(a, _), (b, _)] if a == b => Some(a),
        _ => None,
    });
    match twice {
        Some(key) => Err(StoreError::Duplicate { what: row::entry_name(options, key.as_bytes()) }),
        None => Ok(()),
    }
}

fn write_blocks(txn: &WriteTransaction, blocks: &[BlockRecord]) -> Result<(), StoreError> {
    let mut table = txn.open_table(BLOCKS)?;
    for block in blocks {
        let value = row::encode_block(block)?;
        let mut place = table.insert_reserve(block.height, row_len(&value))?;
        row::fill(place.as_mut(), Kind::Block, &block.height.to_be_bytes(), &value);
    }
    Ok(())
}

fn write_leaves(
    txn: &WriteTransaction,
    leaves: &[Leaf],
    tree: &mut Tree,
) -> Result<(), StoreError> {
    let mut events = txn.open_table(EVENTS)?;
    let mut tiles = txn.open_table(TILES)?;
    for leaf in leaves {
        let index = tree.size();
        let mut place = events.insert_reserve(index, row_len(leaf.event()))?;
        row::fill(place.as_mut(), Kind::Event, &index.to_be_bytes(), leaf.event());
        drop(place);
        tree.append(*leaf.hash(), |FullTile { level, index, hashes }| {
            let value = tree::join(&hashes);
            let mut place = tiles.insert_reserve((level, index), row_len(&value))?;
            row::fill(place.as_mut(), Kind::Tile, &row::tile_key(level, index), &value);
            Ok(())
        })?;
    }
    Ok(())
}

/// The changed entries as one run, and a step of the merges.
fn write_entries(
    txn: &WriteTransaction,
    entries: &[(EntryKey, Option<Vec<u8>>)],
    head: &mut Head,
    merges: &mut Merges,
) -> Result<(), StoreError> {
    let mut table = txn.open_table(STATE)?;
    let mut run = Run { number: head.take_run(), level: 0, chunks: 0 };
    let mut writer = ChunkWriter::default();
    let mut written = 0_usize;
    for (key, value) in entries {
        if let Some(chunk) = writer.push(key.as_bytes(), value.as_deref())? {
            written = written.saturating_add(chunk.len());
            write_chunk(&mut table, &mut run, &chunk)?;
        }
    }
    if let Some(chunk) = writer.finish() {
        written = written.saturating_add(chunk.len());
        write_chunk(&mut table, &mut run, &chunk)?;
        head.runs.push(run);
    }
    merges.advance(&mut table, head, written)
}

fn write_meta(
    txn: &WriteTransaction,
    values: Vec<(&'static str, Vec<u8>)>,
    head: &Head,
) -> Result<(), StoreError> {
    let mut table = txn.open_table(META)?;
    for (name, value) in values.into_iter().chain([(META_HEAD, head.encode())]) {
        let mut place = table.insert_reserve(name, row_len(&value))?;
        row::fill(place.as_mut(), Kind::Meta, name.as_bytes(), &value);
    }
    Ok(())
}

fn row_len(value: &[u8]) -> usize {
    value.len().saturating_add(TAG_BYTES)
}
