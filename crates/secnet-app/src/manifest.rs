//! What an owner commits to of a dataset's records, and what an upload of them is made of.

use minicbor::{Decode, Encode};
use secnet_ledger::{Dataset, DatasetStatus, Rejection};
use secnet_lock::{RecordEntry, SealedUpload};
use secnet_types::{
    DatasetId, DecodeError, Digest, MemberId, Operation, RecordId, RecordMeta, Terms, decode,
    encode,
};
use std::collections::{BTreeMap, BTreeSet};

use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::{EntryKind, EntryName, SubmitError, View};
use crate::upload::{CatalogueItem, TermsDetail, Upload};

/// Uploads of one dataset under one owner.
pub const MAX_UPLOADS_OF_DATASET: usize = 65_536;
/// Longest list of a dataset's uploads, in bytes.
const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// Everything that an owner has brought into a dataset: what the ledger's commitment stands for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DatasetManifest {
    /// Random; without it the commitment tells nothing.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: [u8; 32],
    /// The digest of each upload, in the order they were made.
    #[n(1)]
    pub uploads: Vec<Digest>,
}

impl DatasetManifest {
    /// Of the first uploads.
    #[must_use]
    pub fn of(salt: [u8; 32], uploads: &[Upload]) -> Self {
        Self { salt, uploads: uploads.iter().map(Upload::digest).collect() }
    }

    /// Of what was there before, and these uploads.
    #[must_use]
    pub fn with(&self, salt: [u8; 32], uploads: &[Upload]) -> Self {
        let all = self.uploads.iter().copied().chain(uploads.iter().map(Upload::digest));
        Self { salt, uploads: all.collect() }
    }

    /// The commitment in the ledger's entry of the dataset.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        Digest::commit(&self.salt, &encode(&self.uploads))
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("list of uploads", bytes, MAX_MANIFEST_BYTES)
    }
}

impl CatalogueItem {
    /// The key of the record is wrapped in it, so the digest tells nothing of the record.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of_value(self)
    }
}

/// The digest of an upload: of its manifest, and of each of its records as they are listed. Records that were erased
/// have left theirs.
pub(crate) fn upload_digest(manifest: Digest, items: &BTreeSet<Digest>) -> Digest {
    Digest::of_value(&(manifest, items.iter().copied().collect::<Vec<Digest>>()))
}

impl Upload {
    /// What the owner's commitment says of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let items = listed(&self.sealed.entries, &self.metas);
        let items = items.iter().map(CatalogueItem::digest).collect();
        upload_digest(self.sealed.manifest.digest(), &items)
    }

    /// Its records as they are to be listed, if it is what its manifest says and describes all it holds.
    pub(crate) fn items(&self, dataset: DatasetId) -> Result<Vec<CatalogueItem>, AccessError> {
        if !is_what_it_says(&self.sealed) {
            return Err(AccessError::Malformed("an upload is not what its manifest says".into()));
        }
        let id = self.sealed.upload;
        let of_it = |entry: &RecordEntry| entry.dataset() == dataset && entry.upload() == id;
        let items = listed(&self.sealed.entries, &self.metas);
        let whole = items.len() == self.metas.len() && items.len() == self.sealed.entries.len();
        if !whole || !self.sealed.entries.iter().all(of_it) {
            return Err(AccessError::Malformed(
                "the records that are described are not those in the upload".into(),
            ));
        }
        Ok(items)
    }
}

/// Each description with its entry, as far as there are both.
fn listed(entries: &[RecordEntry], metas: &[RecordMeta]) -> Vec<CatalogueItem> {
    let mut entries: BTreeMap<RecordId, &RecordEntry> =
        entries.iter().map(|entry| (entry.record(), entry)).collect();
    let item = |meta: &RecordMeta| {
        let entry = entries.remove(&meta.id)?.clone();
        Some(CatalogueItem { meta: meta.clone(), entry })
    };
    metas.iter().filter_map(item).collect()
}

fn is_what_it_says(sealed: &SealedUpload) -> bool {
    let compartments = sealed.compartment_packets.iter().map(|packet| packet.digest());
    let packets = compartments.chain(sealed.release_packets.iter().map(|packet| packet.digest()));
    let bytes: Vec<Vec<u8>> = sealed.entries.iter().map(RecordEntry::to_bytes).collect();
    let parts: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    sealed.manifest.upload == sealed.upload
        && packets.eq(sealed.manifest.packets.iter().copied())
        && sealed.manifest.entries == Digest::of_parts("secnet/lock/entries/v1", &parts)
}

impl Pdc {
    /// What the ledger's commitment to a dataset's records stands for at this moment.
    ///
    /// # Errors
    /// [`AccessError::Unknown`]; [`AccessError::Damaged`] if it is not kept here.
    pub async fn manifest_of(&self, dataset: DatasetId) -> Result<DatasetManifest, AccessError> {
        let commitment = self.manifest_on_ledger(dataset);
        let commitment =
            commitment.ok_or_else(|| AccessError::Unknown(format!("dataset {dataset}")))?;
        let name = EntryName::new(EntryKind::DatasetManifest, &dataset.0, &commitment.0);
        let bytes = self.archive.get(&name).await?;
        let manifest = bytes.and_then(|bytes| DatasetManifest::from_bytes(&bytes).ok());
        if let Some(manifest) = manifest.filter(|manifest| manifest.commitment() == commitment) {
            return Ok(manifest);
        }
        let entry = |view: &View<'_>| {
            view.state.dataset(dataset).map(|entry| (entry.status, entry.manifest))
        };
        Err(match self.view(entry).flatten() {
            Some((DatasetStatus::Erased, _)) => Rejection::DatasetNotActive.into(),
            // It was another one a moment ago.
            Some((_, manifest)) if manifest != commitment => AccessError::Ledger(SubmitError::Busy),
            _ => AccessError::Damaged(format!("the list of the uploads of dataset {dataset}")),
        })
    }

    /// The same for the owner, who needs it to add to the dataset from anywhere.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] to anybody else, whether the dataset exists or not; as [`Pdc::manifest_of`].
    pub async fn owned_manifest(
        &self,
        owner: MemberId,
        dataset: DatasetId,
    ) -> Result<DatasetManifest, AccessError> {
        if self.owned(owner, dataset).is_none() {
            return Err(AccessError::Unknown(format!("dataset {dataset}")));
        }
        self.manifest_of(dataset).await
    }

    /// The terms of a dataset and what they commit to, for the owner, who changes them from anywhere.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] to anybody else, whether the dataset exists or not; [`AccessError::Damaged`] if what they commit
    /// to is not kept here.
    pub async fn owned_terms(
        &self,
        owner: MemberId,
        dataset: DatasetId,
    ) -> Result<(Terms, TermsDetail), AccessError> {
        let terms = self.owned(owner, dataset).filter(|entry| entry.pdc == self.member);
        let terms = terms.ok_or_else(|| AccessError::Unknown(format!("dataset {dataset}")))?.terms;
        let name = EntryName::new(EntryKind::TermsDetail, &[], &terms.detail.0);
        let bytes = self.archive.get(&name).await?;
        let detail = bytes.and_then(|bytes| TermsDetail::from_bytes(&bytes).ok());
        let detail = detail.filter(|detail| detail.commitment() == terms.detail);
        let damaged = || AccessError::Damaged(format!("the detailed terms of dataset {dataset}"));
        Ok((terms, detail.ok_or_else(damaged)?))
    }

    pub(crate) fn owned(&self, owner: MemberId, dataset: DatasetId) -> Option<Dataset> {
        let owned = self.view(|view| view.state.dataset(dataset).cloned()).flatten();
        owned.filter(|entry| entry.owner == owner)
    }

    pub(crate) fn manifest_on_ledger(&self, dataset: DatasetId) -> Option<Digest> {
        self.view(|view| view.state.dataset(dataset).map(|entry| entry.manifest)).flatten()
    }

    /// Does the command commit to what was there before and to exactly these uploads? Records that it does not speak of
    /// are brought in by nobody.
    pub(crate) async fn check_manifest(
        &self,
        (dataset, operation): (DatasetId, &Operation),
        uploads: &[Upload],
        manifest: Option<&DatasetManifest>,
    ) -> Result<(), AccessError> {
        let (stated, adds) = match operation {
            Operation::RegisterDataset { manifest, .. }
            | Operation::AcceptDataset { manifest, .. } => (*manifest, false),
            Operation::UpdateDataset { manifest, .. } => (*manifest, true),
            _ => return Err(AccessError::Malformed("the command registers no dataset".into())),
        };
        let wrong = |what: &str| Err(AccessError::Malformed(what.into()));
        let Some(manifest) = manifest else {
            // Other terms, and the same records.
            let same = adds && self.manifest_on_ledger(dataset) == Some(stated);
            return match same && uploads.is_empty() {
                true => Ok(()),
                false => wrong("the list of uploads that the command commits to is not enclosed"),
            };
        };
        if manifest.commitment() != stated {
            return wrong("the list of uploads is not the one that the command commits to");
        }
        let before = match adds {
            true => self.manifest_of(dataset).await?.uploads,
            false => Vec::new(),
        };
        let all = before.into_iter().chain(uploads.iter().map(Upload::digest));
        if manifest.uploads.len() > MAX_UPLOADS_OF_DATASET {
            return wrong("the dataset has as many uploads as a dataset can have");
        }
        if !all.eq(manifest.uploads.iter().copied()) {
            return wrong(
                "the command does not commit to the dataset's uploads until now and to those that come with it",
            );
        }
        Ok(())
    }
}
