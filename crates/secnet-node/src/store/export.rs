//! The log as static files, C2SP tlog-tiles: hash tiles, entry bundles, the checkpoint.
//!
//! Full tiles never change. Each file is written aside, synced and renamed; folders are synced
//! before the checkpoint is replaced, so a checkpoint never names a tile that is not there. The
//! `exported` note, written last, tells how far a former run came; without it, everything is
//! compared and written again where it differs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::nodes::NodeReader;
use super::tree::{MAX_TILE_LEVELS, TILE_HEIGHT, TILE_WIDTH, full_tiles, join, partial_width};
use super::{Store, StoreError, files};

const CHECKPOINT: &str = "checkpoint";
const NOTE: &str = "exported";

/// What one export wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files written, the checkpoint not counted.
    pub written: u64,
    /// Files that were there with the right content.
    pub kept: u64,
}

/// Writes the log of a store into a folder.
#[derive(Debug)]
pub struct Exporter<'s> {
    store: &'s Store,
    dir: PathBuf,
}

impl<'s> Exporter<'s> {
    /// An exporter into `dir`, which is created when needed.
    #[must_use]
    pub fn new(store: &'s Store, dir: &Path) -> Self {
        Self { store, dir: dir.to_path_buf() }
    }

    /// Publishes the log up to `size` leaves with the checkpoint for that size, starting where
    /// the last completed export ended.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] if the log is shorter, [`StoreError::Corrupt`] if something to
    /// be published is damaged, or an input/output error; run it again after any.
    pub fn export(&self, size: u64, checkpoint: &[u8]) -> Result<Exported, StoreError> {
        let from = self.note()?.filter(|from| *from <= size).unwrap_or(0);
        self.run(from, size, checkpoint)
    }

    /// As [`Exporter::export`], but compares every file with the store and replaces those that
    /// are missing or differ.
    ///
    /// # Errors
    /// As [`Exporter::export`].
    pub fn export_all(&self, size: u64, checkpoint: &[u8]) -> Result<Exported, StoreError> {
        self.run(0, size, checkpoint)
    }

    fn run(&self, from: u64, size: u64, checkpoint: &[u8]) -> Result<Exported, StoreError> {
        let mut nodes = self.store.nodes()?;
        if size > nodes.size() {
            let what = format!("a log of {size} leaves");
            return Err(StoreError::OutOfRange { what, size: nodes.size() });
        }
        let mut run = Run { dir: &self.dir, dirs: BTreeSet::new(), done: Exported::default() };
        run.make_dir(&self.dir)?;
        for level in 0..MAX_TILE_LEVELS {
            let full = full_tiles(size, level);
            for index in full_tiles(from, level)..full {
                run.place(&tile_path(level, index, None), &join(nodes.tile(level, index)?))?;
            }
            let width = partial_width(size, level);
            if width > 0 {
                let bytes = partial_tile(&mut nodes, level, full, width)?;
                run.place(&tile_path(level, full, Some(width)), &bytes)?;
            }
        }
        for index in full_tiles(from, 0)..full_tiles(size, 0) {
            run.place(&entries_path(index, None), &self.bundle(index, TILE_WIDTH)?)?;
        }
        let width = partial_width(size, 0);
        if width > 0 {
            let index = full_tiles(size, 0);
            run.place(&entries_path(index, Some(width)), &self.bundle(index, width)?)?;
        }
        run.sync()?;
        files::replace(&self.dir.join(CHECKPOINT), checkpoint)?;
        files::replace(&self.dir.join(NOTE), format!("{size}\n").as_bytes())?;
        files::sync_dir(&self.dir)?;
        self.drop_partials(from, size)?;
        Ok(run.done)
    }

    /// The size the last completed export published.
    fn note(&self) -> Result<Option<u64>, StoreError> {
        let note = files::read_if_present(&self.dir.join(NOTE))?;
        Ok(note
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.strip_suffix('\n').and_then(|number| number.parse().ok())))
    }

    /// An entry bundle: each event after its 16-bit big-endian length.
    fn bundle(&self, index: u64, width: usize) -> Result<Vec<u8>, StoreError> {
        let start = index.saturating_mul(TILE_WIDTH as u64);
        let end = start.saturating_add(width as u64);
        let mut bytes = Vec::new();
        for event in self.store.events(start..end)? {
            let event = event?;
            let len = u16::try_from(event.len()).map_err(|_| StoreError::TooLarge {
                what: "an event".into(),
                size: event.len(),
                max: super::MAX_EVENT_BYTES,
            })?;
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(&event);
        }
        Ok(bytes)
    }

    /// Partial tiles of tiles that are full by now; the specification allows their deletion.
    fn drop_partials(&self, from: u64, size: u64) -> Result<(), StoreError> {
        for level in 0..MAX_TILE_LEVELS {
            for index in full_tiles(from, level)..full_tiles(size, level) {
                self.drop_partial(&tile_path(level, index, None))?;
            }
        }
        for index in full_tiles(from, 0)..full_tiles(size, 0) {
            self.drop_partial(&entries_path(index, None))?;
        }
        Ok(())
    }

    fn drop_partial(&self, full: &str) -> Result<(), StoreError> {
        let dir = self.dir.join(format!("{full}.p"));
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(files::failed("delete", &dir)(error))
            }
            _ => Ok(()),
        }
    }
}

fn partial_tile(
    nodes: &mut NodeReader,
    level: u8,
    index: u64,
    width: usize,
) -> Result<Vec<u8>, StoreError> {
    // At an older size than the store's, this tile may be full, or wider, by now.
    let hashes = nodes.tile(level, index)?.get(..width).map(join);
    hashes.ok_or_else(|| StoreError::corrupt(super::row::tile_name(level, index), "it is short"))
}

struct Run<'r> {
    dir: &'r Path,
    dirs: BTreeSet<PathBuf>,
    done: Exported,
}

impl Run<'_> {
    fn place(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        if files::read_if_present(&path)?.is_some_and(|there| there == bytes) {
            self.done.kept = self.done.kept.saturating_add(1);
        } else {
            if let Some(parent) = path.parent() {
                self.make_dir(parent)?;
            }
            files::replace(&path, bytes)?;
            self.done.written = self.done.written.saturating_add(1);
        }
        // A kept file may be one that a crashed run renamed but did not sync.
        self.dirs.extend(path.parent().map(Path::to_path_buf));
        Ok(())
    }

    /// Creates a folder and notes it and its parents to be synced.
    fn make_dir(&mut self, dir: &Path) -> Result<(), StoreError> {
        files::create_dir(dir)?;
        let inside = dir.ancestors().take_while(|above| above.starts_with(self.dir));
        self.dirs.extend(inside.map(Path::to_path_buf));
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.dirs.iter().try_for_each(|dir| files::sync_dir(dir))
    }
}

/// `tile/<L>/<N>[.p/<W>]`, e.g. `tile/0/x001/x234/067.p/8`.
#[must_use]
pub fn tile_path(level: u8, index: u64, width: Option<usize>) -> String {
    format!("tile/{level}/{}{}", grouped(index), partial_suffix(width))
}

/// `tile/entries/<N>[.p/<W>]`.
#[must_use]
pub fn entries_path(index: u64, width: Option<usize>) -> String {
    format!("tile/entries/{}{}", grouped(index), partial_suffix(width))
}

fn partial_suffix(width: Option<usize>) -> String {
    width.map_or_else(String::new, |width| format!(".p/{width}"))
}

/// Groups of three digits, all but the last after an `x`.
fn grouped(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

const _: () = assert!(1 << TILE_HEIGHT == TILE_WIDTH);
