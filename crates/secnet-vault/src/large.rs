//! Large records between the lock and the vault: sealing, hashing and storing side by side, and back.

use std::pin::pin;

use bytes::Bytes;
use futures::{
    executor::block_on,
    future::{Either, pending, select},
};
use secnet_app::ports::VaultError;
use secnet_crypto::{
    Address, HEADER_LEN, StreamError,
    stream::{SEGMENT_LEN, TAG_LEN},
};
use secnet_lock::{LargeEntry, PartSealer, RecordEntry, RecordKey, UploadError};
use tokio::sync::{mpsc, oneshot};

use crate::{SegmentVault, SegmentWriter};

/// Stream segments sealed at once: few enough to stay in a processor's own cache until they are written.
const PART_SEGMENTS: usize = 8;
/// A full piece, sealed, in bytes.
const PIECE_LEN: usize = PART_SEGMENTS * (SEGMENT_LEN + TAG_LEN);
/// Most content asked for at once, in bytes: one stream segment.
pub const MAX_CONTENT_PIECE: usize = SEGMENT_LEN;
/// Pieces waiting between two stages.
const QUEUE: usize = 4;

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
    fill: F,
) -> Result<(LargeEntry, Address), LargeError>
where
    F: FnMut(&mut [u8]) -> std::io::Result<()> + Send + 'static,
{
    let writer = vault.write().await?;
    let (sender, receiver) = mpsc::channel::<Bytes>(QUEUE);
    let sealing = tokio::task::spawn_blocking(move || seal_parts(sealer, fill, &sender));
    let writer = match vault.writes_anywhere() {
        true => write_apart(writer, receiver)?.await.map_err(|_| LargeError::Interrupted)??,
        false => write_pieces(writer, receiver, pending()).await?,
    };
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

/// The header, then the parts in order.
fn seal_parts(
    sealer: PartSealer,
    mut fill: impl FnMut(&mut [u8]) -> std::io::Result<()>,
    sender: &mpsc::Sender<Bytes>,
) -> Result<LargeEntry, LargeError> {
    let send = |piece| sender.blocking_send(piece).map_err(|_| LargeError::Interrupted);
    send(Bytes::copy_from_slice(sealer.header()))?;
    let (home, used) = std::sync::mpsc::channel();
    let mut first = 0;
    while first < sealer.segments() {
        let part = first..first.saturating_add(PART_SEGMENTS as u64).min(sealer.segments());
        first = part.end;
        let mut sealed: Vec<u8> = used.try_recv().unwrap_or_else(|_| Vec::with_capacity(PIECE_LEN));
        sealed.clear();
        sealer.seal_in_place(
            part,
            |content| fill(content).map_err(LargeError::from),
            &mut sealed,
        )?;
        send(Bytes::from_owner(Reused { sealed, home: home.clone() }))?;
    }
    Ok(sealer.finish()?)
}

/// Hashes and writes what comes, unless the caller is gone first.
async fn write_pieces(
    mut writer: SegmentWriter,
    mut pieces: mpsc::Receiver<Bytes>,
    gone: impl Future<Output = ()>,
) -> Result<SegmentWriter, VaultError> {
    let mut gone = pin!(gone);
    loop {
        match select(gone.as_mut(), pin!(pieces.recv())).await {
            Either::Left(_) => return Err(VaultError::Storage("given up by the caller".into())),
            Either::Right((Some(piece), _)) => writer.write(piece).await?,
            Either::Right((None, _)) => return Ok(writer),
        }
    }
}

/// The same in a thread of its own, where a piece is written while the hash has left it in the cache, and nobody is woken
/// up in between.
fn write_apart(
    writer: SegmentWriter,
    pieces: mpsc::Receiver<Bytes>,
) -> Result<oneshot::Receiver<Result<SegmentWriter, VaultError>>, VaultError> {
    let (mut told, answer) = oneshot::channel();
    let work = move || {
        let written = block_on(write_pieces(writer, pieces, told.closed()));
        // Nobody may be waiting any more.
        told.send(written).ok();
    };
    let thread = std::thread::Builder::new().name("vault-writer".into());
    thread.spawn(work).map_err(|error| VaultError::Storage(error.to_string()))?;
    Ok(answer)
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
