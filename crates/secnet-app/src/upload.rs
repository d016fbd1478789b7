//! Taking in what an owner has sealed.

use bytes::Bytes;
use minicbor::{Decode, Encode};
use secnet_crypto::Address;
use secnet_lock::{CompartmentId, HostingPacket, RecordEntry, SealedUpload, UploadId};
use secnet_types::{
    Action, DatasetId, DecodeError, Digest, MemberId, Operation, Purpose, RecordMeta, ServiceLevel,
    SignedCommand, decode, encode,
};
use std::collections::BTreeSet;

use crate::AccessError;
use crate::manifest::{DatasetManifest, upload_digest};
use crate::pdc::{Pdc, put};
use crate::ports::{Archive, ArchiveError, Change, Committed, EntryKind, EntryName};
use crate::segments::claims;
use crate::staging::{Staged, staged_name};

/// Longest catalogue of one upload, in bytes.
const MAX_CATALOGUE_BYTES: usize = 64 * 1024 * 1024;
/// Longest detailed terms, in bytes.
const MAX_TERMS_BYTES: usize = 64 * 1024;

/// One record as the PDC lists it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CatalogueItem {
    /// What is known of it.
    #[n(0)]
    pub meta: RecordMeta,
    /// Where it is and how it opens.
    #[n(1)]
    pub entry: RecordEntry,
}

/// The records of one upload.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Catalogue {
    /// The records.
    #[n(0)]
    pub items: Vec<CatalogueItem>,
    /// Under whose keys they are. After a transfer the former owner's records are no part of the dataset any more.
    #[n(1)]
    pub owner: MemberId,
    /// Digest of the upload's manifest.
    #[n(2)]
    pub manifest: Digest,
    /// The digests of the records that were erased: what is left can still be checked against the owner's commitment.
    #[n(3)]
    pub erased: BTreeSet<Digest>,
}

impl Catalogue {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("catalogue", bytes, MAX_CATALOGUE_BYTES)
    }

    /// As [`Upload::digest`], of what is kept.
    pub(crate) fn digest(&self) -> Digest {
        let items = self.items.iter().map(CatalogueItem::digest);
        upload_digest(self.manifest, &items.chain(self.erased.iter().copied()).collect())
    }
}

/// The detailed terms of a dataset, which only its PDC knows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TermsDetail {
    /// What it is called among those who may know of it.
    #[n(0)]
    pub title: String,
    /// For these purposes only; absent for any.
    #[n(1)]
    pub purposes: Option<BTreeSet<Purpose>>,
    /// These actions only; absent for any.
    #[n(2)]
    pub actions: Option<BTreeSet<Action>>,
    /// Random; without it the commitment tells nothing.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: [u8; 32],
}

impl TermsDetail {
    /// The commitment in the ledger's terms.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        Digest::commit(&self.salt, &encode(self))
    }

    /// Parse what a client hands in.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("detailed terms", bytes, MAX_TERMS_BYTES)
    }
}

/// A sealed upload with the records' descriptions.
#[derive(Debug)]
pub struct Upload {
    /// What the owner's side sealed.
    pub sealed: SealedUpload,
    /// One description for each record.
    pub metas: Vec<RecordMeta>,
}

/// What a command that registers, updates or accepts a dataset commits to.
#[derive(Debug, Clone)]
pub struct Stated {
    /// The detailed terms.
    pub terms: TermsDetail,
    /// The uploads; none if an update changes nothing of them.
    pub manifest: Option<DatasetManifest>,
    /// Of a hosted dataset: what lets this data centre open the records, for each upload that it has no packet of yet.
    pub hosting: Vec<HostingPacket>,
}

/// The segments that a dataset's records are in. A free function, because a check of a damaged folder has no [`Pdc`].
///
/// # Errors
/// [`ArchiveError`]: what is damaged is named.
pub async fn referenced_segments(
    archive: &dyn Archive,
    dataset: DatasetId,
) -> Result<BTreeSet<Address>, ArchiveError> {
    let mut segments = BTreeSet::new();
    for (_, bytes) in archive.list(EntryKind::Manifest, &dataset.0).await? {
        let catalogue = Catalogue::from_bytes(&bytes)
            .map_err(|error| ArchiveError::Damaged(format!("a manifest of {dataset}: {error}")))?;
        segments.extend(catalogue.items.iter().map(|item| item.entry.location().segment));
    }
    Ok(segments)
}

/// The compartments that a dataset's records are sealed for.
///
/// # Errors
/// [`ArchiveError`].
pub async fn compartments_in_use(
    archive: &dyn Archive,
    dataset: DatasetId,
) -> Result<BTreeSet<CompartmentId>, ArchiveError> {
    let mut compartments = BTreeSet::new();
    for (_, bytes) in archive.list(EntryKind::Manifest, &dataset.0).await? {
        let catalogue = Catalogue::from_bytes(&bytes)
            .map_err(|error| ArchiveError::Damaged(format!("a manifest of {dataset}: {error}")))?;
        compartments.extend(catalogue.items.iter().map(|item| item.entry.compartment()));
    }
    Ok(compartments)
}

impl Pdc {
    /// Store an upload of a dataset, then submit the owner's command that registers or updates it. The segments are
    /// durable before the ledger speaks of them, and listed with the dataset only after: if the ledger refuses, they are
    /// cleared away. After an interruption the same call goes on; what was finished is not stored again, or what was
    /// erased since would come back.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn take_in(
        &self,
        uploads: Vec<Upload>,
        stated: &Stated,
        command: &SignedCommand,
    ) -> Result<(DatasetId, Committed), AccessError> {
        let value = &command.value;
        let (dataset, terms) = match &value.operation {
            Operation::RegisterDataset { terms, .. } => {
                (DatasetId::derive(value.author, value.id), terms)
            }
            Operation::UpdateDataset { dataset, terms, .. }
            | Operation::AcceptDataset { dataset, terms, .. } => (*dataset, terms),
            _ => return Err(AccessError::Malformed("the command registers no dataset".into())),
        };
        if terms.detail != stated.terms.commitment() {
            return Err(AccessError::Malformed(
                "the detailed terms are not those that the command commits to".into(),
            ));
        }
        self.signed_by_member(command)?;
        // Each update commits to all uploads before it, so there is one at a time.
        let one_at_a_time = self.taking_in.lock().await;
        self.list_accepted(dataset).await?;
        if self.taken_in(dataset, &uploads, command).await? {
            return Ok((dataset, self.log.submit(command.to_bytes()).await?));
        }
        // What is wrong with an upload to a dataset is said to whoever may know that there is one.
        if let Some(unknown) = self.names_unknown(command) {
            return Err(unknown.into());
        }
        self.is_for_here(command, dataset)?;
        let manifest = stated.manifest.as_ref();
        self.check_manifest((dataset, &value.operation), &uploads, manifest).await?;
        let staged = Staged::of(dataset, &uploads, value);
        let level = terms.level;
        let hosted = self.is_hosted(dataset) || level == ServiceLevel::Hosted;
        let staged = self.stage(uploads, (stated, level), staged, command).await?;
        let ordered = self.log.submit(command.to_bytes()).await;
        let settled = self.settle_staged(ordered, &staged, command).await;
        // The command was refused, or the owner takes back what she had trusted this data centre with.
        if hosted && !self.is_hosted(dataset) {
            self.unhost(dataset).await?;
        }
        drop(one_at_a_time);
        settled.map(|committed| (dataset, committed))
    }

    /// What the command brings is kept by the data centre that it names, or that the dataset is at.
    fn is_for_here(&self, command: &SignedCommand, dataset: DatasetId) -> Result<(), AccessError> {
        match &command.value.operation {
            Operation::RegisterDataset { pdc, .. } | Operation::AcceptDataset { pdc, .. }
                if *pdc != self.member =>
            {
                Err(AccessError::Elsewhere(Box::new(self.place_at(dataset, *pdc))))
            }
            Operation::UpdateDataset { .. } => {
                self.not_elsewhere(command.value.author, dataset)?;
                self.may_be_moved(command)
            }
            _ => Ok(()),
        }
    }

    /// Everything that the command speaks of is durable, under the command's name.
    async fn stage(
        &self,
        uploads: Vec<Upload>,
        (stated, level): (&Stated, ServiceLevel),
        staged: Staged,
        command: &SignedCommand,
    ) -> Result<Staged, AccessError> {
        let (author, dataset) = (command.value.author, staged.dataset());
        let adds = matches!(command.value.operation, Operation::UpdateDataset { .. });
        let owner = match &command.value.operation {
            Operation::UpdateDataset { .. } => self
                .view(|view| view.state.dataset(dataset).map(|entry| entry.owner))
                .flatten()
                .ok_or_else(|| AccessError::Unknown(format!("dataset {dataset}")))?,
            _ => author,
        };
        // An erasure between the look at what is kept and the writing would be undone by it.
        let rewriting = self.rewriting.lock().await;
        let mut checked = Vec::with_capacity(uploads.len());
        for upload in &uploads {
            let items = upload.items(dataset)?;
            self.check_packets(dataset, &upload.sealed).await?;
            checked.push((items, self.own_segments(dataset, author, &upload.sealed).await?));
        }
        let (what, given) = ((dataset, owner, level), &stated.hosting);
        if author != owner && !given.is_empty() {
            return Err(AccessError::Malformed(
                "only the owner lets a data centre open records".into(),
            ));
        }
        let hosting = self.hosting_to_keep(what, adds, &uploads, given).await?;
        let name = staged_name(command);
        let ahead = self.hold_ahead(author, &uploads).await?;
        let staged = staged.with_ahead(author, &ahead);
        self.note_staged(name, &staged).await?;
        let terms = stated.terms.commitment();
        let mut changes = vec![put(EntryKind::TermsDetail, &[], &terms.0, &stated.terms)];
        changes.extend(hosting);
        if let Some(manifest) = &stated.manifest {
            let key = manifest.commitment();
            changes.push(put(EntryKind::DatasetManifest, &dataset.0, &key.0, manifest));
        }
        for (upload, (items, segments)) in uploads.into_iter().zip(checked) {
            changes.extend(claims(dataset, &segments));
            self.store_upload((owner, name), (upload.sealed, items), &mut changes).await?;
        }
        self.archive.write(changes).await?;
        drop(rewriting);
        Ok(staged)
    }

    async fn store_upload(
        &self,
        (owner, staged): (MemberId, Digest),
        (sealed, items): (SealedUpload, Vec<CatalogueItem>),
        changes: &mut Vec<Change>,
    ) -> Result<(), AccessError> {
        let id: UploadId = sealed.upload;
        for segment in sealed.segments {
            let address = self.vault.put_segment(Bytes::from(segment.bytes)).await?;
            if address != segment.address {
                return Err(AccessError::Malformed("a segment does not match its address".into()));
            }
        }
        let manifest = sealed.manifest.digest();
        let catalogue = Catalogue { items, owner, manifest, erased: BTreeSet::new() };
        changes.push(put(EntryKind::Manifest, &staged.0, &id.0, &catalogue));
        for packet in sealed.compartment_packets {
            let key = packet.header.compartment.0.0;
            let name = EntryName::new(EntryKind::CompartmentPacket, &id.0, &key);
            changes.push(Change { name, value: Some(packet.to_bytes()) });
        }
        for packet in sealed.release_packets {
            let name = EntryName::new(EntryKind::ReleasePacket, &id.0, &packet.header.key.0);
            changes.push(Change { name, value: Some(packet.to_bytes()) });
        }
        Ok(())
    }

    /// Packets are kept under their upload's id, which whoever was granted a record knows. Nobody replaces those of
    /// another upload: its records would never open again.
    async fn check_packets(
        &self,
        dataset: DatasetId,
        sealed: &SealedUpload,
    ) -> Result<(), AccessError> {
        let upload = sealed.upload;
        let own = |header: (DatasetId, UploadId)| header == (dataset, upload);
        let compartments = sealed
            .compartment_packets
            .iter()
            .map(|packet| (own((packet.header.dataset, packet.header.upload)), packet.to_bytes()));
        let releases = sealed
            .release_packets
            .iter()
            .map(|packet| (own((packet.header.dataset, packet.header.upload)), packet.to_bytes()));
        let given: Vec<(bool, Vec<u8>)> = compartments.chain(releases).collect();
        if !given.iter().all(|(own, _)| *own) {
            return Err(AccessError::Malformed("a packet belongs to another upload".into()));
        }
        for kind in [EntryKind::CompartmentPacket, EntryKind::ReleasePacket] {
            for (_, kept) in self.archive.list(kind, &upload.0).await? {
                if !given.iter().any(|(_, bytes)| *bytes == kept) {
                    return Err(AccessError::Malformed(
                        "there is another upload of this id; seal the records again".into(),
                    ));
                }
            }
        }
        Ok(())
    }
}
