//! The vault: encrypted segments on disk, in memory or on S3, and the private archive beside them.
//!
//! | part | what | where |
//! |---|---|---|
//! | [`SegmentVault`] | ciphertext, addressed by BLAKE3, verified on every read | any [`object_store`] |
//! | [`PrivateArchive`] | small entries: record entries, packets, wraps; encrypted, names hidden | one local redb file |
//! | [`OwnerId`] | whose segments are at a place that several folders could be pointed at | an object beside them |
//! | [`BackupEpochs`] | the keys of backups' destroyable part, which die within 30 days | a sealed file, best on another device |
//! | [`backup`] and [`restore`] | both parts, kept apart | a folder |
//! | [`fsck`] | every referenced segment present and intact, every other one listed | - |
//!
//! Storage learns how many objects there are, their bucketed sizes and when they are read, nothing else: segments are
//! ciphertext named by their hash, the archive's entries are sealed and their names are keyed hashes.
//!
//! The vault does not open records: that takes both halves of the lock ([`secnet_lock`]). For large records
//! [`seal_to_vault`] and [`open_from_vault`] join the two with flat memory.

mod archive;
mod at_hand;
mod backup;
mod blocking;
mod files;
mod fsck;
mod large;
mod live;
mod owner;
mod paths;
mod restore;
mod row;
mod s3;
mod segments;
mod storage_key;
mod stream;
mod writes;

pub use archive::{OpenArchiveError, PrivateArchive};
pub use backup::{
    BACKUP_KEY_LIFETIME_MS, BackupEpochs, BackupError, BackupReport, EPOCH_LENGTH_MS, EpochId,
    backup,
};
pub use files::Folder;
pub use fsck::{FsckReport, fsck, inspect};
pub use large::{LargeError, MAX_CONTENT_PIECE, open_from_vault, seal_to_vault};
pub use owner::{NotAnOwner, OwnerId, PlaceError};
pub use restore::{RestoreReport, Rewrite, restore};
pub use s3::{S3KeySource, S3Keys, S3Settings};
pub use segments::{OpenVaultError, SegmentVault};
pub use storage_key::StorageKey;
pub use stream::{SegmentReader, SegmentWriter};

/// The operating system's randomness.
pub(crate) struct SystemEntropy;

impl secnet_app::ports::Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        secnet_crypto::rand_core::Rng::fill_bytes(&mut rng(), bytes);
    }
}

pub(crate) fn rng() -> impl secnet_crypto::CryptoRng {
    secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng)
}
