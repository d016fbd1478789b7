//! Backup while open, and restore after a full check.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use redb::{
    Builder, Database, Durability, Key, ReadTransaction, ReadableTable as _, TableDefinition,
};

use super::fsck::check_file;
use super::open::{STORE_FILE, head_in};
use super::row::{self, BLOCKS, EVENTS, Kind, META, STATE, TILES};
use super::verify::Progress;
use super::{Options, Store, StoreError, files};

/// The manifest in a backup folder.
pub const BACKUP_MANIFEST: &str = "manifest";
const MANIFEST_TITLE: &str = "secnet-backup 1";
const MAX_MANIFEST_BYTES: usize = 4096;
/// Rows copied per transaction, so that a large store need not fit into memory.
const ROWS_PER_STEP: usize = 20_000;
const COPY_CACHE_BYTES: usize = 64 << 20;
const READ_BYTES: usize = 1 << 20;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupManifest {
    /// Size of the database file in bytes.
    pub size: u64,
    /// BLAKE3 of the database file.
    pub blake3: [u8; 32],
    /// The commit number it ends at.
    pub commit: u64,
    /// The height of its newest block.
    pub last_height: Option<u64>,
    /// The number of events in its log.
    pub log_size: u64,
}

impl Store {
    /// Copies one snapshot of the store into the empty or new folder `to`; commits go on
    /// meanwhile. Every value is checked on its way: damage is not backed up.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`], [`StoreError::Corrupt`], an error of the engine or the files.
    pub fn backup(&self, to: &Path) -> Result<BackupManifest, StoreError> {
        require_empty(to)?;
        let path = to.join(STORE_FILE);
        let aside = files::aside(&path);
        let txn = self.snapshot()?;
        let head = head_in(&txn)?;
        let copy = Builder::new().set_cache_size(COPY_CACHE_BYTES).create(&aside)?;
        copy_tables(&txn, &copy)?;
        drop(copy);
        let file = File::open(&aside).map_err(files::failed("open", &aside))?;
        file.sync_all().map_err(files::failed("sync", &aside))?;
        let (size, blake3) = digest(&aside)?;
        let manifest = BackupManifest {
            size,
            blake3,
            commit: head.commit,
            last_height: head.last_height(),
            log_size: head.log_size,
        };
        fs::rename(&aside, &path).map_err(files::failed("rename a new file to", &path))?;
        files::sync_dir(to)?;
        files::replace(&to.join(BACKUP_MANIFEST), manifest.to_text().as_bytes())?;
        files::sync_dir(to)?;
        Ok(manifest)
    }
}

fn copy_tables(txn: &ReadTransaction, to: &Database) -> Result<(), StoreError> {
    copy(txn, to, BLOCKS, |height, row| {
        row::open(Kind::Block, &height.to_be_bytes(), row)
            .map(|_| ())
            .map_err(|problem| StoreError::corrupt(row::block_name(height), problem))
    })?;
    copy(txn, to, EVENTS, |index, row| {
        row::open(Kind::Event, &index.to_be_bytes(), row)
            .map(|_| ())
            .map_err(|problem| StoreError::corrupt(row::event_name(index), problem))
    })?;
    copy(txn, to, STATE, |(run, chunk), row| {
        row::open(Kind::State, &row::chunk_key(run, chunk), row)
            .map(|_| ())
            .map_err(|problem| StoreError::corrupt(row::chunk_name(run, chunk), problem))
    })?;
    copy(txn, to, TILES, |(level, index), row| {
        row::open(Kind::Tile, &row::tile_key(level, index), row)
            .map(|_| ())
            .map_err(|problem| StoreError::corrupt(row::tile_name(level, index), problem))
    })?;
    copy(txn, to, META, |name, row| {
        row::open(Kind::Meta, name.as_bytes(), row)
            .map(|_| ())
            .map_err(|problem| StoreError::corrupt(row::meta_name(name), problem))
    })
}

/// Puts a backup into the empty or new folder `to`. The manifest, then the copied file in full,
/// are checked before the store appears under its name.
///
/// # Errors
/// [`StoreError::NotEmpty`], [`StoreError::BadBackup`], or an input/output error.
pub fn restore(
    from: &Path,
    to: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupManifest, StoreError> {
    let bad = |problem: String| StoreError::BadBackup { problem };
    let manifest = files::read_if_present(&from.join(BACKUP_MANIFEST))?
        .ok_or_else(|| bad("it has no manifest".into()))?;
    let manifest = BackupManifest::parse(&manifest)?;
    require_empty(to)?;
    let path = to.join(STORE_FILE);
    let aside = files::aside(&path);
    let source = from.join(STORE_FILE);
    fs::copy(&source, &aside).map_err(files::failed("copy", &source))?;
    let checked = check_copy(&aside, &manifest, options, progress);
    if let Err(error) = checked {
        fs::remove_file(&aside).map_err(files::failed("delete", &aside))?;
        return Err(error);
    }
    File::open(&aside).and_then(|file| file.sync_all()).map_err(files::failed("sync", &aside))?;
    fs::rename(&aside, &path).map_err(files::failed("rename a new file to", &path))?;
    files::sync_dir(to)?;
    Ok(manifest)
}

fn check_copy(
    path: &Path,
    manifest: &BackupManifest,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), StoreError> {
    let bad = |problem: String| StoreError::BadBackup { problem };
    let (size, blake3) = digest(path)?;
    if size != manifest.size {
        return Err(bad(format!("the file has {size} bytes, not {}", manifest.size)));
    }
    if blake3 != manifest.blake3 {
        return Err(bad("the file's BLAKE3 is not the one in the manifest".into()));
    }
    let (report, head) = check_file(path, options, progress)?;
    if let Some(finding) = report.findings.first() {
        return Err(bad(finding.to_string()));
    }
    let ends = head.map(|head| (head.commit, head.last_height(), head.log_size));
    if ends != Some((manifest.commit, manifest.last_height, manifest.log_size)) {
        return Err(bad("the store does not end where the manifest says".into()));
    }
    Ok(())
}

impl BackupManifest {
    fn to_text(&self) -> String {
        let mut text = format!("{MANIFEST_TITLE}\nsize {}\nblake3 ", self.size);
        // Writing to a string cannot fail.
        for byte in self.blake3 {
            let _ = write!(text, "{byte:02x}");
        }
        let _ = write!(text, "\ncommit {}\nblocks ", self.commit);
        let _ = match self.last_height {
            Some(height) => write!(text, "{height}"),
            None => write!(text, "none"),
        };
        let _ = writeln!(text, "\nevents {}", self.log_size);
        text
    }

    /// Accepts exactly what [`BackupManifest::to_text`] writes.
    fn parse(bytes: &[u8]) -> Result<Self, StoreError> {
        let bad = || StoreError::BadBackup { problem: "its manifest does not decode".into() };
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(bad());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).ok_or_else(bad)
        };
        let number = |name: &str| field(name)?.parse::<u64>().map_err(|_| bad());
        let digest = blake3::Hash::from_hex(field("blake3")?).map_err(|_| bad())?;
        let last_height = match field("blocks")? {
            "none" => None,
            height => Some(height.parse().map_err(|_| bad())?),
        };
        let manifest = Self {
            size: number("size")?,
            blake3: *digest.as_bytes(),
            commit: number("commit")?,
            last_height,
            log_size: number("events")?,
        };
        if manifest.to_text() == text { Ok(manifest) } else { Err(bad()) }
    }
}

/// Copies a table row by row; only the last step syncs.
fn copy<K: Key + 'static>(
    txn: &ReadTransaction,
    to: &Database,
    table: TableDefinition<'static, K, &'static [u8]>,
    check: impl for<'k> Fn(K::SelfType<'k>, &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let from = txn.open_table(table)?;
    let mut rows = from.iter()?;
    let mut more = true;
    while more {
        let mut write = to.begin_write()?;
        {
            let mut target = write.open_table(table)?;
            let mut step = 0;
            while step < ROWS_PER_STEP {
                let Some(item) = rows.next() else {
                    more = false;
                    break;
                };
                let (key, row) = item?;
                check(key.value(), row.value())?;
                target.insert(key.value(), row.value())?;
                step = step.saturating_add(1);
            }
        }
        if more {
            write.set_durability(Durability::None)?;
        }
        write.commit()?;
    }
    Ok(())
}

fn require_empty(dir: &Path) -> Result<(), StoreError> {
    files::create_dir(dir)?;
    let mut inside = fs::read_dir(dir).map_err(files::failed("list", dir))?;
    if inside.next().is_some() {
        return Err(StoreError::NotEmpty { dir: dir.to_path_buf() });
    }
    Ok(())
}

fn digest(path: &Path) -> Result<(u64, [u8; 32]), StoreError> {
    let mut file = File::open(path).map_err(files::failed("open", path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = file.read(&mut buffer).map_err(files::failed("read", path))?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
        hasher.update(part);
    }
    Ok((hasher.count(), *hasher.finalize().as_bytes()))
}
