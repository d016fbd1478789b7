//! At which height a header is. The nodes of a network ask each other for blocks by the digest of their header, so a store of
//! theirs has an index of it; one of a single sequencer has none.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    TableError, WriteTransaction,
};
use sha2::{Digest as _, Sha256};

use super::read::block_in;
use super::record::BlockRecord;
use super::row::BLOCKS;
use super::{Store, StoreError};

/// SHA-256 of a header, cut short: what is found is compared with the whole.
const KEY_BYTES: usize = 16;

type Key = [u8; KEY_BYTES];

const HEIGHTS: TableDefinition<'_, Key, u64> = TableDefinition::new(NAME);

/// The name of the table.
pub(crate) const NAME: &str = "heights";

impl Store {
    /// Have an index of the headers from now on. Without one it is made, of all blocks that there are; else nothing happens.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Poisoned`] or an error of the engine.
    pub fn index_headers(&self) -> Result<(), StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.indexed.load(Ordering::Acquire) {
            return Ok(());
        }
        if self.is_poisoned() {
            return Err(StoreError::Poisoned);
        }
        let made = self.make_index();
        match made {
            Ok(()) => self.indexed.store(true, Ordering::Release),
            Err(_) => self.poison(),
        }
        made
    }

    fn make_index(&self) -> Result<(), StoreError> {
        let mut txn = self.database()?.begin_write()?;
        txn.set_quick_repair(self.options.quick_repair);
        {
            let (blocks, mut heights) = (txn.open_table(BLOCKS)?, txn.open_table(HEIGHTS)?);
            for item in blocks.iter()? {
                let (height, row) = item?;
                let record = block_in(height.value(), row.value())?;
                heights.insert(key_of(&digest(&record.header)), record.height)?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    /// The block whose header has this SHA-256, if there is an index and it knows of one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or an error of the engine.
    pub fn block_with_header(&self, sha256: &[u8; 32]) -> Result<Option<BlockRecord>, StoreError> {
        let txn = self.snapshot()?;
        let Some(index) = Index::of(&txn)? else { return Ok(None) };
        let Some(height) = index.height_of(sha256)? else { return Ok(None) };
        let Some(row) = txn.open_table(BLOCKS)?.get(height)? else { return Ok(None) };
        let record = block_in(height, row.value())?;
        Ok((digest(&record.header) == *sha256).then_some(record))
    }
}

/// Is there an index in this database?
pub(crate) fn is_indexed(db: &Database) -> Result<bool, StoreError> {
    Ok(Index::of(&db.begin_read()?)?.is_some())
}

/// Put these blocks into the index.
pub(crate) fn write(txn: &WriteTransaction, blocks: &[BlockRecord]) -> Result<(), StoreError> {
    let mut heights = txn.open_table(HEIGHTS)?;
    for block in blocks {
        heights.insert(key_of(&digest(&block.header)), block.height)?;
    }
    Ok(())
}

/// The index, for reading.
pub(crate) struct Index(redb::ReadOnlyTable<Key, u64>);

impl Index {
    pub(crate) fn of(txn: &ReadTransaction) -> Result<Option<Self>, StoreError> {
        match txn.open_table(HEIGHTS) {
            Ok(table) => Ok(Some(Self(table))),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn height_of(&self, sha256: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        Ok(self.0.get(key_of(sha256))?.map(|height| height.value()))
    }

    /// Does it lead from this header to this height?
    pub(crate) fn leads_to(&self, header: &[u8], height: u64) -> Result<bool, StoreError> {
        Ok(self.height_of(&digest(header))? == Some(height))
    }

    /// How many headers it has.
    pub(crate) fn len(&self) -> Result<u64, StoreError> {
        Ok(redb::ReadableTableMetadata::len(&self.0)?)
    }
}

fn digest(header: &[u8]) -> [u8; 32] {
    Sha256::digest(header).into()
}

fn key_of(sha256: &[u8; 32]) -> Key {
    let mut key = [0; KEY_BYTES];
    for (to, from) in key.iter_mut().zip(sha256) {
        *to = *from;
    }
    key
}
