//! Opening a data folder: lock, format, fallback check, the growing edge of the tree.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase as _, StorageBackend,
};

use super::head::{Head, HeadFile};
use super::merge::Merges;
use super::overlay::Overlay;
use super::row::{self, BLOCKS, EVENTS, Kind, META, META_FORMAT, META_HEAD, STATE, TILES};
use super::tree::Tree;
use super::watched::{Failures, Watched};
use super::{StoreError, files};
use super::{heights, nodes, read};

/// The database in a data folder.
pub const STORE_FILE: &str = "ledger.redb";
/// The format this program writes.
pub const FORMAT_VERSION: u32 = 1;
const DEFAULT_CACHE_BYTES: usize = 256 << 20;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Create the folder and the store if they do not exist.
    pub create: bool,
    /// Memory for pages, in bytes.
    pub cache_bytes: usize,
    /// Names of state tables, for messages only.
    pub table_names: Vec<(u8, &'static str)>,
    /// Save the page allocator with each commit: one more sync per commit, but reopening after a
    /// crash does not walk the whole file.
    pub quick_repair: bool,
    /// Have the engine check every page when opening: reads the whole file.
    pub check_pages: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            cache_bytes: DEFAULT_CACHE_BYTES,
            table_names: Vec::new(),
            quick_repair: false,
            check_pages: false,
        }
    }
}

impl Options {
    pub(crate) fn table_name(&self, table: u8) -> String {
        self.table_names
            .iter()
            .find(|(id, _)| *id == table)
            .map_or_else(|| table.to_string(), |(_, name)| (*name).to_string())
    }
}

/// Opens the database anew.
type Opening = Box<dyn Fn(&Options) -> Result<Database, StoreError> + Send + Sync>;

/// The ledger's storage. All methods take `&self`; commits take turns.
pub struct Store {
    /// None after a reopening that did not succeed.
    db: RwLock<Option<Arc<Database>>>,
    opening: Opening,
    opened: AtomicU64,
    failures: Arc<Failures>,
    pub(crate) options: Options,
    /// The growing edge of the newest durable commit; readers take the `Arc`.
    pub(crate) tree: RwLock<Arc<Tree>>,
    /// Locked for the length of a commit.
    pub(crate) writer: Mutex<Writer>,
    pub(crate) poisoned: AtomicBool,
    /// There is an index of headers.
    pub(crate) indexed: AtomicBool,
    note: Option<HeadFile>,
    /// The folder, if it is in one and can be written.
    dir: Option<PathBuf>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("poisoned", &self.poisoned)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

/// What commits work on.
#[derive(Debug)]
pub(crate) struct Writer {
    /// The newest head.
    pub(crate) head: Head,
    pub(crate) merges: Merges,
}

impl Store {
    /// Opens the store in `dir`, which no other process may have open.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::NewerFormat`], [`StoreError::Missing`],
    /// [`StoreError::RolledBack`], [`StoreError::Corrupt`], or an input/output error.
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let path = dir.join(STORE_FILE);
        let existed = path.try_exists().map_err(files::failed("look at", &path))?;
        if !existed {
            if !options.create {
                return Err(StoreError::Missing { dir: dir.to_path_buf() });
            }
            files::create_dir(dir)?;
        }
        let note = HeadFile::open(dir)?;
        if !existed {
            let seen = note.newest()?;
            if seen > 0 {
                return Err(StoreError::RolledBack { found: 0, seen });
            }
            create(dir, &path, &options)?;
        }
        let (failures, dir) = (Arc::new(Failures::default()), dir.to_path_buf());
        let (watch, folder) = (Arc::clone(&failures), dir.clone());
        let opening = move |options: &Options| {
            let backend = Watched::new(file_backend(&path, false)?, Arc::clone(&watch));
            open_database(backend, options, &dir)
        };
        let store = Self::start(Box::new(opening), failures, options, Some(note))?;
        Ok(Self { dir: Some(folder), ..store })
    }

    /// Opens the store in `dir` for looking at it, damaged or not, and changes nothing in the folder: repairs of the
    /// engine, and commits, stay in memory. A database that falls back to an older commit is not refused here.
    ///
    /// # Errors
    /// As [`Store::open`], but for [`StoreError::RolledBack`].
    pub fn inspect(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let path = dir.join(STORE_FILE);
        if !path.try_exists().map_err(files::failed("look at", &path))? {
            return Err(StoreError::Missing { dir: dir.to_path_buf() });
        }
        let dir = dir.to_path_buf();
        let opening = move |options: &Options| {
            let overlay = Overlay::new(file_backend(&path, false)?);
            open_database(overlay.map_err(files::failed("read", &path))?, options, &dir)
        };
        Self::start(Box::new(opening), Arc::default(), options, None)
    }

    /// Opens a store on any storage, e.g. one that fails on purpose. Without a folder there is no
    /// head note, so a database that falls back is not recognised by itself, and a crash while the
    /// database is created leaves storage that cannot be opened. It cannot be reopened either.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with_backend(
        backend: impl StorageBackend,
        options: Options,
    ) -> Result<Self, StoreError> {
        let backend = Mutex::new(Some(backend));
        let opening = move |options: &Options| {
            let backend = backend.lock().unwrap_or_else(PoisonError::into_inner).take();
            open_database(backend.ok_or(StoreError::Poisoned)?, options, Path::new("(a backend)"))
        };
        Self::start(Box::new(opening), Arc::default(), options, None)
    }

    /// As [`Store::open_with_backend`], on storage that can be had again, so that the store can be reopened.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_again_with<B: StorageBackend>(
        backend: impl Fn() -> B + Send + Sync + 'static,
        options: Options,
    ) -> Result<Self, StoreError> {
        let failures = Arc::new(Failures::default());
        let watch = Arc::clone(&failures);
        let opening = move |options: &Options| {
            let backend = Watched::new(backend(), Arc::clone(&watch));
            open_database(backend, options, Path::new("(a backend)"))
        };
        Self::start(Box::new(opening), failures, options, None)
    }

    fn start(
        opening: Opening,
        failures: Arc<Failures>,
        options: Options,
        note: Option<HeadFile>,
    ) -> Result<Self, StoreError> {
        let (db, tree, writer) = contained(|| begin(opening(&options)?, note.as_ref()))?;
        let indexed = AtomicBool::new(heights::is_indexed(&db)?);
        Ok(Self {
            db: RwLock::new(Some(Arc::new(db))),
            opening,
            opened: AtomicU64::new(1),
            failures,
            options,
            tree: RwLock::new(Arc::new(tree)),
            writer: Mutex::new(writer),
            poisoned: AtomicBool::new(false),
            indexed,
            note,
            dir: None,
        })
    }

    /// The folder that it is in, if it is in one and can be written.
    pub(crate) fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// Lets the database of another store, in a folder on the same file system, take the place of this one's: before the
    /// rename nothing has changed, after it everything. Readers that are under way get an error.
    pub(crate) fn take_over(&self, other: Self) -> Result<(), StoreError> {
        let (Some(dir), Some(from)) = (&self.dir, other.dir.clone()) else {
            return Err(StoreError::Poisoned);
        };
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // The note beside the database names a commit that it must not fall behind.
        other.skip_commits(writer.head.commit)?;
        drop(other);
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        self.opened.fetch_add(1, Ordering::AcqRel);
        *db = None;
        let path = dir.join(STORE_FILE);
        fs::rename(from.join(STORE_FILE), &path)
            .map_err(files::failed("rename a new file to", &path))?;
        files::sync_dir(dir)?;
        let (fresh, tree, head) =
            contained(|| begin((self.opening)(&self.options)?, self.note.as_ref()))?;
        self.indexed.store(heights::is_indexed(&fresh)?, Ordering::Release);
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tree);
        *db = Some(Arc::new(fresh));
        *writer = head;
        Ok(())
    }

    /// Commits nothing, under a number above this one.
    fn skip_commits(&self, above: u64) -> Result<(), StoreError> {
        {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.head.commit = writer.head.commit.max(above);
        }
        self.commit(super::Commit::default())
    }

    /// Goes on after a commit that found no room: the database is opened anew, and holds either that whole commit or
    /// nothing of it. A store that did not fail stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] if more than room was lacking, so that what is on the disk is in doubt while this
    /// process runs; otherwise as [`Store::open`], and it can be tried again.
    pub fn reopen(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.poisoned.load(Ordering::Acquire) {
            return Ok(());
        }
        if !self.lacks_room() {
            return Err(StoreError::Poisoned);
        }
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        // The old one first: it holds the lock of the file. Readers that are under way get an error.
        self.opened.fetch_add(1, Ordering::AcqRel);
        *db = None;
        let (fresh, tree, head) =
            contained(|| begin((self.opening)(&self.options)?, self.note.as_ref()))?;
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tree);
        *db = Some(Arc::new(fresh));
        *writer = head;
        self.failures.forget();
        self.poisoned.store(false, Ordering::Release);
        Ok(())
    }

    /// Has a commit failed, so that the store must be reopened?
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Did it fail, and only because there was no room?
    #[must_use]
    pub fn lacks_room(&self) -> bool {
        self.failures.only_room()
    }

    pub(crate) fn times_opened(&self) -> u64 {
        self.opened.load(Ordering::Acquire)
    }

    /// The database as it is open now.
    pub(crate) fn database(&self) -> Result<Arc<Database>, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.as_ref().map(Arc::clone).ok_or(StoreError::Poisoned)
    }

    pub(crate) fn snapshot(&self) -> Result<ReadTransaction, StoreError> {
        Ok(self.database()?.begin_read()?)
    }

    pub(crate) fn tree(&self) -> Arc<Tree> {
        Arc::clone(&self.tree.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn acknowledge(&self, tree: Tree, commit: u64) -> Result<(), StoreError> {
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tree);
        self.note.as_ref().map_or(Ok(()), |note| note.note(commit))
    }

    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }
}

/// What is read when a database has been opened, and noted beside it.
fn begin(db: Database, note: Option<&HeadFile>) -> Result<(Database, Tree, Writer), StoreError> {
    check_format(&db)?;
    let head = read_head(&db)?;
    if let Some(note) = note {
        let seen = note.newest()?;
        if seen > head.commit {
            return Err(StoreError::RolledBack { found: head.commit, seen });
        }
        note.note(head.commit)?;
    }
    let tree = nodes::load_tree(&db, head.log_size)?;
    let merges = Merges::new(read::unlisted_runs(&db, &head)?);
    Ok((db, tree, Writer { head, merges }))
}

pub(crate) fn builder(options: &Options) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    builder.set_check_integrity_on_open(options.check_pages);
    builder
}

/// Makes an empty store aside and renames it: the engine cannot open a file whose creation was
/// cut short.
fn create(dir: &Path, path: &Path, options: &Options) -> Result<(), StoreError> {
    let aside = files::aside(path);
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(files::failed("delete", &aside)(error));
        }
        _ => {}
    }
    let db = open_database(file_backend(&aside, true)?, options, dir)?;
    check_format(&db)?;
    drop(db);
    fs::rename(&aside, path).map_err(files::failed("rename a new file to", path))?;
    files::sync_dir(dir)
}

fn file_backend(path: &Path, create: bool) -> Result<FileBackend, StoreError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .open(path)
        .map_err(files::failed("open", path))?;
    Ok(FileBackend::new(file)?)
}

fn open_database(
    backend: impl StorageBackend,
    options: &Options,
    dir: &Path,
) -> Result<Database, StoreError> {
    contained(|| {
        builder(options).create_with_backend(backend).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                StoreError::Locked { dir: dir.to_path_buf() }
            }
            error => error.into(),
        })
    })
}

/// Turns a panic of the engine into an error: it may panic on a file that was changed under it.
fn contained<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(StoreError::corrupt("the database file", "its pages cannot be read"))
    })
}

/// Writes the format into an empty database, refuses a newer one.
fn check_format(db: &Database) -> Result<(), StoreError> {
    let found = {
        let txn = db.begin_read()?;
        match txn.open_table(META) {
            Ok(meta) => read_format(meta.get(META_FORMAT)?.map(|row| row.value().to_vec()))?,
            Err(redb::TableError::TableDoesNotExist(_)) => {
                if txn.list_tables()?.next().is_some() {
                    return Err(StoreError::corrupt("the database file", "it is not a store"));
                }
                None
            }
            Err(error) => return Err(error.into()),
        }
    };
    match found {
        Some(FORMAT_VERSION) => Ok(()),
        Some(found) => Err(StoreError::NewerFormat { found, supported: FORMAT_VERSION }),
        None => initialise(db, &Head::default()),
    }
}

pub(crate) fn read_format(row: Option<Vec<u8>>) -> Result<Option<u32>, StoreError> {
    let name = || row::meta_name(META_FORMAT);
    let Some(row) = row else { return Err(StoreError::corrupt(name(), "it is missing")) };
    let value = row::open(Kind::Meta, META_FORMAT.as_bytes(), &row)
        .map_err(|problem| StoreError::corrupt(name(), problem))?;
    let version = <[u8; 4]>::try_from(value)
        .map_err(|_| StoreError::corrupt(name(), "it is not four bytes"))?;
    Ok(Some(u32::from_le_bytes(version)))
}

/// Creates all tables, the format and a head in one transaction.
fn initialise(db: &Database, head: &Head) -> Result<(), StoreError> {
    let txn = db.begin_write()?;
    txn.open_table(BLOCKS)?;
    txn.open_table(EVENTS)?;
    txn.open_table(STATE)?;
    txn.open_table(TILES)?;
    {
        let mut meta = txn.open_table(META)?;
        for (name, value) in
            [(META_FORMAT, FORMAT_VERSION.to_le_bytes().to_vec()), (META_HEAD, head.encode())]
        {
            let mut stored = row::tag(Kind::Meta, name.as_bytes(), &value).to_vec();
            stored.extend_from_slice(&value);
            meta.insert(name, stored.as_slice())?;
        }
    }
    txn.commit()?;
    Ok(())
}

fn read_head(db: &Database) -> Result<Head, StoreError> {
    head_in(&db.begin_read()?)
}

pub(crate) fn head_in(txn: &redb::ReadTransaction) -> Result<Head, StoreError> {
    let name = || row::meta_name(META_HEAD);
    let meta = txn.open_table(META)?;
    let row = meta.get(META_HEAD)?.ok_or_else(|| StoreError::corrupt(name(), "it is missing"))?;
    let value = row::open(Kind::Meta, META_HEAD.as_bytes(), row.value())
        .map_err(|problem| StoreError::corrupt(name(), problem))?;
    Head::decode(value).ok_or_else(|| StoreError::corrupt(name(), "it does not decode"))
}
