//! Parts of texts that tell: what a condition may say that a text contains, begins or ends with.
//!
//! Counted are n-grams of characters, by hash, in how many texts of each class they occur; of texts with their begin and end marked, so that a
//! part may also be the first or the last. Those that would be worth most as a condition at several costs of a false alarm
//! are found again as texts.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::Comparison;
use crate::num::long;

/// Longest part, in characters.
const LONGEST: usize = 8;
/// Longest text that is searched, in characters; what comes after is not looked at.
const MAX_CHARACTERS: usize = 1_024;
/// Most texts that are searched; of more, every so many.
const MAX_TEXTS: usize = 20_000;
/// Places that parts are hashed into.
const PLACES: usize = 1 << 20;
/// Costs of a false alarm, in hits, at which parts are worth something.
const COSTS: [f64; 3] = [1.0, 8.0, 64.0];
/// Most parts of a column for each cost.
const MAX_PARTS: usize = 32;
/// Fewest texts with a part before it may be in a rule.
const LEAST_TEXTS: u32 = 5;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// What tells in the texts of these rows. At most 3 times [`MAX_PARTS`], the same for the same texts.
pub(super) fn telling(
    texts: &[String],
    labels: &[bool],
    rows: &[usize],
    least_support: f64,
) -> Vec<Comparison> {
    let step = rows.len().div_ceil(MAX_TEXTS).max(1);
    let rows: Vec<(&str, bool)> = rows
        .iter()
        .step_by(step)
        .filter_map(|row| Some((texts.get(*row)?.as_str(), *labels.get(*row)?)))
        .collect();
    let positives = rows.iter().filter(|(_, label)| *label).count() as f64;
    let mut counts = vec![(0_u32, 0_u32); PLACES];
    let mut places = Vec::new();
    for (text, label) in &rows {
        places.clear();
        each(text, |place, _, _| places.push(place));
        places.sort_unstable();
        places.dedup();
        for place in &places {
            if let Some(count) = counts.get_mut(long(*place)) {
                *(if *label { &mut count.0 } else { &mut count.1 }) += 1;
            }
        }
    }
    let least = f64::from(LEAST_TEXTS).max(positives * least_support);
    let wanted = best(&counts, least);
    named(&rows, &wanted)
}

/// The places that are worth most at one of the costs.
fn best(counts: &[(u32, u32)], least: f64) -> BTreeSet<u32> {
    let mut wanted = BTreeSet::new();
    for cost in COSTS {
        let worth = |count: &(u32, u32)| f64::from(count.0) - cost * f64::from(count.1);
        let mut good: Vec<(f64, u32)> = (0_u32..)
            .zip(counts)
            .filter(|(_, count)| f64::from(count.0) >= least)
            .map(|(place, count)| (worth(count), place))
            .filter(|(worth, _)| *worth > 0.0)
            .collect();
        good.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        // Parts of one longer part occur in the same texts: of those that occur equally often one is enough.
        let mut met: BTreeSet<(u32, u32)> = BTreeSet::new();
        let fresh = good
            .into_iter()
            .filter(|(_, place)| counts.get(long(*place)).is_some_and(|count| met.insert(*count)));
        wanted.extend(fresh.take(MAX_PARTS).map(|(_, place)| place));
    }
    wanted
}

/// The parts at these places: of several at one place the first that occurs.
fn named(rows: &[(&str, bool)], wanted: &BTreeSet<u32>) -> Vec<Comparison> {
    let mut found: BTreeMap<u32, Comparison> = BTreeMap::new();
    for (text, _) in rows.iter().filter(|(_, label)| *label) {
        each(text, |place, part, side| {
            if wanted.contains(&place) {
                let said = || match side {
                    Side::Inside => Comparison::Contains(part.to_owned()),
                    Side::First => Comparison::Begins(part.to_owned()),
                    Side::Last => Comparison::Ends(part.to_owned()),
                };
                found.entry(place).or_insert_with(said);
            }
        });
        if found.len() == wanted.len() {
            break;
        }
    }
    found.into_values().collect()
}

#[derive(Clone, Copy)]
enum Side {
    Inside,
    First,
    Last,
}

/// Every part of a text, with its place.
fn each<'a>(text: &'a str, mut told: impl FnMut(u32, &'a str, Side)) {
    let mut ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    ends.push(text.len());
    let whole = ends.len() <= MAX_CHARACTERS;
    ends.truncate(MAX_CHARACTERS);
    let last = ends.last().copied().unwrap_or_default();
    for (from, start) in ends.iter().enumerate() {
        let mut hash = FNV_OFFSET;
        let mut before = *start;
        for end in ends.iter().skip(from + 1).take(LONGEST) {
            let Some(next) = text.as_bytes().get(before..*end) else { break };
            hash = next.iter().fold(hash, |h, b| (h ^ u64::from(*b)).wrapping_mul(FNV_PRIME));
            before = *end;
            let Some(part) = text.get(*start..*end) else { break };
            told(place(hash, 0), part, Side::Inside);
            if *start == 0 {
                told(place(hash, 1), part, Side::First);
            }
            if whole && *end == last {
                told(place(hash, 2), part, Side::Last);
            }
        }
    }
}

fn place(hash: u64, side: u64) -> u32 {
    let mixed = (hash ^ side).wrapping_mul(FNV_PRIME);
    let folded = mixed ^ (mixed >> 32) ^ (mixed >> 20);
    crate::num::short(usize::try_from(folded).unwrap_or_default() % PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_is_found_inside_at_the_begin_and_at_the_end() {
        let mut texts = Vec::new();
        let mut labels = Vec::new();
        for n in 0..200 {
            let plain = format!("/shop/item-{n}.html");
            texts.push(plain.clone());
            labels.push(false);
            texts.push(match n % 10 {
                0..2 => format!("/shop/item-{n}'%20or.html"),
                2..5 => format!("x{plain}"),
                _ => format!("{plain}~"),
            });
            labels.push(true);
        }
        let rows: Vec<usize> = (0..texts.len()).collect();
        let found = telling(&texts, &labels, &rows, 0.01);
        assert!(found.len() <= MAX_PARTS * COSTS.len());
        let clean = |part: &Comparison| {
            let hits = |wanted: bool| {
                let own = texts.iter().zip(&labels).filter(|(_, label)| **label == wanted);
                own.filter(|(text, _)| part.holds_of(text)).count()
            };
            hits(true) >= 40 && hits(false) == 0
        };
        let clean: Vec<&Comparison> = found.iter().filter(|part| clean(part)).collect();
        for text in ["/shop/item-10'%20or.html", "x/shop/item-12.html", "/shop/item-15.html~"] {
            assert!(clean.iter().any(|part| part.holds_of(text)), "{text}: {found:?}");
        }
        assert_eq!(found, telling(&texts, &labels, &rows, 0.01));
    }

    #[test]
    fn texts_without_a_difference_and_characters_of_many_bytes_are_no_trouble() {
        let texts: Vec<String> = (0..50).map(|_| "año 💧 ".repeat(400)).collect();
        let labels: Vec<bool> = (0..50).map(|n| n % 2 == 0).collect();
        let rows: Vec<usize> = (0..50).collect();
        assert!(telling(&texts, &labels, &rows, 0.002).is_empty());
        assert!(telling(&[], &[], &[], 0.002).is_empty());
    }
}
