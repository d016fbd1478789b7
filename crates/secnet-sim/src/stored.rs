//! The real vault and the real archive, in folders that fail, with a gate around every call.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use secnet_app::ports::{
    Archive, ArchiveError, Change, EntryKind, EntryName, SegmentSink, Vault, VaultError,
};
use secnet_crypto::Address;
use secnet_types::Digest;
use secnet_vault::{PrivateArchive, SegmentVault};

use crate::folder::FaultyFolder;
use crate::gate::Gate;
use crate::log::SimLog;
use crate::release::{Read, Watch};

/// As the vault's specification names it.
const KEY_FILE: &str = "archive.key";

pub(crate) struct SimArchive {
    pub(crate) archive: PrivateArchive,
    pub(crate) folder: FaultyFolder,
    pub(crate) gate: Arc<Gate>,
    pub(crate) watch: Arc<Mutex<Watch>>,
}

impl SimArchive {
    /// One call between two gates; if the disk crashed under it, nothing in this process counts any more.
    async fn at_the_gate<T>(&self, call: impl Future<Output = T>) -> T {
        self.gate.pass().await;
        let result = call.await;
        if self.folder.crashed() {
            self.gate.kill();
        }
        self.gate.pass().await;
        result
    }

    /// Forget the keys under which deleted entries were sealed.
    pub(crate) async fn rekey(&self) -> Result<(), ArchiveError> {
        let before = self.folder.after_crash().remove(KEY_FILE);
        self.at_the_gate(self.archive.rekey()).await?;
        self.watch.lock().forgotten.extend(before);
        Ok(())
    }
}

/// Stands for an entry that was written.
pub(crate) fn entry_digest(name: &EntryName, value: &[u8]) -> Digest {
    Digest::of_parts("secnet/sim/entry/v1", &[&[name.kind as u8], &name.group, &name.key, value])
}

#[async_trait]
impl Archive for SimArchive {
    async fn write(&self, changes: Vec<Change>) -> Result<(), ArchiveError> {
        let values = changes.iter().filter_map(|c| Some(entry_digest(&c.name, c.value.as_ref()?)));
        self.watch.lock().written.extend(values);
        self.at_the_gate(self.archive.write(changes)).await
    }

    async fn get(&self, name: &EntryName) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.at_the_gate(self.archive.get(name)).await
    }

    async fn list(
        &self,
        kind: EntryKind,
        group: &[u8],
    ) -> Result<Vec<(EntryName, Vec<u8>)>, ArchiveError> {
        self.at_the_gate(self.archive.list(kind, group)).await
    }
}

pub(crate) struct SimVault {
    pub(crate) vault: SegmentVault,
    pub(crate) folder: FaultyFolder,
    pub(crate) gate: Arc<Gate>,
    pub(crate) log: Arc<SimLog>,
    pub(crate) watch: Arc<Mutex<Watch>>,
}

impl SimVault {
    async fn at_the_gate<T>(&self, call: impl Future<Output = T>) -> T {
        self.gate.pass().await;
        let result = call.await;
        if self.folder.crashed() {
            self.gate.kill();
        }
        self.gate.pass().await;
        result
    }
}

#[async_trait]
impl Vault for SimVault {
    async fn put_segment(&self, bytes: Bytes) -> Result<Address, VaultError> {
        self.at_the_gate(self.vault.put_segment(bytes)).await
    }

    async fn begin_segment(&self) -> Result<Box<dyn SegmentSink>, VaultError> {
        let (vault, folder, gate) =
            (self.vault.clone(), self.folder.clone(), Arc::clone(&self.gate));
        Ok(Box::new(SimSink { vault, folder, gate, bytes: Vec::new() }))
    }

    async fn get_segment(
        &self,
        address: Address,
        range: core::ops::Range<u64>,
    ) -> Result<Bytes, VaultError> {
        // Nothing was awaited since the flow looked at the ledger.
        let moment = self.log.moment(&self.watch);
        let read = Read { segment: address, range: range.clone(), moment };
        self.watch.lock().reads.push(read);
        self.at_the_gate(self.vault.get_segment(address, range)).await
    }

    async fn segment_length(&self, address: Address) -> Result<u64, VaultError> {
        self.at_the_gate(self.vault.segment_length(address)).await
    }

    async fn remove_segment(&self, address: Address) -> Result<(), VaultError> {
        self.at_the_gate(self.vault.remove_segment(address)).await
    }
}

/// The vault's own writer hands parts to threads, which there are none of here: the pieces are kept, and stored at the end.
struct SimSink {
    vault: SegmentVault,
    folder: FaultyFolder,
    gate: Arc<Gate>,
    bytes: Vec<u8>,
}

#[async_trait]
impl SegmentSink for SimSink {
    async fn write(&mut self, bytes: Bytes) -> Result<(), VaultError> {
        self.gate.pass().await;
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>, address: Address) -> Result<(), VaultError> {
        if Address::of(&self.bytes) != address {
            return Err(VaultError::Mismatch(address));
        }
        self.gate.pass().await;
        let stored = self.vault.put_segment(Bytes::from(self.bytes)).await;
        if self.folder.crashed() {
            self.gate.kill();
        }
        self.gate.pass().await;
        stored.map(drop)
    }

    async fn abort(self: Box<Self>) -> Result<(), VaultError> {
        self.gate.pass().await;
        Ok(())
    }
}
