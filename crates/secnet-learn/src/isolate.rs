//! How strange a row is beside ordinary ones: a forest of random cuts (isolation forest; Liu, Ting and Zhou, 2008).
//!
//! Only negative rows are learnt from, so it does not know what attacks look like and does not miss those that no one has seen.
//! Numbers count by their logarithms, words by how often ordinary rows have them; one that none has is as strange as the rarest.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::boost::{MAX_TREES, Next, Node, Tree};
use crate::chance::Chance;
use crate::features::Matrix;
use crate::num::{long, short};
use crate::table::{Kind, Table, TableError, Values};

/// Purpose of the random stream.
const STREAM: u64 = 0x4953_4f4c;
/// Rows that a tree is grown on.
const SAMPLE: usize = 256;
/// Cuts after which a tree ends: as many as isolate a row of the sample on average.
const DEPTH: usize = 8;
/// Euler's constant, as far as it matters here.
const EULER: f64 = 0.577_215_66;

/// One column as it is counted.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
struct Source {
    #[n(0)]
    name: String,
    /// For words, each with the logarithm of one more than how many ordinary rows have it; ascending. None for numbers.
    #[n(1)]
    words: Option<Vec<(String, f64)>>,
}

/// The forest.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct Isolation {
    #[n(0)]
    sources: Vec<Source>,
    /// A leaf's value is how many cuts it takes to isolate what ends there.
    #[n(1)]
    trees: Vec<Tree>,
}

impl Isolation {
    /// Learn from the negative rows.
    pub(crate) fn fit(table: &Table, trees: usize, seed: u64) -> Result<Self, TableError> {
        let ordinary: Vec<usize> = table
            .labels()
            .iter()
            .enumerate()
            .filter(|(_, label)| !**label)
            .map(|(row, _)| row)
            .collect();
        let ordinary = table.part(&ordinary);
        let columns = ordinary.columns().iter().filter(|column| column.kind() != Kind::Text);
        let sources: Vec<Source> = columns
            .map(|column| Source {
                name: column.name().to_owned(),
                words: counted(column.values()),
            })
            .collect();
        if sources.is_empty() {
            return Err(TableError::NoColumns);
        }
        let mut forest = Self { sources, trees: Vec::new() };
        let matrix = forest.encode(&ordinary)?;
        let mut chance = Chance::new(seed, STREAM);
        for _ in 0..trees.min(MAX_TREES) {
            let mut rows: Vec<usize> = (0..matrix.rows).collect();
            chance.shuffle(&mut rows);
            rows.truncate(SAMPLE);
            let mut nodes = Vec::new();
            grow(&matrix, &rows, 0, &mut nodes, &mut chance);
            // Ordinary rows that are all alike have nothing to cut.
            if !nodes.is_empty() {
                forest.trees.push(Tree { nodes });
            }
        }
        Ok(forest)
    }

    /// How strange each row is; the scale is that of the mean number of cuts, turned round.
    pub(crate) fn raw_all(&self, table: &Table) -> Result<Vec<f64>, TableError> {
        let matrix = self.encode(table)?;
        let scale = self.trees.len().max(1) as f64 * cuts(SAMPLE);
        let raw = |row: usize| {
            let row = matrix.row(row);
            -self.trees.iter().map(|tree| tree.value(&row)).sum::<f64>() / scale
        };
        Ok((0..matrix.rows).map(raw).collect())
    }

    fn encode(&self, table: &Table) -> Result<Matrix, TableError> {
        let columns = self.sources.iter().map(|source| {
            let values = table.column(&source.name).map(crate::table::Column::values);
            match (values, &source.words) {
                (Some(Values::Numeric(values)), None) => {
                    Ok(values.iter().map(|value| value.abs().ln_1p().copysign(*value)).collect())
                }
                (Some(Values::Categorical { words, codes }), Some(known)) => {
                    let often = |word: &String| {
                        let place = known.binary_search_by(|(own, _)| own.cmp(word));
                        place.ok().and_then(|at| known.get(at)).map_or(0.0, |(_, often)| *often)
                    };
                    let of_word: Vec<f64> = words.iter().map(often).collect();
                    let value = |code: &u32| of_word.get(long(*code)).copied().unwrap_or(0.0);
                    Ok(codes.iter().map(value).collect())
                }
                _ => {
                    let kind =
                        if source.words.is_some() { Kind::Categorical } else { Kind::Numeric };
                    let (column, kind) = (source.name.clone(), kind.as_str());
                    Err(TableError::WrongColumn { column, kind })
                }
            }
        });
        Ok(Matrix { columns: columns.collect::<Result<_, _>>()?, rows: table.rows() })
    }

    /// Whole, for a forest from a file.
    pub(crate) fn is_whole(&self) -> bool {
        let words = |words: &Vec<(String, f64)>| {
            words.is_sorted_by(|a, b| a.0 < b.0) && words.iter().all(|(_, often)| often.is_finite())
        };
        self.trees.len() <= MAX_TREES
            && self.sources.iter().all(|source| source.words.as_ref().is_none_or(words))
            && self.trees.iter().all(|tree| tree.is_whole(self.sources.len()))
    }
}

fn counted(values: &Values) -> Option<Vec<(String, f64)>> {
    if matches!(values, Values::Numeric(_)) {
        return None;
    }
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    values.words().for_each(|word| *counts.entry(word).or_default() += 1.0);
    Some(counts.into_iter().map(|(word, count)| (word.to_owned(), count.ln_1p())).collect())
}

/// Cuts that a row of so many takes on average in a tree that is grown to the end.
fn cuts(rows: usize) -> f64 {
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = rows as f64;
            2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
        }
    }
}

/// Cut these rows, and what is left of them; a node's children come after it.
fn grow(
    matrix: &Matrix,
    rows: &[usize],
    depth: usize,
    nodes: &mut Vec<Node>,
    chance: &mut Chance,
) -> Next {
    let leaf = Next::Leaf(depth as f64 + cuts(rows.len()));
    if depth == DEPTH || rows.len() < 2 {
        return leaf;
    }
    let Some((feature, cut)) = random_cut(matrix, rows, chance) else { return leaf };
    let missing_left = chance.unit() < 0.5;
    let index = nodes.len();
    nodes.push(Node { feature: short(feature), cut, missing_left, left: leaf, right: leaf });
    let value = |row: &usize| {
        let column = matrix.columns.get(feature);
        column.and_then(|column| column.get(*row)).copied().unwrap_or(f64::NAN)
    };
    let goes_left = |row: &usize| {
        let value = value(row);
        if value.is_nan() { missing_left } else { value <= cut }
    };
    let (left, right): (Vec<usize>, Vec<usize>) = rows.iter().copied().partition(goes_left);
    let left = grow(matrix, &left, depth + 1, nodes, chance);
    let right = grow(matrix, &right, depth + 1, nodes, chance);
    if let Some(node) = nodes.get_mut(index) {
        (node.left, node.right) = (left, right);
    }
    Next::Node(short(index))
}

/// A column in which these rows differ, and a place between its ends; none if they are all alike.
fn random_cut(matrix: &Matrix, rows: &[usize], chance: &mut Chance) -> Option<(usize, f64)> {
    let mut features: Vec<usize> = (0..matrix.columns.len()).collect();
    chance.shuffle(&mut features);
    features.into_iter().find_map(|feature| {
        let column = matrix.columns.get(feature)?;
        let known = rows.iter().filter_map(|row| column.get(*row)).filter(|v| !v.is_nan());
        let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
        let cut = low + chance.unit() * (high - low);
        // The highest goes right.
        (low < high).then_some((feature, if cut < high { cut } else { low }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    fn table(numbers: Vec<f64>, words: &[&str]) -> Table {
        let labels = vec![false; numbers.len()];
        let columns = vec![Column::numeric("n", numbers), Column::categorical("w", words)];
        let columns: Result<Vec<Column>, TableError> = columns.into_iter().collect();
        columns.and_then(|own| Table::new(own, labels)).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn what_ordinary_rows_do_not_have_is_strange() {
        let numbers = (0..600).map(|n| f64::from(n % 40)).collect();
        let word = |n: i32| match n % 100 {
            0 => "rare",
            1..40 => "a",
            _ => "b",
        };
        let words: Vec<&str> = (0..600).map(word).collect();
        let forest =
            Isolation::fit(&table(numbers, &words), 100, 1).unwrap_or_else(|e| panic!("{e}"));
        let odd = table(vec![20.0, 9e6, 20.0, f64::NAN], &["a", "a", "never", "b"]);
        let raw = forest.raw_all(&odd).unwrap_or_else(|e| panic!("{e}"));
        assert!(raw[1] > raw[0] + 0.1 && raw[2] > raw[0] + 0.05, "{raw:?}");
        assert!(raw.iter().all(|raw| raw.is_finite()), "{raw:?}");
        assert!(forest.is_whole());
    }

    #[test]
    fn rows_that_are_all_alike_give_no_tree() {
        let same = table(vec![1.0; 50], &["a"; 50]);
        let forest = Isolation::fit(&same, 10, 1).unwrap_or_else(|e| panic!("{e}"));
        assert!(forest.trees.is_empty() && forest.is_whole());
        assert!(forest.raw_all(&same).is_ok_and(|raw| raw.iter().all(|raw| *raw == 0.0)));
    }
}
