//! A list of rules: each finds what the others leave, then all are gone over again; the cost of a false alarm is chosen
//! on rows that no rule was searched on.

use super::ascent::{Draft, Search, simplified};
use super::coded::{CodedColumn, coded};
use super::condition::Condition;
use super::evidence::{Evidence, RuleList, bound, judge};
use crate::LearnError;
use crate::metrics::Confusion;
use crate::num::{long, short, whole};
use crate::table::{Table, divide, divide_unlike};

/// Most conditions of one rule.
pub const MAX_CONDITIONS_PER_RULE: usize = 8;
/// Most rules of a list.
pub const MAX_RULES: usize = 64;
/// Costs of a false alarm that are tried, in hits.
const COSTS: [f64; 11] = [0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0];
/// Rounds in which each rule is improved beside the others.
const POLISH: usize = 2;

/// How rules are learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleRecipe {
    /// Most rules.
    pub rules: usize,
    /// Most conditions of all rules together.
    pub conditions: usize,
    /// Most conditions of one rule.
    pub per_rule: usize,
    /// Highest false-positive rate of the list on rows it was not searched on.
    pub false_positive_rate: f64,
    /// A rule whose 95 % lower bound of precision is below this is dropped.
    pub least_precision: f64,
    /// Fewest rows a rule covers, as a share of the positive rows.
    pub least_support: f64,
    /// Share of the rows of each class that only gives evidence.
    pub evidence: f64,
    /// Rows are in order of time: the evidence comes from the newest ones of each class instead of from any.
    pub newest: bool,
    /// May a rule say that a value is missing?
    pub missing: bool,
    /// May a rule say that a word is none of the usual ones, so that it also matches words that training never showed? Asked are
    /// columns in which ordinary rows hardly ever bring a new word.
    pub unusual: bool,
}

impl Default for RuleRecipe {
    fn default() -> Self {
        Self {
            rules: 8,
            conditions: 27,
            per_rule: 4,
            false_positive_rate: 0.01,
            least_precision: 0.8,
            least_support: 0.002,
            evidence: 0.2,
            newest: false,
            missing: true,
            unusual: false,
        }
    }
}

/// Learn rules from training rows. `progress` is called [`RuleRecipe::STEPS`] times.
///
/// # Errors
/// [`LearnError`]: one class only, too few rows, no column that rules can use.
pub fn learn_rules(
    table: &Table,
    recipe: RuleRecipe,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<RuleList, LearnError> {
    table.require_both_classes()?;
    let limits = (1..=MAX_RULES).contains(&recipe.rules)
        && (1..=MAX_CONDITIONS_PER_RULE).contains(&recipe.per_rule)
        && recipe.conditions >= 1
        && [
            recipe.false_positive_rate,
            recipe.least_precision,
            recipe.least_support,
            recipe.evidence,
        ]
        .iter()
        .all(|share| (0.0..=1.0).contains(share));
    if !limits {
        return Err(LearnError::Recipe(
            "rules, conditions or a share of the rule recipe is out of range",
        ));
    }
    let all: Vec<usize> = (0..table.rows()).collect();
    let (rest, (grow, choose), evidence) = if recipe.newest {
        let (rest, evidence) = newest(table.labels(), recipe.evidence);
        let parts = divide(&rest, table.labels(), 0.25, seed.wrapping_add(1));
        (rest, parts, evidence)
    } else if recipe.unusual {
        // What occurs over and over is what is usual: each part has to show it.
        let (rest, evidence) = divide(&all, table.labels(), recipe.evidence, seed);
        let parts = divide(&rest, table.labels(), 0.25, seed.wrapping_add(1));
        (rest, parts, evidence)
    } else {
        // What occurs over and over would be its own evidence.
        let (rest, evidence) = divide_unlike(table, &all, recipe.evidence, seed);
        let parts = divide_unlike(table, &rest, 0.25, seed.wrapping_add(1));
        (rest, parts, evidence)
    };
    let few = |rows: &[usize]| {
        let positives = rows.iter().filter(|row| table.labels().get(**row) == Some(&true)).count();
        positives == 0 || positives == rows.len()
    };
    if few(&grow) || few(&choose) || few(&evidence) {
        return Err(LearnError::TooFew { positives: table.positives(), rows: table.rows() });
    }
    let columns = coded(table, &recipe, &grow);
    if columns.is_empty() {
        return Err(LearnError::Recipe(
            "there is no numeric or small categorical column for rules, and no text that tells",
        ));
    }
    let maker = Maker { columns: &columns, labels: table.labels(), recipe };
    let mut best: Option<(bool, f64, f64)> = None;
    for cost in COSTS {
        let counted = maker.confusion(&maker.list(&grow, cost), &choose);
        let holds = counted.false_positive_rate() <= recipe.false_positive_rate;
        // Among those within the rate the highest recall: broad rules also find what training did not show. If there is
        // none, the lowest rate.
        let merit = if holds { counted.recall() } else { -counted.false_positive_rate() };
        if best.is_none_or(|(held, old, _)| (holds, merit) > (held, old)) {
            best = Some((holds, merit, cost));
        }
        progress();
    }
    let cost = best.map_or(1.0, |(_, _, cost)| cost);
    let drafts = maker.list(&rest, cost);
    progress();
    let conditions = |draft: &Draft| -> Vec<Condition> {
        let named = draft.iter().filter_map(|(at, test)| Some((columns.get(*at)?, test)));
        named.map(|(column, test)| column.condition(test)).collect()
    };
    let held_back = table.part(&evidence);
    let origin = Evidence {
        data: table.digest(),
        rows: held_back.rows(),
        positives: held_back.positives(),
        seed,
    };
    Ok(judge(drafts.iter().map(conditions).collect(), &held_back, origin, recipe.least_precision))
}

impl RuleRecipe {
    /// How often `progress` is called.
    pub const STEPS: usize = COSTS.len() + 1;

    /// The fewest positive rows with which a rule can reach the least precision, if it never errs on the rows held back.
    /// None if none is enough.
    #[must_use]
    pub fn least_positives(&self) -> Option<usize> {
        (1..=MAX_COUNTED).find(|positives| {
            let held_back = whole((*positives as f64 * self.evidence).round());
            bound(held_back, held_back, 1) >= self.least_precision
        })
    }
}

/// Beyond so many rows no least precision but 1 is out of reach.
const MAX_COUNTED: usize = 100_000;

/// The older rows of each class, and this share of the newest ones; both in ascending order.
fn newest(labels: &[bool], share: f64) -> (Vec<usize>, Vec<usize>) {
    let (mut older, mut newer) = (Vec::new(), Vec::new());
    for class in [false, true] {
        let own = labels.iter().enumerate().filter(|(_, label)| **label == class);
        let own: Vec<usize> = own.map(|(row, _)| row).collect();
        let aside = whole((own.len() as f64 * share).round()).min(own.len());
        let (old, new) = own.split_at(own.len() - aside);
        older.extend_from_slice(old);
        newer.extend_from_slice(new);
    }
    older.sort_unstable();
    newer.sort_unstable();
    (older, newer)
}

struct Maker<'a> {
    columns: &'a [CodedColumn],
    labels: &'a [bool],
    recipe: RuleRecipe,
}

impl Maker<'_> {
    /// Rules for these rows at this cost of a false alarm.
    fn list(&self, rows: &[usize], cost: f64) -> Vec<Draft> {
        let rows: Vec<u32> = rows.iter().map(|row| short(*row)).collect();
        let positives =
            rows.iter().filter(|row| self.labels.get(long(**row)) == Some(&true)).count() as f64;
        let search = Search {
            columns: self.columns,
            labels: self.labels,
            cost,
            condition: positives * self.recipe.least_support / 2.0,
            least: short(whole(positives * self.recipe.least_support).max(5)),
            most: self.recipe.per_rule,
        };
        let mut list: Vec<Draft> = Vec::new();
        while list.len() < self.recipe.rules {
            let left = self.uncovered(&search, &rows, &list, None);
            let Some(draft) = search.rule(&left) else { break };
            list.push(simplified(draft));
        }
        for _ in 0..POLISH {
            for at in 0..list.len() {
                let left = self.uncovered(&search, &rows, &list, Some(at));
                if let Some(draft) = list.get_mut(at) {
                    *draft = simplified(search.improved(draft.clone(), &left).0);
                }
            }
        }
        list.retain(|draft| !draft.is_empty());
        // The first rules found are worth most.
        let mut conditions = 0;
        list.retain(|draft| {
            let fits = conditions + draft.len() <= self.recipe.conditions;
            conditions += if fits { draft.len() } else { 0 };
            fits
        });
        list
    }

    /// Rows that no rule but `except` covers.
    fn uncovered(
        &self,
        search: &Search<'_>,
        rows: &[u32],
        list: &[Draft],
        except: Option<usize>,
    ) -> Vec<u32> {
        let mut covered = vec![false; self.labels.len()];
        for (_, draft) in list.iter().enumerate().filter(|(at, _)| Some(*at) != except) {
            for row in search.left(draft, rows) {
                if let Some(covered) = covered.get_mut(long(row)) {
                    *covered = true;
                }
            }
        }
        rows.iter().copied().filter(|row| covered.get(long(*row)) == Some(&false)).collect()
    }

    fn confusion(&self, list: &[Draft], rows: &[usize]) -> Confusion {
        let holds = |row: usize, draft: &Draft| {
            draft.iter().all(|(at, test)| {
                let code = self.columns.get(*at).and_then(|column| column.codes.get(row));
                code.is_some_and(|code| test.holds(*code))
            })
        };
        Confusion::of(rows.iter().map(|row| {
            let flagged = list.iter().any(|draft| holds(*row, draft));
            (flagged, self.labels.get(*row) == Some(&true))
        }))
    }
}
