//! From a table to numbers that trees can split: numeric columns as they are, categorical ones as target statistics.
//!
//! A category becomes the smoothed share of positives among the training rows that have it, and their number. For a
//! training row only the rows before it in a random order count (ordered target statistics, Prokhorenkova et al.,
//! CatBoost, 2018), so that no row sees its own label. Combinations of two and three columns are treated like one.

mod statistic;

use minicbor::{Decode, Encode};

use crate::chance::Chance;
use crate::num::short;
use crate::table::{Kind, Table, TableError, Values};
use statistic::Statistic;

/// Purpose of the random stream.
const STREAM: u64 = 0x4f52_4452;
/// Most derived features: each is a column of numbers of every row.
pub const MAX_FEATURES: usize = 4_096;
/// The code of a word that training never showed.
const UNSEEN: u32 = (1 << 21) - 1;

/// What is made of categorical columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CategoryUse {
    /// Combinations of up to so many columns, 1 to 3.
    pub combine: usize,
    /// How many imagined rows with the overall share each category begins with.
    pub smoothing: f64,
    /// Also how often each category occurs.
    pub counts: bool,
}

impl Default for CategoryUse {
    fn default() -> Self {
        Self { combine: 1, smoothing: 1.0, counts: false }
    }
}

/// One column of the training table, as the model needs it again.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct Source {
    #[n(0)]
    pub name: String,
    #[n(1)]
    pub categorical: bool,
    /// Ascending; empty for numbers.
    #[n(2)]
    pub words: Vec<String>,
}

/// What turns tables with the training table's columns into numbers.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct Encoder {
    #[n(0)]
    pub sources: Vec<Source>,
    #[n(1)]
    pub statistics: Vec<Statistic>,
    #[n(2)]
    pub counts: bool,
}

/// Columns of numbers, NaN where missing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    pub columns: Vec<Vec<f64>>,
    pub rows: usize,
}

impl Matrix {
    /// One row, for a tree to walk.
    pub(crate) fn row(&self, row: usize) -> Vec<f64> {
        self.columns.iter().map(|c| c.get(row).copied().unwrap_or(f64::NAN)).collect()
    }
}

impl Encoder {
    /// Learn the encoding from a training table, and give its rows encoded without their own labels.
    pub(crate) fn fit(
        table: &Table,
        uses: CategoryUse,
        seed: u64,
    ) -> Result<(Self, Matrix), TableError> {
        let sources: Vec<Source> = table
            .columns()
            .iter()
            .filter(|column| column.kind() != Kind::Text)
            .map(|column| Source {
                name: column.name().to_owned(),
                categorical: column.kind() == Kind::Categorical,
                words: match column.values() {
                    Values::Categorical { words, .. } => words.clone(),
                    _ => Vec::new(),
                },
            })
            .collect();
        if sources.is_empty() {
            return Err(TableError::NoColumns);
        }
        let mut encoder = Self { sources, statistics: Vec::new(), counts: uses.counts };
        let coded = encoder.codes(table)?;
        let groups = combinations(coded.len(), uses.combine);
        let per_group = 1 + usize::from(uses.counts);
        crate::table::limit(
            "derived features",
            encoder.sources.len() - coded.len() + groups.len() * per_group,
            MAX_FEATURES,
        )?;
        let mut order: Vec<usize> = (0..table.rows()).collect();
        Chance::new(seed, STREAM).shuffle(&mut order);
        let mut columns = numbers(table, &encoder.sources)?;
        for group in groups {
            let keys = keys(&coded, &group, table.rows());
            let (statistic, shares, counts) =
                Statistic::fit(group, &keys, table.labels(), &order, uses.smoothing);
            columns.push(shares);
            columns.extend(uses.counts.then_some(counts));
            encoder.statistics.push(statistic);
        }
        Ok((encoder, Matrix { columns, rows: table.rows() }))
    }

    /// Encode other rows by what training showed.
    pub(crate) fn encode(&self, table: &Table) -> Result<Matrix, TableError> {
        let coded = self.codes(table)?;
        let mut columns = numbers(table, &self.sources)?;
        for statistic in &self.statistics {
            let keys = keys(&coded, &statistic.columns, table.rows());
            let (shares, counts) = statistic.look_up(&keys);
            columns.push(shares);
            columns.extend(self.counts.then_some(counts));
        }
        Ok(Matrix { columns, rows: table.rows() })
    }

    /// What each derived feature is called.
    pub(crate) fn names(&self) -> Vec<String> {
        let plain = self.sources.iter().filter(|source| !source.categorical);
        let mut names: Vec<String> = plain.map(|source| source.name.clone()).collect();
        let words: Vec<&str> = self
            .sources
            .iter()
            .filter(|source| source.categorical)
            .map(|source| source.name.as_str())
            .collect();
        for statistic in &self.statistics {
            let parts: Vec<&str> = statistic
                .columns
                .iter()
                .filter_map(|c| words.get(crate::num::long(*c)).copied())
                .collect();
            let name = parts.join(" x ");
            names.push(format!("share of {name}"));
            names.extend(self.counts.then(|| format!("count of {name}")));
        }
        names
    }

    /// Whole, for an encoder from a file.
    pub(crate) fn is_whole(&self) -> bool {
        let categorical = self.sources.iter().filter(|source| source.categorical).count();
        self.sources.iter().all(|source| source.words.is_sorted())
            && self.statistics.iter().all(|statistic| statistic.is_whole(categorical))
    }

    /// For each categorical column, the training dictionary's code of each row.
    fn codes(&self, table: &Table) -> Result<Vec<Vec<u32>>, TableError> {
        let mut coded = Vec::new();
        for source in self.sources.iter().filter(|source| source.categorical) {
            let Some(Values::Categorical { words, codes }) =
                table.column(&source.name).map(crate::table::Column::values)
            else {
                return Err(wrong(source));
            };
            let code = |word: &String| source.words.binary_search(word).map_or(UNSEEN, short);
            let translated: Vec<u32> = words.iter().map(code).collect();
            let row = |c: &u32| translated.get(crate::num::long(*c)).copied().unwrap_or(UNSEEN);
            coded.push(codes.iter().map(row).collect());
        }
        Ok(coded)
    }
}

fn numbers(table: &Table, sources: &[Source]) -> Result<Vec<Vec<f64>>, TableError> {
    let plain = sources.iter().filter(|source| !source.categorical);
    plain
        .map(|source| match table.column(&source.name).map(crate::table::Column::values) {
            Some(Values::Numeric(values)) => Ok(values.clone()),
            _ => Err(wrong(source)),
        })
        .collect()
}

fn wrong(source: &Source) -> TableError {
    let kind = if source.categorical { Kind::Categorical } else { Kind::Numeric };
    TableError::WrongColumn { column: source.name.clone(), kind: kind.as_str() }
}

/// Every group of up to `most` of `n` columns, single ones first.
fn combinations(n: usize, most: usize) -> Vec<Vec<u32>> {
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut last: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..most.clamp(1, 3) {
        let mut next = Vec::new();
        for group in &last {
            for column in group.last().map_or(0, |c| c + 1)..n {
                let mut larger = group.clone();
                larger.push(column);
                next.push(larger);
            }
        }
        groups.extend(next.iter().map(|group| group.iter().map(|c| short(*c)).collect()));
        last = next;
    }
    groups
}

/// Codes of up to three columns in one number.
fn keys(coded: &[Vec<u32>], group: &[u32], rows: usize) -> Vec<u64> {
    let mut keys = vec![0_u64; rows];
    for column in group.iter().filter_map(|column| coded.get(crate::num::long(*column))) {
        for (key, code) in keys.iter_mut().zip(column) {
            *key = (*key << 21) | u64::from(*code);
        }
    }
    keys
}
