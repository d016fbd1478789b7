//! Vault and archive in memory, with what a crash leaves of them.
//!
//! A write takes effect in one moment between two gates. A crash at the first gate loses it, a crash at the second
//! leaves a write that nobody was told of; an acknowledged one is never lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use secnet_app::ports::{Archive, ArchiveError, Change, EntryKind, EntryName, Vault, VaultError};
use secnet_crypto::Address;

use crate::gate::Gate;

pub(crate) type Entries = Arc<Mutex<BTreeMap<EntryName, Vec<u8>>>>;
/// What was read of the vault.
pub(crate) type Reads = Arc<Mutex<Vec<(Address, core::ops::Range<u64>)>>>;
pub(crate) type Segments = Arc<Mutex<BTreeMap<[u8; 32], Bytes>>>;

pub(crate) struct SimArchive {
    pub(crate) entries: Entries,
    /// The entries before the last write, for a deliberately forgetful archive.
    pub(crate) before: Entries,
    pub(crate) forgetful: bool,
    pub(crate) gate: Arc<Gate>,
}

#[async_trait]
impl Archive for SimArchive {
    async fn write(&self, changes: Vec<Change>) -> Result<(), ArchiveError> {
        self.gate.pass().await;
        {
            let mut entries = self.entries.lock();
            if self.forgetful {
                self.before.lock().clone_from(&entries);
            }
            for Change { name, value } in changes {
                match value {
                    Some(value) => entries.insert(name, value),
                    None => entries.remove(&name),
                };
            }
        }
        self.gate.pass().await;
        Ok(())
    }

    async fn get(&self, name: &EntryName) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.gate.pass().await;
        let found = self.entries.lock().get(name).cloned();
        self.gate.pass().await;
        Ok(found)
    }

    async fn list(
        &self,
        kind: EntryKind,
        group: &[u8],
    ) -> Result<Vec<(EntryName, Vec<u8>)>, ArchiveError> {
        self.gate.pass().await;
        let found = {
            let entries = self.entries.lock();
            let matching = entries.iter().filter(|(n, _)| n.kind == kind && n.group == group);
            matching.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        self.gate.pass().await;
        Ok(found)
    }
}

pub(crate) struct SimVault {
    pub(crate) segments: Segments,
    pub(crate) gate: Arc<Gate>,
    /// What was read, for the checkers.
    pub(crate) reads: Reads,
}

#[async_trait]
impl Vault for SimVault {
    async fn put_segment(&self, bytes: Bytes) -> Result<Address, VaultError> {
        self.gate.pass().await;
        let address = Address::of(&bytes);
        self.segments.lock().insert(*address.as_bytes(), bytes);
        self.gate.pass().await;
        Ok(address)
    }

    async fn get_segment(
        &self,
        address: Address,
        range: core::ops::Range<u64>,
    ) -> Result<Bytes, VaultError> {
        self.gate.pass().await;
        let segment = self.segments.lock().get(address.as_bytes()).cloned();
        let segment = segment.ok_or(VaultError::Missing(address))?;
        if Address::of(&segment) != address {
            return Err(VaultError::Quarantined(address));
        }
        let at = |place: u64| usize::try_from(place).map_err(|_| VaultError::Range(address));
        let (from, to) = (at(range.start)?, at(range.end)?);
        if from > to || to > segment.len() {
            return Err(VaultError::Range(address));
        }
        self.reads.lock().push((address, range));
        self.gate.pass().await;
        Ok(segment.slice(from..to))
    }

    async fn remove_segment(&self, address: Address) -> Result<(), VaultError> {
        self.gate.pass().await;
        self.segments.lock().remove(address.as_bytes());
        self.gate.pass().await;
        Ok(())
    }
}
