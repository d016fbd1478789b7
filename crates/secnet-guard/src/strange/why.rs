//! Which features make a request strange, and with which values it would not be.

use secnet_types::Feature;

use super::Kind;
use super::inputs::{Row, kept, number_of};

/// Remembered requests that are tried as what would have been usual.
const TRIED: usize = 4;
/// Features that are named at most: what takes more is not explained, and so nothing is found.
pub(super) const MAX_NAMED: usize = Feature::USUAL.len();

/// A feature by its place among those that are compared, and a usual value.
pub(super) type Named = (usize, i64);

/// The fewest features that are found with which the request would be less rare than the limit if they were as in a remembered request near
/// by, in the order of the features; each set was tried out.
pub(super) fn why(kind: &Kind, row: &Row, limit: u64) -> Option<Vec<Named>> {
    let mut best: Option<Vec<Named>> = None;
    for near in kind.memory.nearest(row, TRIED) {
        let found = like(kind, row, &near, limit);
        if found
            .as_ref()
            .is_some_and(|found| best.as_ref().is_none_or(|best| found.len() < best.len()))
        {
            best = found;
        }
        // There is no shorter one.
        if best.as_ref().is_some_and(|best| best.len() == 1) {
            break;
        }
    }
    best
}

/// The features that would have to be as in another request.
fn like(kind: &Kind, row: &Row, near: &Row, limit: u64) -> Option<Vec<Named>> {
    let apart = kind.memory.apart(row, near);
    let mut order: Vec<(u32, usize)> =
        apart.into_iter().zip(0..).filter(|(apart, _)| *apart > 0).collect();
    order.sort_unstable_by_key(|(apart, at)| (core::cmp::Reverse(*apart), *at));
    let usual =
        |at: usize| near.get(at).and_then(|value| number_of(*value)).map(|number| (at, number));
    let mut named: Vec<Named> = Vec::new();
    let mut candidates = order.into_iter().filter_map(|(_, at)| usual(at)).take(MAX_NAMED);
    while !is_ordinary(kind, row, &named, limit) {
        named.push(candidates.next()?);
    }
    // Of those that were needed on the way some may not be needed any more.
    for at in (0..named.len()).rev() {
        let mut fewer = named.clone();
        fewer.remove(at);
        if is_ordinary(kind, row, &fewer, limit) {
            named = fewer;
        }
    }
    named.sort_unstable();
    Some(named)
}

fn is_ordinary(kind: &Kind, row: &Row, named: &[Named], limit: u64) -> bool {
    let mut changed = *row;
    for (at, number) in named {
        if let Some(value) = changed.get_mut(*at) {
            *value = kept(*number);
        }
    }
    kind.rarity(&changed).is_some_and(|rarity| rarity < limit)
}
