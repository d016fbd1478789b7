//! The private archive: small entries, sealed, with hidden names, in one redb file.
//!
//! The file is sealed under keys of a *generation*. Deleting an entry leaves its sealed bytes in free pages of the file;
//! [`PrivateArchive::rekey`] writes what is left to a new file under new keys and forgets the old keys, after which the
//! deleted entries open for nobody, whoever copied the disk.
//!
//! ```text
//! <folder>/archive.key             generation and keys, sealed under the storage key; replaced atomically
//! <folder>/archive-<generation>.redb
//! ```

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::RwLock;
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    TableDefinition, backends::InMemoryBackend,
};
use secnet_app::ports::{Archive, ArchiveError, Change, EntryKind, EntryName};
use secnet_crypto::{Zeroizing, rand_core::Rng as _};
use secnet_types::Digest;

use crate::{
    StorageKey,
    blocking::blocking,
    files,
    row::{ArchiveKeys, Plain, ROW_KEY_LEN},
};

const ENTRIES: TableDefinition<'_, [u8; ROW_KEY_LEN], &[u8]> = TableDefinition::new("entries");
const KEY_FILE: &str = "archive.key";
const KEY_WHAT: &[u8] = b"secnet/vault/archive-key/v1";
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// Largest entry, in bytes.
const MAX_ENTRY_BYTES: usize = 16 * 1024 * 1024;

/// Why an archive could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenArchiveError {
    /// A file cannot be read or written.
    #[error("the archive folder `{folder}` cannot be used: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// The key file is there and does not open.
    #[error(
        "the archive's key file does not open with this storage key: use the key it was made with"
    )]
    Key,
    /// Archive files without a key file.
    #[error("the archive in `{0}` has no key file `archive.key`: restore a backup")]
    NoKeyFile(String),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] ArchiveError),
}

/// Entries that stay in the PDC.
#[derive(Clone)]
pub struct PrivateArchive(Arc<Shared>);

struct Shared {
    home: Option<Home>,
    /// Written by [`PrivateArchive::rekey`] only.
    live: RwLock<Live>,
}

struct Home {
    folder: PathBuf,
    storage_key: StorageKey,
}

struct Live {
    database: Database,
    keys: ArchiveKeys,
    generation: u64,
}

impl PrivateArchive {
    /// Entries in memory.
    ///
    /// # Errors
    /// [`OpenArchiveError::Database`].
    pub fn memory() -> Result<Self, OpenArchiveError> {
        let database = memory_database()?;
        let live = Live { database, keys: ArchiveKeys::generate(), generation: 0 };
        Ok(Self(Arc::new(Shared { home: None, live: RwLock::new(live) })))
    }

    /// Entries in a folder, created if missing.
    ///
    /// # Errors
    /// [`OpenArchiveError`].
    pub fn open(folder: &Path, storage_key: StorageKey) -> Result<Self, OpenArchiveError> {
        let unusable =
            |source| OpenArchiveError::Folder { folder: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let home = Home { folder: folder.to_owned(), storage_key };
        let files = home.database_files().map_err(unusable)?;
        let (generation, keys) = match std::fs::read(folder.join(KEY_FILE)) {
            Ok(sealed) => home.open_key_file(&sealed).ok_or(OpenArchiveError::Key)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if !files.is_empty() {
                    return Err(OpenArchiveError::NoKeyFile(folder.display().to_string()));
                }
                let keys = ArchiveKeys::generate();
                home.write_key_file(0, &keys)?;
                (0, keys)
            }
            Err(error) => return Err(unusable(error)),
        };
        let mine = home.database_file(generation);
        // Left by a rekeying that was cut off before or after its key file was written.
        for file in files.iter().filter(|file| **file != mine) {
            files::forget(file).map_err(unusable)?;
        }
        let database = home.open_database(generation)?;
        let live = Live { database, keys, generation };
        Ok(Self(Arc::new(Shared { home: Some(home), live: RwLock::new(live) })))
    }

    /// What an erasure statement on the ledger names this entry by; `None` if there is no such entry. To be asked for
    /// before the entry is deleted: its salt goes with it.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn erasure_tag(&self, name: &EntryName) -> Result<Option<Digest>, ArchiveError> {
        let name = name.clone();
        self.run(move |live| Ok(live.find(&name)?.map(|plain| plain.erasure_tag()))).await
    }

    /// Replaces entries under new erasure tags: what they were is to be erased, and a restored backup must drop it.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn supersede(&self, changes: Vec<Change>) -> Result<(), ArchiveError> {
        self.run(move |live| live.write(&changes, true)).await
    }

    /// Seals every entry anew under new keys in a new file, and forgets the old ones: what was deleted is gone for
    /// whoever has a full copy of the disk from now on. Writers wait.
    ///
    /// # Errors
    /// [`ArchiveError`]; the archive is then as before.
    pub async fn rekey(&self) -> Result<(), ArchiveError> {
        let shared = Arc::clone(&self.0);
        blocking(move || shared.rekey()).await.map_err(lost)?
    }

    /// Number of entries.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn count(&self) -> Result<u64, ArchiveError> {
        self.run(|live| {
            let transaction = live.database.begin_read().map_err(failed)?;
            transaction.open_table(ENTRIES).map_err(failed)?.len().map_err(failed)
        })
        .await
    }

    /// Opens every entry; their number.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] at the first one that does not open.
    pub async fn verify(&self) -> Result<u64, ArchiveError> {
        self.fold(0u64, |count, _| {
            *count = count.saturating_add(1);
            Ok(())
        })
        .await
    }

    /// Opens every entry and folds it into `state`, from one snapshot.
    pub(crate) async fn fold<S, F>(&self, mut state: S, mut visit: F) -> Result<S, ArchiveError>
    where
        S: Send + 'static,
        F: FnMut(&mut S, &Plain) -> Result<(), ArchiveError> + Send + 'static,
    {
        self.run(move |live| {
            live.each(&mut |plain| visit(&mut state, plain))?;
            Ok(state)
        })
        .await
    }

    /// Puts entries that come from a backup, with their salts.
    pub(crate) async fn put_plain(&self, entries: Vec<Plain>) -> Result<(), ArchiveError> {
        self.run(move |live| {
            live.transact(|table| {
                for plain in &entries {
                    let row = live.keys.seal(plain).map_err(failed)?;
                    table.insert(live.keys.row_key_of(plain), row.as_slice()).map_err(failed)?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn run<T, F>(&self, work: F) -> Result<T, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Live) -> Result<T, ArchiveError> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        blocking(move || work(&shared.live.read())).await.map_err(lost)?
    }
}

impl fmt::Debug for PrivateArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateArchive(..)")
    }
}

#[async_trait]
impl Archive for PrivateArchive {
    async fn write(&self, changes: Vec<Change>) -> Result<(), ArchiveError> {
        self.run(move |live| live.write(&changes, false)).await
    }

    async fn get(&self, name: &EntryName) -> Result<Option<Vec<u8>>, ArchiveError> {
        let name = name.clone();
        self.run(move |live| Ok(live.find(&name)?.map(|plain| plain.value.to_vec()))).await
    }

    async fn list(
        &self,
        kind: EntryKind,
        group: &[u8],
    ) -> Result<Vec<(EntryName, Vec<u8>)>, ArchiveError> {
        let group = group.to_vec();
        self.run(move |live| live.list(kind, &group)).await
    }
}

impl Shared {
    fn rekey(&self) -> Result<(), ArchiveError> {
        let mut live = self.live.write();
        let generation = live.generation.checked_add(1).ok_or_else(|| failed("generations"))?;
        let keys = ArchiveKeys::generate();
        let database = match &self.home {
            Some(home) => {
                // Left by a rekeying that failed.
                files::forget(&home.database_file(generation)).map_err(failed)?;
                home.open_database(generation)?
            }
            None => memory_database()?,
        };
        let next = Live { database, keys, generation };
        next.transact(|table| {
            live.each(&mut |plain| {
                let row = next.keys.seal(plain).map_err(failed)?;
                table.insert(next.keys.row_key_of(plain), row.as_slice()).map_err(failed)?;
                Ok(())
            })
        })?;
        if let Some(home) = &self.home {
            // From here on the new generation counts; if that is in doubt, the old one is confirmed.
            if let Err(error) = home.write_key_file(generation, &next.keys) {
                home.write_key_file(live.generation, &live.keys)?;
                return Err(error);
            }
        }
        let old = std::mem::replace(&mut *live, next);
        let file = self.home.as_ref().map(|home| home.database_file(old.generation));
        drop(old);
        match file {
            Some(file) => files::forget(&file).map_err(failed),
            None => Ok(()),
        }
    }
}

impl Home {
    fn database_file(&self, generation: u64) -> PathBuf {
        self.folder.join(format!("archive-{generation:016x}.redb"))
    }

    fn database_files(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("archive-") && name.ends_with(".redb") {
                files.push(self.folder.join(&*name));
            }
        }
        Ok(files)
    }

    fn open_database(&self, generation: u64) -> Result<Database, ArchiveError> {
        let file = self.database_file(generation);
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        // The engine panics on some damaged files.
        let opened =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.create(&file)));
        let damaged = |_| ArchiveError::Damaged(format!("the file `{}`", file.display()));
        let database = opened.map_err(damaged)?.map_err(failed)?;
        create_table(&database)?;
        files::sync_folder_of(&file).map_err(failed)?;
        Ok(database)
    }

    fn write_key_file(&self, generation: u64, keys: &ArchiveKeys) -> Result<(), ArchiveError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(72));
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(keys.data.as_slice());
        bytes.extend_from_slice(keys.names.as_slice());
        let sealed = self.storage_key.seal(KEY_WHAT, &bytes).map_err(failed)?;
        files::replace(&self.folder.join(KEY_FILE), &sealed).map_err(failed)
    }

    fn open_key_file(&self, sealed: &[u8]) -> Option<(u64, ArchiveKeys)> {
        let bytes = self.storage_key.open(KEY_WHAT, sealed).ok()?;
        let (generation, rest) = bytes.split_first_chunk::<8>()?;
        let (data, names) = rest.split_first_chunk::<32>()?;
        let names: [u8; 32] = names.try_into().ok()?;
        let keys = ArchiveKeys { data: Zeroizing::new(*data), names: Zeroizing::new(names) };
        Some((u64::from_be_bytes(*generation), keys))
    }
}

impl Live {
    fn find(&self, name: &EntryName) -> Result<Option<Plain>, ArchiveError> {
        let row_key = self.keys.row_key(name.kind as u8, &name.group, &name.key);
        let transaction = self.database.begin_read().map_err(failed)?;
        let table = transaction.open_table(ENTRIES).map_err(failed)?;
        let row = table.get(row_key).map_err(failed)?;
        row.map(|row| self.open(&row_key, row.value())).transpose()
    }

    fn list(
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
        let transaction = self.database.begin_read().map_err(failed)?;
        let table = transaction.open_table(ENTRIES).map_err(failed)?;
        let mut found = Vec::new();
        for row in table.range(from..=to).map_err(failed)? {
            let (row_key, row) = row.map_err(failed)?;
            let plain = self.open(&row_key.value(), row.value())?;
            found.push((plain.name(kind), plain.value.to_vec()));
        }
        Ok(found)
    }

    fn each(
        &self,
        visit: &mut dyn FnMut(&Plain) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let table = transaction.open_table(ENTRIES).map_err(failed)?;
        for row in table.iter().map_err(failed)? {
            let (row_key, row) = row.map_err(failed)?;
            visit(&self.open(&row_key.value(), row.value())?)?;
        }
        Ok(())
    }

    fn write(&self, changes: &[Change], fresh_tags: bool) -> Result<(), ArchiveError> {
        self.transact(|table| {
            for Change { name, value } in changes {
                let row_key = self.keys.row_key(name.kind as u8, &name.group, &name.key);
                let Some(value) = value else {
                    table.remove(row_key).map_err(failed)?;
                    continue;
                };
                if value.len() > MAX_ENTRY_BYTES {
                    let len = value.len();
                    return Err(failed(format!("an entry has `{len}` bytes, more than it may")));
                }
                let known = table.get(row_key).map_err(failed)?;
                let known = known.map(|row| self.open(&row_key, row.value())).transpose()?;
                let salt = match known {
                    Some(plain) if !fresh_tags => plain.salt,
                    _ => {
                        let mut salt = [0; 32];
                        crate::rng().fill_bytes(&mut salt);
                        salt
                    }
                };
                let row = self.keys.seal(&Plain::new(name, salt, value.clone())).map_err(failed)?;
                table.insert(row_key, row.as_slice()).map_err(failed)?;
            }
            Ok(())
        })
    }

    /// All or nothing, and durable when it returns.
    fn transact(
        &self,
        work: impl FnOnce(&mut redb::Table<'_, [u8; ROW_KEY_LEN], &[u8]>) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let transaction = self.database.begin_write().map_err(failed)?;
        let mut table = transaction.open_table(ENTRIES).map_err(failed)?;
        work(&mut table)?;
        drop(table);
        transaction.commit().map_err(failed)
    }

    fn open(&self, row_key: &[u8; ROW_KEY_LEN], row: &[u8]) -> Result<Plain, ArchiveError> {
        let damaged = |_| ArchiveError::Damaged(crate::paths::hex(row_key));
        self.keys.open(row_key, row).map_err(damaged)
    }
}

fn memory_database() -> Result<Database, ArchiveError> {
    let mut builder = Database::builder();
    let builder = builder.set_cache_size(CACHE_BYTES);
    let database = builder.create_with_backend(InMemoryBackend::new()).map_err(failed)?;
    create_table(&database)?;
    Ok(database)
}

fn create_table(database: &Database) -> Result<(), ArchiveError> {
    let transaction = database.begin_write().map_err(failed)?;
    transaction.open_table(ENTRIES).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn failed(error: impl fmt::Display) -> ArchiveError {
    ArchiveError::Storage(error.to_string())
}

fn lost(error: tokio::task::JoinError) -> ArchiveError {
    failed(error)
}
