//! What somebody says of a recorded decision: that it was right, or that it was wrong. A signed statement, kept here and not
//! on the ledger, where it would tell everybody what an owner thinks of a requester.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use secnet_types::{
    CoseError, DatasetId, DecisionId, Effect, MemberId, Namespace, NetworkId, Payload, Power,
    Signed, Timestamp,
};

use crate::AccessError;
use crate::access::facts_name;
use crate::kept::Amiss;
use crate::pdc::Pdc;
use crate::ports::{Archive, ArchiveError, Change, EntryKind, EntryName};

/// Longest note, in bytes.
pub const MAX_NOTE_BYTES: usize = 1024;
/// Most statements that are taken at once.
pub const MAX_FEEDBACK_AT_ONCE: usize = 1024;

/// Was the decision right?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Finding {
    /// It should have been the other way: what was let through should have been stopped, or the other way round.
    #[n(0)]
    Wrong,
    /// It was as it should be.
    #[n(1)]
    Fine,
}

impl Finding {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Fine => "fine",
        }
    }
}

/// One statement about one decision.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Feedback {
    /// In what network.
    #[n(0)]
    pub network: NetworkId,
    /// Of which decision.
    #[n(1)]
    pub decision: DecisionId,
    /// On what dataset it was.
    #[n(2)]
    pub dataset: DatasetId,
    /// Who says so.
    #[n(3)]
    pub author: MemberId,
    /// What.
    #[n(4)]
    pub finding: Finding,
    /// When, by the author's clock.
    #[n(5)]
    pub at: Timestamp,
    /// In words; may be empty.
    #[n(6)]
    pub note: String,
}

impl Payload for Feedback {
    const WHAT: &'static str = "feedback";
    const NAMESPACE: Namespace = Namespace::Feedback;
    const LIMIT: usize = 2048;
}

/// Why a statement is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackError {
    /// There is none that the author may speak about. Whether there is one at all is not said.
    #[error("there is no decision {0} that its author may speak about")]
    Unknown(DecisionId),
    /// The same author has spoken about it.
    #[error("of {decision} it was said before that it was {}", finding.as_str())]
    Already {
        /// The decision.
        decision: DecisionId,
        /// What was said.
        finding: Finding,
    },
    /// The same author has spoken about it since: an old statement does not come back.
    #[error("of {0} its author has said something since then")]
    Older(DecisionId),
    /// It is not well-formed.
    #[error("{0}")]
    Malformed(String),
    /// Anything else.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<ArchiveError> for FeedbackError {
    fn from(error: ArchiveError) -> Self {
        Self::Access(error.into())
    }
}

fn name(dataset: DatasetId, decision: DecisionId, author: MemberId) -> EntryName {
    let key = [&decision.0[..], &author.0].concat();
    EntryName::new(EntryKind::Feedback, &dataset.0, &key)
}

/// What an entry says, if it says what its name promises.
fn parsed(name: &EntryName, bytes: &[u8]) -> Result<Signed<Feedback>, String> {
    let said = Signed::<Feedback>::parse(bytes).map_err(|error: CoseError| error.to_string())?;
    said.verify().map_err(|error| error.to_string())?;
    let of = &said.value;
    if self::name(of.dataset, of.decision, of.author) == *name {
        Ok(said)
    } else {
        Err("it is about something else than its place says".into())
    }
}

impl Pdc {
    /// Take statements, all or none: durable when this returns. What the same author said before of the same decision stands,
    /// unless `change` says that it is to be replaced; then too what it said later.
    ///
    /// May speak: whoever owned the dataset when it was decided, a delegate of that owner for grants, and this data centre.
    ///
    /// # Errors
    /// [`FeedbackError`]; nothing is kept then.
    pub async fn take_feedback(
        &self,
        statements: &[Signed<Feedback>],
        change: bool,
    ) -> Result<(), FeedbackError> {
        let malformed = |what: &str| FeedbackError::Malformed(what.to_owned());
        if statements.len() > MAX_FEEDBACK_AT_ONCE {
            return Err(malformed("these are too many statements at once; give them in parts"));
        }
        let wanted: BTreeSet<DecisionId> = statements.iter().map(|s| s.value.decision).collect();
        if wanted.len() < statements.len() {
            return Err(malformed("one decision is named twice"));
        }
        let known = self.decided_on(&wanted).await?;
        let mut changes = Vec::with_capacity(statements.len());
        for statement in statements {
            let said = &statement.value;
            if said.network != self.network() {
                return Err(malformed("the statement is about another network"));
            }
            if said.note.len() > MAX_NOTE_BYTES {
                return Err(malformed("the note is too long; at most 1,024 bytes"));
            }
            self.signed_by_author(statement)?;
            let about = known.get(&said.decision);
            let about = about.filter(|(dataset, owner)| {
                *dataset == said.dataset && self.may_speak(said.author, *owner)
            });
            let facts = facts_name(said.dataset, said.decision);
            if about.is_none() || self.archive.get(&facts).await?.is_none() {
                return Err(FeedbackError::Unknown(said.decision));
            }
            let name = name(said.dataset, said.decision, said.author);
            let before = self.archive.get(&name).await?;
            match before.map(|before| parsed(&name, &before)) {
                Some(Ok(before)) if !change => {
                    let (decision, finding) = (said.decision, before.value.finding);
                    return Err(FeedbackError::Already { decision, finding });
                }
                Some(Err(damaged)) if !change => return Err(AccessError::Damaged(damaged).into()),
                Some(Ok(before)) if before.value.at > said.at => {
                    return Err(FeedbackError::Older(said.decision));
                }
                None | Some(_) => {}
            }
            changes.push(Change { name, value: Some(statement.to_bytes()) });
        }
        Ok(self.archive.write(changes).await?)
    }

    /// The datasets of decisions of this data centre that `author` may speak about; others are left out.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn datasets_decided(
        &self,
        author: MemberId,
        decisions: &BTreeSet<DecisionId>,
    ) -> Result<BTreeMap<DecisionId, DatasetId>, AccessError> {
        let known = self.decided_on(decisions).await?.into_iter();
        let may = known.filter(|(_, (_, owner))| self.may_speak(author, *owner));
        Ok(may.map(|(decision, (dataset, _))| (decision, dataset)).collect())
    }

    /// Everything that was said of decisions on a dataset.
    ///
    /// # Errors
    /// The archive cannot be read, or a statement is damaged.
    pub async fn feedback_on(
        &self,
        dataset: DatasetId,
    ) -> Result<Vec<Signed<Feedback>>, AccessError> {
        let kept = self.archive.list(EntryKind::Feedback, &dataset.0).await?;
        let said = kept.iter().map(|(name, bytes)| parsed(name, bytes));
        said.collect::<Result<_, String>>().map_err(AccessError::Damaged)
    }

    fn may_speak(&self, author: MemberId, owner: MemberId) -> bool {
        author == self.member || self.may_act_for(author, owner, Power::Grant)
    }

    fn signed_by_author(&self, statement: &Signed<Feedback>) -> Result<(), AccessError> {
        let key = statement.envelope.key;
        let current = self.view(|view| {
            let member = view.state.member(statement.value.author);
            member.is_some_and(|member| member.key == key && !member.suspended)
        });
        let genuine = current == Some(true) && statement.verify().is_ok();
        if genuine { Ok(()) } else { Err(AccessError::Unauthenticated) }
    }

    /// On what dataset these decisions were, and who owned it then. One walk through the log for all of them.
    async fn decided_on(
        &self,
        wanted: &BTreeSet<DecisionId>,
    ) -> Result<BTreeMap<DecisionId, (DatasetId, MemberId)>, AccessError> {
        self.catch_up().await?;
        let mut found = BTreeMap::new();
        self.for_each_event(|index, event| {
            for effect in &event.effects {
                let Effect::Decided { decision, dataset, .. } = effect else { continue };
                if wanted.contains(decision) {
                    found.insert(*decision, (*dataset, index));
                }
            }
        })
        .await?;
        let timeline = self.timeline.lock();
        let owner = |event| {
            let mut owners = timeline.owners_then().into_iter();
            owners.find(|owner| timeline.was_attempt_on(*owner, event))
        };
        let known = found.into_iter();
        Ok(known
            .filter_map(|(id, (dataset, event))| Some((id, (dataset, owner(event)?))))
            .collect())
    }
}

/// The statements on these datasets that are damaged, for checks of a folder.
///
/// # Errors
/// The archive's storage fails.
pub async fn feedback_amiss(
    archive: &dyn Archive,
    datasets: &[DatasetId],
) -> Result<Vec<Amiss>, ArchiveError> {
    let mut amiss = Vec::new();
    for dataset in datasets {
        let mut add = |problem| {
            amiss.push(Amiss { what: format!("what was said of decisions on {dataset}"), problem });
        };
        match archive.list(EntryKind::Feedback, &dataset.0).await {
            Ok(kept) => {
                let broken = kept.iter().filter(|(name, bytes)| parsed(name, bytes).is_err());
                broken.for_each(|_| add("a statement is not as it was signed"));
            }
            Err(ArchiveError::Damaged(_)) => add("it is damaged"),
            Err(error) => return Err(error),
        }
    }
    Ok(amiss)
}
