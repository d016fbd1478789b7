//! Trees over whole numbers, for what must come out the same everywhere: grown as the others are, then turned into integers
//! once. From then on there is no floating-point number in them.

use crate::LearnError;
use crate::boost::{Boosted, Growth};
use crate::features::Matrix;
use crate::table::{Kind, Table, TableError, Values};

/// Leaves count millionths of log odds.
pub const WHOLE_UNIT: i64 = 1_000_000;
/// The largest leaf, either way, in log odds.
const MAX_ODDS: f64 = 1000.0;
/// Beyond this an `f64` holds not every integer; a cut there parts nothing that is counted.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A question: is the value of a column at most `cut`?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeNode {
    /// The column, by its place in the table.
    pub column: u32,
    /// Up to here it goes left.
    pub cut: i64,
    /// Where a missing value goes.
    pub missing_left: bool,
    /// Left.
    pub left: WholeNext,
    /// Right.
    pub right: WholeNext,
}

/// Where it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WholeNext {
    /// With this node, which is further back in the list.
    Node(u32),
    /// Nowhere: this is added.
    Leaf(i64),
}

/// Trees, each a list of nodes with the root first, and where their sum starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeTrees {
    /// The log odds of a row of which nothing is known.
    pub start: i64,
    /// The trees.
    pub trees: Vec<Vec<WholeNode>>,
}

/// Grow trees on a table of numbers. Values of rows are to be whole numbers; cuts between two of them mean the lower one. The
/// same table, growth and seed give the same trees.
///
/// # Errors
/// [`LearnError`]: a column that is not numeric, one class only.
pub fn grow_whole(table: &Table, growth: Growth, seed: u64) -> Result<WholeTrees, LearnError> {
    table.require_both_classes()?;
    let columns = table.columns().iter().map(|column| match column.values() {
        Values::Numeric(values) => Ok(values.clone()),
        _ => Err(TableError::WrongColumn {
            column: column.name().to_owned(),
            kind: Kind::Numeric.as_str(),
        }),
    });
    let matrix = Matrix { columns: columns.collect::<Result<_, _>>()?, rows: table.rows() };
    let weights = vec![1.0; table.rows()];
    let grown = Boosted::fit(&matrix, table.labels(), &weights, growth, seed, &mut || {});
    Ok(WholeTrees {
        start: points(grown.start),
        trees: grown
            .trees
            .iter()
            .map(|tree| {
                let node = |node: &crate::boost::Node| WholeNode {
                    column: node.feature,
                    cut: cut(node.cut),
                    missing_left: node.missing_left,
                    left: next(node.left),
                    right: next(node.right),
                };
                tree.nodes.iter().map(node).collect()
            })
            .collect(),
    })
}

const fn next(next: crate::boost::Next) -> WholeNext {
    match next {
        crate::boost::Next::Node(index) => WholeNext::Node(index),
        crate::boost::Next::Leaf(odds) => WholeNext::Leaf(points(odds)),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "clamped first")]
const fn points(odds: f64) -> i64 {
    (odds.clamp(-MAX_ODDS, MAX_ODDS) * WHOLE_UNIT as f64).round() as i64
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number within 2^53")]
const fn cut(cut: f64) -> i64 {
    let floor = cut.floor();
    if floor > MAX_EXACT {
        i64::MAX
    } else if floor < -MAX_EXACT {
        i64::MIN
    } else {
        floor as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, chance::Chance};

    fn score(grown: &WholeTrees, row: &[Option<i64>]) -> i64 {
        let leaf = |nodes: &Vec<WholeNode>| {
            let mut next = WholeNext::Node(0);
            loop {
                match next {
                    WholeNext::Leaf(points) => return points,
                    WholeNext::Node(index) => {
                        let node = nodes[crate::num::long(index)];
                        let value = row[crate::num::long(node.column)];
                        let left = value.map_or(node.missing_left, |value| value <= node.cut);
                        next = if left { node.left } else { node.right };
                    }
                }
            }
        };
        grown.start + grown.trees.iter().map(leaf).sum::<i64>()
    }

    #[test]
    fn whole_trees_score_as_the_grown_ones_to_half_a_unit_a_tree() {
        for seed in 1..6 {
            let mut chance = Chance::new(seed, 9);
            let mut numbers: Vec<u32> = (0..400).collect();
            chance.shuffle(&mut numbers);
            let column = |by: u32, lacking: u32| -> Vec<Option<i64>> {
                let value = |n: &u32| (!n.is_multiple_of(lacking)).then(|| i64::from(n * by % 97));
                numbers.iter().map(value).collect()
            };
            let columns = [column(1, 7), column(13, 1000), column(5, 3)];
            let float = |column: &Vec<Option<i64>>| -> Vec<f64> {
                column.iter().map(|v| v.map_or(f64::NAN, |v| v as f64)).collect()
            };
            let labels: Vec<bool> = numbers.iter().map(|n| n % 97 > 60 || n % 11 == 0).collect();
            let named = columns.iter().zip(["a", "b", "c"]);
            let named = named.map(|(column, name)| Column::numeric(name, float(column)).unwrap());
            let table = Table::new(named.collect(), labels.clone()).unwrap();
            let growth = Growth { trees: 40, leaves: 8, least_rows: 4, ..Growth::default() };
            let grown = grow_whole(&table, growth, seed).unwrap();
            assert_eq!(grown, grow_whole(&table, growth, seed).unwrap());
            let matrix = Matrix { columns: columns.iter().map(float).collect(), rows: 400 };
            let plain = Boosted::fit(&matrix, &labels, &vec![1.0; 400], growth, seed, &mut || {});
            let half = (grown.trees.len() as f64 + 1.0) / 2.0 + 0.01;
            for row in 0..400 {
                let values: Vec<Option<i64>> = columns.iter().map(|column| column[row]).collect();
                let float = plain.raw(&matrix.row(row)) * WHOLE_UNIT as f64;
                assert!((score(&grown, &values) as f64 - float).abs() <= half, "row {row}");
            }
        }
    }

    #[test]
    fn words_cannot_be_grown_on() {
        let words = Column::categorical("w", &["a", "b"]).unwrap();
        let table = Table::new(vec![words], vec![true, false]).unwrap();
        assert!(grow_whole(&table, Growth::default(), 1).is_err());
    }
}
