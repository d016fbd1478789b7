//! What owners and askers sign, handed in together with the details that stay here.

use secnet_lock::GrantWraps;
use secnet_types::{
    Answer, Digest, Grant, GrantDetail, GrantId, MemberId, Operation, Power, SignedCommand, encode,
    limits,
};

use crate::AccessError;
use crate::pdc::Pdc;
use crate::place::keeps_enclosures;
use crate::ports::{Change, Committed, EntryKind, EntryName, SubmitError};
use crate::project::fields;

/// Longest sealed packets of one grant, in bytes.
const MAX_WRAPS_BYTES: usize = 1024 * 1024;
const SEALED: &str = "a grant on a sealed dataset cannot be limited to fields, since only grantees open its records; \
                      set its level to hosted, or grant record types, categories or single records instead";
const WITH_KEYS: &str = "the sealed packets of a grant that is limited to fields must hold no key: whoever has one can \
                         open more than the fields";
const OF_NOTHING: &str = "a grant of no fields at all permits nothing; name at least one";

/// What goes with a consent command but not on the ledger.
#[derive(Debug, Clone, Default)]
pub struct Enclosures {
    /// The detail behind the commitment of a grant, denial or ask.
    pub detail: Option<GrantDetail>,
    /// The packets behind a grant's wraps digest.
    pub wraps: Option<GrantWraps>,
}

impl Enclosures {
    /// Is what the command commits to enclosed, and nothing else?
    pub(crate) fn belong_to(&self, command: &SignedCommand) -> Result<(), AccessError> {
        let (kind, commitment, wraps_digest) = commitments(&command.value.operation);
        if self.detail.as_ref().map(GrantDetail::commitment) != commitment {
            return Err(AccessError::Malformed(
                "the enclosed detail is not the one that the command commits to".into(),
            ));
        }
        if self.wraps.as_ref().map(GrantWraps::digest) != wraps_digest {
            return Err(AccessError::Malformed(
                "the enclosed packets are not those that the command commits to".into(),
            ));
        }
        let Some(detail) = &self.detail else { return Ok(()) };
        if !detail.scope.within_limits() || encode(detail).len() > limits::MAX_DETAIL_BYTES {
            return Err(AccessError::Malformed("the scope is too large".into()));
        }
        let denies = matches!(command.value.operation, Operation::Deny { .. });
        let Some(names) = detail.scope.fields.as_ref().filter(|_| !denies) else { return Ok(()) };
        fields(names).map_err(|error| AccessError::Malformed(error.to_string()))?;
        let grants = kind == EntryKind::ConsentDetail;
        if grants && names.is_empty() {
            return Err(AccessError::Malformed(OF_NOTHING.into()));
        }
        if grants && !self.wraps.as_ref().is_some_and(GrantWraps::is_empty) {
            return Err(AccessError::Malformed(WITH_KEYS.into()));
        }
        Ok(())
    }
}

impl Pdc {
    /// Keep the enclosures and order the command. What the command commits to must be enclosed, and nothing else.
    ///
    /// # Errors
    /// [`AccessError`]. Nothing is kept if the enclosures do not match, if no member signed, if the ledger refuses, or if it is another
    /// data centre that needs them.
    pub async fn order(
        &self,
        command: &SignedCommand,
        enclosures: Enclosures,
    ) -> Result<Committed, AccessError> {
        enclosures.belong_to(command)?;
        self.may_be_moved(command)?;
        self.fields_can_be_kept(command, &enclosures)?;
        let Enclosures { detail, wraps } = enclosures;
        let (kind, commitment, wraps_digest) = commitments(&command.value.operation);
        let mut kept = Vec::new();
        if let (Some(detail), Some(commitment)) = (detail, commitment) {
            kept.push((EntryName::new(kind, &[], &commitment.0), encode(&detail)));
        }
        if let (Some(wraps), Some(digest)) = (wraps, wraps_digest) {
            let bytes = wraps.to_bytes();
            if bytes.len() > MAX_WRAPS_BYTES {
                return Err(AccessError::Malformed("there are too many sealed packets".into()));
            }
            kept.push((EntryName::new(EntryKind::Wraps, &[], &digest.0), bytes));
        }
        if kept.is_empty() {
            return self.log.submit(command.to_bytes()).await.map_err(|error| match error {
                SubmitError::Rejected(rejection) => self.veiled(command, rejection).into(),
                error => error.into(),
            });
        }
        self.signed_by_member(command)?;
        let (author, about) = (command.value.author, keeps_enclosures(command));
        about.map_or(Ok(()), |dataset| self.not_elsewhere(author, dataset))?;
        // Two commands may enclose the same: what one of them kept and lost must not be taken from the other.
        let one_at_a_time = self.enclosing.lock().await;
        let fresh = self.keep(kept).await?;
        let ordered = match self.log.submit(command.to_bytes()).await {
            Err(error @ (SubmitError::Rejected(_) | SubmitError::NoRoom)) => {
                self.give_up(fresh).await?;
                Err(match error {
                    SubmitError::Rejected(rejection) => self.veiled(command, rejection).into(),
                    error => error.into(),
                })
            }
            ordered => {
                let committed = ordered?;
                // Whoever has asked for what it did not know of may know of it now, also where it is.
                match about.and_then(|dataset| self.elsewhere(author, dataset)) {
                    Some(place) => {
                        self.give_up(fresh).await?;
                        Err(AccessError::Elsewhere(place))
                    }
                    None => Ok(committed),
                }
            }
        };
        drop(one_at_a_time);
        ordered
    }

    /// What was kept for a command goes again.
    async fn give_up(&self, kept: Vec<EntryName>) -> Result<(), AccessError> {
        let gone = kept.into_iter().map(|name| Change { name, value: None });
        Ok(self.archive.write(gone.collect()).await?)
    }

    /// A grant of fields is for a dataset that is hosted. To whoever may not grant on it the ledger says the same of every
    /// dataset.
    pub(crate) fn fields_can_be_kept(
        &self,
        command: &SignedCommand,
        enclosures: &Enclosures,
    ) -> Result<(), AccessError> {
        let grant = match &command.value.operation {
            Operation::Grant { grant }
            | Operation::AnswerAsk { answer: Answer::Approve(grant), .. } => grant,
            _ => return Ok(()),
        };
        if enclosures.detail.as_ref().is_none_or(|detail| detail.scope.fields.is_none()) {
            return Ok(());
        }
        let owner = self.view(|view| view.state.dataset(grant.dataset).map(|d| d.owner)).flatten();
        let may = |owner| self.may_act_for(command.value.author, owner, Power::Grant);
        if owner.is_some_and(may) && !self.is_hosted(grant.dataset) {
            return Err(AccessError::Malformed(SEALED.into()));
        }
        Ok(())
    }

    /// Keep these entries; the names of those that were not there before.
    async fn keep(
        &self,
        entries: Vec<(EntryName, Vec<u8>)>,
    ) -> Result<Vec<EntryName>, AccessError> {
        let mut fresh = Vec::new();
        let mut changes = Vec::new();
        for (name, bytes) in entries {
            if self.archive.get(&name).await?.is_none() {
                fresh.push(name.clone());
            }
            changes.push(Change { name, value: Some(bytes) });
        }
        self.archive.write(changes).await?;
        Ok(fresh)
    }

    /// The id of the grant that a command makes.
    #[must_use]
    pub fn grant_made_by(command: &SignedCommand) -> Option<GrantId> {
        let value = &command.value;
        match &value.operation {
            Operation::Grant { .. } | Operation::AnswerAsk { answer: Answer::Approve(_), .. } => {
                Some(GrantId::derive(value.author, value.id))
            }
            _ => None,
        }
    }

    /// The public sealing key of a member, as it was handed in, checked against the ledger.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] if the member or its key is not known here.
    pub async fn sealing_key_of(
        &self,
        member: MemberId,
    ) -> Result<secnet_crypto::SealPublicKey, AccessError> {
        let digest = self
            .view(|view| view.state.member(member).map(|m| m.sealing_key))
            .flatten()
            .ok_or_else(|| AccessError::Unknown(format!("member {member}")))?;
        let name = EntryName::new(EntryKind::SealingKey, &[], &digest.0);
        let bytes = self.archive.get(&name).await?;
        let bytes =
            bytes.ok_or_else(|| AccessError::Unknown(format!("the sealing key of {member}")))?;
        secnet_crypto::SealPublicKey::from_bytes(&bytes)
            .map_err(|error| AccessError::Damaged(error.to_string()))
    }

    /// Keep a member's public sealing key; the ledger knows its digest.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub async fn keep_sealing_key(
        &self,
        key: &secnet_crypto::SealPublicKey,
    ) -> Result<(), AccessError> {
        let name = EntryName::new(EntryKind::SealingKey, &[], &key.digest());
        let change = Change { name, value: Some(key.to_bytes().to_vec()) };
        Ok(self.archive.write(vec![change]).await?)
    }
}

/// Under which kind the detail is kept, its commitment, and the digest of the wraps.
fn commitments(operation: &Operation) -> (EntryKind, Option<Digest>, Option<Digest>) {
    let of_grant =
        |grant: &Grant| (EntryKind::ConsentDetail, Some(grant.detail), Some(grant.wraps));
    match operation {
        Operation::Grant { grant } => of_grant(grant),
        Operation::AnswerAsk { answer: Answer::Approve(grant), .. } => of_grant(grant),
        Operation::Deny { denial } => (EntryKind::ConsentDetail, denial.detail, None),
        Operation::OpenAsk { ask } => (EntryKind::AskDetail, Some(ask.detail), None),
        _ => (EntryKind::ConsentDetail, None, None),
    }
}
