//! From a table to numbers that trees can split: numeric columns as they are, categorical ones as target statistics.
//!
//! A category becomes the smoothed share of positives among the training rows that have it, and their number. For a
//! training row only the rows before it in a random order count (ordered target statistics, Prokhorenkova et al.,
//! CatBoost, 2018), so that no row sees its own label. Combinations of two and three columns are treated like one. Where two
//! columns have words in common, whether a row has the same word in both can be a feature too.

mod same;
mod statistic;

use minicbor::{Decode, Encode};

use crate::chance::Chance;
use crate::num::short;
use crate::table::{Kind, Table, TableError, Values};
use same::same;
use statistic::{Seen, Statistic};

/// Purpose of the random stream.
const STREAM: u64 = 0x4f52_4452;
/// Most derived features: each is a column of numbers of every row.
pub const MAX_FEATURES: usize = 4_096;
/// Fewest words that two columns share before they are compared: one, such as the empty word, says nothing.
const LEAST_SHARED: usize = 2;
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
    /// With counts, also for each combination of two: which shares of the rows with the one word, and of those with the other, have
    /// both; and with how many different words the one occurs, and the other.
    pub ratios: bool,
    /// Also whether two columns have the same word, for each two that have words in common.
    pub same: bool,
}

impl Default for CategoryUse {
    fn default() -> Self {
        Self { combine: 1, smoothing: 1.0, counts: false, ratios: false, same: false }
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
    /// Which two categorical columns are compared, by their place among them; none if that was not wanted.
    #[n(3)]
    pub same: Option<Vec<(u32, u32)>>,
    #[n(4)]
    pub ratios: Option<bool>,
}

/// The categories of some rows by one statistic, and how often they occur.
struct Found {
    keys: Vec<u64>,
    counts: Vec<f64>,
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
    /// Learn the encoding from a training table, and give its rows encoded without their own labels. Rows without a label
    /// add to how often categories occur.
    pub(crate) fn fit(
        table: &Table,
        unlabelled: Option<&Table>,
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
        let mut encoder =
            Self { sources, statistics: Vec::new(), counts: uses.counts, same: None, ratios: None };
        encoder.same = uses.same.then(|| encoder.alike());
        encoder.ratios = (uses.ratios && uses.counts).then_some(true);
        let coded = encoder.codes(table)?;
        let others = unlabelled.filter(|_| uses.counts);
        let others = match others {
            Some(others) => Some((encoder.codes(others)?, others.rows())),
            None => None,
        };
        let groups = combinations(coded.len(), uses.combine);
        let per_group = 1 + usize::from(uses.counts);
        crate::table::limit(
            "derived features",
            encoder.sources.len() - coded.len()
                + groups.len() * per_group
                + encoder.ratios.map_or(0, |_| 4 * groups.iter().filter(|g| g.len() == 2).count())
                + encoder.same.as_ref().map_or(0, Vec::len),
            MAX_FEATURES,
        )?;
        let mut order: Vec<usize> = (0..table.rows()).collect();
        Chance::new(seed, STREAM).shuffle(&mut order);
        let mut columns = numbers(table, &encoder.sources)?;
        let mut found: Vec<Found> = Vec::new();
        for group in groups {
            let keys = keys(&coded, &group, table.rows());
            let unlabelled = others.as_ref().map(|(coded, rows)| self::keys(coded, &group, *rows));
            let unlabelled = unlabelled.as_deref();
            let seen = Seen { keys: &keys, labels: table.labels(), order: &order, unlabelled };
            let (statistic, shares, counts) = Statistic::fit(group, &seen, uses.smoothing);
            columns.push(shares);
            columns.extend(uses.counts.then(|| counts.clone()));
            encoder.statistics.push(statistic);
            found.push(Found { keys, counts });
        }
        columns.extend(encoder.related(&found));
        columns.extend(encoder.compared(table)?);
        Ok((encoder, Matrix { columns, rows: table.rows() }))
    }

    /// Encode other rows by what training showed.
    pub(crate) fn encode(&self, table: &Table) -> Result<Matrix, TableError> {
        let coded = self.codes(table)?;
        let mut columns = numbers(table, &self.sources)?;
        let mut found: Vec<Found> = Vec::new();
        for statistic in &self.statistics {
            let keys = keys(&coded, &statistic.columns, table.rows());
            let (shares, counts) = statistic.look_up(&keys);
            columns.push(shares);
            columns.extend(self.counts.then(|| counts.clone()));
            found.push(Found { keys, counts });
        }
        columns.extend(self.related(&found));
        columns.extend(self.compared(table)?);
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
        if self.ratios == Some(true) {
            for statistic in &self.statistics {
                if let [one, other] = statistic.columns.as_slice() {
                    let word = |place: &u32| words.get(crate::num::long(*place)).copied();
                    let (one, other) =
                        (word(one).unwrap_or_default(), word(other).unwrap_or_default());
                    names.push(format!("share of {other} in {one}"));
                    names.push(format!("share of {one} in {other}"));
                    names.push(format!("different {other} of {one}"));
                    names.push(format!("different {one} of {other}"));
                }
            }
        }
        let word = |place: u32| words.get(crate::num::long(place)).copied().unwrap_or_default();
        let pairs = self.same.iter().flatten();
        names.extend(pairs.map(|(one, other)| format!("{} = {}", word(*one), word(*other))));
        names
    }

    /// Whole, for an encoder from a file.
    pub(crate) fn is_whole(&self) -> bool {
        let categorical = self.sources.iter().filter(|source| source.categorical).count();
        self.sources.iter().all(|source| source.words.is_sorted())
            && self.statistics.iter().all(|statistic| statistic.is_whole(categorical))
            && self
                .same
                .iter()
                .flatten()
                .all(|(one, other)| one < other && crate::num::long(*other) < categorical)
    }

    /// For each combination of two, four columns, if they are wanted: see [`CategoryUse::ratios`].
    fn related(&self, found: &[Found]) -> Vec<Vec<f64>> {
        let mut columns = Vec::new();
        if self.ratios != Some(true) {
            return columns;
        }
        let of = |column: u32| {
            let place = self.statistics.iter().position(|own| own.columns == [column]);
            place
                .and_then(|place| found.get(place))
                .map_or(&[][..], |found| found.counts.as_slice())
        };
        for (statistic, both) in self.statistics.iter().zip(found) {
            let [one, other] = statistic.columns.as_slice() else { continue };
            let share = |all: &[f64]| -> Vec<f64> {
                both.counts.iter().zip(all).map(|(both, all)| both / all.max(1.0)).collect()
            };
            columns.push(share(of(*one)));
            columns.push(share(of(*other)));
            let different = statistic.different();
            let looked_up = |side: usize| -> Vec<f64> {
                let key = |key: &u64| different.get(&(side, Statistic::side(*key, side)));
                both.keys.iter().map(|own| f64::from(key(own).copied().unwrap_or(0))).collect()
            };
            columns.push(looked_up(0));
            columns.push(looked_up(1));
        }
        columns
    }

    /// Each two categorical columns that have at least two words in common.
    fn alike(&self) -> Vec<(u32, u32)> {
        let own: Vec<&Source> = self.sources.iter().filter(|source| source.categorical).collect();
        let mut pairs = Vec::new();
        for (at, one) in own.iter().enumerate() {
            for (beyond, other) in own.iter().enumerate().skip(at + 1) {
                let shared =
                    one.words.iter().filter(|word| other.words.binary_search(word).is_ok());
                if shared.take(LEAST_SHARED).count() == LEAST_SHARED {
                    pairs.push((short(at), short(beyond)));
                }
            }
        }
        pairs
    }

    /// Whether they are the same, for each pair.
    fn compared(&self, table: &Table) -> Result<Vec<Vec<f64>>, TableError> {
        let own: Vec<&Source> = self.sources.iter().filter(|source| source.categorical).collect();
        let values = |place: u32| {
            let source = own.get(crate::num::long(place)).ok_or(TableError::NoColumns)?;
            table
                .column(&source.name)
                .map(crate::table::Column::values)
                .ok_or_else(|| wrong(source))
        };
        let pairs = self.same.iter().flatten();
        pairs.map(|(one, other)| Ok(same(values(*one)?, values(*other)?))).collect()
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
            *key = (*key << statistic::CODE_BITS) | u64::from(*code);
        }
    }
    keys
}
