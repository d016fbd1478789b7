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
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use parking_lot::RwLock;
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableError,
};
use secnet_app::{
    port_rng,
    ports::{Archive, ArchiveError, Change, Entropy, EntryKind, EntryName},
};
use secnet_crypto::Zeroizing;
use secnet_types::Digest;

use crate::{
    Folder, StorageKey, SystemEntropy,
    blocking::{blocking, in_background},
    files::{self, LocalFolder},
    live::{ENTRIES, Live, builder, create_table, memory_database},
    row::{ArchiveKeys, Plain},
    writes::{Write, WriteQueue},
};

const KEY_FILE: &str = "archive.key";
const KEY_WHAT: &[u8] = b"secnet/vault/archive-key/v1";

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
    /// Written by [`PrivateArchive::rekey`], and when it is opened anew.
    live: RwLock<Live>,
    /// A write found no room: the engine does nothing more with this database.
    ailing: AtomicBool,
    queue: WriteQueue,
}

struct Home {
    folder: Arc<dyn Folder>,
    storage_key: StorageKey,
    entropy: Arc<dyn Entropy>,
}

impl PrivateArchive {
    /// Entries in memory.
    ///
    /// # Errors
    /// [`OpenArchiveError::Database`].
    pub fn memory() -> Result<Self, OpenArchiveError> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let database = memory_database()?;
        let keys = ArchiveKeys::generate(&mut port_rng(entropy.as_ref()));
        let live = Live::new(database, keys, 0, entropy);
        Ok(Self(Arc::new(Shared::new(None, live))))
    }

    /// Entries in a folder, created if missing.
    ///
    /// # Errors
    /// [`OpenArchiveError`].
    pub fn open(folder: &Path, storage_key: StorageKey) -> Result<Self, OpenArchiveError> {
        std::fs::create_dir_all(folder).map_err(|source| OpenArchiveError::Folder {
            folder: folder.display().to_string(),
            source,
        })?;
        Self::open_in(Arc::new(LocalFolder::new(folder)), storage_key, Arc::new(SystemEntropy))
    }

    /// Entries in any folder, with any randomness: for simulations.
    ///
    /// # Errors
    /// [`OpenArchiveError`].
    pub fn open_in(
        folder: Arc<dyn Folder>,
        storage_key: StorageKey,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenArchiveError> {
        let home = Home { folder, storage_key, entropy: Arc::clone(&entropy) };
        let unusable =
            |source| OpenArchiveError::Folder { folder: home.folder.to_string(), source };
        let (generation, keys) =
            match files::content(home.folder.as_ref(), KEY_FILE).map_err(unusable)? {
                Some(sealed) => home.open_key_file(&sealed).ok_or(OpenArchiveError::Key)?,
                None => home.begin()?,
            };
        // Left by a creation or a rekeying that was cut off.
        let mine = database_file(generation);
        for name in home.folder.names().map_err(unusable)? {
            if (name != mine && is_database_file(&name)) || name == files::aside(KEY_FILE) {
                files::forget(home.folder.as_ref(), &name).map_err(unusable)?;
            }
        }
        let database = home.open_database(generation)?;
        let live = Live::new(database, keys, generation, entropy);
        Ok(Self(Arc::new(Shared::new(Some(home), live))))
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
        self.write_with_others(Write { changes, fresh_tags: true }).await
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
            let transaction = live.database()?.begin_read().map_err(failed)?;
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

    /// Looks at every entry: how many there are, and the row keys of all that do not open.
    ///
    /// # Errors
    /// [`ArchiveError::Storage`] if the database cannot be read.
    pub async fn inspect(&self) -> Result<(u64, Vec<String>), ArchiveError> {
        self.run(|live| {
            let transaction = live.database()?.begin_read().map_err(failed)?;
            let table = transaction.open_table(ENTRIES).map_err(failed)?;
            let (mut count, mut damaged) = (0u64, Vec::new());
            for row in table.iter().map_err(failed)? {
                let (row_key, row) = row.map_err(failed)?;
                count = count.saturating_add(1);
                if live.open(&row_key.value(), row.value()).is_err() {
                    damaged.push(crate::paths::hex(&row_key.value()));
                }
            }
            Ok((count, damaged))
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
                let mut rng = port_rng(live.entropy.as_ref());
                for plain in &entries {
                    let row = live.keys.seal(plain, &mut rng).map_err(failed)?;
                    table.insert(live.keys.row_key_of(plain), row.as_slice()).map_err(refused)?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Writes that come while another is made durable share the next one's transaction.
    async fn write_with_others(&self, write: Write) -> Result<(), ArchiveError> {
        write.check()?;
        let (done, leads) = self.0.queue.join(write);
        if leads {
            let shared = Arc::clone(&self.0);
            in_background(move || {
                shared.queue.lead(|writes| shared.with(|live| live.write(writes)))
            });
        }
        done.await.map_err(failed)?
    }

    async fn run<T, F>(&self, work: F) -> Result<T, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&Live) -> Result<T, ArchiveError> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        blocking(move || shared.with(work)).await.map_err(lost)?
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
        self.write_with_others(Write { changes, fresh_tags: false }).await
    }

    async fn get(&self, name: &EntryName) -> Result<Option<Vec<u8>>, ArchiveError> {
        let name = name.clone();
        self.run(move |live| Ok(live.find(&name)?.map(|plain| plain.value.to_vec()))).await
    }

    async fn get_each(&self, names: &[EntryName]) -> Vec<Result<Option<Vec<u8>>, ArchiveError>> {
        let wanted = names.to_vec();
        let value = |plain: Plain| plain.value.to_vec();
        let each = move |live: &Live| {
            let found = |name| Ok::<_, ArchiveError>(live.find(name)?.map(value));
            Ok(wanted.iter().map(found).collect::<Vec<_>>())
        };
        self.run(each).await.unwrap_or_else(|error| vec![Err(error); names.len()])
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
    fn new(home: Option<Home>, live: Live) -> Self {
        let ailing = AtomicBool::new(false);
        Self { home, live: RwLock::new(live), ailing, queue: WriteQueue::default() }
    }

    /// Work with the database, which is opened anew before if a write has found no room: nothing of that write is in it
    /// then, or all.
    fn with<T>(
        &self,
        work: impl FnOnce(&Live) -> Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        if self.ailing.load(Ordering::Acquire) {
            self.reopen()?;
        }
        let done = work(&self.live.read());
        if matches!(done, Err(ArchiveError::NoRoom)) {
            self.ailing.store(true, Ordering::Release);
        }
        done
    }

    fn reopen(&self) -> Result<(), ArchiveError> {
        let mut live = self.live.write();
        if let Some(home) = self.home.as_ref().filter(|_| self.ailing.load(Ordering::Acquire)) {
            // The old one first: it holds the lock of the file.
            live.close();
            let generation = live.generation;
            live.go_on_with(home.open_database(generation)?);
        }
        self.ailing.store(false, Ordering::Release);
        Ok(())
    }

    fn rekey(&self) -> Result<(), ArchiveError> {
        let mut live = self.live.write();
        let generation = live.generation.checked_add(1).ok_or_else(|| failed("generations"))?;
        let entropy = Arc::clone(&live.entropy);
        let keys = ArchiveKeys::generate(&mut port_rng(entropy.as_ref()));
        let database = match &self.home {
            Some(home) => {
                // Left by a rekeying that failed.
                files::forget(home.folder.as_ref(), &database_file(generation)).map_err(failed)?;
                home.create_database(generation)?;
                home.open_database(generation)?
            }
            None => memory_database()?,
        };
        let next = Live::new(database, keys, generation, entropy);
        let filled = next.transact(|table| {
            let mut rng = port_rng(next.entropy.as_ref());
            live.each(&mut |plain| {
                let row = next.keys.seal(plain, &mut rng).map_err(failed)?;
                table.insert(next.keys.row_key_of(plain), row.as_slice()).map_err(refused)?;
                Ok(())
            })
        });
        if let (Err(_), Some(home)) = (&filled, &self.home) {
            // The room it took is scarce, if that was why. What cannot be removed is removed before the next one.
            drop(next);
            files::forget(home.folder.as_ref(), &database_file(generation)).ok();
            return filled;
        }
        filled?;
        if let Some(home) = &self.home {
            // From here on the new generation counts; if that is in doubt, the old one is confirmed.
            if let Err(error) = home.write_key_file(generation, &next.keys) {
                home.write_key_file(live.generation, &live.keys)?;
                return Err(error);
            }
        }
        let old = std::mem::replace(&mut *live, next).generation;
        match &self.home {
            Some(home) => files::forget(home.folder.as_ref(), &database_file(old)).map_err(failed),
            None => Ok(()),
        }
    }
}

fn database_file(generation: u64) -> String {
    format!("archive-{generation:016x}.redb")
}

/// Also one that did not get its name any more.
fn is_database_file(name: &str) -> bool {
    let name = name.strip_suffix(".new").unwrap_or(name);
    name.starts_with("archive-") && name.ends_with(".redb")
}

impl Home {
    /// A new archive: first the empty database, then its key file, so that a key file always has its database.
    fn begin(&self) -> Result<(u64, ArchiveKeys), OpenArchiveError> {
        let orphaned = || OpenArchiveError::NoKeyFile(self.folder.to_string());
        let unusable =
            |source| OpenArchiveError::Folder { folder: self.folder.to_string(), source };
        let names = self.folder.names().map_err(unusable)?;
        let named = |name: &&String| name.ends_with(".redb") && is_database_file(name);
        match names.iter().filter(named).collect::<Vec<_>>().as_slice() {
            [] => self.create_database(0)?,
            // The beginning was cut off: there is nothing in it yet.
            [only] if **only == database_file(0) => {
                let database = self.open_database(0).map_err(|_| orphaned())?;
                let transaction = database.begin_read().map_err(failed)?;
                let entries = transaction.open_table(ENTRIES).map_err(failed)?;
                if entries.len().map_err(failed)? > 0 {
                    return Err(orphaned());
                }
            }
            _ => return Err(orphaned()),
        }
        let keys = ArchiveKeys::generate(&mut port_rng(self.entropy.as_ref()));
        self.write_key_file(0, &keys)?;
        Ok((0, keys))
    }

    /// Makes an empty database aside and renames it: the engine cannot open a file whose creation was cut short.
    fn create_database(&self, generation: u64) -> Result<(), ArchiveError> {
        let name = database_file(generation);
        let aside = files::aside(&name);
        drop(self.folder.create(&aside).map_err(failed)?);
        let database = self.folder.database(&aside, &builder()).map_err(failed)?;
        create_table(&database)?;
        drop(database);
        self.folder.rename(&aside, &name).map_err(failed)?;
        self.folder.sync().map_err(failed)
    }

    fn open_database(&self, generation: u64) -> Result<Database, ArchiveError> {
        let name = database_file(generation);
        let damaged = |how: &str| ArchiveError::Damaged(format!("the file `{name}` {how}"));
        match files::len(self.folder.as_ref(), &name).map_err(failed)? {
            None => return Err(damaged("is missing")),
            // The engine would begin a new database in it.
            Some(0) => return Err(damaged("is empty")),
            Some(_) => {}
        }
        // The engine panics on some damaged files.
        let open = || -> Result<Database, ArchiveError> {
            let database = self.folder.database(&name, &builder()).map_err(failed)?;
            let transaction = database.begin_read().map_err(failed)?;
            match transaction.open_table(ENTRIES) {
                Ok(_) => Ok(database),
                Err(TableError::TableDoesNotExist(_)) => Err(damaged("is no archive")),
                Err(error) => Err(failed(error)),
            }
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(open))
            .unwrap_or_else(|_| Err(damaged("cannot be read")))
    }

    fn write_key_file(&self, generation: u64, keys: &ArchiveKeys) -> Result<(), ArchiveError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(72));
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(keys.data.as_slice());
        bytes.extend_from_slice(keys.names.as_slice());
        let mut rng = port_rng(self.entropy.as_ref());
        let sealed = self.storage_key.seal(KEY_WHAT, &bytes, &mut rng).map_err(failed)?;
        files::replace(self.folder.as_ref(), KEY_FILE, &sealed).map_err(failed)
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

pub(crate) fn failed(error: impl fmt::Display) -> ArchiveError {
    ArchiveError::Storage(error.to_string())
}

fn lost(error: tokio::task::JoinError) -> ArchiveError {
    failed(error)
}

/// What the engine says of a write.
pub(crate) fn refused(error: impl Into<redb::Error>) -> ArchiveError {
    match error.into() {
        redb::Error::Io(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            ) =>
        {
            ArchiveError::NoRoom
        }
        error => failed(error),
    }
}
