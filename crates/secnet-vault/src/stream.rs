//! Segments of any size, piece by piece.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload, path::Path};
use secnet_app::ports::{SegmentSink, VaultError};
use secnet_crypto::{Address, Outboard, OutboardBuilder, rand_core::Rng as _};
use tokio::runtime::Handle;

use crate::{SegmentVault, paths, segments::storage};

/// Part of a multipart upload, in bytes; S3 wants at least 5 MiB and takes 10,000 of them.
pub(crate) const REMOTE_PART_BYTES: usize = 8 * 1024 * 1024;
/// The same where the store is a folder: written while it is in the processor's cache, not gathered first.
pub(crate) const LOCAL_PART_BYTES: usize = 512 * 1024;
/// Longest streamed segment, in bytes: 78 GiB, as many parts as S3 takes.
const MAX_STREAMED_BYTES: u64 = 10_000 * REMOTE_PART_BYTES as u64;
/// Read and verified at once.
const READ_BYTES: u64 = 2 * 1024 * 1024;

/// A segment under way. Not stored until [`Self::finish`]; a dropped writer leaves nothing that could be read.
#[derive(Debug)]
pub struct SegmentWriter {
    vault: SegmentVault,
    staging: Path,
    upload: Box<dyn MultipartUpload>,
    builder: OutboardBuilder,
    pending: Vec<Bytes>,
    pending_len: usize,
    /// Bytes of the parts so far; `None` before the first, which may be empty.
    sent: Option<u64>,
    /// The part on its way, awaited before the next one: two parts are in memory at most.
    underway: Option<tokio::task::JoinHandle<Result<(), object_store::Error>>>,
}

impl SegmentWriter {
    pub(crate) async fn start(vault: SegmentVault) -> Result<Self, VaultError> {
        let mut random = [0; 16];
        crate::rng().fill_bytes(&mut random);
        let staging = paths::staging(random);
        let upload = vault.store().put_multipart(&staging).await.map_err(|e| storage(&e))?;
        Ok(Self {
            vault,
            staging,
            upload,
            builder: OutboardBuilder::new(),
            pending: Vec::new(),
            pending_len: 0,
            sent: None,
            underway: None,
        })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`VaultError::Storage`]; give the writer up.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), VaultError> {
        self.builder.update(&bytes).map_err(|e| VaultError::Storage(e.to_string()))?;
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let part = self.vault.part_bytes();
            let room = part.saturating_sub(self.pending_len).min(bytes.len());
            let now = bytes.split_to(room);
            self.pending_len = self.pending_len.saturating_add(now.len());
            self.pending.push(now);
            if self.pending_len >= part {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    /// Ends the segment. Returns its outboard, whose address names it, when it is durable.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub async fn finish(mut self) -> Result<Arc<Outboard>, VaultError> {
        let outboard = std::mem::take(&mut self.builder).finish();
        self.store(Arc::new(outboard)).await
    }

    /// As [`Self::finish`], if the segment is the one of this address; given up if it is not.
    ///
    /// # Errors
    /// [`VaultError::Mismatch`], [`VaultError::Storage`].
    pub async fn finish_as(mut self, address: Address) -> Result<Arc<Outboard>, VaultError> {
        let outboard = std::mem::take(&mut self.builder).finish();
        if outboard.address() != address {
            self.abort().await?;
            return Err(VaultError::Mismatch(address));
        }
        self.store(Arc::new(outboard)).await
    }

    async fn store(mut self, outboard: Arc<Outboard>) -> Result<Arc<Outboard>, VaultError> {
        if self.pending_len > 0 || self.sent.is_none() {
            self.send_part().await?;
        }
        self.settle().await?;
        self.upload.complete().await.map_err(|e| storage(&e))?;
        self.vault.put_outboard(&outboard).await?;
        let target = paths::segment(outboard.address());
        let moved = self.vault.store().rename(&self.staging, &target).await;
        moved.map_err(|e| storage(&e))?;
        self.vault.remember(&outboard);
        Ok(outboard)
    }

    /// Gives the segment up and removes what was sent.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub async fn abort(mut self) -> Result<(), VaultError> {
        // What became of the part under way does not matter any more.
        self.settle().await.ok();
        self.upload.abort().await.map_err(|e| storage(&e))
    }

    async fn send_part(&mut self) -> Result<(), VaultError> {
        self.settle().await?;
        let sent = self.sent.unwrap_or(0).saturating_add(self.pending_len as u64);
        if sent > MAX_STREAMED_BYTES {
            return Err(VaultError::Storage(format!(
                "a streamed segment can have at most {MAX_STREAMED_BYTES} bytes"
            )));
        }
        self.sent = Some(sent);
        self.pending_len = 0;
        let payload: PutPayload = std::mem::take(&mut self.pending).into_iter().collect();
        let part = self.upload.put_part(payload);
        match Handle::try_current() {
            Ok(runtime) => self.underway = Some(runtime.spawn(part)),
            // A thread of its own: the store works in it.
            Err(_) => part.await.map_err(|e| storage(&e))?,
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), VaultError> {
        match self.underway.take() {
            None => Ok(()),
            Some(part) => match part.await {
                Ok(sent) => sent.map_err(|e| storage(&e)),
                Err(lost) => Err(VaultError::Storage(lost.to_string())),
            },
        }
    }
}

#[async_trait]
impl SegmentSink for SegmentWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), VaultError> {
        Self::write(self, bytes).await
    }

    async fn finish(self: Box<Self>, address: Address) -> Result<(), VaultError> {
        self.finish_as(address).await.map(drop)
    }

    async fn abort(self: Box<Self>) -> Result<(), VaultError> {
        Self::abort(*self).await
    }
}

/// A segment read from front to back.
#[derive(Debug)]
pub struct SegmentReader {
    vault: SegmentVault,
    outboard: Arc<Outboard>,
    offset: u64,
}

impl SegmentReader {
    pub(crate) async fn start(vault: SegmentVault, address: Address) -> Result<Self, VaultError> {
        let outboard = vault.outboard(address).await?;
        Ok(Self { vault, outboard, offset: 0 })
    }

    /// Length of the segment.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.outboard.content_len()
    }

    /// Is the segment empty?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next piece, verified; `None` at the end.
    ///
    /// # Errors
    /// [`VaultError`]; a damaged segment is quarantined.
    pub async fn next(&mut self) -> Result<Option<Bytes>, VaultError> {
        let start = self.offset;
        if start >= self.len() {
            return Ok(None);
        }
        let end = start.saturating_add(READ_BYTES).min(self.len());
        let address = self.outboard.address();
        let piece = self.vault.fetch(address, start..end).await?;
        match piece.filter(|piece| self.outboard.verify_slice(start, piece).is_ok()) {
            Some(piece) => {
                self.offset = end;
                Ok(Some(piece))
            }
            None => Err(self.vault.quarantine(address).await),
        }
    }
}
