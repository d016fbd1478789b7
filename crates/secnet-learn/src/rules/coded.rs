//! A table as small numbers, in which conditions are searched.

use super::condition::{Comparison, Condition};
use crate::boost::{MAX_CUTS, cut, cut_bin};
use crate::num::long;
use crate::table::{Table, Values};

/// Categorical columns with more words than this are left out: a rule that lists ids is no rule.
pub(super) const MAX_RULE_WORDS: usize = 1_000;

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
}

impl Test {
    pub(super) fn holds(&self, code: u16) -> bool {
        match self {
            Self::UpTo(bin) => code >= 1 && code <= *bin,
            Self::Beyond(bin) => code > *bin,
            Self::Missing => code == 0,
            Self::Among(words) => words.binary_search(&code).is_ok(),
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
}

pub(super) enum CodedKind {
    /// The cuts between bins.
    Numeric(Vec<f64>),
    /// The dictionary.
    Words(Vec<String>),
}

impl CodedColumn {
    /// How many different codes there can be.
    pub(super) fn width(&self) -> usize {
        match &self.kind {
            CodedKind::Numeric(cuts) => cuts.len() + 2,
            CodedKind::Words(words) => words.len(),
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
            _ => Comparison::Missing,
        };
        Condition { column: self.name.clone(), comparison }
    }
}

/// Numeric and small categorical columns.
pub(super) fn coded(table: &Table, missing: bool) -> Vec<CodedColumn> {
    let mut columns = Vec::new();
    for column in table.columns() {
        let (codes, kind) = match column.values() {
            Values::Numeric(values) => {
                let cuts = rounded(&cut(values));
                debug_assert!(cuts.len() <= MAX_CUTS);
                let codes = values.iter().map(|value| u16::from(cut_bin(&cuts, *value))).collect();
                (codes, CodedKind::Numeric(cuts))
            }
            Values::Categorical { words, codes } if words.len() <= MAX_RULE_WORDS => {
                let short = |code: &u32| u16::try_from(long(*code)).unwrap_or(u16::MAX);
                (codes.iter().map(short).collect(), CodedKind::Words(words.clone()))
            }
            _ => continue,
        };
        columns.push(CodedColumn { name: column.name().to_owned(), codes, kind, missing });
    }
    columns
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
