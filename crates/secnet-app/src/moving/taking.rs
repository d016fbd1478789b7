//! Taking the copy: what the other data centre gives is written down only as far as the ledger, an address or a signature bears
//! it out. What is here already is not asked for again, so that a copy that was cut off goes on where it was.

use bytes::Bytes;
use minicbor::bytes::ByteVec;
use secnet_crypto::Address;
use secnet_lock::UploadId;
use secnet_types::{DatasetId, Digest, RecordId};
use std::collections::{BTreeMap, BTreeSet};

use super::checks::{Listed, fits_upload};
use super::coming::ComingNote;
use super::talk::{CopyAnswer, CopyCall, CopyQuestion, MAX_PART_BYTES};
use super::{Former, FormerFailed, MAX_LACKING};
use crate::AccessError;
use crate::kept::{missing_of, must_be_kept_of};
use crate::manifest::DatasetManifest;
use crate::pdc::Pdc;
use crate::ports::{Change, EntryKind, EntryName, VaultError};
use crate::segments::claims;
use crate::upload::{Catalogue, CatalogueItem};

/// Which part of a move it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The dataset is at the other data centre: what is here becomes what is there.
    Copy,
    /// It is here: what came up meanwhile is added, and what was erased meanwhile is destroyed. Nothing is replaced.
    CatchUp,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// What was not given, or not as it should be.
    pub lacking: Vec<String>,
    /// Why it was broken off.
    pub why: Option<String>,
}

/// Why it is broken off.
pub(super) enum Broken {
    /// The other data centre cannot be asked now.
    Off(String),
    /// This one cannot write or read.
    Here(AccessError),
}

impl<E: Into<AccessError>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Here(error.into())
    }
}

/// One pass.
pub(super) struct Taking<'t> {
    pub pdc: &'t Pdc,
    pub dataset: DatasetId,
    pub note: &'t ComingNote,
    pub phase: Phase,
    height: u64,
    former: &'t dyn Former,
    pub lacking: Vec<String>,
}

impl Pdc {
    /// Take what is not here yet.
    pub(super) async fn take_copy(
        &self,
        (dataset, note): (DatasetId, &ComingNote),
        phase: Phase,
        height: u64,
        former: &dyn Former,
    ) -> Result<Taken, AccessError> {
        let lacking = Vec::new();
        let mut taking = Taking { pdc: self, dataset, note, phase, height, former, lacking };
        match taking.all().await {
            Ok(()) => Ok(Taken { lacking: taking.lacking, why: None }),
            Err(Broken::Off(why)) => Ok(Taken { lacking: taking.lacking, why: Some(why) }),
            Err(Broken::Here(error)) => Err(error),
        }
    }

    /// Tell the other data centre that everything is here. True if it has noted it.
    pub(super) async fn say_done(&self, note: &ComingNote, former: &dyn Former) -> bool {
        let height = self.view(|view| view.height).unwrap_or_default();
        let (statement, question) = (note.statement.clone(), CopyQuestion::Done);
        let call = CopyCall { statement, height, question }.to_bytes();
        let answer = former.ask(call).await.ok();
        let answer = answer.and_then(|bytes| CopyAnswer::from_bytes(&bytes).ok());
        answer == Some(CopyAnswer::Noted)
    }
}

impl Taking<'_> {
    async fn all(&mut self) -> Result<(), Broken> {
        self.details().await?;
        let Some(list) = self.list().await? else { return Ok(()) };
        let uploads = self.uploads(&list).await?;
        let mut segments = 0_u64;
        for (count, (upload, catalogue)) in (1_u64..).zip(&uploads) {
            if self.phase == Phase::CatchUp {
                self.pdc.may_need_handing_over(self.dataset, *upload);
            }
            self.packets(*upload, catalogue).await?;
            self.hosting(*upload, catalogue).await?;
            let used = catalogue.items.iter().map(|item| item.entry.location().segment);
            for segment in used.collect::<BTreeSet<Address>>() {
                self.segment(segment).await?;
                segments = segments.saturating_add(1);
            }
            self.tell(|standing| (standing.uploads, standing.segments) = (count, segments));
        }
        self.extras().await?;
        self.look_whole().await
    }

    pub(super) fn lacks(&mut self, what: String) {
        if self.lacking.len() < MAX_LACKING && !self.lacking.contains(&what) {
            self.lacking.push(what);
        }
    }

    fn tell(&self, change: impl FnOnce(&mut super::MoveStanding)) {
        if let Some(coming) = self.pdc.moves.lock().coming.get_mut(&self.dataset) {
            change(&mut coming.standing);
        }
    }

    pub(super) async fn ask(&self, question: CopyQuestion) -> Result<CopyAnswer, Broken> {
        let statement = self.note.statement.clone();
        let call = CopyCall { statement, height: self.height, question }.to_bytes();
        let failed = |FormerFailed(why)| Broken::Off(why);
        let bytes = self.former.ask(call).await.map_err(failed)?;
        match CopyAnswer::from_bytes(&bytes) {
            Ok(CopyAnswer::Refused { why }) => Err(Broken::Off(why.to_string())),
            Ok(CopyAnswer::Behind { height }) => Err(Broken::Off(format!(
                "its ledger is at height {height}, and this one's at {}",
                self.height
            ))),
            Ok(answer) => Ok(answer),
            Err(error) => Err(Broken::Off(format!("it answers something else: {error}"))),
        }
    }

    pub(super) fn other(&self) -> Broken {
        Broken::Off("it answers another question than it was asked".into())
    }

    pub(super) async fn names(
        &self,
        kind: EntryKind,
        upload: Option<UploadId>,
    ) -> Result<BTreeMap<Vec<u8>, Digest>, Broken> {
        let (mut all, mut after) = (BTreeMap::new(), None);
        loop {
            let question = CopyQuestion::Names { kind: kind as u8, upload, after };
            let CopyAnswer::Names { names, more } = self.ask(question).await? else {
                return Err(self.other());
            };
            let before = all.last_key_value().map(|(key, _): (&Vec<u8>, _)| key.clone());
            all.extend(names.into_iter().map(|(key, digest)| (Vec::from(key), digest)));
            let last = all.last_key_value().map(|(key, _)| key.clone());
            // Whoever says that there is more and gives nothing further would be asked for ever.
            if !more || last == before || all.len() > MAX_LISTED {
                return Ok(all);
            }
            after = last.map(ByteVec::from);
        }
    }

    pub(super) async fn value(
        &self,
        kind: EntryKind,
        upload: Option<UploadId>,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, Broken> {
        let key = ByteVec::from(key.to_vec());
        let question = CopyQuestion::Value { kind: kind as u8, upload, key };
        match self.ask(question).await? {
            CopyAnswer::Value { value } => Ok(value.map(Vec::from)),
            _ => Err(self.other()),
        }
    }

    /// What the ledger commits to of consent and terms, and the list of uploads.
    async fn details(&mut self) -> Result<(), Broken> {
        let dataset = self.dataset;
        let wanted = self.pdc.view(|view| must_be_kept_of(view.state, dataset));
        for kept in wanted.unwrap_or_default() {
            let name = kept.name().clone();
            let here = self.pdc.archive.get(&name).await?;
            if here.is_some_and(|bytes| kept.is(&bytes)) {
                continue;
            }
            // What is missing is named when all is looked at.
            let given = self.value(name.kind, None, &name.key).await?;
            if let Some(bytes) = given.filter(|bytes| kept.is(bytes)) {
                self.write(vec![Change { name, value: Some(bytes) }]).await?;
            }
        }
        Ok(())
    }

    async fn list(&mut self) -> Result<Option<DatasetManifest>, Broken> {
        match self.pdc.manifest_of(self.dataset).await {
            Ok(list) => Ok(Some(list)),
            Err(AccessError::Damaged(_)) => {
                self.lacks(format!("the list of the uploads of dataset {}", self.dataset));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The uploads that the ledger commits to, as they are listed there, and then here.
    async fn uploads(&mut self, list: &DatasetManifest) -> Result<Listed, Broken> {
        let committed: BTreeSet<Digest> = list.uploads.iter().copied().collect();
        let there = self.names(EntryKind::Manifest, None).await?;
        let mut here = self.listed_here().await?;
        for (key, digest) in &there {
            let Ok(id) = <[u8; 16]>::try_from(key.as_slice()) else { continue };
            let upload = UploadId(id);
            let before = here.get(&upload);
            if before.is_some_and(|before| Digest::of_value(before) == *digest) {
                continue;
            }
            let before = before.cloned();
            let Some(bytes) = self.value(EntryKind::Manifest, None, key).await? else { continue };
            let catalogue = Catalogue::from_bytes(&bytes).ok();
            let catalogue = catalogue.filter(|it| {
                it.owner == self.note.owner
                    && committed.contains(&it.digest())
                    && fits_upload(it, self.dataset, upload)
            });
            let Some(catalogue) = catalogue else {
                self.lacks(format!(
                    "upload {upload}: it is another one than the ledger commits to"
                ));
                continue;
            };
            let invented = !catalogue.erased.is_empty() && !self.was_anything_erased().await?;
            if invented {
                self.lacks(format!(
                    "upload {upload}: records are said to be erased, and the ledger knows of no erasure"
                ));
                continue;
            }
            if let (Some(before), Phase::CatchUp) = (before, self.phase) {
                self.erase_too(&before, &catalogue).await?;
                here = self.listed_here().await?;
            } else {
                self.list_upload(upload, &catalogue).await?;
                here.insert(upload, catalogue);
            }
        }
        if self.phase == Phase::Copy {
            for (upload, catalogue) in &here {
                if !committed.contains(&catalogue.digest()) {
                    self.unlist(*upload).await?;
                }
            }
            here.retain(|_, catalogue| committed.contains(&catalogue.digest()));
        }
        Ok(here)
    }

    async fn listed_here(&self) -> Result<Listed, Broken> {
        let mut all = Listed::new();
        for (name, bytes) in self.pdc.archive.list(EntryKind::Manifest, &self.dataset.0).await? {
            let catalogue = Catalogue::from_bytes(&bytes)
                .map_err(|error| AccessError::Damaged(error.to_string()))?;
            if let (true, Ok(id)) = (catalogue.owner == self.note.owner, name.key.try_into()) {
                all.insert(UploadId(id), catalogue);
            }
        }
        Ok(all)
    }

    async fn was_anything_erased(&self) -> Result<bool, Broken> {
        self.pdc.catch_up().await?;
        Ok(self.pdc.timeline.lock().last_erasure(self.dataset).is_some())
    }

    /// What the other data centre has erased before the move, and this one has not.
    async fn erase_too(&self, here: &Catalogue, there: &Catalogue) -> Result<(), Broken> {
        let gone = here.items.iter().filter(|item| there.erased.contains(&item.digest()));
        let records: BTreeSet<RecordId> = gone.map(|item: &CatalogueItem| item.meta.id).collect();
        if !records.is_empty() {
            self.pdc.destroy(self.dataset, &records, false).await?;
        }
        Ok(())
    }

    async fn list_upload(&self, upload: UploadId, catalogue: &Catalogue) -> Result<(), Broken> {
        let name = EntryName::new(EntryKind::Manifest, &self.dataset.0, &upload.0);
        self.write(vec![Change { name, value: Some(secnet_types::encode(catalogue)) }]).await
    }

    async fn unlist(&self, upload: UploadId) -> Result<(), Broken> {
        let mut changes = Vec::new();
        self.pdc.forget_packets(&upload.0, &mut changes).await?;
        let name = EntryName::new(EntryKind::Manifest, &self.dataset.0, &upload.0);
        changes.push(Change { name, value: None });
        self.write(changes).await
    }

    /// A segment, which its address proves. One of another dataset of this data centre is not to be had by naming it.
    async fn segment(&mut self, segment: Address) -> Result<(), Broken> {
        match self.pdc.dataset_of(segment).await? {
            Some(dataset) if dataset == self.dataset => return Ok(()),
            Some(_) => {
                self.lacks(format!("segment {segment}: it is another dataset's"));
                return Ok(());
            }
            None => {}
        }
        let address = Digest(*segment.as_bytes());
        let length = match self.ask(CopyQuestion::Length { segment: address }).await? {
            CopyAnswer::Length { length: Some(length) } if length <= crate::MAX_SEGMENT_BYTES => {
                length
            }
            CopyAnswer::Length { .. } => {
                self.lacks(format!("segment {segment}: it is not given"));
                return Ok(());
            }
            _ => return Err(self.other()),
        };
        let mut sink = self.pdc.vault.begin_segment().await?;
        let mut from = 0_u64;
        while from < length {
            let to = from.saturating_add(MAX_PART_BYTES).min(length);
            let part = self.ask(CopyQuestion::Part { segment: address, from, to }).await;
            let bytes = match part {
                Ok(CopyAnswer::Part { bytes }) => Bytes::from(Vec::from(bytes)),
                Ok(_) => {
                    sink.abort().await?;
                    return Err(self.other());
                }
                Err(broken) => {
                    sink.abort().await?;
                    return Err(broken);
                }
            };
            if bytes.len() as u64 != to.saturating_sub(from) {
                sink.abort().await?;
                self.lacks(format!("segment {segment}: it is not given whole"));
                return Ok(());
            }
            let more = bytes.len() as u64;
            sink.write(bytes).await?;
            from = to;
            self.tell(|standing| standing.bytes = standing.bytes.saturating_add(more));
        }
        match sink.finish(segment).await {
            Ok(()) => self.write(claims(self.dataset, &BTreeSet::from([segment]))).await,
            Err(VaultError::Mismatch(_)) => {
                self.lacks(format!("segment {segment}: what was given has another address"));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Everything that the ledger commits to is here, and is that.
    async fn look_whole(&mut self) -> Result<(), Broken> {
        let dataset = self.dataset;
        let wanted = self.pdc.view(|view| must_be_kept_of(view.state, dataset));
        for amiss in missing_of(self.pdc.archive.as_ref(), &wanted.unwrap_or_default()).await? {
            self.lacks(amiss.to_string());
        }
        Ok(())
    }

    pub(super) async fn write(&self, changes: Vec<Change>) -> Result<(), Broken> {
        if changes.is_empty() {
            return Ok(());
        }
        let rewriting = self.pdc.rewriting.lock().await;
        self.pdc.about_to_rewrite(self.dataset);
        let written = self.pdc.archive.write(changes).await;
        drop(rewriting);
        self.pdc.rewritten(self.dataset);
        Ok(written?)
    }
}

/// Entries of one kind that are taken from one list: more than an owner's dataset has.
const MAX_LISTED: usize = 1024 * 1024;
