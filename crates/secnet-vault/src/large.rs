//! Large records between the lock and the vault: sealing, hashing and storing side by side, and back.

use bytes::Bytes;
use secnet_app::ports::VaultError;
use secnet_crypto::{Address, HEADER_LEN, StreamError, stream::SEGMENT_LEN};
use secnet_lock::{LargeEntry, PartSealer, RecordEntry, RecordKey, UploadError};
use tokio::sync::mpsc;

use crate::SegmentVault;

/// Stream segments sealed at once.
const PART_SEGMENTS: u64 = 16;
/// Most content handed over at once, in bytes: 16 stream segments.
pub const MAX_CONTENT_PIECE: usize = 16 * SEGMENT_LEN;
/// Pieces waiting between two stages.
const QUEUE: usize = 2;

/// Why a large record could not be stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LargeError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Sealing failed.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The record does not open with this key.
    #[error("the record does not open: {0}")]
    Stream(#[from] StreamError),
    /// The entry's location does not start a segment of its own.
    #[error("the record is part of a packed segment: read it by range")]
    Packed,
    /// Reading content or handing it on failed.
    #[error("the content could not be read or handed on: {0}")]
    Content(#[from] std::io::Error),
    /// A worker was lost; only when the runtime shuts down.
    #[error("the work was interrupted: the runtime is shutting down")]
    Interrupted,
}

/// Seals a large record and stores it, with flat memory. `fill` is called for pieces of at most [`MAX_CONTENT_PIECE`]
/// bytes from front to back and fills each whole. Sealing runs beside hashing and writing.
///
/// Give what is returned to [`secnet_lock::UploadSealer::end_large`].
///
/// # Errors
/// [`LargeError`].
pub async fn seal_to_vault<F>(
    vault: &SegmentVault,
    sealer: PartSealer,
    mut fill: F,
) -> Result<(LargeEntry, Address), LargeError>
where
    F: FnMut(&mut [u8]) -> std::io::Result<()> + Send + 'static,
{
    let mut writer = vault.write().await?;
    let (sender, mut receiver) = mpsc::channel::<Bytes>(QUEUE);
    let header = Bytes::copy_from_slice(sealer.header());
    writer.write(header).await?;
    let sealing = tokio::task::spawn_blocking(move || {
        let mut content = secnet_crypto::Zeroizing::new(vec![0u8; MAX_CONTENT_PIECE]);
        let (home, used) = std::sync::mpsc::channel();
        let mut first = 0;
        while first < sealer.segments() {
            let part = first..first.saturating_add(PART_SEGMENTS).min(sealer.segments());
            first = part.end;
            let wanted = sealer.content_range(part.clone());
            let len = usize::try_from(wanted.end.saturating_sub(wanted.start)).unwrap_or(0);
            let content = content.get_mut(..len).unwrap_or_default();
            fill(content)?;
            let mut sealed: Vec<u8> = used
                .try_recv()
                .unwrap_or_else(|_| Vec::with_capacity(MAX_CONTENT_PIECE.saturating_add(1024)));
            sealed.clear();
            sealer.seal(part, content, &mut sealed)?;
            let piece = Bytes::from_owner(Reused { sealed, home: home.clone() });
            if sender.blocking_send(piece).is_err() {
                return Err(LargeError::Interrupted);
            }
        }
        drop(sender);
        Ok(sealer.finish()?)
    });
    while let Some(piece) = receiver.recv().await {
        writer.write(piece).await?;
    }
    let entry = match sealing.await {
        Ok(Ok(entry)) => entry,
        Ok(Err(error)) => {
            writer.abort().await?;
            return Err(error);
        }
        Err(_) => return Err(LargeError::Interrupted),
    };
    let outboard = writer.finish().await?;
    Ok((entry, outboard.address()))
}

/// A buffer that goes home when it has been written: fresh memory for every piece would cost as much as the hash.
struct Reused {
    sealed: Vec<u8>,
    home: std::sync::mpsc::Sender<Vec<u8>>,
}

impl AsRef<[u8]> for Reused {
    fn as_ref(&self) -> &[u8] {
        &self.sealed
    }
}

impl Drop for Reused {
    fn drop(&mut self) {
        // After the last piece nobody is at home.
        self.home.send(std::mem::take(&mut self.sealed)).ok();
    }
}

/// Reads, verifies and opens a large record from front to back, with flat memory. `take` gets the content in pieces;
/// opening runs beside reading and verifying.
///
/// # Errors
/// [`LargeError`]; content handed over before an error is genuine, but not all there is.
pub async fn open_from_vault<F>(
    vault: &SegmentVault,
    entry: &RecordEntry,
    key: RecordKey,
    mut take: F,
) -> Result<u64, LargeError>
where
    F: FnMut(&[u8]) -> std::io::Result<()> + Send + 'static,
{
    let mut reader = vault.read(entry.location().segment).await?;
    if entry.location().offset != 0 || entry.location().length != reader.len() {
        return Err(LargeError::Packed);
    }
    let (sender, mut receiver) = mpsc::channel::<Bytes>(QUEUE);
    let opening = tokio::task::spawn_blocking(move || -> Result<u64, LargeError> {
        let Some(mut first) = receiver.blocking_recv() else {
            return Err(StreamError::NotAnObject.into());
        };
        let header = *first.first_chunk::<HEADER_LEN>().ok_or(StreamError::NotAnObject)?;
        let mut decryptor = key.decryptor(&header)?;
        let mut rest = first.split_off(HEADER_LEN);
        let mut content = secnet_crypto::Zeroizing::new(Vec::new());
        let mut total = 0u64;
        loop {
            decryptor.push(&rest, &mut content)?;
            take(&content)?;
            total = total.saturating_add(content.len() as u64);
            content.clear();
            match receiver.blocking_recv() {
                Some(next) => rest = next,
                None => break,
            }
        }
        decryptor.finish()?;
        Ok(total)
    });
    let mut failed = None;
    loop {
        match reader.next().await {
            Ok(Some(piece)) => {
                // A closed channel means that opening failed, which says why itself.
                if sender.send(piece).await.is_err() {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    drop(sender);
    let opened = opening.await.map_err(|_| LargeError::Interrupted)?;
    match failed {
        Some(error) => Err(error.into()),
        None => opened,
    }
}
