//! A table as small numbers, in which conditions are searched.

use std::collections::BTreeMap;

use super::condition::{Comparison, Condition};
use super::grams::telling;
use super::list::RuleRecipe;
use crate::boost::{MAX_CUTS, cut, cut_bin};
use crate::num::long;
use crate::table::{Table, Values};

/// Categorical columns with more words than this are left out: a rule that lists ids is no rule.
pub(super) const MAX_RULE_WORDS: usize = 1_000;
/// With more words than this a column is left out also where a rule may say what is usual.
const MAX_CODED_WORDS: usize = 20_000;

/// A condition on codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// From bin 1 (bin 0 is missing) to this one.
    UpTo(u16),
    /// Above this bin.
    Beyond(u16),
    /// Bin 0.
    Missing,
    /// One of these words.
    Among(Vec<u16>),
    /// None of these words.
    Besides(Vec<u16>),
}

impl Test {
    pub(super) fn holds(&self, code: u16) -> bool {
        match self {
            Self::UpTo(bin) => code >= 1 && code <= *bin,
            Self::Beyond(bin) => code > *bin,
            Self::Missing => code == 0,
            Self::Among(words) => words.binary_search(&code).is_ok(),
            Self::Besides(words) => words.binary_search(&code).is_err(),
        }
    }
}

/// One column.
pub(super) struct CodedColumn {
    pub name: String,
    pub codes: Vec<u16>,
    pub kind: CodedKind,
    /// May a condition say that it is missing?
    pub missing: bool,
    /// May a condition say that it is none of the usual words?
    pub unusual: bool,
}

pub(super) enum CodedKind {
    /// The cuts between bins.
    Numeric(Vec<f64>),
    /// The dictionary.
    Words(Vec<String>),
    /// Code 1 where this holds of the text, else 0.
    Part(Comparison),
}

impl CodedColumn {
    /// How many different codes there can be.
    pub(super) fn width(&self) -> usize {
        match &self.kind {
            CodedKind::Numeric(cuts) => cuts.len() + 2,
            CodedKind::Words(words) => words.len(),
            CodedKind::Part(_) => 2,
        }
    }

    /// As a condition on the table's own values.
    pub(super) fn condition(&self, test: &Test) -> Condition {
        let end = |bin: &u16, cuts: &[f64]| {
            usize::from(*bin).checked_sub(1).and_then(|at| cuts.get(at).copied())
        };
        let comparison = match (&self.kind, test) {
            (CodedKind::Numeric(cuts), Test::UpTo(bin)) => {
                Comparison::AtMost(end(bin, cuts).unwrap_or(f64::MAX))
            }
            (CodedKind::Numeric(cuts), Test::Beyond(bin)) => {
                Comparison::Above(end(bin, cuts).unwrap_or(f64::MIN))
            }
            (CodedKind::Words(words), Test::Among(set)) => {
                let name = |inside: bool| -> Vec<String> {
                    let with = words.iter().zip(0_u16..);
                    let with = with.filter(|(_, code)| set.binary_search(code).is_ok() == inside);
                    with.map(|(word, _)| word.clone()).collect()
                };
                // Said the shorter way.
                if set.len() * 2 > words.len() {
                    Comparison::NoneOf(name(false))
                } else {
                    Comparison::OneOf(name(true))
                }
            }
            (CodedKind::Words(words), Test::Besides(set)) => {
                let named = set.iter().filter_map(|code| words.get(usize::from(*code)).cloned());
                Comparison::NoneOf(named.collect())
            }
            (CodedKind::Part(comparison), _) => comparison.clone(),
            _ => Comparison::Missing,
        };
        Condition { column: self.name.clone(), comparison }
    }
}

/// Numeric and small categorical columns, and what tells in texts, found in `rows`.
pub(super) fn coded(table: &Table, recipe: &RuleRecipe, rows: &[usize]) -> Vec<CodedColumn> {
    let (missing, unusual) = (recipe.missing, recipe.unusual);
    let most_words = if unusual { MAX_CODED_WORDS } else { MAX_RULE_WORDS };
    let mut columns = Vec::new();
    for column in table.columns() {
        let (codes, kind): (Vec<u16>, CodedKind) = match column.values() {
            Values::Numeric(values) => {
                let cuts = rounded(&cut(values));
                debug_assert!(cuts.len() <= MAX_CUTS);
                let codes = values.iter().map(|value| u16::from(cut_bin(&cuts, *value))).collect();
                (codes, CodedKind::Numeric(cuts))
            }
            Values::Categorical { words, codes } if words.len() <= most_words => {
                let short = |code: &u32| u16::try_from(long(*code)).unwrap_or(u16::MAX);
                (codes.iter().map(short).collect(), CodedKind::Words(words.clone()))
            }
            Values::Text(texts) => {
                for part in telling(texts, table.labels(), rows, recipe.least_support) {
                    let name = column.name().to_owned();
                    let codes = texts.iter().map(|text| u16::from(part.holds_of(text))).collect();
                    let kind = CodedKind::Part(part);
                    columns.push(CodedColumn { name, codes, kind, missing, unusual });
                }
                continue;
            }
            Values::Categorical { .. } => continue,
        };
        let new = || newcomers(&codes, table.labels(), rows);
        let unusual = unusual && new() * recipe.rules as f64 <= recipe.false_positive_rate;
        columns.push(CodedColumn { name: column.name().to_owned(), codes, kind, missing, unusual });
    }
    columns
}

/// How likely an ordinary row brings a word that none before had: the share of them whose word no other of them has (Good, 1953).
fn newcomers(codes: &[u16], labels: &[bool], rows: &[usize]) -> f64 {
    let ordinary = rows.iter().filter(|row| labels.get(**row) == Some(&false));
    let mut counts: BTreeMap<u16, u32> = BTreeMap::new();
    let mut all = 0_u32;
    for code in ordinary.filter_map(|row| codes.get(*row)) {
        *counts.entry(*code).or_default() += 1;
        all += 1;
    }
    let single = counts.values().filter(|count| **count == 1).count();
    single as f64 / f64::from(all.max(1))
}

/// Cuts with as few digits as keep them apart: a rule is read by people.
fn rounded(cuts: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> = cuts.iter().map(|cut| four_digits(*cut)).collect();
    out.dedup_by(|a, b| a.total_cmp(b).is_eq());
    out
}

fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
