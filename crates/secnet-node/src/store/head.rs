//! Where the store ends: the row inside the database, and the note beside it.
//!
//! A database can fall back to its previous commit when bytes of the newest are damaged (redb
//! keeps two roots and one bit says which is current). The note names the newest commit this
//! folder has acknowledged, so that such a fallback is recognised. It is written after the
//! commit and not synced: after a power cut it may be older than the database, never newer.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::StoreError;
use super::files::failed;
use super::row::{self, Kind, TAG_BYTES};
use super::run::Run;

pub(crate) const HEAD_FILE: &str = "head";
/// Slots lie in different sectors, so that a torn write spoils at most one.
const SLOT_STRIDE: u64 = 512;
const SLOT_BYTES: usize = 8 + TAG_BYTES;
const SLOTS: u64 = 2;

/// What the newest commit left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Commits so far.
    pub(crate) commit: u64,
    /// Height of the first block, meaningless while there is none.
    pub(crate) first_height: u64,
    /// Height the next block must have; equal to `first_height` while there is none.
    pub(crate) next_height: u64,
    /// Events in the log.
    pub(crate) log_size: u64,
    /// The number of the next run of state entries.
    pub(crate) next_run: u64,
    /// The runs that together are the state, oldest first.
    pub(crate) runs: Vec<Run>,
}

impl Head {
    pub(crate) fn last_height(&self) -> Option<u64> {
        (self.next_height > self.first_height).then(|| self.next_height.saturating_sub(1))
    }

    /// A number for a new run.
    pub(crate) fn take_run(&mut self) -> u64 {
        let number = self.next_run;
        self.next_run = self.next_run.saturating_add(1);
        number
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let numbers =
            [self.commit, self.first_height, self.next_height, self.log_size, self.next_run];
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for run in &self.runs {
            bytes.extend_from_slice(&run.number.to_le_bytes());
            bytes.push(run.level);
            bytes.extend_from_slice(&run.chunks.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (commit, rest) = row::split_u64(bytes)?;
        let (first_height, rest) = row::split_u64(rest)?;
        let (next_height, rest) = row::split_u64(rest)?;
        let (log_size, rest) = row::split_u64(rest)?;
        let (next_run, mut rest) = row::split_u64(rest)?;
        let mut runs: Vec<Run> = Vec::new();
        while !rest.is_empty() {
            let (number, tail) = row::split_u64(rest)?;
            let (level, tail) = tail.split_first()?;
            let (chunks, tail) = tail.split_first_chunk::<4>()?;
            let run = Run { number, level: *level, chunks: u32::from_le_bytes(*chunks) };
            let known = runs.iter().any(|other| other.number == number);
            if run.chunks == 0 || number >= next_run || known {
                return None;
            }
            runs.push(run);
            rest = tail;
        }
        // A merged run is older than those that have not been merged yet.
        let in_order = runs.is_sorted_by(|older, newer| older.level >= newer.level);
        (next_height >= first_height && in_order).then_some(Self {
            commit,
            first_height,
            next_height,
            log_size,
            next_run,
            runs,
        })
    }
}

/// The note beside the database.
#[derive(Debug)]
pub(crate) struct HeadFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl HeadFile {
    /// Opens the note and, with it, locks the folder.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(HEAD_FILE);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, file: Mutex::new(file) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.to_path_buf() }),
            // The engine's own lock is left where the file system has no locks of this kind.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                Ok(Self { path, file: Mutex::new(file) })
            }
            Err(TryLockError::Error(error)) => Err(failed("lock", &path)(error)),
        }
    }

    /// The newest commit noted; slots that are not right count as empty.
    pub(crate) fn newest(&self) -> Result<u64, StoreError> {
        let mut bytes = Vec::new();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(failed("read", &self.path))?;
        Ok(read_slots(&bytes).iter().filter_map(|slot| slot.ok().flatten()).max().unwrap_or(0))
    }

    pub(crate) fn note(&self, commit: u64) -> Result<(), StoreError> {
        let number = commit.to_le_bytes();
        let slot = commit % SLOTS;
        let mut bytes = number.to_vec();
        bytes.extend_from_slice(&row::tag(Kind::HeadFile, &slot.to_le_bytes(), &number));
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(slot.saturating_mul(SLOT_STRIDE)))
            .and_then(|_| file.write_all(&bytes))
            .map_err(failed("write", &self.path))
    }
}

/// Each slot's commit, `None` if never written, an error if damaged.
pub(crate) fn read_slots(bytes: &[u8]) -> [Result<Option<u64>, &'static str>; 2] {
    [0, 1].map(|slot: u64| {
        let start = usize::try_from(slot.saturating_mul(SLOT_STRIDE)).unwrap_or(usize::MAX);
        let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) else {
            return Ok(None);
        };
        let end = rest.len().min(usize::try_from(SLOT_STRIDE).unwrap_or(usize::MAX));
        let (stored, padding) = rest
            .get(..end)
            .and_then(|slot| slot.split_at_checked(SLOT_BYTES))
            .ok_or("cut short")?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err("bytes where none belong");
        }
        if stored.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let (number, tag) = stored.split_first_chunk::<8>().ok_or("cut short")?;
        if tag != row::tag(Kind::HeadFile, &slot.to_le_bytes(), number) {
            return Err("its tag does not match");
        }
        Ok(Some(u64::from_le_bytes(*number)))
    })
}
