//! The normal form of a conjunction: sorted, ranges merged, nothing repeated, nothing impossible.

use super::{Condition, Feature, FeatureKind, RuleError, Test};

pub(super) fn normalise(conditions: Vec<Condition>) -> Result<Vec<Condition>, RuleError> {
    let mut normal: Vec<Condition> = Vec::with_capacity(conditions.len());
    for condition in conditions {
        if normal.contains(&condition) {
            return Err(RuleError::Repeated { feature: condition.feature().name() });
        }
        match normal.iter_mut().find_map(|other| merge(other, &condition).map(|m| (other, m))) {
            Some((other, merged)) => *other = merged?,
            None => normal.push(condition),
        }
    }
    normal.sort();
    for (n, a) in normal.iter().enumerate() {
        for b in normal.iter().skip(n + 1).filter(|b| b.feature() == a.feature()) {
            pair(a, b)?;
        }
    }
    Ok(normal)
}

/// Two tests of one feature that are one test.
fn merge(a: &Condition, b: &Condition) -> Option<Result<Condition, RuleError>> {
    let feature = a.feature();
    if feature != b.feature() {
        return None;
    }
    let single = matches!(feature.kind(), FeatureKind::Word(_));
    let merged = match (a.test(), b.test()) {
        (Test::Between(a, b), Test::Between(c, d)) => Test::Between(*a.max(c), *b.min(d)),
        (Test::NoWord(a), Test::NoWord(b)) => Test::NoWord(a | b),
        (Test::AnyWord(a), Test::AnyWord(b)) if single => Test::AnyWord(a & b),
        (Test::AnyText(a), Test::AnyText(b)) => Test::AnyText(a & b),
        (Test::NoText(a), Test::NoText(b)) => Test::NoText(a | b),
        _ => return None,
    };
    Some(Condition::new(feature, merged))
}

/// Refuse two tests of one feature that contradict or imply each other.
fn pair(a: &Condition, b: &Condition) -> Result<(), RuleError> {
    let feature = a.feature();
    // The derived order puts the positive test of each kind first.
    match (a.test(), b.test()) {
        (Test::Between(low, high), Test::NotBetween(from, to)) => {
            gap(feature, (*low, *high), (*from, *to))
        }
        (Test::NotBetween(a, b), Test::NotBetween(c, d)) => {
            never_or_repeated(feature, false, (a <= c && d <= b) || (c <= a && b <= d))
        }
        (Test::AnyWord(any), Test::NoWord(none)) => {
            let single = matches!(feature.kind(), FeatureKind::Word(_));
            never_or_repeated(feature, any & !none == 0, single || any & none != 0)
        }
        (Test::AnyWord(a), Test::AnyWord(b)) => {
            never_or_repeated(feature, false, a & b == *a || a & b == *b)
        }
        (Test::AnyText(texts), _) => {
            let left = texts.iter().filter(|text| b.accepts_text(text)).count();
            never_or_repeated(feature, left == 0, true)
        }
        (Test::Prefix(a), Test::Prefix(b)) => {
            let nested = a.starts_with(b.as_str()) || b.starts_with(a.as_str());
            never_or_repeated(feature, !nested, nested)
        }
        (Test::Suffix(a), Test::Suffix(b)) => {
            let nested = a.ends_with(b.as_str()) || b.ends_with(a.as_str());
            never_or_repeated(feature, !nested, nested)
        }
        (Test::Contains(a), Test::Contains(b)) => {
            never_or_repeated(feature, false, a.contains(b.as_str()) || b.contains(a.as_str()))
        }
        (Test::Prefix(a) | Test::Suffix(a), Test::Contains(b)) => {
            never_or_repeated(feature, false, a.contains(b.as_str()))
        }
        (Test::Inside(a), Test::Inside(b)) => {
            let common = a.intersection(b).is_some();
            never_or_repeated(feature, !common, common)
        }
        (Test::Inside(a), Test::Outside(b)) => {
            never_or_repeated(feature, b.covers(a), a.intersection(b).is_none())
        }
        (Test::Outside(a), Test::Outside(b)) => {
            never_or_repeated(feature, false, a.intersection(b).is_some())
        }
        _ => Ok(()),
    }
}

/// A range with a hole is kept only where the hole lies strictly inside.
fn gap(feature: Feature, range: (i64, i64), hole: (i64, i64)) -> Result<(), RuleError> {
    let ((low, high), (from, to)) = (range, hole);
    let covered = from <= low && high <= to;
    let inside = low < from && to < high;
    never_or_repeated(feature, covered, !inside)
}

fn never_or_repeated(feature: Feature, never: bool, repeated: bool) -> Result<(), RuleError> {
    if never {
        Err(RuleError::NeverTrue { feature: feature.name() })
    } else if repeated {
        Err(RuleError::Repeated { feature: feature.name() })
    } else {
        Ok(())
    }
}
