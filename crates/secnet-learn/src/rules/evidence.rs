//! What stands for a rule: counted on rows that neither its search nor any choice has seen.

use std::fmt;

use secnet_types::Digest;

use super::condition::Condition;
use crate::metrics::{Confusion, wilson, z95_at_once};
use crate::table::Table;

/// Where the evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Digest of the training table.
    pub data: Digest,
    /// Rows held back for evidence.
    pub rows: usize,
    /// Positive ones among them.
    pub positives: usize,
    /// Seed of the division into rows to search, to choose and for evidence.
    pub seed: u64,
}

/// A rule and the evidence for it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleCard {
    /// All of them hold.
    pub conditions: Vec<Condition>,
    /// What it does to the held-back rows, by itself.
    pub counted: Confusion,
    /// With 95 % confidence the precision of each rule that was tried on the evidence is at least its own bound, on data of
    /// this kind, all of them at once: so it holds also of the rules that were picked by that evidence.
    pub precision_at_least: f64,
}

/// Rules in order of that bound, highest first. A row is flagged if one matches.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleList {
    /// The rules.
    pub cards: Vec<RuleCard>,
    /// What their evidence was counted on.
    pub evidence: Evidence,
}

impl RuleCard {
    fn new(conditions: Vec<Condition>, table: &Table, tried: usize) -> Self {
        let matches = matches(&conditions, table);
        let counted = Confusion::of(matches.into_iter().zip(table.labels().iter().copied()));
        let flagged = counted.hits + counted.false_alarms;
        let precision_at_least = bound(counted.hits, flagged, tried);
        Self { conditions, counted, precision_at_least }
    }

    /// Which rows of a table it matches.
    #[must_use]
    pub fn matches(&self, table: &Table) -> Vec<bool> {
        matches(&self.conditions, table)
    }
}

impl RuleList {
    /// Which rows of a table one of the rules matches.
    #[must_use]
    pub fn flags(&self, table: &Table) -> Vec<bool> {
        let mut flagged = vec![false; table.rows()];
        for card in &self.cards {
            for (flag, matched) in flagged.iter_mut().zip(card.matches(table)) {
                *flag |= matched;
            }
        }
        flagged
    }

    /// What the list does to labelled rows.
    #[must_use]
    pub fn confusion(&self, table: &Table) -> Confusion {
        Confusion::of(self.flags(table).into_iter().zip(table.labels().iter().copied()))
    }

    /// Conditions of all rules.
    #[must_use]
    pub fn conditions(&self) -> usize {
        self.cards.iter().map(|card| card.conditions.len()).sum()
    }
}

impl fmt::Display for RuleCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, condition) in self.conditions.iter().enumerate() {
            write!(f, "{}{condition}", if at == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

/// With 95 % confidence the precision is at least this, and those of the others of so many rules at least theirs.
pub(super) fn bound(hits: usize, flagged: usize, tried: usize) -> f64 {
    wilson(hits, flagged, z95_at_once(tried)).low
}

fn matches(conditions: &[Condition], table: &Table) -> Vec<bool> {
    let mut all = vec![true; table.rows()];
    for condition in conditions {
        for (all, holds) in all.iter_mut().zip(condition.holds(table)) {
            *all &= holds;
        }
    }
    all
}

/// Count the evidence, drop rules that it does not carry and rules that others make superfluous, order the rest.
pub(super) fn judge(
    rules: Vec<Vec<Condition>>,
    held_back: &Table,
    evidence: Evidence,
    least_precision: f64,
) -> RuleList {
    let tried = rules.len();
    let judged = rules.into_iter().map(|conditions| RuleCard::new(conditions, held_back, tried));
    let mut cards: Vec<RuleCard> =
        judged.filter(|card| card.precision_at_least >= least_precision).collect();
    cards.sort_by(|a, b| b.precision_at_least.total_cmp(&a.precision_at_least));
    RuleList { cards: without_superfluous(cards, held_back), evidence }
}

/// A rule is superfluous if the others flag every positive row that it flags.
fn without_superfluous(mut cards: Vec<RuleCard>, table: &Table) -> Vec<RuleCard> {
    let mut at = cards.len();
    while at > 0 {
        at -= 1;
        let mut others = vec![false; table.rows()];
        for (_, card) in cards.iter().enumerate().filter(|(other, _)| *other != at) {
            for (flag, matched) in others.iter_mut().zip(card.matches(table)) {
                *flag |= matched;
            }
        }
        let adds = cards.get(at).is_some_and(|card| {
            let own = card.matches(table);
            let rows = own.iter().zip(&others).zip(table.labels());
            rows.into_iter().any(|((own, others), label)| *own && !others && *label)
        });
        if !adds {
            cards.remove(at);
        }
    }
    cards
}
