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
use crate::history::parse;
use crate::kept::Amiss;
use crate::pdc::Pdc;
use crate::ports::{Archive, ArchiveError, Change, EntryKind, EntryName};

/// Longest note, in bytes.
pub const MAX_NOTE_BYTES: usize = 1024;
/// Most statements that are taken at once.
pub const MAX_FEEDBACK_AT_ONCE: usize = 1024;
/// How far an author's clock may be ahead of the data centre's. What is dated later could never be replaced by its author.
const MAX_AHEAD_MS: u64 = 60_000;

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
    /// unless `change` says that it is to be replaced; then too what it said later. The same statement once more changes nothing.
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
        self.well_formed(statements)?;
        let mut wanted = BTreeMap::<MemberId, BTreeSet<DecisionId>>::new();
        for statement in statements {
            self.signed_by_author(statement)?;
            let said = &statement.value;
            wanted.entry(said.author).or_default().insert(said.decision);
        }
        let mut known = BTreeMap::new();
        for (author, decisions) in &wanted {
            known.extend(self.datasets_decided(*author, decisions).await?);
        }
        let one_at_a_time = self.saying.lock().await;
        let taken = self.take_alone(statements, &known, change).await;
        drop(one_at_a_time);
        taken
    }

    /// Take them while nobody else says anything.
    async fn take_alone(
        &self,
        statements: &[Signed<Feedback>],
        known: &BTreeMap<DecisionId, DatasetId>,
        change: bool,
    ) -> Result<(), FeedbackError> {
        let mut changes = Vec::with_capacity(statements.len());
        for statement in statements {
            let said = &statement.value;
            if known.get(&said.decision) != Some(&said.dataset) {
                return Err(FeedbackError::Unknown(said.decision));
            }
            let name = name(said.dataset, said.decision, said.author);
            let (bytes, before) = (statement.to_bytes(), self.archive.get(&name).await?);
            if before.as_ref() == Some(&bytes) {
                continue;
            }
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
            changes.push(Change { name, value: Some(bytes) });
        }
        Ok(self.archive.write(changes).await?)
    }

    /// What can be seen to be wrong without looking anything up.
    fn well_formed(&self, statements: &[Signed<Feedback>]) -> Result<(), FeedbackError> {
        let malformed = |what: &str| Err(FeedbackError::Malformed(what.to_owned()));
        if statements.len() > MAX_FEEDBACK_AT_ONCE {
            return malformed("these are too many statements at once; give them in parts");
        }
        let decisions: BTreeSet<DecisionId> =
            statements.iter().map(|statement| statement.value.decision).collect();
        if decisions.len() < statements.len() {
            return malformed("one decision is named twice");
        }
        let latest = self.now().plus_ms(MAX_AHEAD_MS);
        for Signed { value: said, .. } in statements {
            if said.network != self.network() {
                return malformed("the statement is about another network");
            }
            if said.note.len() > MAX_NOTE_BYTES {
                return malformed("the note is too long; at most 1,024 bytes");
            }
            if said.at > latest {
                return malformed("the statement is of a time to come; set the clock right");
            }
        }
        Ok(())
    }

    /// The datasets of decisions of this data centre that `author` may speak about; others are left out. Looked
    /// through is what was tried with the data of those in whose name the author speaks: how long that takes tells nothing of others'.
    ///
    /// # Errors
    /// The log or the archive cannot be read.
    pub async fn datasets_decided(
        &self,
        author: MemberId,
        decisions: &BTreeSet<DecisionId>,
    ) -> Result<BTreeMap<DecisionId, DatasetId>, AccessError> {
        self.catch_up().await?;
        let owners = self.timeline.lock().owners_then();
        let mut found = BTreeMap::new();
        for owner in owners.into_iter().filter(|owner| self.may_speak(author, *owner)) {
            let events = self.timeline.lock().holding(owner, decisions);
            for index in events {
                let decided = self.decided_in(index).await?;
                found.extend(decided.filter(|(decision, _)| decisions.contains(decision)));
            }
        }
        let mut kept = BTreeMap::new();
        for (decision, dataset) in found {
            if self.archive.get(&facts_name(dataset, decision)).await?.is_some() {
                kept.insert(decision, dataset);
            }
        }
        Ok(kept)
    }

    /// The decision in an event, and on what dataset it was.
    async fn decided_in(&self, index: u64) -> Result<Option<(DecisionId, DatasetId)>, AccessError> {
        let Some((_, bytes)) = self.log.events(index, 1).await?.pop() else { return Ok(None) };
        Ok(parse(index, &bytes)?.effects.iter().find_map(|effect| match effect {
            Effect::Decided { decision, dataset, .. } => Some((*decision, *dataset)),
            _ => None,
        }))
    }

    /// What `author` has said of a decision, if it said anything.
    ///
    /// # Errors
    /// The archive cannot be read, or the statement is damaged.
    pub async fn feedback_of(
        &self,
        author: MemberId,
        (decision, dataset): (DecisionId, DatasetId),
    ) -> Result<Option<Feedback>, AccessError> {
        let name = name(dataset, decision, author);
        let Some(bytes) = self.archive.get(&name).await? else { return Ok(None) };
        parsed(&name, &bytes).map(|said| Some(said.value)).map_err(AccessError::Damaged)
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

    pub(crate) fn signed_by_author(&self, statement: &Signed<Feedback>) -> Result<(), AccessError> {
        let key = statement.envelope.key;
        let current = self.view(|view| {
            let member = view.state.member(statement.value.author);
            member.is_some_and(|member| member.key == key && !member.suspended)
        });
        let genuine = current == Some(true) && statement.verify().is_ok();
        if genuine { Ok(()) } else { Err(AccessError::Unauthenticated) }
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
