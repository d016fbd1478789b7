//! What is known of one request: a value for each feature, or none.

use core::fmt;
use core::net::IpAddr;
use std::collections::BTreeMap;

use minicbor::{Decode, Decoder, Encode, Encoder};

use super::{Feature, FeatureKind, RuleError};
use crate::limits;

/// The value of a feature.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum FeatureValue {
    /// Of a number feature.
    #[n(0)]
    Number(#[n(0)] i64),
    /// Of a word feature: bit n for word n of its list.
    #[n(1)]
    Words(#[n(0)] u64),
    /// Of a text feature.
    #[n(2)]
    Text(#[n(0)] String),
    /// Of an address feature.
    #[n(3)]
    Address(#[cbor(n(0), with = "super::address::plain")] IpAddr),
}

impl FeatureValue {
    /// A number; what does not fit becomes the largest that does.
    #[must_use]
    pub fn count(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// The value in words, as `feature` reads it.
    #[must_use]
    pub fn describe(&self, feature: Feature) -> String {
        match (self, feature.kind()) {
            (Self::Words(0), _) => "none".to_owned(),
            (Self::Words(mask), FeatureKind::Word(list) | FeatureKind::Words(list)) => {
                list.names(*mask).collect::<Vec<_>>().join(", ")
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for FeatureValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Words(mask) => write!(f, "{mask:#b}"),
            Self::Text(text) => write!(f, "`{text}`"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// The features of one request. A feature may be absent: then every condition on it, negative ones included, is
/// false and no rule that looks at it matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeatureVector(BTreeMap<Feature, FeatureValue>);

impl FeatureVector {
    /// Nothing known.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Set a value. Numbers are moved into the feature's range, texts cut at their limit, addresses made canonical.
    ///
    /// # Errors
    /// A value of another kind than the feature's; the vector stays as it was.
    pub fn set(&mut self, feature: Feature, value: FeatureValue) -> Result<(), RuleError> {
        let value = match (feature.kind(), value) {
            (FeatureKind::Number { low, high }, FeatureValue::Number(n)) => {
                FeatureValue::Number(n.clamp(low, high))
            }
            (FeatureKind::Word(list), FeatureValue::Words(mask))
                if mask.count_ones() == 1 && mask & !list.all() == 0 =>
            {
                FeatureValue::Words(mask)
            }
            (FeatureKind::Words(list), FeatureValue::Words(mask)) if mask & !list.all() == 0 => {
                FeatureValue::Words(mask)
            }
            (FeatureKind::Text, FeatureValue::Text(text)) => FeatureValue::Text(cut(text)),
            (FeatureKind::Address, FeatureValue::Address(address)) => {
                FeatureValue::Address(address.to_canonical())
            }
            _ => return Err(RuleError::WrongKind { feature: feature.name() }),
        };
        self.0.insert(feature, value);
        Ok(())
    }

    /// The same with one value changed: what would be if.
    ///
    /// # Errors
    /// A value of another kind than the feature's.
    pub fn with(&self, feature: Feature, value: FeatureValue) -> Result<Self, RuleError> {
        let mut changed = self.clone();
        changed.set(feature, value)?;
        Ok(changed)
    }

    /// The value, if present.
    #[must_use]
    pub fn value(&self, feature: Feature) -> Option<&FeatureValue> {
        self.0.get(&feature)
    }

    /// The number, if present and a number.
    #[must_use]
    pub fn number(&self, feature: Feature) -> Option<i64> {
        match self.0.get(&feature) {
            Some(FeatureValue::Number(n)) => Some(*n),
            _ => None,
        }
    }

    /// Make a feature absent.
    pub fn remove(&mut self, feature: Feature) {
        self.0.remove(&feature);
    }

    /// All values, in the order of the features.
    pub fn iter(&self) -> impl Iterator<Item = (Feature, &FeatureValue)> {
        self.0.iter().map(|(feature, value)| (*feature, value))
    }
}

fn cut(mut text: String) -> String {
    if text.len() > limits::MAX_FEATURE_TEXT_BYTES {
        let end = (0..=limits::MAX_FEATURE_TEXT_BYTES).rev().find(|n| text.is_char_boundary(*n));
        text.truncate(end.unwrap_or(0));
    }
    text
}

impl<C> Encode<C> for FeatureVector {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.0.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for FeatureVector {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let mut vector = Self::new();
        for (feature, value) in BTreeMap::<Feature, FeatureValue>::decode(d, ctx)? {
            vector.set(feature, value).map_err(minicbor::decode::Error::custom)?;
        }
        Ok(vector)
    }
}
