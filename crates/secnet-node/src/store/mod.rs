//! One redb file per data folder, one transaction per commit, one tag per stored value.
//!
//! redb checksums its pages but does not look at the checksums when it reads, so every value
//! carries a tag of its own over (table, key, value) that is checked at every read: damage
//! surfaces as [`StoreError::Corrupt`] with the name of what was hit. [`Store::verify`] and
//! [`fsck`] walk everything and name every damaged item.
//!
//! The folder holds `ledger.redb`, the database, and `head`, a two-slot note of the newest
//! commit from which a database that fell back to an older commit is recognised.

mod backup;
mod commit;
mod error;
mod export;
pub(crate) mod files;
mod fsck;
mod head;
mod heights;
mod merge;
mod nodes;
mod open;
mod overlay;
pub mod proof;
mod read;
mod record;
mod row;
mod run;
mod tree;
mod verify;
mod watched;

pub use backup::{BACKUP_MANIFEST, BackupManifest, restore};
pub use error::StoreError;
pub use export::{Exported, Exporter, entries_path, tile_path};
pub use fsck::fsck;
pub use nodes::NodeReader;
pub use open::{FORMAT_VERSION, Options, STORE_FILE, Store};
pub use read::{Blocks, Entries, Events, StoredEntry};
pub use record::{
    BlockRecord, Commit, EntryKey, Leaf, MAX_BLOCK_BYTES, MAX_ENTRY_BYTES, MAX_EVENT_BYTES,
    MAX_KEY_BYTES, MAX_META_BYTES,
};
pub use tree::{Hash, TILE_HEIGHT, TILE_WIDTH, leaf_hash, node_hash};
pub use verify::{Finding, MAX_FINDINGS, Progress, Report};
