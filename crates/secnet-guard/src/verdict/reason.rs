//! Why a verdict is as it is, in sentences.

use core::fmt;

use secnet_types::{Digest, Feature, FeatureValue, FeatureVector, RuleMatch};

use crate::learnt::{Opinion, SCORE_UNIT};
use crate::profile::{Habit, far};
use crate::strange::finding;
use crate::{Contribution, Signal};

/// Features that are named as reasons of a learnt model, at most.
const MAX_SHARES_TOLD: usize = 3;

/// Where a reason comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The detector.
    Signal(Signal),
    /// An installed rule.
    Rule(RuleMatch),
    /// A habit of the member's that a session breaks.
    Habit(Habit),
    /// A session's request is unlike those that went ahead here.
    Strange,
    /// What makes it strange.
    Unlike(Feature),
    /// A learnt model has the request held, or, if it has no score, cannot be asked.
    Learnt {
        /// Which.
        model: Digest,
        /// Its score, in [`SCORE_UNIT`]s.
        score: Option<i64>,
        /// Is the request to be held for it?
        holds: bool,
    },
    /// What a feature adds to the score of the learnt model that was named before.
    Share {
        /// Which.
        feature: Feature,
        /// Score units.
        points: i64,
    },
}

/// One reason, for those who may know everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardReason {
    /// Where it comes from.
    pub cause: Cause,
    /// The value that was seen; none for a rule, which may look at several.
    pub value: Option<FeatureValue>,
    /// The nearest ordinary value.
    pub baseline: Option<FeatureValue>,
    /// Basis points it adds to the score; none for a rule, which acts by itself.
    pub contribution: Option<u16>,
}

impl fmt::Display for GuardReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.cause, &self.value, &self.baseline) {
            (Cause::Signal(signal), Some(value), Some(baseline)) => {
                let (feature, points) = (signal.feature(), self.contribution.unwrap_or_default());
                write!(
                    f,
                    "the requester {}: {} is {}, ordinary is {} (adds {points} of 10000)",
                    signal.phrase(),
                    feature.phrase(),
                    value.describe(feature),
                    baseline.describe(feature),
                )
            }
            (Cause::Signal(signal), ..) => write!(f, "the requester {}", signal.phrase()),
            (Cause::Habit(habit), Some(value), Some(least)) => {
                let (phrase, feature) = (habit.phrase(), habit.feature());
                let (what, value) = (feature.phrase(), value.describe(feature));
                let least = least.describe(feature);
                write!(
                    f,
                    "a session asks {phrase}: {what} is {value} of 10000, ordinary is {least} or more"
                )
            }
            (Cause::Habit(habit), ..) => write!(f, "a session asks {}", habit.phrase()),
            (Cause::Strange, Some(value), Some(most)) => write!(
                f,
                "a session asks unlike what went ahead here: as strange as one request in {}, ordinary is up to {}",
                value.describe(Feature::Strangeness),
                most.describe(Feature::Strangeness)
            ),
            (Cause::Strange, ..) => write!(f, "a session asks unlike what went ahead here"),
            (Cause::Unlike(feature), value, usual) => {
                let said = |value: &Option<FeatureValue>| {
                    value.as_ref().map_or_else(|| "not known".to_owned(), |v| v.describe(feature))
                };
                let (value, usual, phrase) = (said(value), said(usual), feature.phrase());
                write!(
                    f,
                    "what makes it strange: {phrase} is {value}, beside the rest usual is {usual}"
                )
            }
            (Cause::Rule(matched), ..) => {
                write!(f, "rule {} says {}", matched.rule, matched.action.as_str())
            }
            (Cause::Learnt { model, score: Some(score), .. }, ..) => {
                write!(f, "the learnt model {model} finds it like misuse (score {})", odds(score))
            }
            (Cause::Learnt { model, score: None, holds: true }, ..) => write!(
                f,
                "the learnt model {model} is in force and cannot be read: until it can, uses wait for the owner"
            ),
            (Cause::Learnt { model, score: None, holds: false }, ..) => write!(
                f,
                "the learnt model {model} is in force and cannot be read: it was set that uses go ahead then"
            ),
            (Cause::Share { feature, points }, value, ordinary) => {
                let said = |value: &Option<FeatureValue>| {
                    value.as_ref().map_or_else(|| "not known".to_owned(), |v| v.describe(feature))
                };
                let (value, ordinary, phrase) = (said(value), said(ordinary), feature.phrase());
                write!(
                    f,
                    "of this score: {phrase} is {value}, ordinary is {ordinary} (adds {})",
                    odds(points)
                )
            }
        }
    }
}

/// Score units as log odds with two digits, rounded towards nothing.
fn odds(points: i64) -> String {
    let hundredths = points / (SCORE_UNIT / 100);
    let (sign, size) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
    format!("{sign}{}.{:02}", size / 100, size % 100)
}

/// All of them, heaviest first.
pub(super) fn reasons(
    facts: &FeatureVector,
    contributions: Vec<Contribution>,
    matched: &[RuleMatch],
    learnt: &[Opinion],
) -> Vec<GuardReason> {
    let mut rules = matched.to_vec();
    rules.sort_by_key(|m| (core::cmp::Reverse(m.action), m.rule));
    let rules = rules.into_iter().map(|matched| GuardReason {
        cause: Cause::Rule(matched),
        value: None,
        baseline: None,
        contribution: None,
    });
    let signals = contributions.into_iter().map(|c| GuardReason {
        cause: Cause::Signal(c.signal),
        value: Some(c.value),
        baseline: Some(c.baseline),
        contribution: Some(c.points),
    });
    let own = rules.chain(learnt.iter().flat_map(of_learnt)).chain(signals);
    own.chain(of_profile(facts)).chain(of_strange(facts)).collect()
}

/// That it is strange, and what makes it so.
fn of_strange(facts: &FeatureVector) -> Vec<GuardReason> {
    let Some(found) = finding(facts) else { return Vec::new() };
    let reason =
        |cause, value, baseline| GuardReason { cause, value, baseline, contribution: None };
    let (strangeness, most) = (found.strangeness, found.limit.saturating_sub(1));
    let (strangeness, most) = (FeatureValue::Number(strangeness), FeatureValue::Number(most));
    let named = found.named.into_iter().map(|(feature, usual)| {
        reason(Cause::Unlike(feature), facts.value(feature).cloned(), Some(usual))
    });
    let found = reason(Cause::Strange, Some(strangeness), Some(most));
    core::iter::once(found).chain(named).collect()
}

/// The habits that a session breaks.
fn of_profile(facts: &FeatureVector) -> impl Iterator<Item = GuardReason> {
    far(facts).map(|habit| GuardReason {
        cause: Cause::Habit(habit),
        value: facts.value(habit.feature()).cloned(),
        baseline: Some(habit.ordinary()),
        contribution: None,
    })
}

/// Why a learnt model has a request held; nothing if it has not.
fn of_learnt(opinion: &Opinion) -> Vec<GuardReason> {
    let Opinion { model, score, holds, shares } = opinion;
    if !holds && score.is_some() {
        return Vec::new();
    }
    let cause = Cause::Learnt { model: *model, score: *score, holds: *holds };
    let mut all = vec![GuardReason { cause, value: None, baseline: None, contribution: None }];
    let raising = shares.iter().filter(|share| share.points() > 0).take(MAX_SHARES_TOLD);
    all.extend(raising.map(|share| GuardReason {
        cause: Cause::Share { feature: share.feature, points: share.points() },
        value: share.value.clone(),
        baseline: share.ordinary.clone(),
        contribution: None,
    }));
    all
}
