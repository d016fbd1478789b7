//! Backups in two parts: ciphertext, which may live long, and the archive with all keys, which must be able to die.
//!
//! ```text
//! <folder>/segments/...                      a vault of its own, grown from backup to backup
//! <folder>/keys/<created, 16 hex digits>-<backup id>.keys
//!
//! keys file = "SNVBACK" 01 | epoch id (16) | backup id (16) | created (8, big-endian)
//!             | frame: length (4, big-endian) | sealed object, repeated
//! object key of all frames = BLAKE3 derive_key("secnet vault backup v1 frames", epoch key | backup id)
//! aad of frame i           = the file's first 48 bytes | i (8, big-endian) | 1 for the last frame, else 0
//! content of a frame       = length (4) | entry as in the archive's rows, repeated
//! epochs file              = sealed under the storage key: number of epochs (4)
//!                            | epoch id (16) | created (8) | key (32), repeated | the note
//! ```
//!
//! The epoch key is random and is only in the epochs file. When it is destroyed, [`BACKUP_KEY_LIFETIME_MS`] after it was
//! made, every backup's keys part of that epoch is noise: what was erased before then is gone with the last of them.
//! Keep the epochs file on another device than the PDC, or a lost PDC takes its backups with it.
//!
//! The note says what was erased while the backups were alive. It is in the same sealed file, so that nobody can restore
//! with the keys and without the note.

use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use secnet_app::ports::{ArchiveError, VaultError};
use secnet_crypto::{Address, ObjectKey, StreamError, Zeroizing, rand_core::Rng as _, seal_object};
use secnet_types::Timestamp;

use crate::{
    OpenVaultError, PrivateArchive, SegmentVault, StorageKey,
    files::{self, LocalFolder},
    paths::hex,
    row::{Plain, length},
};

/// A backup key dies this long after it was made: 30 days.
pub const BACKUP_KEY_LIFETIME_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Backups of one day share a key.
pub const EPOCH_LENGTH_MS: u64 = 24 * 60 * 60 * 1000;

pub(crate) const MAGIC: [u8; 8] = *b"SNVBACK\x01";
pub(crate) const HEADER_LEN: usize = 48;
pub(crate) const MAX_FRAME_BYTES: usize = 32 * 1024 * 1024;
const FRAME_BYTES: usize = 1024 * 1024;
const FRAMES_CONTEXT: &str = "secnet vault backup v1 frames";
const EPOCHS_WHAT: &[u8] = b"secnet/vault/backup-epochs/v1";
const EPOCH_LEN: usize = 56;
/// Longest epochs file, in bytes: a whole dataset of a million records can be noted.
const MAX_EPOCHS_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Names the key of a span of backups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpochId(pub [u8; 16]);

impl fmt::Debug for EpochId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochId({})", hex(&self.0))
    }
}

/// Why a backup or a restore failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file could not be read or written.
    #[error("`{file}` cannot be read or written: {source}")]
    File {
        /// Which.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A vault could not be opened.
    #[error(transparent)]
    Open(#[from] OpenVaultError),
    /// The archive failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The epochs file does not open.
    #[error("the epochs file does not open with this storage key")]
    Epochs,
    /// No backup's key is alive.
    #[error(
        "no backup in `{0}` can be restored: their keys are past their date, or are in another epochs file"
    )]
    NoLiveBackup(String),
    /// A backup's keys file was altered or cut off.
    #[error("the backup `{0}` is damaged: use another one")]
    Damaged(String),
    /// Sealing failed.
    #[error("the backup cannot be sealed: {0}")]
    Seal(#[from] StreamError),
}

/// What a backup did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// Segments copied now.
    pub copied: u64,
    /// Segments that the backup already had.
    pub present: u64,
    /// Segments that were damaged and have been quarantined: they are not in the backup.
    pub damaged: Vec<Address>,
    /// Entries in the keys part.
    pub entries: u64,
    /// When the keys part dies.
    pub dies: Timestamp,
}

pub(crate) struct Epoch {
    pub(crate) id: EpochId,
    created: Timestamp,
    pub(crate) key: Zeroizing<[u8; 32]>,
}

/// The keys of backups that are still alive, in a sealed file.
pub struct BackupEpochs {
    file: PathBuf,
    storage_key: StorageKey,
    /// Oldest first.
    epochs: Vec<Epoch>,
    note: Zeroizing<Vec<u8>>,
}

impl BackupEpochs {
    /// Opens the file; a missing one has no epochs yet.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn open(file: &Path, storage_key: StorageKey) -> Result<Self, BackupError> {
        let (epochs, note) = match files::read(file, MAX_EPOCHS_FILE_BYTES) {
            Ok(sealed) => {
                let bytes =
                    storage_key.open(EPOCHS_WHAT, &sealed).map_err(|_| BackupError::Epochs)?;
                parse(&bytes).ok_or(BackupError::Epochs)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Default::default(),
            Err(error) => return Err(failed(file, error)),
        };
        Ok(Self { file: file.to_owned(), storage_key, epochs, note })
    }

    /// Destroys the keys that are past their date; returns how many. To be called daily.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn expire(&mut self, now: Timestamp) -> Result<usize, BackupError> {
        let before = self.epochs.len();
        self.epochs.retain(|epoch| now.since_ms(epoch.created) < BACKUP_KEY_LIFETIME_MS);
        let dead = before.saturating_sub(self.epochs.len());
        if dead > 0 {
            self.save()?;
        }
        Ok(dead)
    }

    /// When the last backup made so far dies: the day an erasure receipt names. `now` if there is none.
    #[must_use]
    pub fn last_backup_dies(&self, now: Timestamp) -> Timestamp {
        let newest = self.epochs.last();
        newest.map_or(now, |epoch| epoch.created.plus_ms(BACKUP_KEY_LIFETIME_MS))
    }

    /// What was last noted beside the keys; empty if nothing was.
    #[must_use]
    pub fn note(&self) -> &[u8] {
        &self.note
    }

    /// Notes something beside the keys, durably, in place of what was noted before.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn set_note(&mut self, note: Vec<u8>) -> Result<(), BackupError> {
        self.note = Zeroizing::new(note);
        self.save()
    }

    pub(crate) fn find(&self, id: EpochId) -> Option<&Epoch> {
        self.epochs.iter().find(|epoch| epoch.id == id)
    }

    /// The key for a backup made now.
    fn current(&mut self, now: Timestamp) -> Result<&Epoch, BackupError> {
        self.expire(now)?;
        let fresh = self.epochs.last().is_some_and(|e| now.since_ms(e.created) < EPOCH_LENGTH_MS);
        if !fresh {
            let mut id = EpochId([0; 16]);
            crate::rng().fill_bytes(&mut id.0);
            let mut key = Zeroizing::new([0; 32]);
            crate::rng().fill_bytes(key.as_mut_slice());
            self.epochs.push(Epoch { id, created: now, key });
            self.save()?;
        }
        self.epochs.last().ok_or(BackupError::Epochs)
    }

    fn save(&self) -> Result<(), BackupError> {
        let length = self.epochs.len().saturating_mul(EPOCH_LEN).saturating_add(4);
        let mut bytes = Zeroizing::new(Vec::with_capacity(length.saturating_add(self.note.len())));
        let number = u32::try_from(self.epochs.len()).map_err(|_| BackupError::Epochs)?;
        bytes.extend_from_slice(&number.to_be_bytes());
        for epoch in &self.epochs {
            bytes.extend_from_slice(&epoch.id.0);
            bytes.extend_from_slice(&epoch.created.0.to_be_bytes());
            bytes.extend_from_slice(epoch.key.as_slice());
        }
        bytes.extend_from_slice(&self.note);
        let sealed = self.storage_key.seal(EPOCHS_WHAT, &bytes, &mut crate::rng())?;
        let (folder, name) = LocalFolder::of(&self.file).map_err(|e| failed(&self.file, e))?;
        files::replace(&folder, name, &sealed).map_err(|e| failed(&self.file, e))
    }
}

impl fmt::Debug for BackupEpochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackupEpochs({} alive)", self.epochs.len())
    }
}

/// Backs segments and archive up into `folder`, which may hold earlier backups.
///
/// # Errors
/// [`BackupError`].
pub async fn backup(
    vault: &SegmentVault,
    archive: &PrivateArchive,
    epochs: &mut BackupEpochs,
    folder: &Path,
    now: Timestamp,
) -> Result<BackupReport, BackupError> {
    // The archive first: segments are only ever added before the entries that refer to them.
    let epoch = epochs.current(now)?;
    let dies = epoch.created.plus_ms(BACKUP_KEY_LIFETIME_MS);
    let entries = back_keys_up(archive, epoch, &folder.join("keys"), now).await?;
    let copies = SegmentVault::local(&folder.join("segments"))?;
    let (mut copied, mut present, mut damaged) = (0u64, 0u64, Vec::new());
    for address in vault.list().await? {
        if copies.contains(address).await? {
            present = present.saturating_add(1);
            continue;
        }
        match copy(vault, &copies, address).await {
            Ok(()) => copied = copied.saturating_add(1),
            Err(VaultError::Quarantined(address)) => damaged.push(address),
            // Removed since it was listed.
            Err(VaultError::Missing(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(BackupReport { copied, present, damaged, entries, dies })
}

/// Copies one segment, verified on the way.
pub(crate) async fn copy(
    from: &SegmentVault,
    to: &SegmentVault,
    address: Address,
) -> Result<(), VaultError> {
    let mut reader = from.read(address).await?;
    let mut writer = to.write().await?;
    loop {
        match reader.next().await {
            Ok(Some(piece)) => writer.write(piece).await?,
            Ok(None) => break,
            Err(error) => {
                writer.abort().await?;
                return Err(error);
            }
        }
    }
    writer.finish().await.map(drop)
}

async fn back_keys_up(
    archive: &PrivateArchive,
    epoch: &Epoch,
    folder: &Path,
    now: Timestamp,
) -> Result<u64, BackupError> {
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let mut id = [0; 16];
    crate::rng().fill_bytes(&mut id);
    let path = folder.join(format!("{:016x}-{}.keys", now.0, hex(&id)));
    let aside = path.with_extension("new");
    let file = files::private(&aside).map_err(|e| failed(&aside, e))?;
    let mut header = Vec::with_capacity(HEADER_LEN);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&epoch.id.0);
    header.extend_from_slice(&id);
    header.extend_from_slice(&now.0.to_be_bytes());
    let mut frames = Frames {
        key: frames_key(&epoch.key, &id),
        header,
        file: BufWriter::new(file),
        number: 0,
        frame: Zeroizing::new(Vec::with_capacity(FRAME_BYTES)),
        entries: 0,
    };
    frames.file.write_all(&frames.header).map_err(|e| failed(&aside, e))?;
    let mut frames = archive
        .fold(frames, |frames, plain| {
            frames.entry(plain).map_err(|e| ArchiveError::Storage(e.to_string()))
        })
        .await?;
    frames.flush(true)?;
    let entries = frames.entries;
    let file = frames.file.into_inner().map_err(|e| failed(&aside, e.into_error()))?;
    file.sync_all().map_err(|e| failed(&aside, e))?;
    std::fs::rename(&aside, &path).map_err(|e| failed(&path, e))?;
    files::sync_folder(folder).map_err(|e| failed(folder, e))?;
    Ok(entries)
}

pub(crate) fn frames_key(epoch: &[u8; 32], backup: &[u8; 16]) -> ObjectKey {
    let mut hasher = blake3::Hasher::new_derive_key(FRAMES_CONTEXT);
    ObjectKey::from_bytes(*hasher.update(epoch).update(backup).finalize().as_bytes())
}

pub(crate) fn frame_aad(header: &[u8], number: u64, last: bool) -> Vec<u8> {
    [header, &number.to_be_bytes(), &[u8::from(last)]].concat()
}

struct Frames {
    key: ObjectKey,
    header: Vec<u8>,
    file: BufWriter<File>,
    number: u64,
    frame: Zeroizing<Vec<u8>>,
    entries: u64,
}

impl Frames {
    fn entry(&mut self, plain: &Plain) -> Result<(), BackupError> {
        if self.frame.len() >= FRAME_BYTES {
            self.flush(false)?;
        }
        let bytes = plain.to_bytes();
        self.frame.extend_from_slice(&length(&bytes).to_be_bytes());
        self.frame.extend_from_slice(&bytes);
        self.entries = self.entries.saturating_add(1);
        Ok(())
    }

    fn flush(&mut self, last: bool) -> Result<(), BackupError> {
        let aad = frame_aad(&self.header, self.number, last);
        let sealed = seal_object(&self.key, &aad, &self.frame, &mut crate::rng())?;
        self.number = self.number.saturating_add(1);
        self.frame.clear();
        let write = |file: &mut BufWriter<File>| {
            file.write_all(&length(&sealed).to_be_bytes())?;
            file.write_all(&sealed)
        };
        write(&mut self.file).map_err(|e| failed(Path::new("keys file"), e))
    }
}

/// The epochs and the note.
fn parse(bytes: &[u8]) -> Option<(Vec<Epoch>, Zeroizing<Vec<u8>>)> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    let number = usize::try_from(u32::from_be_bytes(*number)).ok()?;
    let (rows, note) = rest.split_at_checked(number.checked_mul(EPOCH_LEN)?)?;
    let (rows, _) = rows.as_chunks::<EPOCH_LEN>();
    let epochs: Option<_> = rows.iter().map(parse_epoch).collect();
    Some((epochs?, Zeroizing::new(note.to_vec())))
}

fn parse_epoch(row: &[u8; EPOCH_LEN]) -> Option<Epoch> {
    let (id, rest) = row.split_first_chunk::<16>()?;
    let (created, key) = rest.split_first_chunk::<8>()?;
    Some(Epoch {
        id: EpochId(*id),
        created: Timestamp(u64::from_be_bytes(*created)),
        key: Zeroizing::new(key.try_into().ok()?),
    })
}

pub(crate) fn failed(file: &Path, source: io::Error) -> BackupError {
    BackupError::File { file: file.display().to_string(), source }
}
