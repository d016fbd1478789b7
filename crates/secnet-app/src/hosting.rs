//! The hosted service level: the owner lets this data centre open the records of a dataset, so that it can hand out parts
//! of them.

use secnet_crypto::SealPublicKey;
use secnet_lock::{CompartmentPacket, HostingPacket, UploadId};
use secnet_types::{DatasetId, Digest, MemberId, RecordId, ServiceLevel};
use std::collections::{BTreeMap, BTreeSet};

use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::{Change, EntryKind, EntryName};
use crate::upload::{Catalogue, Upload};

/// One upload of an owner's, with what its hosting packet is made from.
#[derive(Debug, Clone)]
pub struct ToHost {
    /// The upload.
    pub upload: UploadId,
    /// Its records that are not erased.
    pub records: BTreeSet<RecordId>,
    /// Its compartment packets, which the owner's keys open.
    pub packets: Vec<CompartmentPacket>,
}

/// A page of an owner's uploads.
#[derive(Debug, Clone)]
pub struct ToHostPage {
    /// The uploads.
    pub uploads: Vec<ToHost>,
    /// The last of them, if there are more.
    pub next: Option<UploadId>,
}

const NOT_FOR_SEALED: &str = "the records of a sealed dataset are not for the data centre to open; set its level to \
                              hosted, or leave the hosting packets out";

/// The records of each upload.
type Uploads = BTreeMap<UploadId, BTreeSet<RecordId>>;

impl Pdc {
    /// The key that hosting packets are sealed to. The ledger has its digest, as of every member's.
    #[must_use]
    pub fn hosting_key(&self) -> &SealPublicKey {
        &self.host.pair().public
    }

    /// What an owner's client needs to set a dataset to hosted that has records already.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] to anybody else, whether the dataset exists or not; the archive cannot be read.
    pub async fn uploads_to_host(
        &self,
        owner: MemberId,
        dataset: DatasetId,
    ) -> Result<Vec<ToHost>, AccessError> {
        let page = self.uploads_to_host_page(owner, dataset, None, usize::MAX, usize::MAX).await?;
        Ok(page.uploads)
    }

    /// A page of them, in the order of ids: at most so many, and no further one once their packets have so many bytes.
    ///
    /// # Errors
    /// As [`Pdc::uploads_to_host`].
    pub async fn uploads_to_host_page(
        &self,
        owner: MemberId,
        dataset: DatasetId,
        after: Option<UploadId>,
        limit: usize,
        bytes: usize,
    ) -> Result<ToHostPage, AccessError> {
        if self.owned(owner, dataset).is_none() {
            return Err(AccessError::Unknown(format!("dataset {dataset}")));
        }
        let mut all = self.uploads_of(dataset, owner).await?;
        if let Some(after) = after {
            all.retain(|upload, _| *upload > after);
        }
        let (mut uploads, mut size) = (Vec::new(), 0_usize);
        for (upload, records) in all {
            if uploads.len() == limit || size >= bytes {
                let next = uploads.last().map(|last: &ToHost| last.upload);
                return Ok(ToHostPage { uploads, next });
            }
            let packets = self.packets_of(dataset, upload).await?;
            let packets: Vec<CompartmentPacket> = packets.compartments.values().cloned().collect();
            let lengths = packets.iter().map(|packet| packet.to_bytes().len());
            size = lengths.fold(size, usize::saturating_add);
            uploads.push(ToHost { upload, records, packets });
        }
        Ok(ToHostPage { uploads, next: None })
    }

    pub(crate) fn is_hosted(&self, dataset: DatasetId) -> bool {
        let level = self.view(|view| view.state.dataset(dataset).map(|entry| entry.terms.level));
        level.flatten() == Some(ServiceLevel::Hosted)
    }

    /// The packets to keep with a command that gives a dataset this level. Those of a hosted one are complete: each upload
    /// that the dataset then has comes with one, or has one already. A packet is not committed to: a wrong one opens
    /// nothing.
    pub(crate) async fn hosting_to_keep(
        &self,
        (dataset, owner, level): (DatasetId, MemberId, ServiceLevel),
        adds: bool,
        uploads: &[Upload],
        given: &[HostingPacket],
    ) -> Result<Vec<Change>, AccessError> {
        let wrong = |what: String| Err(AccessError::Malformed(what));
        if level == ServiceLevel::Sealed {
            return match given.is_empty() {
                true => Ok(Vec::new()),
                false => wrong(NOT_FOR_SEALED.into()),
            };
        }
        let mut needed = if adds { self.uploads_of(dataset, owner).await? } else { Uploads::new() };
        let ids = |upload: &Upload| upload.metas.iter().map(|meta| meta.id).collect();
        needed.extend(uploads.iter().map(|upload| (upload.sealed.upload, ids(upload))));
        let mut changes = Vec::new();
        for packet in given {
            let upload = packet.header.upload;
            let Some(records) = needed.remove(&upload) else {
                return wrong(format!("a hosting packet is of no upload of the dataset: {upload}"));
            };
            let opened = self.host.open((dataset, upload), packet);
            match opened.map(|halves| halves.records().collect::<BTreeSet<_>>()) {
                Ok(opened) if opened == records => {}
                Ok(_) => {
                    return wrong(format!(
                        "the hosting packet of upload {upload} is of other records"
                    ));
                }
                Err(error) => return wrong(error.to_string()),
            }
            let value = Some(packet.to_bytes());
            changes.push(Change { name: self.hosting_name(upload), value });
        }
        for (upload, records) in needed {
            let kept = self.archive.get(&self.hosting_name(upload)).await?;
            if kept.is_none() && !records.is_empty() {
                return wrong(format!(
                    "the dataset is hosted, and upload {upload} comes without the packet that lets this data \
                     centre open its records; seal one to its key, or set the level to sealed"
                ));
            }
        }
        Ok(changes)
    }

    pub(crate) fn hosting_name(&self, upload: UploadId) -> EntryName {
        EntryName::new(EntryKind::HostingPacket, &upload.0, &self.hosting_key().digest())
    }

    /// A dataset that is not hosted: this data centre keeps nothing that opens it.
    pub(crate) async fn unhost(&self, dataset: DatasetId) -> Result<(), AccessError> {
        let rewriting = self.rewriting.lock().await;
        let mut changes = Vec::new();
        for (name, _) in self.archive.list(EntryKind::Manifest, &dataset.0).await? {
            let kept = self.archive.list(EntryKind::HostingPacket, &name.key).await?;
            changes.extend(kept.into_iter().map(|(name, _)| Change { name, value: None }));
        }
        self.about_to_rewrite(dataset);
        self.archive.write(changes).await?;
        drop(rewriting);
        self.rewritten(dataset);
        Ok(())
    }

    /// What is left of an upload's hosting packets without the erased records. One that does not open goes whole.
    pub(crate) async fn forget_hosted(
        &self,
        upload: &[u8],
        gone: &BTreeSet<RecordId>,
        changes: &mut Vec<Change>,
    ) -> Result<(), AccessError> {
        for (name, bytes) in self.archive.list(EntryKind::HostingPacket, upload).await? {
            let packet = HostingPacket::from_bytes(&bytes).ok();
            let rest = packet
                .and_then(|packet| self.host.forget(&packet, gone, &mut self.rng()).ok().flatten());
            changes.push(Change { name, value: rest.map(|packet| packet.to_bytes()) });
        }
        Ok(())
    }

    async fn uploads_of(
        &self,
        dataset: DatasetId,
        owner: MemberId,
    ) -> Result<Uploads, AccessError> {
        let mut uploads = Uploads::new();
        for (name, bytes) in self.archive.list(EntryKind::Manifest, &dataset.0).await? {
            let catalogue = Catalogue::from_bytes(&bytes)
                .map_err(|error| AccessError::Damaged(error.to_string()))?;
            if let (true, Ok(id)) = (catalogue.owner == owner, name.key.try_into()) {
                let records = catalogue.items.iter().map(|item| item.meta.id).collect();
                uploads.insert(UploadId(id), records);
            }
        }
        Ok(uploads)
    }
}

/// The hosting packet of an upload for this key, as it is kept.
pub(crate) fn own_packet(
    kept: Vec<(EntryName, Vec<u8>)>,
    key: Digest,
) -> Result<Option<HostingPacket>, AccessError> {
    let own = kept.into_iter().find(|(name, _)| name.key == key.0);
    let packet = own.map(|(_, bytes)| HostingPacket::from_bytes(&bytes)).transpose();
    packet.map_err(|error| AccessError::Damaged(error.to_string()))
}
