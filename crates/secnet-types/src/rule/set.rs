//! Which of thousands of rules match one request.
//!
//! Every feature has an index that gives, as a bitmap, the rules that this feature's value does not rule out; the
//! bitmaps are intersected. An index never drops a rule that matches; it may let one pass that does not (text that
//! is only searched inside, blocks that are only excluded), so rules with such tests are checked afterwards.

mod index;

use std::collections::BTreeMap;

use self::index::{AddressIndex, NumberIndex, Required, TextIndex, WordIndex};
use super::bits::Bits;
use super::{
    Condition, Feature, FeatureKind, FeatureValue, FeatureVector, Rule, RuleAction, RuleContext,
    RuleError, Test,
};
use crate::{DatasetId, Digest, Party, Purpose, RuleId, limits};

/// A rule that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleMatch {
    /// Which rule.
    pub rule: RuleId,
    /// What it asks for.
    pub action: RuleAction,
}

/// Rules, indexed.
#[derive(Debug, Clone)]
pub struct RuleSet {
    rules: Vec<Entry>,
    all: Bits,
    features: BTreeMap<Feature, FeatureIndex>,
    datasets: Required<DatasetId>,
    parties: Required<Party>,
    purposes: Required<Purpose>,
}

#[derive(Debug, Clone)]
struct Entry {
    id: RuleId,
    rule: Rule,
    /// Do the indexes decide everything but the expiry?
    exact: bool,
}

#[derive(Debug, Clone)]
struct FeatureIndex {
    /// The rules that do not look at the feature: what is left when it is absent.
    indifferent: Bits,
    values: ValueIndex,
}

#[derive(Debug, Clone)]
enum ValueIndex {
    Number(NumberIndex),
    Word(WordIndex),
    Text(TextIndex),
    Address(AddressIndex),
}

impl RuleSet {
    /// Index rules; the same rule twice counts once.
    ///
    /// # Errors
    /// More than [`limits::MAX_INSTALLED_RULES`].
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, RuleError> {
        let sorted: BTreeMap<RuleId, Rule> =
            rules.into_iter().map(|rule| (rule.id(), rule)).collect();
        let (len, limit) = (sorted.len(), limits::MAX_INSTALLED_RULES);
        if len > limit {
            return Err(RuleError::TooLong { what: "set of rules", len, limit });
        }
        let rules: Vec<Entry> = sorted
            .into_iter()
            .map(|(id, rule)| Entry { id, exact: is_exact(&rule), rule })
            .collect();
        let plain: Vec<(u32, &Rule)> = (0..).zip(rules.iter().map(|entry| &entry.rule)).collect();
        let features = Feature::ALL
            .iter()
            .filter(|feature| plain.iter().any(|(_, rule)| looks_at(rule, **feature)))
            .map(|feature| (*feature, FeatureIndex::new(*feature, &plain)))
            .collect();
        let datasets = Required::new(len, plain.iter().map(|(n, rule)| (*n, rule.scope().dataset)));
        let parties = Required::new(len, plain.iter().map(|(n, rule)| (*n, rule.scope().party)));
        let purposes = Required::new(len, plain.iter().map(|(n, rule)| (*n, rule.scope().purpose)));
        Ok(Self { all: Bits::full(len), features, datasets, parties, purposes, rules })
    }

    /// The rules that match, by id.
    #[must_use]
    pub fn matches(&self, facts: &FeatureVector, context: &RuleContext<'_>) -> Vec<RuleMatch> {
        let mut left = self.all.clone();
        let mut scratch = self.all.clone();
        self.datasets.narrow(core::iter::once(&context.dataset), &mut left, &mut scratch);
        self.parties.narrow(context.parties.iter(), &mut left, &mut scratch);
        self.purposes.narrow(core::iter::once(&context.purpose), &mut left, &mut scratch);
        for (feature, index) in &self.features {
            if left.is_empty() {
                break;
            }
            match facts.value(*feature) {
                Some(value) => index.narrow(value, &mut left, &mut scratch),
                None => left.and(&index.indifferent),
            }
        }
        left.ones()
            .filter_map(|n| self.rules.get(n))
            .filter(|entry| {
                if entry.exact {
                    context.now < entry.rule.expires()
                } else {
                    entry.rule.matches(facts, context)
                }
            })
            .map(|entry| RuleMatch { rule: entry.id, action: entry.rule.action() })
            .collect()
    }

    /// The rule with this id.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        let n = self.rules.binary_search_by_key(&id, |entry| entry.id).ok()?;
        self.rules.get(n).map(|entry| &entry.rule)
    }

    /// All rules, by id.
    pub fn iter(&self) -> impl Iterator<Item = (RuleId, &Rule)> {
        self.rules.iter().map(|entry| (entry.id, &entry.rule))
    }

    /// How many rules.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rules.len()
    }

    /// Are there none?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What a decision records of the rules it was judged by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let ids: Vec<&[u8]> = self.rules.iter().map(|entry| entry.id.0.as_slice()).collect();
        Digest::of_parts("secnet/ruleset/v1", &ids)
    }
}

impl FeatureIndex {
    fn new(feature: Feature, rules: &[(u32, &Rule)]) -> Self {
        let mut indifferent = Bits::full(rules.len());
        for (n, _) in rules.iter().filter(|(_, rule)| looks_at(rule, feature)) {
            indifferent.clear(*n);
        }
        let tests: Vec<_> = rules
            .iter()
            .flat_map(|(n, rule)| rule.conditions().iter().map(|condition| (*n, condition)))
            .filter(|(_, condition)| condition.feature() == feature)
            .map(|(n, condition)| (n, condition.test()))
            .collect();
        let values = match feature.kind() {
            FeatureKind::Number { .. } => {
                ValueIndex::Number(NumberIndex::new(&indifferent, &tests))
            }
            FeatureKind::Word(_) | FeatureKind::Words(_) => {
                ValueIndex::Word(WordIndex::new(rules.len(), &tests))
            }
            FeatureKind::Text => ValueIndex::Text(TextIndex::new(rules.len(), &tests)),
            FeatureKind::Address => ValueIndex::Address(AddressIndex::new(rules.len(), &tests)),
        };
        Self { indifferent, values }
    }

    fn narrow(&self, value: &FeatureValue, left: &mut Bits, scratch: &mut Bits) {
        match (&self.values, value) {
            (ValueIndex::Number(index), FeatureValue::Number(n)) => index.narrow(*n, left, scratch),
            (ValueIndex::Word(index), FeatureValue::Words(w)) => index.narrow(*w, left, scratch),
            (ValueIndex::Text(index), FeatureValue::Text(t)) => index.narrow(t, left, scratch),
            (ValueIndex::Address(index), FeatureValue::Address(a)) => {
                index.narrow(*a, left, scratch);
            }
            // INVARIANT: a vector's values are of their features' kinds.
            _ => left.and(&self.indifferent),
        }
    }
}

/// Is every condition one that its index answers exactly?
fn is_exact(rule: &Rule) -> bool {
    let others = |condition: &Condition, same: fn(&Test) -> bool| {
        rule.conditions()
            .iter()
            .filter(|other| other.feature() == condition.feature() && same(other.test()))
            .count()
    };
    rule.conditions().iter().all(|condition| match condition.test() {
        Test::Between(..) | Test::NotBetween(..) | Test::NoWord(_) => true,
        Test::AnyWord(_) => others(condition, |test| matches!(test, Test::AnyWord(_))) == 1,
        Test::AnyText(_) | Test::Prefix(_) | Test::Suffix(_) | Test::Inside(_) => {
            others(condition, |_| true) == 1
        }
        Test::NoText(_) | Test::Contains(_) | Test::Outside(_) => false,
    })
}

fn looks_at(rule: &Rule, feature: Feature) -> bool {
    rule.conditions().iter().any(|condition| condition.feature() == feature)
}
