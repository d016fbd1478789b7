//! What is taken besides the records, and what shows that it is right.

use secnet_lock::{CompartmentPacket, Known, RecordEntry, ReleasePacket, UploadId, UploadManifest};
use secnet_types::{DatasetId, DecisionId, Digest, Operation, Signed, SignedCommand};
use std::collections::{BTreeMap, BTreeSet};

use super::taking::{Broken, Taking};
use crate::access::facts_name;
use crate::feedback::Feedback;
use crate::notices::Notice;
use crate::ports::{Change, EntryKind, EntryName};
use crate::record::FactsRecord;
use crate::upload::Catalogue;

/// Catalogues by upload.
pub(super) type Listed = BTreeMap<UploadId, Catalogue>;

/// Longest notice, in bytes.
const MAX_NOTICE_BYTES: usize = 64 * 1024;

impl Taking<'_> {
    /// What decisions were a function of, what the owner was told, what was said of decisions. Of a decision whose facts are needed to
    /// collect, they must be here.
    pub(super) async fn extras(&mut self) -> Result<(), Broken> {
        self.pdc.catch_up().await?;
        let (dataset, owner) = (self.dataset, self.note.owner);
        for kind in [EntryKind::Facts, EntryKind::Notice, EntryKind::Feedback] {
            let group = if kind == EntryKind::Notice { &owner.0[..] } else { &dataset.0[..] };
            for (key, digest) in self.names(kind, None).await? {
                let name = EntryName::new(kind, group, &key);
                let here = self.pdc.archive.get(&name).await?;
                // Who owns it may have put a notice aside here since.
                let is_here = here
                    .as_ref()
                    .is_some_and(|bytes| kind != EntryKind::Facts || Digest::of(bytes) == digest);
                if is_here {
                    continue;
                }
                let Some(bytes) = self.value(kind, None, &key).await? else { continue };
                if self.holds(&name, &bytes).await? {
                    self.write(vec![Change { name, value: Some(bytes) }]).await?;
                }
            }
        }
        let collectable: BTreeSet<DecisionId> = self
            .pdc
            .view(|view| {
                let decided = view.state.decisions_on(dataset);
                decided.filter(|it| it.owner == owner).map(|it| it.id).collect()
            })
            .unwrap_or_default();
        for decision in collectable {
            if self.pdc.archive.get(&facts_name(dataset, decision)).await?.is_none() {
                self.lacks(format!("the facts of decision {decision}"));
            }
        }
        Ok(())
    }

    async fn holds(&self, name: &EntryName, bytes: &[u8]) -> Result<bool, Broken> {
        let Some(decision) = name.key.first_chunk::<16>().map(|id| DecisionId(*id)) else {
            return Ok(false);
        };
        match name.kind {
            EntryKind::Facts => {
                let Ok(facts) = FactsRecord::from_bytes(bytes) else { return Ok(false) };
                let committed = self.committed(decision).await?;
                Ok(facts.dataset == self.dataset && committed == Some(facts.commitment()))
            }
            EntryKind::Notice => {
                let notice = secnet_types::decode::<Notice>("notice", bytes, MAX_NOTICE_BYTES);
                let about = notice.is_ok_and(|notice| {
                    (notice.dataset, notice.decision) == (self.dataset, decision)
                });
                Ok(about && self.committed(decision).await?.is_some())
            }
            EntryKind::Feedback => {
                let Ok(said) = Signed::<Feedback>::parse(bytes) else { return Ok(false) };
                let about = said.value.dataset == self.dataset
                    && said.value.decision == decision
                    && name.key.get(16..) == Some(&said.value.author.0[..])
                    && self.pdc.signed_by_author(&said).is_ok();
                Ok(about && self.committed(decision).await?.is_some())
            }
            _ => Ok(false),
        }
    }

    /// The facts that a decision on what the owner owned commits to on the ledger.
    async fn committed(&self, decision: DecisionId) -> Result<Option<Digest>, Broken> {
        let wanted = BTreeSet::from([decision]);
        let events = self.pdc.timeline.lock().holding(self.note.owner, &wanted);
        for event in events {
            let Some(bytes) = self.pdc.log.command_of(event).await? else { continue };
            let Ok(command) = SignedCommand::parse(&bytes) else { continue };
            let value = &command.value;
            if let Operation::RecordDecision { decision: recorded } = &value.operation
                && DecisionId::derive(value.author, value.id) == decision
                && recorded.request.value.dataset == self.dataset
            {
                return Ok(Some(recorded.facts));
            }
        }
        Ok(None)
    }
}

/// Are all records of this upload and dataset?
pub(super) fn fits_upload(catalogue: &Catalogue, dataset: DatasetId, upload: UploadId) -> bool {
    catalogue.items.iter().all(|item| {
        item.entry.dataset() == dataset
            && item.entry.upload() == upload
            && item.entry.record() == item.meta.id
    })
}

/// What is wrong with a packet, as far as it can be seen from outside.
pub(super) fn packet_amiss(
    kind: EntryKind,
    (dataset, upload): (DatasetId, UploadId),
    key: &[u8],
    bytes: &[u8],
) -> Option<&'static str> {
    let right = match kind {
        EntryKind::CompartmentPacket => CompartmentPacket::from_bytes(bytes).is_ok_and(|packet| {
            let header = packet.header;
            (header.dataset, header.upload) == (dataset, upload) && header.compartment.0.0 == key
        }),
        _ => ReleasePacket::from_bytes(bytes).is_ok_and(|packet| {
            let header = packet.header;
            let dealer = header.dealt.as_ref().map(|dealt| dealt.dealer);
            let place: Vec<u8> = header.key.0.iter().copied().chain(dealer).collect();
            (header.dataset, header.upload) == (dataset, upload) && place == key
        }),
    };
    (!right).then_some("a packet of it is altered, or of something else")
}

/// Are these the packets that the owner sealed, by the manifest of the upload? None if that cannot be told: something was erased or
/// handed over since.
pub(super) fn is_pristine(
    catalogue: &Catalogue,
    compartments: &[CompartmentPacket],
    releases: &[ReleasePacket],
) -> Option<bool> {
    let first = catalogue.items.first().filter(|_| catalogue.erased.is_empty())?;
    if releases.iter().any(|packet| packet.header.dealt.is_some()) {
        return None;
    }
    let (mut compartments, mut releases) = (compartments.to_vec(), releases.to_vec());
    compartments.sort_by_key(|packet| packet.header.compartment);
    releases.sort_by_key(|packet| packet.header.node);
    let mut entries: Vec<&RecordEntry> = catalogue.items.iter().map(|item| &item.entry).collect();
    entries.sort_by_key(|entry| entry.record());
    let bytes: Vec<Vec<u8>> = entries.into_iter().map(RecordEntry::to_bytes).collect();
    let parts: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    let packets = compartments.iter().map(|packet| packet.digest());
    let manifest = UploadManifest {
        version: Known,
        dataset: first.entry.dataset(),
        upload: first.entry.upload(),
        threshold: first.entry.threshold(),
        nodes: releases.iter().map(|packet| packet.header.key).collect(),
        packets: packets.chain(releases.iter().map(|packet| packet.digest())).collect(),
        entries: Digest::of_parts("secnet/lock/entries/v1", &parts),
    };
    Some(manifest.digest() == catalogue.manifest)
}
