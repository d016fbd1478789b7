//! When there is no room on the disk but the ledger's reserve, archive and vault take only what goes with commands that
//! end rights or destroy data: everything else would eat the reserve.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use secnet_crypto::Address;

use crate::ports::{
    Archive, ArchiveError, Change, EntryKind, EntryName, Log, SegmentSink, Vault, VaultError,
};

/// An archive, or a vault, that asks the ledger for room before it writes.
pub(crate) struct Sparing<P: ?Sized> {
    inner: Arc<P>,
    log: Arc<dyn Log>,
}

impl<P: ?Sized> Sparing<P> {
    pub(crate) fn new(inner: Arc<P>, log: &Arc<dyn Log>) -> Self {
        Self { inner, log: Arc::clone(log) }
    }

    fn lacks_room(&self) -> bool {
        self.log.standing().lacks_room()
    }
}

/// Does it belong to a denial or an erasure, or make room?
fn may_always(change: &Change) -> bool {
    let small = matches!(
        change.name.kind,
        EntryKind::ConsentDetail
            | EntryKind::Manifest
            | EntryKind::ReleasePacket
            | EntryKind::Erasure
            | EntryKind::SealingKey
    );
    small || change.value.is_none()
}

#[async_trait]
impl Archive for Sparing<dyn Archive> {
    async fn write(&self, changes: Vec<Change>) -> Result<(), ArchiveError> {
        if self.lacks_room() && !changes.iter().all(may_always) {
            return Err(ArchiveError::NoRoom);
        }
        self.inner.write(changes).await
    }

    async fn get(&self, name: &EntryName) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.inner.get(name).await
    }

    async fn list(
        &self,
        kind: EntryKind,
        group: &[u8],
    ) -> Result<Vec<(EntryName, Vec<u8>)>, ArchiveError> {
        self.inner.list(kind, group).await
    }
}

#[async_trait]
impl Vault for Sparing<dyn Vault> {
    async fn put_segment(&self, bytes: Bytes) -> Result<Address, VaultError> {
        if self.lacks_room() {
            return Err(VaultError::NoRoom);
        }
        self.inner.put_segment(bytes).await
    }

    async fn begin_segment(&self) -> Result<Box<dyn SegmentSink>, VaultError> {
        if self.lacks_room() {
            return Err(VaultError::NoRoom);
        }
        let inner = self.inner.begin_segment().await?;
        Ok(Box::new(SparingSink { inner, log: Arc::clone(&self.log) }))
    }

    async fn get_segment(
        &self,
        address: Address,
        range: core::ops::Range<u64>,
    ) -> Result<Bytes, VaultError> {
        self.inner.get_segment(address, range).await
    }

    async fn segment_length(&self, address: Address) -> Result<u64, VaultError> {
        self.inner.segment_length(address).await
    }

    async fn remove_segment(&self, address: Address) -> Result<(), VaultError> {
        self.inner.remove_segment(address).await
    }
}

/// A segment under way, of which no more is taken when there is no room any more.
struct SparingSink {
    inner: Box<dyn SegmentSink>,
    log: Arc<dyn Log>,
}

#[async_trait]
impl SegmentSink for SparingSink {
    async fn write(&mut self, bytes: Bytes) -> Result<(), VaultError> {
        if self.log.standing().lacks_room() {
            return Err(VaultError::NoRoom);
        }
        self.inner.write(bytes).await
    }

    async fn finish(self: Box<Self>, address: Address) -> Result<(), VaultError> {
        self.inner.finish(address).await
    }

    async fn abort(self: Box<Self>) -> Result<(), VaultError> {
        self.inner.abort().await
    }
}
