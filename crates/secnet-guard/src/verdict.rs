//! From features and matched rules to a verdict that only narrows what was permitted.

mod reason;

use core::fmt;
use std::collections::BTreeSet;

use secnet_types::{
    BasisPoints, Digest, FeatureVector, Obligation, ReasonClass, RuleAction, RuleMatch,
};

use self::reason::reasons;
pub use self::reason::{Cause, GuardReason};
use crate::learnt::Opinion;
use crate::profile::far;
use crate::strange::finding;
use crate::throttle::{has_waited, wait_from};
use crate::{Contribution, Model, Signal};

/// What policy permitted: the only thing the guard can be asked about. A use that policy refused never gets here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PermittedUse {
    /// What policy already demands of the release.
    pub obligations: BTreeSet<Obligation>,
    /// A break-glass use: the guard may alarm and demand a review, never hold or refuse it.
    pub emergency: bool,
    /// The owner has answered the hold on this very request with a release: it is not held again, but may be denied.
    pub released_by_owner: bool,
    /// The requester has proved anew who it is, for this very request: it is not asked to again, but may be held or denied.
    pub proved_anew: bool,
}

/// The detector's view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// 0 ordinary, 10,000 as wrong as can be.
    pub score: BasisPoints,
    /// What made it up, heaviest first.
    pub contributions: Vec<Contribution>,
}

/// What the guard makes of a permitted use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It goes ahead, with at least the obligations that policy set.
    Allow {
        /// What the release must do besides.
        obligations: BTreeSet<Obligation>,
    },
    /// It is refused until the requester proves anew who it is.
    StepUp,
    /// It is refused until the requester has waited.
    Throttle {
        /// How long, in seconds.
        wait_s: u32,
    },
    /// It waits for the owner's answer.
    Hold,
    /// It is refused.
    Deny,
}

/// How severe outcomes are, and what it takes to let a request through after all.
mod severity {
    /// Goes ahead.
    pub(super) const PASS: u8 = 0;
    /// Until a fresh proof.
    pub(super) const STEP_UP: u8 = 1;
    /// Until some time has passed.
    pub(super) const THROTTLE: u8 = 2;
    /// Until the owner's answer.
    pub(super) const HOLD: u8 = 3;
    /// For good.
    pub(super) const DENY: u8 = 4;
}

impl Outcome {
    /// The greater, the more severe: 0 allow, 1 step-up, 2 throttle, 3 hold, 4 deny.
    #[must_use]
    pub const fn severity(&self) -> u8 {
        match self {
            Self::Allow { .. } => severity::PASS,
            Self::StepUp => severity::STEP_UP,
            Self::Throttle { .. } => severity::THROTTLE,
            Self::Hold => severity::HOLD,
            Self::Deny => severity::DENY,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow { .. } => "allow",
            Self::StepUp => "step-up",
            Self::Throttle { .. } => "throttle",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }
}

/// What a refused or waiting requester can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Ask again with a fresh proof.
    ProveAnew,
    /// Ask again after as long as is said beside it.
    Wait,
    /// Ask less often.
    SlowDown,
    /// Nothing but wait: the owner has been asked.
    WaitForOwner,
    /// Talk to the owner.
    AskOwner,
}

/// All that the requester is told: the class of the reason and a remedy, no threshold and no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// Guard or rule.
    pub class: ReasonClass,
    /// What to do.
    pub remedy: Remedy,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            ReasonClass::StepUp => "show anew that it is you who asks",
            ReasonClass::Throttle => "this is asked for too often",
            ReasonClass::Rule => "a security rule stopped this request",
            _ => "the guard found this request unusual",
        };
        let remedy = match self.remedy {
            Remedy::ProveAnew => {
                "ask again within five minutes, with a request that names this decision and is signed by your own key"
            }
            Remedy::Wait => "wait as long as the answer says, then ask again, with a new request",
            Remedy::SlowDown => "wait a while, then ask less often",
            Remedy::WaitForOwner => "the owner has been asked; wait for the answer",
            Remedy::AskOwner => "ask the owner of the data",
        };
        write!(f, "{class}; {remedy}")
    }
}

/// The guard's verdict on a permitted use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardVerdict {
    /// What is to happen.
    pub outcome: Outcome,
    /// The detector's score.
    pub score: BasisPoints,
    /// Something is wrong though the use goes ahead: an emergency, a released hold, a rule that flags, or a learnt model that
    /// cannot be asked.
    pub alarm: bool,
    /// Why, heaviest first: rules by severity, then learnt models with the features that count most, then signals by
    /// weight, then broken habits, then what makes it strange.
    pub reasons: Vec<GuardReason>,
    /// The model that judged.
    pub model: Digest,
}

impl Model {
    /// The detector's score of a request. More of anything suspicious never lowers it.
    #[must_use]
    pub fn assess(&self, facts: &FeatureVector) -> Assessment {
        let mut contributions: Vec<_> = Signal::ALL
            .iter()
            .filter_map(|signal| signal.contribution(self.parameters(), facts))
            .collect();
        contributions.sort_by_key(|c| (core::cmp::Reverse(c.points), c.signal));
        let sum = contributions.iter().fold(0_u16, |sum, c| sum.saturating_add(c.points));
        let score = BasisPoints::new(sum).unwrap_or(BasisPoints::WHOLE);
        Assessment { score, contributions }
    }

    /// Judge a permitted use by its features and the rules that matched on them.
    ///
    /// INVARIANT: the outcome is the permitted use with at least its obligations, a hold, or a denial.
    #[must_use]
    pub fn vet(
        &self,
        permitted: &PermittedUse,
        facts: &FeatureVector,
        matched: &[RuleMatch],
    ) -> GuardVerdict {
        self.vet_with(permitted, facts, matched, &[])
    }

    /// As [`Model::vet`], with what learnt models say. They can have the use held, or, where one cannot be asked and that is
    /// not to stop anybody, burdened; they never refuse it.
    #[must_use]
    pub fn vet_with(
        &self,
        permitted: &PermittedUse,
        facts: &FeatureVector,
        matched: &[RuleMatch],
        learnt: &[Opinion],
    ) -> GuardVerdict {
        let assessment = self.assess(facts);
        let score = assessment.score.points();
        let waited = has_waited(facts);
        let by_score = if score >= self.parameters().deny_at {
            severity::DENY
        } else if score >= self.parameters().hold_at {
            severity::HOLD
        } else {
            severity::PASS
        };
        let by_rules = matched.iter().map(|m| wanted_by(m.action, permitted, waited)).max();
        let holds = learnt.iter().any(|opinion| opinion.holds);
        let by_learnt = if holds { severity::HOLD } else { severity::PASS };
        let unasked = learnt.iter().any(|opinion| opinion.score.is_none());
        let unlike = far(facts).next().is_some() || finding(facts).is_some();
        let by_profile =
            if unlike && !permitted.proved_anew { severity::STEP_UP } else { severity::PASS };
        let by_rules = by_rules.max(Some(by_profile));
        let wanted = by_score.max(by_rules.unwrap_or(severity::PASS)).max(by_learnt);
        let flagged = wanted > severity::PASS || unasked || !matched.is_empty();
        // What the owner has released was seen by her: she is not overruled by what would only have asked for a proof.
        let lifted =
            permitted.emergency || (permitted.released_by_owner && wanted < severity::DENY);
        let outcome = match wanted {
            _ if lifted => None,
            severity::PASS => None,
            severity::STEP_UP => Some(Outcome::StepUp),
            severity::THROTTLE => Some(Outcome::Throttle { wait_s: wait_from(facts) }),
            severity::DENY => Some(Outcome::Deny),
            _ => Some(Outcome::Hold),
        };
        let alarm = flagged && outcome.is_none();
        let outcome = outcome.unwrap_or_else(|| {
            let mut obligations = permitted.obligations.clone();
            if flagged {
                obligations.insert(Obligation::NotifyOwner);
            }
            if wanted > severity::PASS || unasked {
                obligations.insert(Obligation::Review);
            }
            Outcome::Allow { obligations }
        });
        let reasons = reasons(facts, assessment.contributions, matched, learnt);
        GuardVerdict { outcome, score: assessment.score, alarm, reasons, model: self.digest() }
    }
}

/// What a matched rule wants: deny over hold over throttle over step-up over pass. A fresh proof satisfies a step-up, and having
/// waited a throttle.
const fn wanted_by(action: RuleAction, permitted: &PermittedUse, waited: bool) -> u8 {
    match action {
        RuleAction::StepUp if !permitted.proved_anew => severity::STEP_UP,
        RuleAction::Throttle if !waited => severity::THROTTLE,
        RuleAction::Flag | RuleAction::StepUp | RuleAction::Throttle => severity::PASS,
        RuleAction::Hold => severity::HOLD,
        RuleAction::Deny => severity::DENY,
    }
}

impl GuardVerdict {
    /// What the requester may be told; nothing if the use goes ahead.
    #[must_use]
    pub fn notice(&self) -> Option<Notice> {
        let stopping = match self.outcome {
            Outcome::Allow { .. } => return None,
            Outcome::StepUp => {
                return Some(Notice { class: ReasonClass::StepUp, remedy: Remedy::ProveAnew });
            }
            Outcome::Throttle { .. } => {
                return Some(Notice { class: ReasonClass::Throttle, remedy: Remedy::Wait });
            }
            Outcome::Hold => RuleAction::Hold,
            Outcome::Deny => RuleAction::Deny,
        };
        let by_rule = |reason: &GuardReason| matches!(reason.cause, Cause::Rule(matched) if matched.action == stopping);
        if self.reasons.iter().any(by_rule) {
            let remedy = match stopping {
                RuleAction::Hold => Remedy::WaitForOwner,
                _ => Remedy::AskOwner,
            };
            return Some(Notice { class: ReasonClass::Rule, remedy });
        }
        let heaviest = self.reasons.iter().find_map(|reason| match reason.cause {
            Cause::Signal(signal) => Some(signal),
            _ => None,
        });
        let hurried = matches!(
            heaviest,
            Some(Signal::Pace | Signal::Denials | Signal::FanOut | Signal::Crowd)
        );
        let remedy = match (stopping, hurried) {
            (RuleAction::Hold, _) => Remedy::WaitForOwner,
            (_, true) => Remedy::SlowDown,
            _ => Remedy::AskOwner,
        };
        Some(Notice { class: ReasonClass::Guard, remedy })
    }
}
