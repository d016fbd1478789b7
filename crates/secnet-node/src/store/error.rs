use std::io;
use std::path::PathBuf;

/// What a store operation can fail with. Messages say what to do where there is something to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process, or this one, has the folder open.
    #[error(
        "the data folder `{}` is in use by another process; stop that process, or give another folder",
        dir.display()
    )]
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder was written by a newer program.
    #[error(
        "the store has format {found}, this program knows up to {supported}; use a newer program"
    )]
    NewerFormat {
        /// The version found.
        found: u32,
        /// The newest version this program can read.
        supported: u32,
    },
    /// There is no store and none was to be created.
    #[error("no store in `{}`; create one, or give another folder", dir.display())]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// A stored item is not what was written.
    #[error("{what} is damaged: {problem}; run a full check, then restore a backup")]
    Corrupt {
        /// The name of the item, e.g. `event 17` or `state entry datasets/61`.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The database is older than what this folder has seen.
    #[error(
        "the store fell back to commit {found} although commit {seen} was acknowledged; restore a backup"
    )]
    RolledBack {
        /// The commit number the database ends at.
        found: u64,
        /// The commit number the head note holds.
        seen: u64,
    },
    /// Heights must follow each other.
    #[error("block {got} does not follow: the next height is {expected}")]
    Gap {
        /// The height that had to come.
        expected: u64,
        /// The height that came.
        got: u64,
    },
    /// One item is above its limit.
    #[error("{what} has {size} bytes, at most {max} are allowed")]
    TooLarge {
        /// The name of the item.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A commit names one entry twice.
    #[error("{what} is written twice in one commit; coalesce the writes")]
    Duplicate {
        /// The name of the entry.
        what: String,
    },
    /// The name belongs to the store itself.
    #[error("the meta name `{name}` is reserved; choose one that does not begin with `store/`")]
    ReservedName {
        /// The name.
        name: String,
    },
    /// The log or the chain is shorter than that.
    #[error("{what} is beyond the end: there are {size}")]
    OutOfRange {
        /// What was asked for.
        what: String,
        /// How many there are.
        size: u64,
    },
    /// A counter would overflow.
    #[error("the store is full: {what} would exceed 64 bits")]
    Full {
        /// Which counter.
        what: &'static str,
    },
    /// A commit failed; whether it is durable is only known after reopening.
    #[error("an earlier commit failed and its outcome is unknown; reopen the store")]
    Poisoned,
    /// A target that must be empty is not.
    #[error("`{}` is not empty; give an empty or new folder", dir.display())]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
    },
    /// A backup does not match its manifest.
    #[error("the backup is not usable: {problem}; use another backup")]
    BadBackup {
        /// What differs.
        problem: String,
    },
    /// The file system failed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The database engine failed.
    #[error("the database engine failed: {0}")]
    Engine(#[source] Box<redb::Error>),
}

impl StoreError {
    pub(crate) fn corrupt(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), problem: problem.into() }
    }
}

macro_rules! from_engine {
    ($($error:ty),+) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                match redb::Error::from(error) {
                    redb::Error::Corrupted(problem) => Self::corrupt("the database file", problem),
                    error => Self::Engine(Box::new(error)),
                }
            }
        })+
    };
}

from_engine!(
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);
