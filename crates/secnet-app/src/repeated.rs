//! Recorded decisions, judged again: is what guard and rules say bit for bit what was recorded?

use std::collections::BTreeSet;

use secnet_guard::Outcome;
use secnet_types::{DatasetId, DecisionId, MemberId, ReasonClass, Timestamp, Verdict};

use crate::AccessError;
use crate::explained::Pieces;
use crate::history::{Attempt, AttemptVerdict};
use crate::models::LearntRecord;
use crate::pdc::Pdc;

/// A decision, and how judging it again went.
#[derive(Debug)]
pub struct Repeated {
    /// The decision.
    pub decision: DecisionId,
    /// When, in block time.
    pub time: Timestamp,
    /// Who asked.
    pub requester: MemberId,
    /// For what.
    pub dataset: DatasetId,
    /// What was decided.
    pub verdict: AttemptVerdict,
    /// How it went.
    pub again: Again,
}

/// How judging a decision again went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// Facts, score, outcome, reasons and learnt scores are the recorded ones, bit for bit.
    Equal,
    /// They should be, and these are not.
    Differs(Vec<&'static str>),
    /// The rules or models of then are not here any more, these: nothing follows.
    Gone(Vec<&'static str>),
    /// Guard and rules had no say in it.
    NotAsked,
    /// Its facts were erased.
    Erased,
}

impl Again {
    /// The word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Differs(_) => "differs",
            Self::Gone(_) => "gone",
            Self::NotAsked => "not-asked",
            Self::Erased => "erased",
        }
    }

    /// What differs, or what is gone.
    #[must_use]
    pub fn what(&self) -> &[&'static str] {
        match self {
            Self::Differs(what) | Self::Gone(what) => what,
            Self::Equal | Self::NotAsked | Self::Erased => &[],
        }
    }
}

impl Pdc {
    /// Judge one decision of this data centre again; none if there is no such decision.
    ///
    /// # Errors
    /// The log or the archive cannot be read, or what is kept is damaged.
    pub async fn repeat(&self, decision: DecisionId) -> Result<Option<Repeated>, AccessError> {
        match self.explain_decision(decision).await? {
            Some(explained) => Ok(Some(self.repeated(explained.attempt).await?)),
            None => Ok(None),
        }
    }

    /// Judge all decisions since a moment again, oldest first.
    ///
    /// # Errors
    /// As [`Pdc::repeat`].
    pub async fn repeat_since(&self, since: Timestamp) -> Result<Vec<Repeated>, AccessError> {
        self.catch_up().await?;
        let owners = self.timeline.lock().owners_then();
        let mut all = Vec::new();
        for owner in owners {
            for attempt in self.history(owner).await? {
                if attempt.time >= since {
                    all.push(self.repeated(attempt).await?);
                }
            }
        }
        all.sort_by_key(|repeated| (repeated.time, repeated.decision));
        Ok(all)
    }

    async fn repeated(&self, attempt: Attempt) -> Result<Repeated, AccessError> {
        let pieces = self.pieces(&attempt).await?;
        let again = match (&attempt.facts, pieces) {
            (None, _) => Again::Erased,
            (Some(_), None) => Again::NotAsked,
            (Some(_), Some(pieces)) => self.compared(&attempt, &pieces),
        };
        let Attempt { decision, time, requester, dataset, verdict, .. } = attempt;
        Ok(Repeated { decision, time, requester, dataset, verdict, again })
    }

    fn compared(&self, attempt: &Attempt, pieces: &Pieces) -> Again {
        let Some(facts) = &attempt.facts else { return Again::Erased };
        let learning = self.learning.lock();
        let model = learning.guard.model();
        let gone: Vec<&str> =
            [(pieces.same_model(model.digest()), "models"), (pieces.same_rules, "rules")]
                .into_iter()
                .filter_map(|(same, what)| (!same).then_some(what))
                .collect();
        if !gone.is_empty() {
            return Again::Gone(gone);
        }
        let Pieces { permitted, features, recorded, .. } = pieces;
        let matched = pieces.rules.matches(features, &pieces.context(attempt));
        let opinions = pieces.panel.opinions(features);
        let verdict = model.vet_with(permitted, features, &matched, &opinions);
        let outcome = match (&verdict.outcome, &recorded.verdict) {
            (Outcome::Allow { obligations }, Verdict::Allow { .. }) => {
                *obligations == facts.obligations
            }
            (Outcome::Hold, Verdict::Hold { reason, .. })
            | (
                Outcome::StepUp | Outcome::Throttle { .. } | Outcome::Deny,
                Verdict::Deny { reason },
            ) => verdict.notice().map_or(ReasonClass::Guard, |notice| notice.class) == *reason,
            _ => false,
        };
        let reasons: Vec<String> = verdict.reasons.iter().map(ToString::to_string).collect();
        // Of what was allowed, the first sentence names the grant.
        let named = usize::from(matches!(recorded.verdict, Verdict::Allow { .. }));
        let said: BTreeSet<LearntRecord> =
            opinions.iter().map(|opinion| LearntRecord::of(opinion, false)).collect();
        let before = facts.learnt.iter().flatten().filter(|own| !own.watches).copied();
        let all = [
            (facts.commitment() == recorded.facts, "facts"),
            (verdict.score.points() == recorded.score, "score"),
            (outcome, "outcome"),
            (facts.reasons.iter().skip(named).eq(&reasons), "reasons"),
            (before.collect::<BTreeSet<_>>() == said, "learnt scores"),
        ];
        let differs: Vec<&str> =
            all.into_iter().filter_map(|(same, what)| (!same).then_some(what)).collect();
        if differs.is_empty() { Again::Equal } else { Again::Differs(differs) }
    }
}
