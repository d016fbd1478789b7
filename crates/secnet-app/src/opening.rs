//! What opens records, ready: the packets of uploads and of grants, read from the archive once and kept while nothing of
//! their dataset is rewritten.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use secnet_lock::{
    CompartmentId, CompartmentPacket, GrantWraps, HostingPacket, ReleasePacket, UploadId,
};
use secnet_types::{DatasetId, Digest};

use crate::AccessError;
use crate::hosting::own_packet;
use crate::pdc::Pdc;
use crate::ports::{EntryKind, EntryName};

/// Packets that are kept, in bytes; the ones that were read first go first.
const MAX_KEPT_BYTES: usize = 32 * 1024 * 1024;

/// The packets of one upload.
#[derive(Debug)]
pub(crate) struct UploadPackets {
    pub release: Vec<ReleasePacket>,
    pub compartments: BTreeMap<CompartmentId, CompartmentPacket>,
    /// This data centre's own, of a dataset that it hosts.
    pub hosting: Option<HostingPacket>,
}

impl UploadPackets {
    fn bytes(&self) -> usize {
        let release = self.release.iter().map(|packet| packet.envelope.len());
        let hosting = self.hosting.iter().map(|packet| packet.envelope.len());
        let compartments = self.compartments.values().map(|packet| packet.envelope.len());
        release.chain(compartments).chain(hosting).sum()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Upload(UploadId),
    Wraps(Digest),
}

#[derive(Debug, Clone)]
enum Packets {
    Upload(Arc<UploadPackets>),
    Wraps(Arc<GrantWraps>),
}

impl Packets {
    fn bytes(&self) -> usize {
        match self {
            Self::Upload(packets) => packets.bytes(),
            Self::Wraps(wraps) => wraps.envelope.len(),
        }
    }
}

/// What is kept, and how often something was forgotten.
#[derive(Debug, Default)]
pub(crate) struct Openings {
    kept: BTreeMap<(DatasetId, Name), Packets>,
    order: VecDeque<(DatasetId, Name)>,
    bytes: usize,
    forgotten: u64,
    /// Datasets of which something is being rewritten, and by how many.
    rewritten: BTreeMap<DatasetId, usize>,
}

impl Openings {
    /// Is something of this dataset being rewritten? Whoever did and was interrupted may have written it or not, so then
    /// nothing of the dataset is kept until the next start.
    pub(crate) fn is_rewritten(&self, dataset: DatasetId) -> bool {
        self.rewritten.contains_key(&dataset)
    }

    /// Something is about to be rewritten.
    pub(crate) fn begin_rewriting(&mut self, dataset: DatasetId) {
        self.forget(dataset);
        let by = self.rewritten.entry(dataset).or_default();
        *by = by.saturating_add(1);
    }

    /// It has been rewritten.
    pub(crate) fn end_rewriting(&mut self, dataset: DatasetId) {
        self.forget(dataset);
        let by = self.rewritten.get_mut(&dataset);
        if by.is_some_and(|by| {
            *by = by.saturating_sub(1);
            *by == 0
        }) {
            self.rewritten.remove(&dataset);
        }
    }

    fn keep(&mut self, name: (DatasetId, Name), packets: Packets, forgotten: u64) {
        let bytes = packets.bytes();
        // Something was rewritten while the archive was read: what was read may be old already, and is not kept.
        let old = self.forgotten != forgotten || self.is_rewritten(name.0);
        if old || bytes > MAX_KEPT_BYTES || self.kept.contains_key(&name) {
            return;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.kept.insert(name, packets);
        self.order.push_back(name);
        while self.bytes > MAX_KEPT_BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.remove(oldest);
        }
    }

    /// Of this dataset nothing is kept any more, nor what is being read at this moment.
    fn forget(&mut self, dataset: DatasetId) {
        self.forgotten = self.forgotten.wrapping_add(1);
        let of_it = |name: &(DatasetId, Name)| name.0 == dataset;
        let gone: BTreeSet<_> = self.order.iter().copied().filter(of_it).collect();
        self.order.retain(|name| !gone.contains(name));
        for name in gone {
            self.remove(name);
        }
    }

    fn remove(&mut self, name: (DatasetId, Name)) {
        if let Some(packets) = self.kept.remove(&name) {
            self.bytes = self.bytes.saturating_sub(packets.bytes());
        }
    }
}

impl Pdc {
    /// The packets of an upload of this dataset.
    pub(crate) async fn packets_of(
        &self,
        dataset: DatasetId,
        upload: UploadId,
    ) -> Result<Arc<UploadPackets>, AccessError> {
        let name = (dataset, Name::Upload(upload));
        let forgotten = {
            let openings = self.openings.lock();
            if let Some(Packets::Upload(packets)) = openings.kept.get(&name) {
                return Ok(Arc::clone(packets));
            }
            openings.forgotten
        };
        let damaged = |error: secnet_types::DecodeError| AccessError::Damaged(error.to_string());
        let hosting = self.archive.list(EntryKind::HostingPacket, &upload.0).await?;
        let hosting = own_packet(hosting, Digest(self.hosting_key().digest()))?;
        let mut packets =
            UploadPackets { release: Vec::new(), compartments: BTreeMap::new(), hosting };
        for (_, bytes) in self.archive.list(EntryKind::ReleasePacket, &upload.0).await? {
            packets.release.push(ReleasePacket::from_bytes(&bytes).map_err(damaged)?);
        }
        for (_, bytes) in self.archive.list(EntryKind::CompartmentPacket, &upload.0).await? {
            let packet = CompartmentPacket::from_bytes(&bytes).map_err(damaged)?;
            packets.compartments.insert(packet.header.compartment, packet);
        }
        let packets = Arc::new(packets);
        self.openings.lock().keep(name, Packets::Upload(Arc::clone(&packets)), forgotten);
        Ok(packets)
    }

    /// The sealed packets of a grant on this dataset, by their digest.
    pub(crate) async fn wraps_behind(
        &self,
        dataset: DatasetId,
        digest: Digest,
    ) -> Result<Option<Arc<GrantWraps>>, AccessError> {
        let name = (dataset, Name::Wraps(digest));
        let forgotten = {
            let openings = self.openings.lock();
            if let Some(Packets::Wraps(wraps)) = openings.kept.get(&name) {
                return Ok(Some(Arc::clone(wraps)));
            }
            openings.forgotten
        };
        let bytes = self.archive.get(&EntryName::new(EntryKind::Wraps, &[], &digest.0)).await?;
        let Some(bytes) = bytes else { return Ok(None) };
        let wraps = GrantWraps::from_bytes(&bytes);
        let wraps = Arc::new(wraps.map_err(|error| AccessError::Damaged(error.to_string()))?);
        self.openings.lock().keep(name, Packets::Wraps(Arc::clone(&wraps)), forgotten);
        Ok(Some(wraps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: DatasetId = DatasetId([1; 16]);
    const B: DatasetId = DatasetId([2; 16]);

    fn upload(n: u8) -> Name {
        Name::Upload(UploadId([n; 16]))
    }

    fn empty() -> Packets {
        Packets::Upload(Arc::new(UploadPackets {
            release: Vec::new(),
            compartments: BTreeMap::new(),
            hosting: None,
        }))
    }

    #[test]
    fn what_was_read_before_something_was_forgotten_is_not_kept() {
        let mut openings = Openings::default();
        let read_at = openings.forgotten;
        openings.forget(A);
        openings.keep((A, upload(1)), empty(), read_at);
        assert!(openings.kept.is_empty());
        openings.keep((A, upload(1)), empty(), openings.forgotten);
        assert_eq!(openings.kept.len(), 1);
    }

    #[test]
    fn nothing_is_kept_of_what_is_being_rewritten_or_was_when_interrupted() {
        let mut openings = Openings::default();
        let keeps = |openings: &mut Openings| {
            openings.keep((A, upload(1)), empty(), openings.forgotten);
            !openings.kept.is_empty()
        };
        assert!(keeps(&mut openings));
        openings.begin_rewriting(A);
        openings.begin_rewriting(A);
        assert!(!keeps(&mut openings));
        openings.end_rewriting(A);
        assert!(!keeps(&mut openings), "another one is still at it");
        openings.end_rewriting(A);
        assert!(keeps(&mut openings));
    }

    #[test]
    fn one_dataset_is_forgotten_and_no_other() {
        let mut openings = Openings::default();
        for (dataset, n) in [(A, 1), (B, 2), (A, 3)] {
            openings.keep((dataset, upload(n)), empty(), 0);
        }
        openings.forget(A);
        let left: Vec<_> = openings.kept.keys().copied().collect();
        assert_eq!(left, [(B, upload(2))]);
        assert_eq!(openings.order, [(B, upload(2))]);
    }
}
