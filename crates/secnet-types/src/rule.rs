//! Security rules: a few comparisons on named features, and what to do when all of them hold.
//!
//! A rule has one canonical form (deterministic CBOR), whose digest is its [`RuleId`](crate::RuleId); it prints as a
//! sentence and as Cedar text that reads back to the same rule. A [`RuleSet`] finds the matching ones of thousands.

mod address;
mod bits;
mod cedar;
mod condition;
mod feature;
mod normal;
mod parse;
mod safety;
mod sentence;
mod set;
#[cfg(test)]
mod tests;
mod value;

use minicbor::{Decode, Encode};

pub use address::AddressBlock;
pub use condition::{Condition, Test};
pub use feature::{Feature, FeatureKind, WordList};
pub use parse::CedarError;
pub use safety::{SafetyError, SafetyList, check_safety};
pub use set::{RuleMatch, RuleSet};
pub use value::{FeatureValue, FeatureVector};

use crate::{DatasetId, DecodeError, Digest, Party, Purpose, RuleId, Timestamp, decode, limits};

/// Why something is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// No such feature.
    #[error("`{0}` is not a feature; `secnet rules features` lists them")]
    UnknownFeature(String),
    /// No such word.
    #[error("`{word}` is not a word of `{feature}`")]
    UnknownWord {
        /// The feature.
        feature: &'static str,
        /// What was given.
        word: String,
    },
    /// A number test on a text, a text as the value of a number, and the like.
    #[error("`{feature}` has values of another kind")]
    WrongKind {
        /// The feature.
        feature: &'static str,
    },
    /// Not an address block.
    #[error("`{0}` is not an address block; write it as `10.0.0.0/8` with zeros after the prefix")]
    MalformedBlock(String),
    /// The condition says nothing.
    #[error("the condition on `{feature}` is always true; leave it out")]
    AlwaysTrue {
        /// The feature.
        feature: &'static str,
    },
    /// The condition or its combination with others can never be true.
    #[error("the conditions on `{feature}` can never be true together")]
    NeverTrue {
        /// The feature.
        feature: &'static str,
    },
    /// The same condition twice, or one that another one implies.
    #[error("the conditions on `{feature}` repeat each other; keep the stricter one")]
    Repeated {
        /// The feature.
        feature: &'static str,
    },
    /// None, or too many.
    #[error("a rule has 1 to {limit} conditions, this one has {given}")]
    ConditionCount {
        /// How many there are.
        given: usize,
        /// The named limit.
        limit: usize,
    },
    /// Beyond a limit.
    #[error("a {what} of {len} is too long, the limit is {limit}")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// Its length.
        len: usize,
        /// The named limit.
        limit: usize,
    },
}

/// What to do when a rule matches, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum RuleAction {
    /// Let it pass, tell the owner.
    #[n(0)]
    Flag,
    /// Ask the requester to prove again who it is.
    #[n(1)]
    StepUp,
    /// Slow the requester down.
    #[n(2)]
    Throttle,
    /// Wait for the owner's answer.
    #[n(3)]
    Hold,
    /// Refuse.
    #[n(4)]
    Deny,
}

impl RuleAction {
    /// Every action, mildest first.
    pub const ALL: &'static [Self] =
        &[Self::Flag, Self::StepUp, Self::Throttle, Self::Hold, Self::Deny];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::StepUp => "step-up",
            Self::Throttle => "throttle",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }
}

/// What a rule is restricted to; an absent part restricts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
#[cbor(map)]
pub struct RuleScope {
    /// Only this dataset.
    #[n(0)]
    pub dataset: Option<DatasetId>,
    /// Only this requester.
    #[n(1)]
    pub party: Option<Party>,
    /// Only this purpose.
    #[n(2)]
    pub purpose: Option<Purpose>,
}

/// Where and when a request is judged: what scopes and expiries are compared with.
#[derive(Debug, Clone, Copy)]
pub struct RuleContext<'a> {
    /// The dataset asked for.
    pub dataset: DatasetId,
    /// Everything the requester is: itself as a member, its groups, its organisation.
    pub parties: &'a [Party],
    /// What for.
    pub purpose: Purpose,
    /// The time by which expiry is judged.
    pub now: Timestamp,
}

/// A security rule: all conditions hold, so the action is taken. Always in normal form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode)]
#[cbor(map)]
pub struct Rule {
    #[n(0)]
    action: RuleAction,
    #[n(1)]
    conditions: Vec<Condition>,
    #[n(2)]
    scope: RuleScope,
    #[n(3)]
    expires: Timestamp,
}

#[derive(Decode)]
#[cbor(map)]
struct Raw {
    #[n(0)]
    action: RuleAction,
    #[n(1)]
    conditions: Vec<Condition>,
    #[n(2)]
    scope: RuleScope,
    #[n(3)]
    expires: Timestamp,
}

impl<'b, C> Decode<'b, C> for Rule {
    /// Only the normal form is accepted.
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let raw = Raw::decode(d, ctx)?;
        let given = raw.conditions.clone();
        let rule = Self::new(raw.action, raw.conditions, raw.scope, raw.expires)
            .map_err(minicbor::decode::Error::custom)?;
        if rule.conditions == given {
            Ok(rule)
        } else {
            Err(minicbor::decode::Error::message("rule is not in normal form"))
        }
    }
}

impl Rule {
    /// A rule in normal form: ranges on one feature become one, conditions are sorted.
    ///
    /// # Errors
    /// No or too many conditions, conditions that repeat each other or can never hold together.
    pub fn new(
        action: RuleAction,
        conditions: Vec<Condition>,
        scope: RuleScope,
        expires: Timestamp,
    ) -> Result<Self, RuleError> {
        let conditions = normal::normalise(conditions)?;
        let (given, limit) = (conditions.len(), limits::MAX_RULE_CONDITIONS);
        if given == 0 || given > limit {
            return Err(RuleError::ConditionCount { given, limit });
        }
        Ok(Self { action, conditions, scope, expires })
    }

    /// Parse the canonical form.
    ///
    /// # Errors
    /// [`DecodeError`]: anything but canonical bytes of a rule in normal form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("rule", bytes, limits::MAX_RULE_BYTES)
    }

    /// The digest of the canonical form.
    #[must_use]
    pub fn id(&self) -> RuleId {
        RuleId(Digest::of_value(self).0)
    }

    /// What to do.
    #[must_use]
    pub const fn action(&self) -> RuleAction {
        self.action
    }

    /// What must hold, sorted.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// What it is restricted to.
    #[must_use]
    pub const fn scope(&self) -> &RuleScope {
        &self.scope
    }

    /// From this moment on it matches nothing.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Does it match?
    #[must_use]
    pub fn matches(&self, facts: &FeatureVector, context: &RuleContext<'_>) -> bool {
        context.now < self.expires
            && self.scope.covers(context)
            && self.conditions.iter().all(|condition| condition.holds(facts))
    }

    /// As Cedar text, which [`Rule::from_cedar`] reads back to the same rule.
    #[must_use]
    pub fn to_cedar(&self) -> String {
        cedar::print(self)
    }

    /// Read the subset of Cedar that [`Rule::to_cedar`] writes; comments and spacing are free.
    ///
    /// # Errors
    /// [`CedarError`] with line and column.
    pub fn from_cedar(text: &str) -> Result<Self, CedarError> {
        parse::parse(text)
    }
}

impl RuleScope {
    /// Everything.
    pub const ALL: Self = Self { dataset: None, party: None, purpose: None };

    /// Is the request inside?
    #[must_use]
    pub fn covers(&self, context: &RuleContext<'_>) -> bool {
        self.dataset.is_none_or(|dataset| dataset == context.dataset)
            && self.purpose.is_none_or(|purpose| purpose == context.purpose)
            && self.party.is_none_or(|party| context.parties.contains(&party))
    }
}
