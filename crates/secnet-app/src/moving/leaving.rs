//! The data centre that a dataset leaves: it answers the one that the owner named, and keeps its copy until that one has said that
//! it has everything, and what was decided here can be collected by nobody any more.

use bytes::Bytes;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use secnet_crypto::{Address, SealPublicKey};
use secnet_ledger::DatasetStatus;
use secnet_lock::{HostingPacket, UploadId};
use secnet_types::{
    DatasetId, DecisionId, Digest, MemberId, MoveStatement, SignedMove, Timestamp, decode, limits,
};
use std::collections::BTreeSet;

use super::talk::{
    CopyAnswer, CopyCall, CopyQuestion, MAX_NAMES, MAX_PART_BYTES, NotCopied, copied, listed,
};
use crate::AccessError;
use crate::granted::MAX_VIEW_AGE_MS;
use crate::pdc::{Pdc, put};
use crate::ports::{EntryKind, EntryName, VaultError, View};
use crate::shred::details_about;
use crate::upload::Catalogue;

/// Longest note, in bytes.
pub(super) const MAX_NOTE_BYTES: usize = 1024;

/// The note of a dataset that may leave, or has left.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Leaving {
    /// Whose records are copied.
    #[n(0)]
    pub owner: MemberId,
    /// The statement that counts, also when it is too old: the ledger says that the dataset has moved.
    #[n(1)]
    pub statement: Digest,
    /// The new data centre has everything, since then.
    #[n(2)]
    pub done: Option<Timestamp>,
    /// Events in the log then.
    #[n(3)]
    pub log_size: Option<u64>,
}

pub(super) fn leaving_name(dataset: DatasetId) -> EntryName {
    EntryName::new(EntryKind::Leaving, &[], &dataset.0)
}

/// What may be asked, and as of when.
pub(super) struct Allowed {
    dataset: DatasetId,
    owner: MemberId,
    to: MemberId,
    /// The dataset is there already.
    moved: bool,
}

impl Allowed {
    /// What this owner's records in the dataset are.
    pub(super) const fn own(dataset: DatasetId, owner: MemberId, to: MemberId) -> Self {
        Self { dataset, owner, to, moved: true }
    }
}

/// Why there is no answer: the asker's doing, or a failure here.
pub(super) enum Failed {
    Refused(NotCopied),
    Here(AccessError),
}

impl<E: Into<AccessError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Here(error.into())
    }
}

impl Pdc {
    /// Answer the data centre that a dataset is to move to, or has moved to. `caller` has shown who it is.
    ///
    /// # Errors
    /// [`AccessError::Malformed`] if it is no question; archive or vault fail. What is refused is an answer.
    pub async fn answer_copy(&self, caller: MemberId, call: &[u8]) -> Result<Vec<u8>, AccessError> {
        let Ok(call) = CopyCall::from_bytes(call) else {
            return Err(AccessError::Malformed("it is no question about a copy".into()));
        };
        let height = self.view(|view| view.height).unwrap_or_default();
        if height < call.height {
            return Ok(CopyAnswer::Behind { height }.to_bytes());
        }
        let answer = match self.copy_allowed(caller, &call).await {
            Ok(allowed) => self.answer_allowed(&allowed, call.question).await,
            Err(failed) => Err(failed),
        };
        match answer {
            Ok(answer) => Ok(answer.to_bytes()),
            Err(Failed::Refused(why)) => Ok(CopyAnswer::Refused { why }.to_bytes()),
            Err(Failed::Here(error)) if error.is_damage() => {
                Ok(CopyAnswer::Refused { why: NotCopied::Damaged }.to_bytes())
            }
            Err(Failed::Here(error)) => Err(error),
        }
    }

    /// Does the owner of today let the caller take a copy of what is here? After the move the ledger itself says that it may.
    async fn copy_allowed(&self, caller: MemberId, call: &CopyCall) -> Result<Allowed, Failed> {
        let (statement, now) = (&call.statement, self.now());
        let MoveStatement { network, dataset, from, to, .. } = statement.value;
        let no = || Failed::Refused(NotCopied::NotPermitted);
        if network != self.network() || to != caller || from != self.member {
            return Err(no());
        }
        let noted = self.leaving(dataset).await?;
        let known = noted.as_ref().filter(|noted| noted.statement == statement.digest());
        let looked = self.view(|view| {
            if view.age_ms > MAX_VIEW_AGE_MS {
                return Err(Failed::Refused(NotCopied::Stale));
            }
            let entry = view.state.dataset(dataset).ok_or_else(no)?;
            if entry.status == DatasetStatus::Erased {
                return Err(no());
            }
            if entry.pdc == to {
                let owner = known.map(|noted| noted.owner).ok_or_else(no)?;
                return Ok(Allowed { dataset, owner, to, moved: true });
            }
            let by_owner = is_owners_word(statement, entry.owner, view);
            if entry.pdc == self.member && by_owner && is_timely(&statement.value, now) {
                Ok(Allowed { dataset, owner: entry.owner, to, moved: false })
            } else {
                Err(no())
            }
        });
        let allowed = looked.ok_or_else(AccessError::unreadable)??;
        if statement.verify().is_err() {
            return Err(no());
        }
        if known.is_none() {
            let (owner, statement) = (allowed.owner, statement.digest());
            let note = Leaving { owner, statement, done: None, log_size: None };
            let _moving = self.moving.lock().await;
            self.archive.write(vec![put(EntryKind::Leaving, &[], &dataset.0, &note)]).await?;
        }
        Ok(allowed)
    }

    async fn answer_allowed(
        &self,
        allowed: &Allowed,
        question: CopyQuestion,
    ) -> Result<CopyAnswer, Failed> {
        let malformed = || Failed::Refused(NotCopied::Malformed);
        match question {
            CopyQuestion::Names { kind, upload, after } => {
                let kind = listed(kind).ok_or_else(malformed)?;
                let mut names = self.names_to_copy(allowed, kind, upload).await?;
                names.sort();
                if let Some(after) = after {
                    names.retain(|(key, _)| key.as_slice() > after.as_slice());
                }
                let more = names.len() > MAX_NAMES;
                names.truncate(MAX_NAMES);
                let names = names.into_iter().map(|(key, digest)| (key.into(), digest)).collect();
                Ok(CopyAnswer::Names { names, more })
            }
            CopyQuestion::Value { kind, upload, key } => {
                let kind = copied(kind, &key).ok_or_else(malformed)?;
                let value = self.value_to_copy(allowed, kind, upload, &key).await?;
                Ok(CopyAnswer::Value { value: value.map(ByteVec::from) })
            }
            CopyQuestion::Length { segment } => {
                let segment = Address::from_bytes(segment.0);
                let length = self.segment_to_copy(allowed, segment).await?;
                Ok(CopyAnswer::Length { length })
            }
            CopyQuestion::Part { segment, from, to } => {
                let segment = Address::from_bytes(segment.0);
                if to.saturating_sub(from) > MAX_PART_BYTES {
                    return Err(malformed());
                }
                let length = self.segment_to_copy(allowed, segment).await?.unwrap_or_default();
                if from > to || to > length {
                    return Err(malformed());
                }
                let bytes: Bytes = self.vault.get_segment(segment, from..to).await?;
                Ok(CopyAnswer::Part { bytes: bytes.to_vec().into() })
            }
            CopyQuestion::Hosting { upload, key } => {
                Ok(CopyAnswer::Hosting { packet: self.hand_on(allowed, upload, &key).await? })
            }
            CopyQuestion::Done if !allowed.moved => Err(Failed::Refused(NotCopied::NotPermitted)),
            CopyQuestion::Done => {
                let _moving = self.moving.lock().await;
                let note = self.leaving(allowed.dataset).await?;
                if let Some(note) = note.filter(|note| note.done.is_none()) {
                    let log_size = self.view(|view| view.log_size);
                    let note = Leaving { done: Some(self.now()), log_size, ..note };
                    let key = allowed.dataset.0;
                    self.archive.write(vec![put(EntryKind::Leaving, &[], &key, &note)]).await?;
                }
                Ok(CopyAnswer::Noted)
            }
        }
    }

    pub(super) async fn names_to_copy(
        &self,
        allowed: &Allowed,
        kind: EntryKind,
        upload: Option<UploadId>,
    ) -> Result<Vec<(Vec<u8>, Digest)>, Failed> {
        let (dataset, owner) = (allowed.dataset, allowed.owner);
        let group: Vec<u8> = match kind {
            EntryKind::CompartmentPacket | EntryKind::ReleasePacket => {
                let upload = upload.ok_or(Failed::Refused(NotCopied::Malformed))?;
                if self.catalogue_of(dataset, owner, upload).await?.is_none() {
                    return Ok(Vec::new());
                }
                upload.0.to_vec()
            }
            EntryKind::Notice => owner.0.to_vec(),
            _ => dataset.0.to_vec(),
        };
        // An erasure that the ledger states is carried out before anything is listed.
        drop(self.erasing.lock().await);
        let mut all = self.archive.list(kind, &group).await?;
        match kind {
            EntryKind::Manifest => all.retain(|(_, bytes)| {
                Catalogue::from_bytes(bytes).is_ok_and(|catalogue| catalogue.owner == owner)
            }),
            EntryKind::Notice => {
                let about: BTreeSet<EntryName> =
                    self.notices_to(owner, dataset).await?.into_iter().collect();
                all.retain(|(name, _)| about.contains(name));
            }
            // What was asked under a former owner is no business of this one's.
            EntryKind::Facts | EntryKind::Feedback => {
                self.catch_up().await?;
                let decisions: BTreeSet<DecisionId> =
                    all.iter().filter_map(|(name, _)| decision_in(&name.key)).collect();
                let tried = self.timeline.lock().tried(owner, &decisions);
                all.retain(|(name, _)| {
                    decision_in(&name.key).is_some_and(|id| tried.contains(&id))
                });
            }
            _ => {}
        }
        Ok(all.into_iter().map(|(name, bytes)| (name.key, Digest::of(&bytes))).collect())
    }

    async fn value_to_copy(
        &self,
        allowed: &Allowed,
        kind: EntryKind,
        upload: Option<UploadId>,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, Failed> {
        let (dataset, owner) = (allowed.dataset, allowed.owner);
        let name = match kind {
            EntryKind::CompartmentPacket | EntryKind::ReleasePacket => {
                let upload = upload.ok_or(Failed::Refused(NotCopied::Malformed))?;
                if self.catalogue_of(dataset, owner, upload).await?.is_none() {
                    return Ok(None);
                }
                EntryName::new(kind, &upload.0, key)
            }
            EntryKind::Notice => {
                let name = EntryName::new(kind, &owner.0, key);
                let about = self.notices_to(owner, dataset).await?;
                return match about.contains(&name) {
                    true => Ok(self.archive.get(&name).await?),
                    false => Ok(None),
                };
            }
            EntryKind::Manifest => {
                let bytes = self.archive.get(&EntryName::new(kind, &dataset.0, key)).await?;
                let own = |bytes: &Vec<u8>| {
                    Catalogue::from_bytes(bytes).is_ok_and(|catalogue| catalogue.owner == owner)
                };
                return Ok(bytes.filter(own));
            }
            EntryKind::Facts | EntryKind::Feedback => {
                let Some(decision) = decision_in(key) else { return Ok(None) };
                self.catch_up().await?;
                if self.timeline.lock().tried(owner, &BTreeSet::from([decision])).is_empty() {
                    return Ok(None);
                }
                EntryName::new(kind, &dataset.0, key)
            }
            EntryKind::DatasetManifest => {
                let current = self.manifest_on_ledger(dataset);
                if current.is_none_or(|current| current.0 != key) {
                    return Ok(None);
                }
                EntryName::new(kind, &dataset.0, key)
            }
            _ => {
                let name = EntryName::new(kind, &[], key);
                let about = self.view(|view| is_consent_on(&name, dataset, owner, view));
                if about != Some(true) {
                    return Ok(None);
                }
                name
            }
        };
        Ok(self.archive.get(&name).await?)
    }

    /// How long a segment is, if it is one of the dataset's.
    async fn segment_to_copy(
        &self,
        allowed: &Allowed,
        segment: Address,
    ) -> Result<Option<u64>, Failed> {
        if self.dataset_of(segment).await? != Some(allowed.dataset) {
            return Ok(None);
        }
        match self.vault.segment_length(segment).await {
            Ok(length) => Ok(Some(length)),
            Err(VaultError::Missing(_) | VaultError::Quarantined(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What opens an upload, sealed to the data centre that hosts the dataset from now on: to the key that its member has on the
    /// ledger, and to no other.
    async fn hand_on(
        &self,
        allowed: &Allowed,
        upload: UploadId,
        key: &SealPublicKey,
    ) -> Result<Option<HostingPacket>, Failed> {
        let digest = Digest(key.digest());
        let theirs = self.view(|view| {
            view.state.member(allowed.to).is_some_and(|member| member.sealing_key == digest)
        });
        if theirs != Some(true) {
            return Err(Failed::Refused(NotCopied::NotPermitted));
        }
        if !self.is_hosted(allowed.dataset)
            || self.catalogue_of(allowed.dataset, allowed.owner, upload).await?.is_none()
        {
            return Ok(None);
        }
        let Some(bytes) = self.archive.get(&self.hosting_name(upload)).await? else {
            return Ok(None);
        };
        let damaged = |error: &dyn core::fmt::Display| AccessError::Damaged(error.to_string());
        let packet = HostingPacket::from_bytes(&bytes).map_err(|error| damaged(&error))?;
        let on = self.host.hand_on(&packet, key, &mut self.rng());
        Ok(Some(on.map_err(|error| damaged(&error))?))
    }

    pub(super) async fn catalogue_of(
        &self,
        dataset: DatasetId,
        owner: MemberId,
        upload: UploadId,
    ) -> Result<Option<Catalogue>, AccessError> {
        let name = EntryName::new(EntryKind::Manifest, &dataset.0, &upload.0);
        let Some(bytes) = self.archive.get(&name).await? else { return Ok(None) };
        let catalogue = Catalogue::from_bytes(&bytes)
            .map_err(|error| AccessError::Damaged(error.to_string()))?;
        Ok(Some(catalogue).filter(|catalogue| catalogue.owner == owner))
    }

    pub(super) async fn leaving(&self, dataset: DatasetId) -> Result<Option<Leaving>, AccessError> {
        let bytes = self.archive.get(&leaving_name(dataset)).await?;
        let note = bytes.map(|bytes| decode("note of a move", &bytes, MAX_NOTE_BYTES)).transpose();
        note.map_err(|error| AccessError::Damaged(error.to_string()))
    }
}

/// The decision that the key of an entry begins with.
fn decision_in(key: &[u8]) -> Option<DecisionId> {
    key.first_chunk::<16>().map(|id| DecisionId(*id))
}

/// Is this what the ledger commits to of consent on the dataset, or of a denial of all that the owner has?
fn is_consent_on(name: &EntryName, dataset: DatasetId, owner: MemberId, view: &View<'_>) -> bool {
    let everywhere = || {
        let denials = view.state.denials_by(owner).filter(|(_, it)| it.denial.dataset.is_none());
        let mut details = denials.filter_map(|(_, it)| it.denial.detail);
        name.kind == EntryKind::ConsentDetail && details.any(|detail| detail.0 == *name.key)
    };
    details_about(dataset, view).contains(name) || everywhere()
}

/// Is it by the current key of this owner, who is active?
pub(super) fn is_owners_word(statement: &SignedMove, owner: MemberId, view: &View<'_>) -> bool {
    let member = view.state.member(owner);
    member.is_some_and(|it| it.key == statement.envelope.key && !it.suspended)
}

/// Does it count at this moment?
pub(super) const fn is_timely(statement: &MoveStatement, now: Timestamp) -> bool {
    statement.said.since_ms(now) <= limits::MAX_CLOCK_AHEAD_MS
        && now.0 < statement.until.0
        && statement.until.since_ms(statement.said) <= limits::MAX_MOVE_MS
}
