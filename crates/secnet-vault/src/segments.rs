//! Segments: immutable, addressed by BLAKE3, verified on every read.

use std::{collections::BTreeMap, ops::Range, path::Path as FilePath, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{
    Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutPayload,
    local::LocalFileSystem, memory::InMemory,
};
use parking_lot::Mutex;
use secnet_app::ports::{SegmentSink, Vault, VaultError};
use secnet_crypto::{Address, GROUP_LEN, Outboard, OutboardBuilder};

use crate::{
    SegmentReader, SegmentWriter,
    at_hand::at_hand,
    paths,
    stream::{LOCAL_PART_BYTES, REMOTE_PART_BYTES},
};

/// Outboards kept in memory, in bytes; each covers one segment and takes 2 KiB for 4 MiB.
const MAX_CACHED_BYTES: u64 = 32 * 1024 * 1024;
/// Outboards above this size are not kept: that of a 1 TiB segment has 512 MiB. That of a 4 GiB segment is kept, or each piece
/// of a download would read and check all of it.
const MAX_CACHED_OUTBOARD_BYTES: u64 = 4 * 1024 * 1024;

/// Why a vault could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenVaultError {
    /// The folder cannot be created or used.
    #[error("the vault folder `{folder}` cannot be used: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// The object store refused its settings.
    #[error("the vault's storage cannot be opened: {0}")]
    Store(#[from] StoreError),
    /// What should be certificates to trust has none.
    #[error("the certificates to trust for the vault's storage are none")]
    NoCertificate,
    /// S3 is wanted, and its driver was left out.
    #[error("this was built without the driver for S3")]
    NoDriver,
}

/// Segments in an object store.
#[derive(Debug, Clone)]
pub struct SegmentVault {
    store: Arc<dyn ObjectStore>,
    place: Place,
    outboards: Arc<Mutex<Outboards>>,
}

/// Outboards in memory.
#[derive(Debug, Default)]
struct Outboards {
    kept: BTreeMap<Address, Arc<Outboard>>,
    bytes: u64,
}

impl Outboards {
    fn keep(&mut self, outboard: &Arc<Outboard>) {
        let bytes = outboard_bytes(outboard);
        if bytes > MAX_CACHED_OUTBOARD_BYTES || self.kept.contains_key(&outboard.address()) {
            return;
        }
        while self.bytes.saturating_add(bytes) > MAX_CACHED_BYTES {
            // Addresses are hashes: the first one is a random one.
            let Some((_, gone)) = self.kept.pop_first() else { break };
            self.bytes = self.bytes.saturating_sub(outboard_bytes(&gone));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.kept.insert(outboard.address(), Arc::clone(outboard));
    }

    fn forget(&mut self, address: Address) {
        if let Some(gone) = self.kept.remove(&address) {
            self.bytes = self.bytes.saturating_sub(outboard_bytes(&gone));
        }
    }
}

/// What it takes in memory, about; also that of an empty one.
fn outboard_bytes(outboard: &Outboard) -> u64 {
    (outboard.content_len() / GROUP_LEN as u64).saturating_mul(32).saturating_add(128)
}

/// What is known of the store's place: how segments are best read and written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// This folder, written by whoever calls.
    Folder(Arc<FilePath>),
    /// Any store; it may need the runtime.
    Elsewhere,
}

impl SegmentVault {
    /// Segments in a folder, created if missing. Every write is synced, with its folder, before it is acknowledged.
    ///
    /// # Errors
    /// [`OpenVaultError`].
    pub fn local(folder: &FilePath) -> Result<Self, OpenVaultError> {
        std::fs::create_dir_all(folder).map_err(|source| OpenVaultError::Folder {
            folder: folder.display().to_string(),
            source,
        })?;
        let store = Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true));
        Ok(Self { store, place: Place::Folder(folder.into()), outboards: Arc::default() })
    }

    /// Segments in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self::on(Arc::new(InMemory::new()))
    }

    /// Segments in any object store whose writes are durable when acknowledged.
    #[must_use]
    pub fn on(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, place: Place::Elsewhere, outboards: Arc::default() }
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    /// Bytes of a streamed segment that the store gets at once.
    pub(crate) const fn part_bytes(&self) -> usize {
        match self.place {
            Place::Folder(_) => LOCAL_PART_BYTES,
            Place::Elsewhere => REMOTE_PART_BYTES,
        }
    }

    /// Can a thread outside the runtime write?
    pub(crate) const fn writes_anywhere(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// Starts a segment that comes in pieces; memory stays flat.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub async fn write(&self) -> Result<SegmentWriter, VaultError> {
        SegmentWriter::start(self.clone()).await
    }

    /// Reads a segment from front to back in verified pieces; memory stays flat.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn read(&self, address: Address) -> Result<SegmentReader, VaultError> {
        SegmentReader::start(self.clone(), address).await
    }

    /// Is there a segment with this address? Its bytes are not looked at.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub async fn contains(&self, address: Address) -> Result<bool, VaultError> {
        match self.store.head(&paths::segment(address)).await {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(storage(&error)),
        }
    }

    /// Every segment, in no particular order.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub async fn list(&self) -> Result<Vec<Address>, VaultError> {
        self.list_folder(paths::SEGMENTS).await
    }

    /// What has been quarantined.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub async fn quarantined(&self) -> Result<Vec<Address>, VaultError> {
        self.list_folder(paths::QUARANTINE).await
    }

    /// Removes what streamed writes left behind when they were cut off. Only for a vault that nobody is writing to.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    pub async fn clear_staging(&self) -> Result<usize, VaultError> {
        let folder = object_store::path::Path::from(paths::STAGING);
        let left = self.store.list(Some(&folder)).map_ok(|meta| meta.location).boxed();
        let left: Vec<_> = left.try_collect().await.map_err(|e| storage(&e))?;
        for path in &left {
            self.store.delete(path).await.map_err(|e| storage(&e))?;
        }
        Ok(left.len())
    }

    /// Reads all of a segment and checks it, whatever its size. A damaged one is quarantined.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn verify(&self, address: Address) -> Result<u64, VaultError> {
        self.rebuild(address).await.map(|outboard| outboard.content_len())
    }

    /// The verified table of a segment; made anew if it is lost or damaged. A segment of one group has an empty one.
    pub(crate) async fn outboard(&self, address: Address) -> Result<Arc<Outboard>, VaultError> {
        if let Some(known) = self.outboards.lock().kept.get(&address) {
            return Ok(Arc::clone(known));
        }
        let found = match self.store.get(&paths::outboard(address)).await {
            Ok(found) => found.bytes().await.ok(),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(storage(&error)),
        };
        let outboard = match found.and_then(|b| Outboard::from_bytes(address, &b).ok()) {
            Some(outboard) if outboard.content_len() > GROUP_LEN as u64 => outboard,
            // Its length field is not proven for a single group, and such segments have no outboard in the store.
            _ => self.rebuild(address).await?,
        };
        let outboard = Arc::new(outboard);
        self.remember(&outboard);
        Ok(outboard)
    }

    pub(crate) fn remember(&self, outboard: &Arc<Outboard>) {
        self.outboards.lock().keep(outboard);
    }

    /// Stores the table of a segment that is about to be stored itself.
    pub(crate) async fn put_outboard(&self, outboard: &Outboard) -> Result<(), VaultError> {
        if outboard.content_len() <= GROUP_LEN as u64 {
            return Ok(());
        }
        let path = paths::outboard(outboard.address());
        let put = self.store.put(&path, PutPayload::from(outboard.to_bytes())).await;
        put.map(drop).map_err(|e| storage(&e))
    }

    /// Moves a segment aside and says so.
    pub(crate) async fn quarantine(&self, address: Address) -> VaultError {
        self.outboards.lock().forget(address);
        let moved = self.store.rename(&paths::segment(address), &paths::quarantine(address)).await;
        match moved {
            Ok(()) | Err(StoreError::NotFound { .. }) => VaultError::Quarantined(address),
            Err(error) => storage(&error),
        }
    }

    /// Bytes of a segment, not verified yet.
    pub(crate) async fn fetch(
        &self,
        address: Address,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, VaultError> {
        if let Place::Folder(folder) = &self.place
            && let Some(bytes) = at_hand(&paths::segment_in(folder, address), &range)
        {
            return Ok(Some(bytes.into()));
        }
        let (wanted, end) = (range.end.saturating_sub(range.start), range.end);
        // Of the local disk one range of several is a single piece of blocking work, and one alone is two.
        match self.store.get_ranges(&paths::segment(address), &[range]).await {
            // A short answer is a cut segment.
            Ok(parts) => Ok(parts.into_iter().next().filter(|bytes| bytes.len() as u64 == wanted)),
            Err(StoreError::NotFound { .. }) => Err(VaultError::Missing(address)),
            Err(error) => match self.store.head(&paths::segment(address)).await {
                Ok(meta) if meta.size < end => Ok(None),
                _ => Err(storage(&error)),
            },
        }
    }

    async fn rebuild(&self, address: Address) -> Result<Outboard, VaultError> {
        let outboard = self.hash(address).await?;
        if outboard.address() != address {
            return Err(self.quarantine(address).await);
        }
        self.put_outboard(&outboard).await?;
        Ok(outboard)
    }

    /// Reads all of a segment and says how long it is, or `None` if it does not match its address. Changes nothing.
    pub(crate) async fn look_at(&self, address: Address) -> Result<Option<u64>, VaultError> {
        let outboard = self.hash(address).await?;
        Ok((outboard.address() == address).then(|| outboard.content_len()))
    }

    /// The table of what is stored under an address, whether it matches or not.
    async fn hash(&self, address: Address) -> Result<Outboard, VaultError> {
        let found =
            self.store.get(&paths::segment(address)).await.map_err(|error| match error {
                StoreError::NotFound { .. } => VaultError::Missing(address),
                error => storage(&error),
            })?;
        let mut builder = OutboardBuilder::new();
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|e| storage(&e))?;
            builder.update(&piece).map_err(|e| VaultError::Storage(e.to_string()))?;
        }
        Ok(builder.finish())
    }

    async fn list_folder(&self, folder: &str) -> Result<Vec<Address>, VaultError> {
        let folder = object_store::path::Path::from(folder);
        let all = self.store.list(Some(&folder));
        let addresses =
            all.try_filter_map(async |meta: ObjectMeta| Ok(paths::address(&meta.location)));
        Box::pin(addresses).try_collect().await.map_err(|e| storage(&e))
    }
}

#[async_trait]
impl Vault for SegmentVault {
    async fn put_segment(&self, bytes: Bytes) -> Result<Address, VaultError> {
        let outboard = Outboard::of(&bytes).map_err(|e| VaultError::Storage(e.to_string()))?;
        let address = outboard.address();
        // The table first: a segment that is there can be read by range.
        self.put_outboard(&outboard).await?;
        let put = self.store.put(&paths::segment(address), PutPayload::from(bytes)).await;
        put.map_err(|e| storage(&e))?;
        self.remember(&Arc::new(outboard));
        Ok(address)
    }

    async fn begin_segment(&self) -> Result<Box<dyn SegmentSink>, VaultError> {
        Ok(Box::new(self.write().await?))
    }

    async fn get_segment(&self, address: Address, range: Range<u64>) -> Result<Bytes, VaultError> {
        let outboard = self.outboard(address).await?;
        if range.start > range.end || range.end > outboard.content_len() {
            return Err(VaultError::Range(address));
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let covering = outboard.covering(range.clone());
        let Some(bytes) = self.fetch(address, covering.clone()).await? else {
            return Err(self.quarantine(address).await);
        };
        if outboard.verify_slice(covering.start, &bytes).is_err() {
            return Err(self.quarantine(address).await);
        }
        let at = |offset: u64| usize::try_from(offset.saturating_sub(covering.start));
        match (at(range.start), at(range.end)) {
            (Ok(start), Ok(end)) if end <= bytes.len() => Ok(bytes.slice(start..end)),
            _ => Err(VaultError::Range(address)),
        }
    }

    async fn segment_length(&self, address: Address) -> Result<u64, VaultError> {
        Ok(self.outboard(address).await?.content_len())
    }

    async fn remove_segment(&self, address: Address) -> Result<(), VaultError> {
        self.outboards.lock().forget(address);
        for path in [paths::segment(address), paths::outboard(address)] {
            match self.store.delete(&path).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(storage(&error)),
            }
        }
        Ok(())
    }
}

/// What a server says with a refusal may name keys: it is not repeated.
pub(crate) fn storage(error: &StoreError) -> VaultError {
    VaultError::Storage(match error {
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            "access is refused".into()
        }
        error => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outboards_are_kept_within_limits() {
        let mut outboards = Outboards::default();
        let of = |byte: u8, groups: usize| {
            let outboard = Outboard::of(&vec![byte; groups * GROUP_LEN]);
            Arc::new(outboard.unwrap_or_else(|error| panic!("{error}")))
        };
        let (first, second) = (of(1, 4), of(2, 4));
        for outboard in [&first, &second, &first] {
            outboards.keep(outboard);
        }
        assert_eq!(outboards.bytes, 2 * outboard_bytes(&first));
        outboards.forget(first.address());
        assert_eq!(outboards.bytes, outboard_bytes(&second));
        // As if others had filled it.
        outboards.bytes = MAX_CACHED_BYTES;
        outboards.keep(&first);
        assert_eq!(outboards.kept.keys().collect::<Vec<_>>(), [&first.address()]);
    }
}
