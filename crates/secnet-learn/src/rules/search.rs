//! The best next condition, over all columns at once, by counting.
#![expect(clippy::indexing_slicing, reason = "hot; rows and codes come from one coded table")]

use super::coded::{CodedColumn, CodedKind, MAX_RULE_WORDS, Test};
use crate::num::long;

/// Fewest rows of a word before it may be listed in a rule.
const LEAST_WORD_ROWS: u32 = 5;
/// Most words a rule lists.
const MAX_LISTED: usize = 12;
/// Most usual words that a rule lists to say that it is another one; the network's form takes 64.
const MAX_USUAL: usize = 64;

/// A condition, and what the rows it leaves are worth.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub column: usize,
    pub test: Test,
    pub worth: f64,
}

/// The best step of each column and direction, best first.
pub(super) fn steps(columns: &[CodedColumn], rows: &[u32], worth: &[f64], least: u32) -> Vec<Step> {
    let mut found = Vec::new();
    let own: Vec<f64> = rows.iter().map(|row| worth[long(*row)]).collect();
    for (number, column) in columns.iter().enumerate() {
        let mut cells = vec![(0.0_f64, 0_u32); column.width()];
        for (row, worth) in rows.iter().zip(&own) {
            let cell = &mut cells[usize::from(column.codes[long(*row)])];
            cell.0 += worth;
            cell.1 += 1;
        }
        let mut offer = |test: Test, worth: f64| found.push(Step { column: number, test, worth });
        match &column.kind {
            CodedKind::Words(known) => {
                let listed =
                    if known.len() <= MAX_RULE_WORDS { words(&cells, least) } else { None };
                let unusual = if column.unusual { unusual(&cells, least) } else { None };
                listed.into_iter().chain(unusual).for_each(|(test, worth)| offer(test, worth));
            }
            CodedKind::Part(_) => {
                let part = cells[1];
                if part.1 >= least && (part.1 as usize) < rows.len() {
                    offer(Test::Among(vec![1]), part.0);
                }
            }
            CodedKind::Numeric(_) => {
                let (up, beyond) = ranges(&cells, least);
                up.into_iter().chain(beyond).for_each(|(test, worth)| offer(test, worth));
                let some = cells[0].1 >= least && (cells[0].1 as usize) < rows.len();
                if column.missing && some {
                    offer(Test::Missing, cells[0].0);
                }
            }
        }
    }
    found.sort_by(|a: &Step, b| b.worth.total_cmp(&a.worth));
    found
}

type Found = Option<(Test, f64)>;

/// The best "at most" and the best "above".
fn ranges(cells: &[(f64, u32)], least: u32) -> (Found, Found) {
    let all = cells.iter().skip(1).fold((0.0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    let (mut up, mut beyond): (Found, Found) = (None, None);
    let mut below = (0.0, 0);
    for (bin, cell) in cells.iter().enumerate().skip(1) {
        below = (below.0 + cell.0, below.1 + cell.1);
        if cell.1 == 0 {
            continue;
        }
        let above = (all.0 - below.0, all.1 - below.1);
        let bin = u16::try_from(bin).unwrap_or(u16::MAX);
        if below.1 >= least && above.1 > 0 && up.as_ref().is_none_or(|best| below.0 > best.1) {
            up = Some((Test::UpTo(bin), below.0));
        }
        if above.1 >= least && beyond.as_ref().is_none_or(|best| above.0 > best.1) {
            beyond = Some((Test::Beyond(bin), above.0));
        }
    }
    (up, beyond)
}

/// The words that are worth something, the best ones if there are many.
fn words(cells: &[(f64, u32)], least: u32) -> Found {
    let mut good: Vec<(u16, f64, u32)> = (0_u16..)
        .zip(cells)
        .filter(|(_, cell)| cell.1 >= LEAST_WORD_ROWS && cell.0 > 0.0)
        .map(|(code, cell)| (code, cell.0, cell.1))
        .collect();
    good.sort_by(|a, b| b.1.total_cmp(&a.1));
    good.truncate(MAX_LISTED);
    let rows: u32 = good.iter().map(|word| word.2).sum();
    let present = cells.iter().filter(|cell| cell.1 > 0).count();
    if rows < least || good.len() == present {
        return None;
    }
    let worth = good.iter().map(|word| word.1).sum();
    let mut set: Vec<u16> = good.into_iter().map(|word| word.0).collect();
    set.sort_unstable();
    Some((Test::Among(set), worth))
}

/// Everything but the words that cost most. What was never seen is among what is left.
fn unusual(cells: &[(f64, u32)], least: u32) -> Found {
    let mut usual: Vec<(u16, f64, u32)> = (0_u16..)
        .zip(cells)
        .filter(|(_, cell)| cell.0 < 0.0)
        .map(|(code, cell)| (code, cell.0, cell.1))
        .collect();
    usual.sort_by(|a, b| a.1.total_cmp(&b.1));
    usual.truncate(MAX_USUAL);
    let all = cells.iter().fold((0.0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    let out = usual.iter().fold((0.0, 0), |sum, word| (sum.0 + word.1, sum.1 + word.2));
    let (worth, rows): (f64, u32) = (all.0 - out.0, all.1 - out.1);
    if usual.is_empty() || rows < least {
        return None;
    }
    let mut set: Vec<u16> = usual.into_iter().map(|word| word.0).collect();
    set.sort_unstable();
    Some((Test::Besides(set), worth))
}

/// The rows that a test leaves.
pub(super) fn keep(column: &CodedColumn, test: &Test, rows: &[u32]) -> Vec<u32> {
    rows.iter().copied().filter(|row| test.holds(column.codes[long(*row)])).collect()
}
