//! The room that a ledger writes in, and the reserve that is kept of it: a file that is given back to the file system when
//! there is no room left, so that what takes rights away, or destroys data, can still be ordered.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The reserve in a store's folder.
pub const RESERVE_FILE: &str = "reserve";
/// Less free room than this, in bytes, is none: archive and vault write beside the ledger.
pub const LOW_BYTES: u64 = 16 << 20;
/// What is written of a reserve at once, in bytes.
const PIECE_BYTES: usize = 1 << 20;
/// What the file system counts a file's room in, in bytes.
#[cfg(unix)]
const BLOCK_BYTES: u64 = 512;

/// Where a ledger writes.
pub trait Room: Send {
    /// Bytes that can still be written, besides the reserve; none if that cannot be told.
    fn free(&self) -> Option<u64>;

    /// How many bytes the reserve is to have.
    fn wanted(&self) -> u64;

    /// How many it has.
    fn kept(&self) -> u64;

    /// Take the reserve from the free room.
    ///
    /// # Errors
    /// There is not enough; nothing is taken then.
    fn keep(&mut self) -> io::Result<()>;

    /// Give the reserve back.
    ///
    /// # Errors
    /// It cannot be given back.
    fn give_back(&mut self) -> io::Result<()>;
}

/// Room of which nothing is known and nothing kept.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Room for Unwatched {
    fn free(&self) -> Option<u64> {
        None
    }

    fn wanted(&self) -> u64 {
        0
    }

    fn kept(&self) -> u64 {
        0
    }

    fn keep(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn give_back(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A folder's file system, and a file in the folder as the reserve.
#[derive(Debug, Clone)]
pub struct Reserve {
    folder: PathBuf,
    wanted: u64,
}

impl Reserve {
    /// A reserve of so many bytes.
    #[must_use]
    pub fn of(folder: &Path, wanted: u64) -> Self {
        Self { folder: folder.to_path_buf(), wanted }
    }

    /// The reserve that is there, of whatever size.
    #[must_use]
    pub fn there(folder: &Path) -> Self {
        let mut reserve = Self::of(folder, 0);
        reserve.wanted = reserve.kept();
        reserve
    }

    fn file(&self) -> PathBuf {
        self.folder.join(RESERVE_FILE)
    }

    fn fill(&self) -> io::Result<()> {
        let mut file = File::create(self.file())?;
        // A file system that compresses, or keeps equal blocks once, would keep less than it says of plain zeros.
        let mut noise = blake3::Hasher::new().finalize_xof();
        let mut piece = vec![0; PIECE_BYTES];
        let mut left = self.wanted;
        while left > 0 {
            noise.fill(&mut piece);
            let next = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            file.write_all(piece.get(..next).unwrap_or_default())?;
            left = left.saturating_sub(next as u64);
        }
        file.sync_all()
    }
}

impl Room for Reserve {
    fn free(&self) -> Option<u64> {
        free_bytes(&self.folder)
    }

    fn wanted(&self) -> u64 {
        self.wanted
    }

    fn kept(&self) -> u64 {
        let Some(file) = fs::metadata(self.file()).ok().filter(fs::Metadata::is_file) else {
            return 0;
        };
        // A crash may leave a length without the blocks that belong to it.
        #[cfg(unix)]
        let there = std::os::unix::fs::MetadataExt::blocks(&file).saturating_mul(BLOCK_BYTES);
        #[cfg(not(unix))]
        let there = u64::MAX;
        file.len().min(there)
    }

    fn keep(&mut self) -> io::Result<()> {
        if self.wanted == 0 {
            return self.give_back();
        }
        if self.kept() == self.wanted {
            return Ok(());
        }
        let filled = self.fill();
        if filled.is_err() {
            self.give_back()?;
        }
        filled
    }

    fn give_back(&mut self) -> io::Result<()> {
        match fs::remove_file(self.file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => File::open(&self.folder)?.sync_all(),
        }
    }
}

/// Bytes that can still be written to the file system that a folder is on.
#[cfg(unix)]
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let known = rustix::fs::statvfs(folder).ok()?;
    Some(known.f_bavail.saturating_mul(known.f_frsize))
}

/// Not known on this system: only a failed write tells.
#[cfg(not(unix))]
#[must_use]
pub fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_given_back_and_fitted_to_another_size() {
        let folder = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::of(folder.path(), 3 << 20);
        assert_eq!((reserve.kept(), reserve.wanted()), (0, 3 << 20));
        reserve.keep().unwrap();
        assert_eq!(reserve.kept(), 3 << 20);
        assert_eq!(Reserve::there(folder.path()).wanted(), 3 << 20);
        // One that a crash left without its blocks is none.
        let file = File::options().write(true).open(folder.path().join(RESERVE_FILE)).unwrap();
        file.set_len(0).unwrap();
        file.set_len(3 << 20).unwrap();
        #[cfg(unix)]
        assert_eq!(reserve.kept(), 0);
        let mut smaller = Reserve::of(folder.path(), 1 << 20);
        smaller.keep().unwrap();
        assert_eq!(smaller.kept(), 1 << 20);
        smaller.give_back().unwrap();
        smaller.give_back().unwrap();
        assert_eq!(smaller.kept(), 0);
        assert!(!folder.path().join(RESERVE_FILE).exists());
    }

    #[test]
    fn what_cannot_be_kept_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::of(&folder.path().join("gone"), 1 << 20);
        assert!(reserve.keep().is_err());
        assert_eq!(reserve.kept(), 0);
    }
}
