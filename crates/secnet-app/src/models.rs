//! Learnt models at this data centre: kept in the archive, in force by the ledger.
//!
//! The ledger knows a model as it knows a rule, by its digest: the same commands offer it, put it in force until an end, let it
//! only watch, and take it back. What the archive keeps under that digest tells them apart. Beside the model its *standing* is
//! kept, which says what is to happen if the model cannot be read; the ledger commits to it as to a rule's evidence.

use std::sync::Arc;

use minicbor::{Decode, Encode};
use secnet_guard::{Learnt, Opinion, Panel};
use secnet_types::{Digest, RuleId, Timestamp, decode, encode};

use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::{ArchiveError, Change, EntryKind, EntryName};

/// A standing, in bytes.
const MAX_STANDING_BYTES: usize = 1024;

/// What becomes of uses while a model that is in force cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Unreadable {
    /// They wait for the owner.
    #[n(0)]
    Hold,
    /// They go ahead, and the owner is told of each.
    #[n(1)]
    Pass,
}

/// What is known of a model without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Standing {
    /// Which model.
    #[n(0)]
    pub model: Digest,
    /// Its end.
    #[n(1)]
    pub expires: Timestamp,
    /// What if it cannot be read.
    #[n(2)]
    pub unreadable: Unreadable,
}

impl Standing {
    /// What the ledger commits to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&encode(self))
    }
}

/// What the archive has under the digest of something that is in force and no rule.
#[derive(Debug)]
pub struct KeptModel {
    /// The model, or why it cannot be read.
    pub model: Result<Arc<Learnt>, String>,
    /// Its standing, if it is the one that the ledger commits to.
    pub standing: Option<Standing>,
}

/// What one model said of a request, as it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct LearntRecord {
    /// Which model.
    #[n(0)]
    pub model: Digest,
    /// Its score in millionths of log odds; absent if it could not be read.
    #[n(1)]
    pub score: Option<i64>,
    /// Was the request to be held?
    #[n(2)]
    pub holds: bool,
    /// It only watched.
    #[n(3)]
    pub watches: bool,
}

impl LearntRecord {
    pub(crate) const fn of(opinion: &Opinion, watches: bool) -> Self {
        let Opinion { model, score, holds, .. } = opinion;
        Self { model: *model, score: *score, holds: *holds, watches }
    }

    const fn opinion(&self) -> Opinion {
        let Self { model, score, holds, .. } = *self;
        Opinion { model, score, holds, shares: Vec::new() }
    }
}

/// Under which rule's name the ledger knows a model.
#[must_use]
pub const fn listed_as(model: Digest) -> RuleId {
    RuleId(model.0)
}

fn name(kind: EntryKind, model: Digest) -> EntryName {
    EntryName::new(kind, &[], &model.0)
}

impl Pdc {
    /// Keep a model and its standing.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub async fn keep_model(
        &self,
        model: &Learnt,
        standing: &Standing,
    ) -> Result<(), ArchiveError> {
        let digest = model.digest();
        let (body, beside) = (model.to_bytes(), encode(standing));
        let changes = vec![
            Change { name: name(EntryKind::LearntModel, digest), value: Some(body) },
            Change { name: name(EntryKind::ModelStanding, digest), value: Some(beside) },
        ];
        self.archive.write(changes).await
    }

    /// The model that is kept under a digest; none if neither it nor its standing is.
    ///
    /// # Errors
    /// The archive's storage fails.
    pub async fn kept_model(&self, model: Digest) -> Result<Option<KeptModel>, AccessError> {
        let body = self.entry(name(EntryKind::LearntModel, model)).await?;
        let standing = self.entry(name(EntryKind::ModelStanding, model)).await?;
        if matches!((&body, &standing), (Ok(None), Ok(None))) {
            return Ok(None);
        }
        let committed = self.view(|view| {
            let listed = view.state.rule(listed_as(model));
            listed.map(|state| (state.author, state.listing.evidence))
        });
        let is_ours =
            |bytes: &Vec<u8>| committed.flatten() == Some((self.member, Digest::of(bytes)));
        let standing = standing
            .ok()
            .flatten()
            .filter(is_ours)
            .and_then(|bytes| decode::<Standing>("standing", &bytes, MAX_STANDING_BYTES).ok());
        let standing = standing.filter(|standing| standing.model == model);
        let read = body.and_then(|bytes| {
            let bytes = bytes.ok_or_else(|| "its file is missing".to_owned())?;
            let learnt = Learnt::from_bytes(&bytes).map_err(|error| error.to_string())?;
            let same = learnt.digest() == model;
            if same { Ok(Arc::new(learnt)) } else { Err("its file is another model's".to_owned()) }
        });
        Ok(Some(KeptModel { model: read, standing }))
    }

    /// An entry, or why it does not open.
    async fn entry(&self, name: EntryName) -> Result<Result<Option<Vec<u8>>, String>, AccessError> {
        match self.archive.get(&name).await {
            Ok(found) => Ok(Ok(found)),
            Err(error @ ArchiveError::Damaged(_)) => Ok(Err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// The models that were asked about a recorded request, as far as they are still here; for the others what was recorded.
    pub(crate) async fn panel_of(
        &self,
        recorded: &[LearntRecord],
    ) -> Result<(Panel, bool), AccessError> {
        let (mut panel, mut whole) = (Panel::empty(), true);
        for said in recorded.iter().filter(|said| !said.watches) {
            let kept = match said.score {
                Some(_) => self.kept_model(said.model).await?.and_then(|kept| kept.model.ok()),
                None => None,
            };
            match kept {
                Some(model) => panel.add(model),
                None => {
                    whole &= said.score.is_none();
                    panel.add_fixed(said.opinion());
                }
            }
        }
        Ok((panel, whole))
    }
}

/// Put a model on a panel, or what is said in its stead if it cannot be asked.
pub(crate) fn seat(panel: &mut Panel, digest: Digest, kept: KeptModel) {
    match kept.model {
        Ok(model) => panel.add(model),
        Err(_) => {
            // Closed, unless what the ledger commits to says otherwise.
            let passes =
                kept.standing.is_some_and(|standing| standing.unreadable == Unreadable::Pass);
            panel.add_fixed(Opinion::unreadable(digest, !passes));
        }
    }
}
