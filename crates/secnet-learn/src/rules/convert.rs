//! A learnt rule as a security rule of the network, where it can be said in that form.

use secnet_types::{
    Condition as RuleCondition, Feature, FeatureKind, Rule, RuleAction, RuleError, RuleScope, Test,
    Timestamp,
};

use super::condition::{Comparison, Condition};
use super::evidence::RuleCard;

/// Largest number of the rule form that an `f64` holds exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a learnt rule is no security rule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConvertError {
    /// The column is not known of access requests.
    #[error(
        "column `{0}` is not a feature of access requests; rules of the network know only those that `docs/spec/rules.md` lists"
    )]
    NotAFeature(String),
    /// A security rule never matches what it does not know.
    #[error(
        "`{0} is missing` cannot be said in a security rule: a condition on an absent feature is false there"
    )]
    Missing(String),
    /// Words for a number, or a number for words.
    #[error("the condition on `{0}` has values of another kind than the feature")]
    Kind(String),
    /// Beyond what a 64-bit integer and an f64 agree on.
    #[error("the limit of `{0}` is not exact as an integer")]
    NotExact(String),
    /// The rule form refuses it.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// Say a learnt rule in the network's form.
///
/// # Errors
/// [`ConvertError`]: the first condition that cannot be said, and why.
pub fn to_rule(
    card: &RuleCard,
    action: RuleAction,
    scope: RuleScope,
    expires: Timestamp,
) -> Result<Rule, ConvertError> {
    let conditions: Result<Vec<RuleCondition>, ConvertError> =
        card.conditions.iter().map(condition).collect();
    Ok(Rule::new(action, conditions?, scope, expires)?)
}

fn condition(learnt: &Condition) -> Result<RuleCondition, ConvertError> {
    let name = &learnt.column;
    let feature = Feature::ALL
        .iter()
        .copied()
        .find(|feature| feature.name() == name)
        .ok_or_else(|| ConvertError::NotAFeature(name.clone()))?;
    let said = match &learnt.comparison {
        Comparison::Missing => return Err(ConvertError::Missing(name.clone())),
        // Features are integers, so a limit between two of them means the lower one.
        Comparison::AtMost(limit) => RuleCondition::at_most(feature, integer(name, *limit)?),
        Comparison::Above(limit) => RuleCondition::above(feature, integer(name, *limit)?),
        Comparison::OneOf(words) => listed(feature, words, true),
        Comparison::NoneOf(words) => listed(feature, words, false),
        // A feature of another kind refuses these.
        Comparison::Contains(part) => RuleCondition::new(feature, Test::Contains(part.clone())),
        Comparison::Begins(part) => RuleCondition::new(feature, Test::Prefix(part.clone())),
        Comparison::Ends(part) => RuleCondition::new(feature, Test::Suffix(part.clone())),
    };
    Ok(said?)
}

fn integer(name: &str, limit: f64) -> Result<i64, ConvertError> {
    let floor = limit.floor();
    if floor.abs() > MAX_EXACT {
        return Err(ConvertError::NotExact(name.to_owned()));
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
    Ok(floor as i64)
}

fn listed(feature: Feature, words: &[String], inside: bool) -> Result<RuleCondition, RuleError> {
    if matches!(feature.kind(), FeatureKind::Text) {
        let set = words.iter().cloned().collect();
        let test = if inside { Test::AnyText(set) } else { Test::NoText(set) };
        return RuleCondition::new(feature, test);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if inside {
        RuleCondition::any_of(feature, &words)
    } else {
        RuleCondition::none_of(feature, &words)
    }
}
