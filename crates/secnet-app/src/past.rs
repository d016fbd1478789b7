//! What this data centre has decided on, with what became known of it: what rules are learnt from, and tried on.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use secnet_types::{
    DatasetId, DecisionId, FeatureVector, HoldAnswer, MemberId, Party, Purpose, Rule, RuleContext,
    Timestamp, Verdict, decode,
};

use crate::AccessError;
use crate::feedback::Finding;
use crate::history::Attempt;
use crate::models::LearntRecord;
use crate::pdc::Pdc;

/// Longest recorded features, in bytes.
const MAX_FEATURES_BYTES: usize = 64 * 1024;

/// Who said what a request was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// This data centre's analyst.
    Analyst,
    /// The owner, by the answer to a hold.
    Answer,
    /// The owner, or a delegate, by a statement.
    Owner,
}

/// What became known of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// It should not have got through, or rightly did not.
    pub misuse: bool,
    /// By whom.
    pub by: Source,
}

/// One request that policy permitted, as rules and guard saw it.
#[derive(Debug, Clone)]
pub struct PastRequest {
    /// The decision.
    pub decision: DecisionId,
    /// When, in block time.
    pub time: Timestamp,
    /// For what.
    pub dataset: DatasetId,
    /// Whose it was.
    pub owner: MemberId,
    /// Who asked.
    pub requester: MemberId,
    /// What for.
    pub purpose: Purpose,
    /// What was decided.
    pub verdict: Verdict,
    /// What was known of it when it was judged.
    pub features: FeatureVector,
    /// Who the requester is today: itself, its groups, its organisation.
    pub parties: Vec<Party>,
    /// What became known of it; nothing if nobody said anything.
    pub known: Option<Judged>,
    /// What learnt models said of it then.
    pub learnt: Vec<LearntRecord>,
}

impl PastRequest {
    /// Was it let through?
    #[must_use]
    pub const fn went_ahead(&self) -> bool {
        matches!(self.verdict, Verdict::Allow { .. })
    }

    /// Was it let through, and has nobody objected since?
    #[must_use]
    pub fn unobjected(&self) -> bool {
        self.went_ahead() && self.known.is_none_or(|known| !known.misuse)
    }

    /// Does a rule match it? Today's rule on yesterday's request: its end does not matter.
    #[must_use]
    pub fn meets(&self, rule: &Rule) -> bool {
        let (parties, purpose) = (&self.parties[..], self.purpose);
        let context = RuleContext { dataset: self.dataset, parties, purpose, now: Timestamp(0) };
        rule.matches(&self.features, &context)
    }
}

impl Pdc {
    /// The requests decided on since a moment, oldest first, but for those that rules have no say in: what policy refused,
    /// what failed, and emergencies.
    ///
    /// # Errors
    /// The log or the archive cannot be read, or what is kept is damaged.
    pub async fn past(&self, since: Timestamp) -> Result<Vec<PastRequest>, AccessError> {
        self.catch_up().await?;
        let owners = self.timeline.lock().owners_then();
        let mut said = Said::default();
        let mut past = Vec::new();
        for owner in owners {
            for attempt in self.history(owner).await? {
                if attempt.time >= since {
                    past.extend(self.past_request(owner, attempt, &mut said).await?);
                }
            }
        }
        past.sort_by_key(|request| (request.time, request.decision));
        Ok(past)
    }

    async fn past_request(
        &self,
        owner: MemberId,
        attempt: Attempt,
        said: &mut Said,
    ) -> Result<Option<PastRequest>, AccessError> {
        let judged = match attempt.verdict {
            Verdict::Allow { .. } => true,
            Verdict::Hold { reason, .. } | Verdict::Deny { reason } => reason.is_behaviour(),
        };
        let Some(facts) = attempt.facts.filter(|facts| {
            judged && !facts.features.is_empty() && facts.detail.purpose != Purpose::Emergency
        }) else {
            return Ok(None);
        };
        let features = decode::<FeatureVector>("features", &facts.features, MAX_FEATURES_BYTES)
            .map_err(|error| AccessError::Damaged(error.to_string()))?;
        let heard = match said.datasets.entry(attempt.dataset) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.heard(attempt.dataset).await?),
        };
        let stated = heard.get(&attempt.decision);
        let went_ahead = matches!(attempt.verdict, Verdict::Allow { .. });
        // Wrong is what was let through and should not have been, and what was stopped and should not have been.
        let stated = stated.map(|(by, finding)| Judged {
            misuse: (*finding == Finding::Wrong) == went_ahead,
            by: *by,
        });
        let answered = self
            .timeline
            .lock()
            .answer(attempt.decision)
            .map(|answer| Judged { misuse: answer == HoldAnswer::Refuse, by: Source::Answer });
        // The owner's statement counts before her answer, and that before the analyst's statement.
        let known = [stated, answered].into_iter().flatten().max_by_key(|known| known.by);
        let parties = self.view(|view| view.state.parties_of(attempt.requester));
        Ok(Some(PastRequest {
            decision: attempt.decision,
            time: attempt.time,
            dataset: attempt.dataset,
            owner,
            requester: attempt.requester,
            purpose: facts.detail.purpose,
            verdict: attempt.verdict,
            features,
            parties: parties.unwrap_or_default(),
            known,
            learnt: facts.learnt.unwrap_or_default(),
        }))
    }

    /// What was said of the decisions on a dataset: the weightiest of each.
    async fn heard(&self, dataset: DatasetId) -> Result<Heard, AccessError> {
        let mut heard = Heard::new();
        for statement in self.feedback_on(dataset).await? {
            let said = statement.value;
            let by = if said.author == self.member { Source::Analyst } else { Source::Owner };
            let before = heard.get(&said.decision);
            if before.is_none_or(|(weight, _): &(Source, Finding)| by >= *weight) {
                heard.insert(said.decision, (by, said.finding));
            }
        }
        Ok(heard)
    }
}

type Heard = BTreeMap<DecisionId, (Source, Finding)>;

/// What was said, by dataset, as far as it was looked up.
#[derive(Debug, Default)]
struct Said {
    datasets: BTreeMap<DatasetId, Heard>,
}
