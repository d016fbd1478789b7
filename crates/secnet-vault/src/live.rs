//! The archive's database of one generation, and the keys that its rows are sealed under.

use std::sync::Arc;

use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    backends::InMemoryBackend,
};
use secnet_app::{
    port_rng,
    ports::{ArchiveError, Change, Entropy, EntryKind, EntryName},
};

use crate::{
    archive::{failed, refused},
    row::{ArchiveKeys, Plain, ROW_KEY_LEN},
    writes::Write,
};

pub(crate) const ENTRIES: TableDefinition<'_, [u8; ROW_KEY_LEN], &[u8]> =
    TableDefinition::new("entries");
const CACHE_BYTES: usize = 16 * 1024 * 1024;

pub(crate) struct Live {
    /// None after it could not be opened again.
    database: Option<Database>,
    pub(crate) keys: ArchiveKeys,
    pub(crate) generation: u64,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Live {
    pub(crate) fn new(
        database: Database,
        keys: ArchiveKeys,
        generation: u64,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { database: Some(database), keys, generation, entropy }
    }

    pub(crate) fn database(&self) -> Result<&Database, ArchiveError> {
        self.database.as_ref().ok_or_else(|| failed("it could not be opened again"))
    }

    pub(crate) fn close(&mut self) {
        self.database = None;
    }

    pub(crate) fn go_on_with(&mut self, database: Database) {
        self.database = Some(database);
    }

    pub(crate) fn find(&self, name: &EntryName) -> Result<Option<Plain>, ArchiveError> {
        let row_key = self.keys.row_key(name.kind as u8, &name.group, &name.key);
        let transaction = self.database()?.begin_read().map_err(failed)?;
        let table = transaction.open_table(ENTRIES).map_err(failed)?;
        let row = table.get(row_key).map_err(failed)?;
        row.map(|row| self.open(&row_key, row.value())).transpose()
    }

    pub(crate) fn list(
        &self,
        kind: EntryKind,
        group: &[u8],
    ) -> Result<Vec<(EntryName, Vec<u8>)>, ArchiveError> {
        let tag = self.keys.group_tag(kind as u8, group);
        let (mut from, mut to) = ([0; ROW_KEY_LEN], [0xff; ROW_KEY_LEN]);
        for bound in [&mut from, &mut to] {
            for (to, from) in bound.iter_mut().zip(tag) {
                *to = from;
            }
        }
        let transaction = self.database()?.begin_read().map_err(failed)?;
        let table = transaction.open_table(ENTRIES).map_err(failed)?;
        let mut found = Vec::new();
        for row in table.range(from..=to).map_err(failed)? {
            let (row_key, row) = row.map_err(failed)?;
            let plain = self.open(&row_key.value(), row.value())?;
            found.push((plain.name(kind), plain.value.to_vec()));
        }
        Ok(found)
    }

    pub(crate) fn each(
        &self,
        visit: &mut dyn FnMut(&Plain) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let transaction = self.database()?.begin_read().map_err(failed)?;
        let table = transaction.open_table(ENTRIES).map_err(failed)?;
        for row in table.iter().map_err(failed)? {
            let (row_key, row) = row.map_err(failed)?;
            visit(&self.open(&row_key.value(), row.value())?)?;
        }
        Ok(())
    }

    pub(crate) fn write(&self, writes: &[Write]) -> Result<(), ArchiveError> {
        self.transact(|table| {
            let mut rng = port_rng(self.entropy.as_ref());
            for Write { changes, fresh_tags } in writes {
                for change in changes {
                    self.apply(table, change, *fresh_tags, &mut rng)?;
                }
            }
            Ok(())
        })
    }

    fn apply(
        &self,
        table: &mut redb::Table<'_, [u8; ROW_KEY_LEN], &[u8]>,
        Change { name, value }: &Change,
        fresh_tag: bool,
        rng: &mut impl secnet_crypto::CryptoRng,
    ) -> Result<(), ArchiveError> {
        let row_key = self.keys.row_key(name.kind as u8, &name.group, &name.key);
        let Some(value) = value else {
            table.remove(row_key).map_err(refused)?;
            return Ok(());
        };
        let known = table.get(row_key).map_err(failed)?;
        let known = known.map(|row| self.open(&row_key, row.value())).transpose()?;
        let salt = match known {
            Some(plain) if !fresh_tag => plain.salt,
            _ => {
                let mut salt = [0; 32];
                rng.fill_bytes(&mut salt);
                salt
            }
        };
        let plain = Plain::new(name, salt, value.clone());
        let row = self.keys.seal(&plain, rng).map_err(failed)?;
        table.insert(row_key, row.as_slice()).map_err(refused)?;
        Ok(())
    }

    /// All or nothing, and durable when it returns.
    pub(crate) fn transact(
        &self,
        work: impl FnOnce(&mut redb::Table<'_, [u8; ROW_KEY_LEN], &[u8]>) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let transaction = self.database()?.begin_write().map_err(refused)?;
        let mut table = transaction.open_table(ENTRIES).map_err(refused)?;
        work(&mut table)?;
        drop(table);
        transaction.commit().map_err(refused)
    }

    pub(crate) fn open(
        &self,
        row_key: &[u8; ROW_KEY_LEN],
        row: &[u8],
    ) -> Result<Plain, ArchiveError> {
        let damaged = |_| ArchiveError::Damaged(crate::paths::hex(row_key));
        self.keys.open(row_key, row).map_err(damaged)
    }
}

pub(crate) fn memory_database() -> Result<Database, ArchiveError> {
    let database = builder().create_with_backend(InMemoryBackend::new()).map_err(failed)?;
    create_table(&database)?;
    Ok(database)
}

pub(crate) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

pub(crate) fn create_table(database: &Database) -> Result<(), ArchiveError> {
    // Reading an archive leaves its file as it is.
    if database.begin_read().map_err(failed)?.open_table(ENTRIES).is_ok() {
        return Ok(());
    }
    let transaction = database.begin_write().map_err(failed)?;
    transaction.open_table(ENTRIES).map_err(failed)?;
    transaction.commit().map_err(failed)
}
