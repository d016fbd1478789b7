//! What would have to be different: changes that were tried out, not guessed.

use core::fmt;

use secnet_types::{Feature, FeatureValue, FeatureVector, RuleContext, RuleSet};

use crate::profile::BY_OWN_KEY;
use crate::{Cause, GuardVerdict, Model, Panel, PermittedUse};

/// One feature with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which feature.
    pub feature: Feature,
    /// What it is.
    pub from: FeatureValue,
    /// With what it would be harmless.
    pub to: FeatureValue,
}

/// A verdict with what would have made it milder, for the owner and the analyst.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The verdict.
    pub verdict: GuardVerdict,
    /// Any one of these changes alone makes the verdict milder.
    pub decisive: Vec<Change>,
    /// All of these changes together make it milder, and none can be left out; empty if no such set was found, as
    /// when a rule matches whatever the features say, or if the use went ahead.
    pub together: Vec<Change>,
    /// The rules that matched, as sentences.
    pub rules: Vec<String>,
}

/// Judge and explain. Every change named was applied to the facts, rules were matched again, and the verdict was
/// milder.
#[must_use]
pub fn explain(
    model: &Model,
    permitted: &PermittedUse,
    facts: &FeatureVector,
    rules: &RuleSet,
    context: &RuleContext<'_>,
) -> Explanation {
    explain_with(model, permitted, facts, (rules, context), &Panel::empty())
}

/// As [`explain`], with learnt models that were asked too.
#[must_use]
pub fn explain_with(
    model: &Model,
    permitted: &PermittedUse,
    facts: &FeatureVector,
    (rules, context): (&RuleSet, &RuleContext<'_>),
    panel: &Panel,
) -> Explanation {
    let judge = |facts: &FeatureVector| {
        let (matched, learnt) = (rules.matches(facts, context), panel.opinions(facts));
        model.vet_with(permitted, facts, &matched, &learnt)
    };
    let verdict = judge(facts);
    let severity = verdict.outcome.severity();
    let milder = |facts: &FeatureVector| judge(facts).outcome.severity() < severity;
    let candidates =
        if severity == 0 { Vec::new() } else { candidates(&verdict, facts, rules, panel) };
    let decisive: Vec<Change> =
        candidates.iter().filter(|change| milder(&apply(facts, [*change]))).cloned().collect();
    let together = match decisive.first() {
        Some(change) => vec![change.clone()],
        None => smallest(facts, &candidates, milder),
    };
    let rules = verdict.reasons.iter().filter_map(|reason| match reason.cause {
        Cause::Rule(matched) => rules.rule(matched.rule).map(ToString::to_string),
        _ => None,
    });
    let rules = rules.collect();
    Explanation { verdict, decisive, together, rules }
}

/// Harmless values for what the reasons name, heaviest first.
fn candidates(
    verdict: &GuardVerdict,
    facts: &FeatureVector,
    rules: &RuleSet,
    panel: &Panel,
) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    let mut add = |feature: Feature, to: Option<FeatureValue>| {
        if let (Some(from), Some(to)) = (facts.value(feature), to)
            && *from != to
        {
            let change = Change { feature, from: from.clone(), to };
            if !all.contains(&change) {
                all.push(change);
            }
        }
    };
    for reason in &verdict.reasons {
        let Cause::Rule(matched) = reason.cause else { continue };
        for condition in rules.rule(matched.rule).iter().flat_map(|r| r.conditions()) {
            let safe = facts.value(condition.feature());
            add(condition.feature(), safe.and_then(|value| condition.safe_value(value)));
        }
    }
    for (model, feature) in panel.holding(facts) {
        // What does not help alone may help with others: an ordinary request is not held.
        let ordinary = || model.parts().ordinary.value(feature).cloned();
        add(feature, model.safe_value(facts, feature).or_else(ordinary));
    }
    for reason in &verdict.reasons {
        match reason.cause {
            Cause::Signal(signal) => add(signal.feature(), reason.baseline.clone()),
            Cause::Habit(habit) => {
                add(habit.feature(), reason.baseline.clone());
                add(Feature::OwnKey, Some(BY_OWN_KEY));
            }
            Cause::Strange => {
                add(Feature::Strangeness, reason.baseline.clone());
                add(Feature::OwnKey, Some(BY_OWN_KEY));
            }
            // What is said of these was tried out when the request was made: the strangeness would be another.
            Cause::Unlike(_) => {}
            Cause::Rule(_) | Cause::Learnt { .. } | Cause::Share { .. } => {}
        }
    }
    all
}

/// Changes that do it together, of which none can be left out.
fn smallest(
    facts: &FeatureVector,
    candidates: &[Change],
    milder: impl Fn(&FeatureVector) -> bool,
) -> Vec<Change> {
    let mut chosen: Vec<&Change> = Vec::new();
    for change in candidates {
        if chosen.iter().all(|other| other.feature != change.feature) {
            chosen.push(change);
        }
    }
    // What is harmless to the detector may not be to a learnt model: the last ones are left out until it is milder.
    while !milder(&apply(facts, chosen.iter().copied())) {
        if chosen.pop().is_none() {
            return Vec::new();
        }
    }
    for change in candidates.iter().rev() {
        let without: Vec<&Change> = chosen.iter().copied().filter(|c| *c != change).collect();
        if without.len() < chosen.len() && milder(&apply(facts, without.iter().copied())) {
            chosen = without;
        }
    }
    chosen.into_iter().cloned().collect()
}

fn apply<'a>(
    facts: &FeatureVector,
    changes: impl IntoIterator<Item = &'a Change>,
) -> FeatureVector {
    let mut changed = facts.clone();
    for change in changes {
        // INVARIANT: the new value is of its feature's kind; were it not, the fact stays and nothing is claimed.
        let set = changed.set(change.feature, change.to.clone());
        debug_assert!(set.is_ok());
    }
    changed
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let feature = self.feature;
        let (to, from) = (self.to.describe(feature), self.from.describe(feature));
        write!(f, "{} {to} instead of {from}", feature.phrase())
    }
}

impl fmt::Display for Explanation {
    /// Everything, for the owner and the analyst; never for the requester.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = &self.verdict;
        writeln!(f, "{} (score {} of 10000)", verdict.outcome.as_str(), verdict.score.points())?;
        for reason in &verdict.reasons {
            writeln!(f, "- {reason}")?;
        }
        for rule in &self.rules {
            writeln!(f, "- matched rule: {rule}")?;
        }
        for change in &self.decisive {
            writeln!(f, "- it would have been milder with {change}")?;
        }
        if self.decisive.is_empty() && !self.together.is_empty() {
            let all: Vec<_> = self.together.iter().map(ToString::to_string).collect();
            writeln!(f, "- it would have been milder with {}", all.join(" and "))?;
        }
        Ok(())
    }
}
