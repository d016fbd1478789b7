//! What is compared of a request: its numbers, by their logarithm.

use secnet_types::{Feature, FeatureVector};

/// How many features are compared.
pub(super) const COMPARED: usize = Feature::COMPARED.len();
/// What is compared of one request.
pub(super) type Row = [i16; COMPARED];

/// Parts of a doubling.
const PARTS_BITS: u32 = 8;
/// A feature that is not known stands as if it were two doublings below nothing.
const MISSING: i16 = -(2 << PARTS_BITS);

/// Requests of which the same is known are compared with each other: with facts of relations or without, of members with a
/// profile or without. What is stated for the first time makes nothing strange.
pub(super) const KINDS: usize = 4;

/// Which of them it is.
pub(super) fn kind_of(facts: &FeatureVector) -> usize {
    let has = |feature, kind| facts.value(feature).map_or(0, |_| kind);
    has(Feature::Ties, 1) + has(Feature::ProfileHourShare, 2)
}

/// The numbers of a request.
pub(super) fn row_of(facts: &FeatureVector) -> Row {
    Feature::COMPARED.map(|feature| facts.number(feature).map_or(MISSING, kept))
}

/// A number as it is compared: the logarithm of one more, with straight lines between the powers of two.
pub(super) fn kept(number: i64) -> i16 {
    let more = u64::try_from(number).unwrap_or(0).saturating_add(1);
    let doublings = more.ilog2();
    let rest = (u128::from(more - (1 << doublings)) << PARTS_BITS) >> doublings;
    let whole = u128::from(doublings << PARTS_BITS) + rest;
    i16::try_from(whole).unwrap_or(i16::MAX)
}

/// The smallest number that is compared as this; nothing for what is not known.
pub(super) fn number_of(kept: i16) -> Option<i64> {
    let kept = u64::try_from(kept).ok()?;
    let (doublings, rest) = (kept >> PARTS_BITS, kept & ((1 << PARTS_BITS) - 1));
    let power = 1_u128 << doublings.min(63);
    let more = power + ((u128::from(rest) * power) >> PARTS_BITS);
    i64::try_from(more - 1).ok()
}
