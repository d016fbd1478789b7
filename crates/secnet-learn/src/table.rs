//! A labelled table: typed columns, checked when it is made, so that nothing after it has to.

mod column;
mod error;
mod split;

use secnet_types::Digest;

pub use column::{Column, Kind, MAX_NAME_BYTES, MAX_TEXT_BYTES, MAX_WORDS, Values};
pub use error::TableError;
pub use split::Split;
pub(crate) use split::{divide, divide_unlike};

/// Most rows of a table.
pub const MAX_ROWS: usize = 4_000_000;
/// Most columns of a table.
pub const MAX_COLUMNS: usize = 1_024;

/// Columns of equal length and a label for each row. What the positive class is (attack, fraud, denial) is the
/// caller's to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    labels: Vec<bool>,
}

impl Table {
    /// A table.
    ///
    /// # Errors
    /// [`TableError`]: no rows or columns, too many, columns of different length or with the same name.
    pub fn new(columns: Vec<Column>, labels: Vec<bool>) -> Result<Self, TableError> {
        let rows = labels.len();
        if rows == 0 {
            return Err(TableError::NoRows);
        }
        if columns.is_empty() {
            return Err(TableError::NoColumns);
        }
        limit("rows", rows, MAX_ROWS)?;
        limit("columns", columns.len(), MAX_COLUMNS)?;
        let mut names = std::collections::BTreeSet::new();
        for column in &columns {
            if column.len() != rows {
                let (column, given) = (column.name().to_owned(), column.len());
                return Err(TableError::Length { column, given, rows });
            }
            if !names.insert(column.name()) {
                return Err(TableError::Repeated { column: column.name().to_owned() });
            }
        }
        Ok(Self { columns, labels })
    }

    /// The columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name() == name)
    }

    /// One label for each row.
    #[must_use]
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.labels.len()
    }

    /// How many of them are positive.
    #[must_use]
    pub fn positives(&self) -> usize {
        self.labels.iter().filter(|label| **label).count()
    }

    /// Both classes must be there to learn from, or to measure on.
    ///
    /// # Errors
    /// [`TableError::OneClass`].
    pub fn require_both_classes(&self) -> Result<(), TableError> {
        match self.positives() {
            0 => Err(TableError::OneClass { class: "negative", rows: self.rows() }),
            all if all == self.rows() => {
                Err(TableError::OneClass { class: "positive", rows: self.rows() })
            }
            _ => Ok(()),
        }
    }

    /// These rows, in this order; rows that do not exist are left out. The dictionaries of categorical columns stay.
    #[must_use]
    pub fn part(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter().map(|column| column.part(rows)).collect();
        let labels = rows.iter().filter_map(|row| self.labels.get(*row).copied()).collect();
        Self { columns, labels }
    }

    /// The rows of a second table under those of this one, for files that come as a training and a test part.
    ///
    /// # Errors
    /// [`TableError`]: other columns, or too many rows.
    pub fn stacked(self, below: &Self) -> Result<Self, TableError> {
        if self.columns.len() != below.columns.len() {
            let (given, wanted) = (below.columns.len(), self.columns.len());
            return Err(TableError::ColumnCount { given, wanted });
        }
        let stacked: Result<Vec<Column>, TableError> = self
            .columns
            .into_iter()
            .zip(&below.columns)
            .map(|(upper, lower)| upper.stacked(lower))
            .collect();
        let mut labels = self.labels;
        labels.extend_from_slice(&below.labels);
        Self::new(stacked?, labels)
    }

    /// A hash of each row's values, its label aside: rows that are alike have the same.
    pub(crate) fn marks(&self) -> Vec<u64> {
        let mut marks = vec![0; self.rows()];
        for column in &self.columns {
            column.mark(&mut marks);
        }
        marks
    }

    /// SHA-256 over names, kinds, values and labels: what a model card and an evidence card name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let columns: Vec<[u8; 32]> = self.columns.iter().map(|column| column.digest().0).collect();
        let labels: Vec<u8> = self.labels.iter().map(|label| u8::from(*label)).collect();
        let mut parts: Vec<&[u8]> = columns.iter().map(<[u8; 32]>::as_slice).collect();
        parts.push(&labels);
        Digest::of_parts("secnet/table/v1", &parts)
    }
}

pub(crate) fn limit(what: &'static str, given: usize, limit: usize) -> Result<(), TableError> {
    if given > limit { Err(TableError::TooMany { what, given, limit }) } else { Ok(()) }
}
