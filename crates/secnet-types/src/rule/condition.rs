//! One comparison on one feature, in one normal form per meaning.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use super::{AddressBlock, Feature, FeatureKind, FeatureValue, FeatureVector, RuleError, WordList};
use crate::limits;

/// What a feature is compared with. Number tests include both ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Test {
    /// From low to high.
    #[n(0)]
    Between(#[n(0)] i64, #[n(1)] i64),
    /// Below low or above high.
    #[n(1)]
    NotBetween(#[n(0)] i64, #[n(1)] i64),
    /// At least one word of the mask.
    #[n(2)]
    AnyWord(#[n(0)] u64),
    /// No word of the mask.
    #[n(3)]
    NoWord(#[n(0)] u64),
    /// One of the texts.
    #[n(4)]
    AnyText(#[n(0)] BTreeSet<String>),
    /// None of the texts.
    #[n(5)]
    NoText(#[n(0)] BTreeSet<String>),
    /// Begins with.
    #[n(6)]
    Prefix(#[n(0)] String),
    /// Ends with.
    #[n(7)]
    Suffix(#[n(0)] String),
    /// Has inside.
    #[n(8)]
    Contains(#[n(0)] String),
    /// In the block.
    #[n(9)]
    Inside(#[n(0)] AddressBlock),
    /// Not in the block.
    #[n(10)]
    Outside(#[n(0)] AddressBlock),
}

/// A comparison that can be true and can be false.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode)]
pub struct Condition {
    #[n(0)]
    feature: Feature,
    #[n(1)]
    test: Test,
}

#[derive(Decode)]
struct Raw {
    #[n(0)]
    feature: Feature,
    #[n(1)]
    test: Test,
}

impl<'b, C> Decode<'b, C> for Condition {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let raw = Raw::decode(d, ctx)?;
        Self::new(raw.feature, raw.test).map_err(minicbor::decode::Error::custom)
    }
}

impl Condition {
    /// A condition in normal form: ranges are cut to the feature's own and turned positive where they can be.
    ///
    /// # Errors
    /// A test of another kind than the feature, one that is always true or never, or one beyond a limit.
    pub fn new(feature: Feature, test: Test) -> Result<Self, RuleError> {
        let always = || RuleError::AlwaysTrue { feature: feature.name() };
        let never = || RuleError::NeverTrue { feature: feature.name() };
        let test = match (feature.kind(), test) {
            (FeatureKind::Number { low, high }, Test::Between(from, to)) => {
                range(from.max(low), to.min(high)).ok_or_else(never)?
            }
            (FeatureKind::Number { low, high }, Test::NotBetween(from, to)) => {
                not_range(from, to, low, high).ok_or_else(never)?
            }
            (FeatureKind::Word(list) | FeatureKind::Words(list), Test::AnyWord(mask)) => {
                Test::AnyWord(known(feature, list, mask)?)
            }
            (FeatureKind::Word(list) | FeatureKind::Words(list), Test::NoWord(mask)) => {
                Test::NoWord(known(feature, list, mask)?)
            }
            (FeatureKind::Text, Test::AnyText(texts)) => Test::AnyText(sized(texts)?),
            (FeatureKind::Text, Test::NoText(texts)) => Test::NoText(sized(texts)?),
            (
                FeatureKind::Text,
                Test::Prefix(ref text) | Test::Suffix(ref text) | Test::Contains(ref text),
            ) if text.is_empty() => return Err(always()),
            (FeatureKind::Text, test @ (Test::Prefix(_) | Test::Suffix(_) | Test::Contains(_)))
            | (FeatureKind::Address, test @ (Test::Inside(_) | Test::Outside(_))) => test,
            _ => return Err(RuleError::WrongKind { feature: feature.name() }),
        };
        if let Test::Prefix(text) | Test::Suffix(text) | Test::Contains(text) = &test {
            fits(text)?;
        }
        match (feature.kind(), &test) {
            (FeatureKind::Number { low, high }, Test::Between(from, to))
                if (*from, *to) == (low, high) =>
            {
                Err(always())
            }
            (FeatureKind::Word(list), Test::AnyWord(mask)) if *mask == list.all() => Err(always()),
            (FeatureKind::Word(list), Test::NoWord(mask)) if *mask == list.all() => Err(never()),
            (_, Test::AnyWord(0)) => Err(never()),
            (_, Test::AnyText(texts)) if texts.is_empty() => Err(never()),
            (_, Test::NoWord(0)) => Err(always()),
            (_, Test::NoText(texts)) if texts.is_empty() => Err(always()),
            _ => Ok(Self { feature, test }),
        }
    }

    /// `feature > number`.
    ///
    /// # Errors
    /// As [`Condition::new`].
    pub fn above(feature: Feature, number: i64) -> Result<Self, RuleError> {
        let from = number.checked_add(1);
        let from = from.ok_or(RuleError::NeverTrue { feature: feature.name() })?;
        Self::new(feature, Test::Between(from, i64::MAX))
    }

    /// `feature < number`.
    ///
    /// # Errors
    /// As [`Condition::new`].
    pub fn below(feature: Feature, number: i64) -> Result<Self, RuleError> {
        let to = number.checked_sub(1);
        let to = to.ok_or(RuleError::NeverTrue { feature: feature.name() })?;
        Self::new(feature, Test::Between(i64::MIN, to))
    }

    /// `feature >= number`.
    ///
    /// # Errors
    /// As [`Condition::new`].
    pub fn at_least(feature: Feature, number: i64) -> Result<Self, RuleError> {
        Self::new(feature, Test::Between(number, i64::MAX))
    }

    /// `feature <= number`.
    ///
    /// # Errors
    /// As [`Condition::new`].
    pub fn at_most(feature: Feature, number: i64) -> Result<Self, RuleError> {
        Self::new(feature, Test::Between(i64::MIN, number))
    }

    /// `feature == number`.
    ///
    /// # Errors
    /// As [`Condition::new`].
    pub fn equals(feature: Feature, number: i64) -> Result<Self, RuleError> {
        Self::new(feature, Test::Between(number, number))
    }

    /// `feature != number`.
    ///
    /// # Errors
    /// As [`Condition::new`].
    pub fn differs(feature: Feature, number: i64) -> Result<Self, RuleError> {
        Self::new(feature, Test::NotBetween(number, number))
    }

    /// One of these words or texts.
    ///
    /// # Errors
    /// As [`Condition::new`]; a word that is not in the feature's list.
    pub fn any_of(feature: Feature, words: &[&str]) -> Result<Self, RuleError> {
        let test = match feature.kind() {
            FeatureKind::Word(list) | FeatureKind::Words(list) => {
                Test::AnyWord(mask(feature, list, words)?)
            }
            _ => Test::AnyText(words.iter().map(|w| (*w).to_owned()).collect()),
        };
        Self::new(feature, test)
    }

    /// None of these words or texts.
    ///
    /// # Errors
    /// As [`Condition::new`]; a word that is not in the feature's list.
    pub fn none_of(feature: Feature, words: &[&str]) -> Result<Self, RuleError> {
        let test = match feature.kind() {
            FeatureKind::Word(list) | FeatureKind::Words(list) => {
                Test::NoWord(mask(feature, list, words)?)
            }
            _ => Test::NoText(words.iter().map(|w| (*w).to_owned()).collect()),
        };
        Self::new(feature, test)
    }

    /// What is looked at.
    #[must_use]
    pub const fn feature(&self) -> Feature {
        self.feature
    }

    /// What it is compared with.
    #[must_use]
    pub const fn test(&self) -> &Test {
        &self.test
    }

    /// Is it true? False if the feature is absent, also for negative tests.
    #[must_use]
    pub fn holds(&self, facts: &FeatureVector) -> bool {
        facts.value(self.feature).is_some_and(|value| self.accepts(value))
    }

    /// Is it true of this value?
    #[must_use]
    pub fn accepts(&self, value: &FeatureValue) -> bool {
        match (&self.test, value) {
            (Test::Between(low, high), FeatureValue::Number(n)) => low <= n && n <= high,
            (Test::NotBetween(low, high), FeatureValue::Number(n)) => n < low || high < n,
            (Test::AnyWord(mask), FeatureValue::Words(words)) => mask & words != 0,
            (Test::NoWord(mask), FeatureValue::Words(words)) => mask & words == 0,
            (_, FeatureValue::Text(text)) => self.accepts_text(text),
            (Test::Inside(block), FeatureValue::Address(address)) => block.contains(*address),
            (Test::Outside(block), FeatureValue::Address(address)) => !block.contains(*address),
            _ => false,
        }
    }

    pub(super) fn accepts_text(&self, text: &str) -> bool {
        match &self.test {
            Test::AnyText(texts) => texts.contains(text),
            Test::NoText(texts) => !texts.contains(text),
            Test::Prefix(part) => text.starts_with(part.as_str()),
            Test::Suffix(part) => text.ends_with(part.as_str()),
            Test::Contains(part) => text.contains(part.as_str()),
            _ => false,
        }
    }

    /// A value of the feature for which the condition is false, near the given one; none if there is no natural one.
    #[must_use]
    pub fn safe_value(&self, given: &FeatureValue) -> Option<FeatureValue> {
        let candidates: Vec<FeatureValue> = match (&self.test, given, self.feature.kind()) {
            (Test::Between(low, high), _, FeatureKind::Number { low: least, high: most }) => {
                let below = low.checked_sub(1).filter(|n| *n >= least);
                let above = high.checked_add(1).filter(|n| *n <= most);
                below.into_iter().chain(above).map(FeatureValue::Number).collect()
            }
            (Test::NotBetween(low, high), FeatureValue::Number(n), _) => {
                vec![FeatureValue::Number(if n < low { *low } else { *high })]
            }
            (Test::AnyWord(mask), FeatureValue::Words(words), FeatureKind::Words(_)) => {
                vec![FeatureValue::Words(words & !mask)]
            }
            (Test::AnyWord(mask), _, FeatureKind::Word(list)) => {
                single_words(list.all() & !mask).collect()
            }
            (Test::NoWord(mask), _, FeatureKind::Word(_)) => single_words(*mask).collect(),
            (Test::NoWord(mask), FeatureValue::Words(words), _) => single_words(*mask)
                .filter_map(|w| match w {
                    FeatureValue::Words(bit) => Some(FeatureValue::Words(bit | words)),
                    _ => None,
                })
                .collect(),
            (Test::NoText(texts), ..) => {
                texts.iter().take(1).cloned().map(FeatureValue::Text).collect()
            }
            (Test::AnyText(_) | Test::Prefix(_) | Test::Suffix(_) | Test::Contains(_), ..) => {
                vec![FeatureValue::Text(String::new())]
            }
            (Test::Outside(block), ..) => vec![FeatureValue::Address(block.first())],
            _ => Vec::new(),
        };
        candidates.into_iter().find(|value| !self.accepts(value))
    }
}

fn single_words(mask: u64) -> impl Iterator<Item = FeatureValue> {
    (0..u64::BITS).map(|n| 1_u64 << n).filter(move |bit| mask & bit != 0).map(FeatureValue::Words)
}

fn range(from: i64, to: i64) -> Option<Test> {
    (from <= to).then_some(Test::Between(from, to))
}

/// Everything but `from..=to`; a hole at an end leaves one range.
fn not_range(from: i64, to: i64, low: i64, high: i64) -> Option<Test> {
    if from > to || to < low || from > high {
        return Some(Test::Between(low, high));
    }
    match (from > low, to < high) {
        (true, true) => Some(Test::NotBetween(from, to)),
        (true, false) => from.checked_sub(1).map(|end| Test::Between(low, end)),
        (false, true) => to.checked_add(1).map(|start| Test::Between(start, high)),
        (false, false) => None,
    }
}

fn known(feature: Feature, list: WordList, mask: u64) -> Result<u64, RuleError> {
    if mask & !list.all() == 0 {
        Ok(mask)
    } else {
        Err(RuleError::UnknownWord { feature: feature.name(), word: format!("{mask:#b}") })
    }
}

fn mask(feature: Feature, list: WordList, words: &[&str]) -> Result<u64, RuleError> {
    words.iter().try_fold(0, |mask, word| {
        let number = list.number(word).ok_or_else(|| RuleError::UnknownWord {
            feature: feature.name(),
            word: (*word).to_owned(),
        })?;
        Ok(mask | (1 << number))
    })
}

fn fits(text: &str) -> Result<(), RuleError> {
    if text.len() <= limits::MAX_TEXT_BYTES {
        Ok(())
    } else {
        Err(RuleError::TooLong { what: "text", len: text.len(), limit: limits::MAX_TEXT_BYTES })
    }
}

fn sized(texts: BTreeSet<String>) -> Result<BTreeSet<String>, RuleError> {
    if texts.len() > limits::MAX_RULE_TEXTS {
        let (len, limit) = (texts.len(), limits::MAX_RULE_TEXTS);
        return Err(RuleError::TooLong { what: "set of texts", len, limit });
    }
    texts.iter().try_for_each(|text| fits(text))?;
    Ok(texts)
}
