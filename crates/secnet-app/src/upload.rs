//! Taking in what an owner has sealed.

use bytes::Bytes;
use minicbor::{Decode, Encode};
use secnet_crypto::Address;
use secnet_lock::{CompartmentId, RecordEntry, SealedUpload, UploadId, UploadManifest};
use secnet_types::{
    Action, DatasetId, DecodeError, Digest, MemberId, Operation, Purpose, RecordMeta,
    SignedCommand, decode, encode,
};
use std::collections::BTreeSet;

use crate::AccessError;
use crate::pdc::{Pdc, put};
use crate::ports::{Archive, ArchiveError, Change, Committed, EntryKind, EntryName, SubmitError};
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
}

impl Catalogue {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("catalogue", bytes, MAX_CATALOGUE_BYTES)
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

/// The commitment to a dataset's uploads: over the digests of their manifests, in the order they were made.
#[must_use]
pub fn manifest_commitment(salt: &[u8; 32], uploads: &[UploadManifest]) -> Digest {
    let digests: Vec<Digest> = uploads.iter().map(UploadManifest::digest).collect();
    Digest::commit(salt, &encode(&digests))
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
    /// cleared away. After an interruption the same call goes on.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn take_in(
        &self,
        uploads: Vec<Upload>,
        terms: &TermsDetail,
        command: &SignedCommand,
    ) -> Result<(DatasetId, Committed), AccessError> {
        let value = &command.value;
        let (dataset, stated) = match &value.operation {
            Operation::RegisterDataset { terms, .. } => {
                (DatasetId::derive(value.author, value.id), terms)
            }
            Operation::UpdateDataset { dataset, terms, .. }
            | Operation::AcceptDataset { dataset, terms, .. } => (*dataset, terms),
            _ => return Err(AccessError::Malformed("the command registers no dataset".into())),
        };
        if stated.detail != terms.commitment() {
            return Err(AccessError::Malformed(
                "the detailed terms are not those that the command commits to".into(),
            ));
        }
        self.signed_by_member(command)?;
        self.list_accepted(dataset).await?;
        let owner = match &value.operation {
            Operation::UpdateDataset { .. } => self
                .view(|view| view.state.dataset(dataset).map(|entry| entry.owner))
                .flatten()
                .ok_or_else(|| AccessError::Unknown(format!("dataset {dataset}")))?,
            _ => value.author,
        };
        // An erasure between the look at what is kept and the writing would be undone by it.
        let rewriting = self.rewriting.lock().await;
        for upload in &uploads {
            self.check_packets(dataset, &upload.sealed).await?;
            self.own_segments(dataset, value.author, &upload.sealed).await?;
        }
        let name = staged_name(command);
        let ahead = self.hold_ahead(value.author, &uploads).await?;
        let staged = Staged::of(dataset, &uploads, value).with_ahead(value.author, &ahead);
        self.note_staged(name, &staged).await?;
        let mut changes = vec![put(EntryKind::TermsDetail, &[], &stated.detail.0, terms)];
        for upload in uploads {
            changes.extend(claims(
                dataset,
                &self.own_segments(dataset, value.author, &upload.sealed).await?,
            ));
            self.store_upload((dataset, owner, name), upload, &mut changes).await?;
        }
        self.archive.write(changes).await?;
        drop(rewriting);
        match self.log.submit(command.to_bytes()).await {
            Ok(committed) => {
                self.list_staged(name, &staged).await?;
                Ok((dataset, committed))
            }
            Err(SubmitError::Rejected(rejection)) => {
                self.clear_staged(name, &staged).await?;
                Err(rejection.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn store_upload(
        &self,
        (dataset, owner, staged): (DatasetId, MemberId, Digest),
        upload: Upload,
        changes: &mut Vec<Change>,
    ) -> Result<(), AccessError> {
        let Upload { sealed, metas } = upload;
        let id: UploadId = sealed.upload;
        for segment in sealed.segments {
            let address = self.vault.put_segment(Bytes::from(segment.bytes)).await?;
            if address != segment.address {
                return Err(AccessError::Malformed("a segment does not match its address".into()));
            }
        }
        let mut entries: std::collections::BTreeMap<_, _> =
            sealed.entries.into_iter().map(|entry| (entry.record(), entry)).collect();
        let mut items = Vec::with_capacity(metas.len());
        for meta in metas {
            let entry = entries.remove(&meta.id);
            let entry =
                entry.filter(|e| e.dataset() == dataset && e.upload() == id).ok_or_else(|| {
                    AccessError::Malformed(format!(
                        "record {} is described but not in the upload",
                        meta.id
                    ))
                })?;
            items.push(CatalogueItem { meta, entry });
        }
        changes.push(put(EntryKind::Manifest, &staged.0, &id.0, &Catalogue { items, owner }));
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
