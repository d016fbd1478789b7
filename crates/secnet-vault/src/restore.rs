//! Restoring a backup; what was erased since it was made is dropped before anything can be served.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use secnet_app::ports::VaultError;
use secnet_crypto::{Address, Zeroizing, open_object};
use secnet_types::Digest;

use crate::{
    BackupEpochs, BackupError, EpochId, PrivateArchive, SegmentVault,
    backup::{HEADER_LEN, MAGIC, MAX_FRAME_BYTES, copy, failed, frame_aad, frames_key},
    row::{Plain, cut},
};

/// Changes an entry while it is restored, or drops it (`None`): for erasures that concern a part of an entry. Arguments:
/// the kind's number, group, key, value.
pub type Rewrite<'a> = dyn FnMut(u8, &[u8], &[u8], Vec<u8>) -> Option<Vec<u8>> + Send + 'a;

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestoreReport {
    /// Entries restored.
    pub entries: u64,
    /// Entries dropped because they were erased after the backup was made.
    pub erased: u64,
    /// Segments copied.
    pub segments: u64,
    /// Segments of the backup that did not match their address, now quarantined there.
    pub damaged: Vec<Address>,
}

/// Restores the newest backup in `folder` whose key is alive into an empty archive and a vault. Entries whose erasure tag
/// is in `erased` (from the ledger's erasure events) are dropped, the others go through `rewrite`.
///
/// Nothing must be served before this returns.
///
/// # Errors
/// [`BackupError`].
pub async fn restore(
    folder: &Path,
    epochs: &BackupEpochs,
    vault: &SegmentVault,
    archive: &PrivateArchive,
    erased: &BTreeSet<Digest>,
    rewrite: &mut Rewrite<'_>,
) -> Result<RestoreReport, BackupError> {
    let mut report = RestoreReport::default();
    let mut frames = newest(&folder.join("keys"), epochs)?;
    while let Some(entries) = frames.next()? {
        let mut kept = Vec::with_capacity(entries.len());
        for plain in entries {
            let Plain { salt, kind, group, key, value } = &plain;
            let value = if erased.contains(&plain.erasure_tag()) {
                None
            } else {
                rewrite(*kind, group, key, value.to_vec())
            };
            match value {
                None => report.erased = report.erased.saturating_add(1),
                Some(value) => kept.push(Plain {
                    salt: *salt,
                    kind: *kind,
                    group: group.clone(),
                    key: key.clone(),
                    value: Zeroizing::new(value),
                }),
            }
        }
        report.entries = report.entries.saturating_add(kept.len() as u64);
        archive.put_plain(kept).await?;
    }
    let copies = SegmentVault::local(&folder.join("segments"))?;
    for address in copies.list().await? {
        match copy(&copies, vault, address).await {
            Ok(()) => report.segments = report.segments.saturating_add(1),
            Err(VaultError::Quarantined(address)) => report.damaged.push(address),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(report)
}

/// The newest keys file whose epoch key is alive.
fn newest(folder: &Path, epochs: &BackupEpochs) -> Result<FrameReader, BackupError> {
    let none = || BackupError::NoLiveBackup(folder.display().to_string());
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| failed(folder, e))? {
        let path = entry.map_err(|e| failed(folder, e))?.path();
        if path.extension().is_some_and(|extension| extension == "keys") {
            files.push(path);
        }
    }
    // Names start with the time in hexadecimal digits of fixed length.
    files.sort();
    for path in files.into_iter().rev() {
        if let Some(reader) = FrameReader::open(&path, epochs)? {
            return Ok(reader);
        }
    }
    Err(none())
}

struct FrameReader {
    path: PathBuf,
    file: BufReader<File>,
    header: [u8; HEADER_LEN],
    key: secnet_crypto::ObjectKey,
    number: u64,
    ended: bool,
}

impl FrameReader {
    /// `None` if the file's epoch key is not alive.
    fn open(path: &Path, epochs: &BackupEpochs) -> Result<Option<Self>, BackupError> {
        let damaged = || BackupError::Damaged(path.display().to_string());
        let mut file = BufReader::new(File::open(path).map_err(|e| failed(path, e))?);
        let mut header = [0; HEADER_LEN];
        file.read_exact(&mut header).map_err(|_| damaged())?;
        let rest = header.strip_prefix(&MAGIC).ok_or_else(damaged)?;
        let (epoch, rest) = rest.split_first_chunk::<16>().ok_or_else(damaged)?;
        let backup = rest.first_chunk::<16>().ok_or_else(damaged)?;
        let Some(epoch) = epochs.find(EpochId(*epoch)) else { return Ok(None) };
        let key = frames_key(&epoch.key, backup);
        Ok(Some(Self { path: path.to_owned(), file, header, key, number: 0, ended: false }))
    }

    /// The entries of the next frame.
    fn next(&mut self) -> Result<Option<Vec<Plain>>, BackupError> {
        let damaged = BackupError::Damaged(self.path.display().to_string());
        let mut len = [0; 4];
        if self.ended {
            return match self.file.read(&mut len) {
                Ok(0) => Ok(None),
                _ => Err(damaged),
            };
        }
        let Ok(()) = self.file.read_exact(&mut len) else { return Err(damaged) };
        let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
        if len > MAX_FRAME_BYTES {
            return Err(damaged);
        }
        let mut sealed = vec![0; len];
        let Ok(()) = self.file.read_exact(&mut sealed) else { return Err(damaged) };
        let open = |last| {
            open_object(&self.key, &frame_aad(&self.header, self.number, last), &sealed).ok()
        };
        let content = match open(false) {
            Some(content) => content,
            None => {
                let content = open(true).ok_or(damaged)?;
                self.ended = true;
                content
            }
        };
        self.number = self.number.saturating_add(1);
        let mut rest: &[u8] = &content;
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let broken = || BackupError::Damaged(self.path.display().to_string());
            let (entry, later) = cut(rest).ok_or_else(broken)?;
            entries.push(Plain::from_bytes(entry).ok_or_else(broken)?);
            rest = later;
        }
        Ok(Some(entries))
    }
}
