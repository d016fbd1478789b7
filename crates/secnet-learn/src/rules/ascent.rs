//! One rule: a beam search for its conditions, then each condition in turn exchanged for a better one, added or dropped.

use super::coded::{CodedColumn, Test};
use super::search::{keep, steps};
use crate::num::long;

/// States kept after each step of the beam search.
const BEAM: usize = 8;
/// Rounds of exchanging.
const MAX_ROUNDS: usize = 8;

/// Conditions on codes, all of which hold.
pub(super) type Draft = Vec<(usize, Test)>;

/// What is searched, and what counts.
pub(super) struct Search<'a> {
    pub columns: &'a [CodedColumn],
    pub labels: &'a [bool],
    /// What a false alarm costs, in hits.
    pub cost: f64,
    /// What a condition costs, in hits.
    pub condition: f64,
    /// Fewest rows a rule may cover.
    pub least: u32,
    /// Most conditions of a rule.
    pub most: usize,
}

impl Search<'_> {
    /// The best rule for these rows (those no other rule covers), if one is worth anything.
    pub(super) fn rule(&self, rows: &[u32]) -> Option<Draft> {
        let starts = (1..=self.most).flat_map(|depth| self.beam(rows, depth));
        let best =
            starts.map(|draft| self.improved(draft, rows)).max_by(|a, b| a.1.total_cmp(&b.1))?;
        (best.1 > 0.0).then_some(best.0)
    }

    /// Exchange, add and drop conditions until nothing helps; the rule and its worth.
    pub(super) fn improved(&self, mut draft: Draft, rows: &[u32]) -> (Draft, f64) {
        let worth = self.worths(self.cost);
        let mut best = self.worth(&draft, rows, &worth);
        for _ in 0..MAX_ROUNDS {
            let before = best;
            for at in 0..=draft.len() {
                let mut others = draft.clone();
                if at < others.len() {
                    others.remove(at);
                } else if others.len() >= self.most {
                    continue;
                }
                let left = self.left(&others, rows);
                if others.len() < draft.len() && !others.is_empty() {
                    let dropped = self.sum(&left, &worth) - self.condition * others.len() as f64;
                    if dropped >= best {
                        (draft, best) = (others, dropped);
                        break;
                    }
                }
                let step = steps(self.columns, &left, &worth, self.least).into_iter().next();
                let Some(step) = step else { continue };
                let value = step.worth - self.condition * (others.len() + 1) as f64;
                if value > best + 1e-9 {
                    others.push((step.column, step.test));
                    (draft, best) = (others, value);
                    break;
                }
            }
            if best <= before && draft.len() <= self.most {
                break;
            }
        }
        (draft, best)
    }

    /// Conjunctions of `depth` conditions. False alarms cost little at first and their full price at the end, or nothing
    /// but tiny pure corners would survive the first step.
    fn beam(&self, rows: &[u32], depth: usize) -> Vec<Draft> {
        let positives = rows.iter().filter(|row| self.is_positive(**row)).count() as f64;
        let start = positives / (rows.len() as f64 - positives).max(1.0);
        let mut states: Vec<(Draft, Vec<u32>)> = vec![(Vec::new(), rows.to_vec())];
        for step in 1..=depth {
            let part = step as f64 / depth as f64;
            let worth = self.worths(start.powf(1.0 - part) * self.cost.powf(part));
            let mut next: Vec<(f64, usize, usize, Test)> = Vec::new();
            for (number, (_, rows)) in states.iter().enumerate() {
                let found = steps(self.columns, rows, &worth, self.least).into_iter().take(BEAM);
                next.extend(found.map(|s| (s.worth, number, s.column, s.test)));
            }
            next.sort_by(|a, b| b.0.total_cmp(&a.0));
            // The same rows reached in another order have the same worth.
            next.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
            next.truncate(BEAM);
            states = next
                .into_iter()
                .filter_map(|(_, number, column, test)| {
                    let (draft, rows) = states.get(number)?;
                    let left = keep(self.columns.get(column)?, &test, rows);
                    let mut draft = draft.clone();
                    draft.push((column, test));
                    Some((draft, left))
                })
                .collect();
        }
        states.truncate(2);
        states.into_iter().map(|(draft, _)| draft).collect()
    }

    pub(super) fn left(&self, draft: &Draft, rows: &[u32]) -> Vec<u32> {
        let mut left = rows.to_vec();
        for (column, test) in draft {
            if let Some(column) = self.columns.get(*column) {
                left = keep(column, test, &left);
            }
        }
        left
    }

    fn worth(&self, draft: &Draft, rows: &[u32], worth: &[f64]) -> f64 {
        self.sum(&self.left(draft, rows), worth) - self.condition * draft.len() as f64
    }

    fn sum(&self, rows: &[u32], worth: &[f64]) -> f64 {
        rows.iter().filter_map(|row| worth.get(long(*row))).sum()
    }

    fn worths(&self, cost: f64) -> Vec<f64> {
        self.labels.iter().map(|label| if *label { 1.0 } else { -cost }).collect()
    }

    fn is_positive(&self, row: u32) -> bool {
        self.labels.get(long(row)) == Some(&true)
    }
}

/// Two limits on one side of a column are one: the stricter.
pub(super) fn simplified(mut draft: Draft) -> Draft {
    draft.sort_by_key(|(column, test)| (*column, matches!(test, Test::Beyond(_))));
    let mut out: Draft = Vec::new();
    for (column, test) in draft {
        let twin = out.iter_mut().find(|(c, t)| {
            *c == column && std::mem::discriminant(t) == std::mem::discriminant(&test)
        });
        match (twin, test) {
            (Some((_, Test::UpTo(a))), Test::UpTo(b)) => *a = (*a).min(b),
            (Some((_, Test::Beyond(a))), Test::Beyond(b)) => *a = (*a).max(b),
            (Some((_, Test::Among(a))), Test::Among(b)) => {
                a.retain(|word| b.binary_search(word).is_ok());
            }
            (Some((_, Test::Besides(a))), Test::Besides(b)) => {
                a.extend(b);
                a.sort_unstable();
                a.dedup();
            }
            (Some(_), _) => {}
            (None, test) => out.push((column, test)),
        }
    }
    out
}
