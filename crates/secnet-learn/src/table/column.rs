//! One typed column.

use std::collections::BTreeMap;

use secnet_types::Digest;

use super::{TableError, limit};
use crate::num::{long, short};

/// Longest name of a column, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Longest text or category, in bytes.
pub const MAX_TEXT_BYTES: usize = 65_536;
/// Most different words of one categorical column: three codes fit one 64-bit key.
pub const MAX_WORDS: usize = (1 << 21) - 2;
/// How much of a wrong value an error repeats.
const SHOWN_CHARS: usize = 40;

/// What values a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Finite numbers, some may be missing.
    Numeric,
    /// Words without an order: ids, protocols, roles.
    Categorical,
    /// Free text.
    Text,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Categorical => "categorical",
            Self::Text => "text",
        }
    }
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Finite, or NaN where missing.
    Numeric(Vec<f64>),
    /// The different words in ascending order, and which of them each row has.
    Categorical {
        /// The dictionary.
        words: Vec<String>,
        /// An index into it for each row.
        codes: Vec<u32>,
    },
    /// The texts.
    Text(Vec<String>),
}

/// A named column, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    name: String,
    values: Values,
}

impl Column {
    /// Numbers; NaN is a missing one.
    ///
    /// # Errors
    /// [`TableError::Infinite`] and the limits.
    pub fn numeric(name: &str, values: Vec<f64>) -> Result<Self, TableError> {
        match values.iter().position(|value| value.is_infinite()) {
            Some(row) => Err(TableError::Infinite { column: name.to_owned(), row: row + 1 }),
            None => Self::checked(name, Values::Numeric(values)),
        }
    }

    /// Words without an order.
    ///
    /// # Errors
    /// [`TableError`]: a word that is too long, too many different ones.
    pub fn categorical<S: AsRef<str>>(name: &str, values: &[S]) -> Result<Self, TableError> {
        lengths(name, values)?;
        let mut dictionary: BTreeMap<&str, u32> =
            values.iter().map(|word| (word.as_ref(), 0)).collect();
        limit("different words in a categorical column", dictionary.len(), MAX_WORDS)?;
        for (code, slot) in dictionary.values_mut().enumerate() {
            *slot = short(code);
        }
        let codes = values.iter().filter_map(|word| dictionary.get(word.as_ref()).copied());
        let codes = codes.collect();
        let words = dictionary.into_keys().map(str::to_owned).collect();
        Self::checked(name, Values::Categorical { words, codes })
    }

    /// Free text.
    ///
    /// # Errors
    /// [`TableError::TooLong`].
    pub fn text(name: &str, values: Vec<String>) -> Result<Self, TableError> {
        lengths(name, &values)?;
        Self::checked(name, Values::Text(values))
    }

    /// A column from the fields of a file. An empty field is a missing number, a word or a text of its own.
    ///
    /// # Errors
    /// [`TableError`] that names column and row.
    pub fn parse<S: AsRef<str>>(name: &str, kind: Kind, cells: &[S]) -> Result<Self, TableError> {
        match kind {
            Kind::Categorical => Self::categorical(name, cells),
            Kind::Text => {
                Self::text(name, cells.iter().map(|cell| cell.as_ref().to_owned()).collect())
            }
            Kind::Numeric => {
                let numbers: Result<Vec<f64>, TableError> =
                    cells.iter().zip(1..).map(|(cell, row)| number(name, row, cell)).collect();
                Self::numeric(name, numbers?)
            }
        }
    }

    fn checked(name: &str, values: Values) -> Result<Self, TableError> {
        limit("bytes in the name of a column", name.len(), MAX_NAME_BYTES)?;
        Ok(Self { name: name.to_owned(), values })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its values.
    #[must_use]
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// What they are.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.values {
            Values::Numeric(_) => Kind::Numeric,
            Values::Categorical { .. } => Kind::Categorical,
            Values::Text(_) => Kind::Text,
        }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Numeric(values) => values.len(),
            Values::Categorical { codes, .. } => codes.len(),
            Values::Text(values) => values.len(),
        }
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn part(&self, rows: &[usize]) -> Self {
        let values = match &self.values {
            Values::Numeric(values) => Values::Numeric(pick(values, rows)),
            Values::Categorical { words, codes } => {
                Values::Categorical { words: words.clone(), codes: pick(codes, rows) }
            }
            Values::Text(values) => Values::Text(pick(values, rows)),
        };
        Self { name: self.name.clone(), values }
    }

    pub(super) fn stacked(self, below: &Self) -> Result<Self, TableError> {
        if self.name != below.name {
            let kind = self.kind().as_str();
            return Err(TableError::WrongColumn { column: self.name, kind });
        }
        match (self.values, &below.values) {
            (Values::Numeric(mut upper), Values::Numeric(lower)) => {
                upper.extend_from_slice(lower);
                Self::numeric(&self.name, upper)
            }
            (Values::Text(mut upper), Values::Text(lower)) => {
                upper.extend_from_slice(lower);
                Self::text(&self.name, upper)
            }
            (upper @ Values::Categorical { .. }, lower @ Values::Categorical { .. }) => {
                let all: Vec<&str> = upper.words().chain(lower.words()).collect();
                Self::categorical(&self.name, &all)
            }
            (upper, _) => {
                let kind = Self { name: String::new(), values: upper }.kind().as_str();
                Err(TableError::WrongColumn { column: self.name, kind })
            }
        }
    }

    /// Mix each row's value into its mark.
    pub(super) fn mark(&self, marks: &mut [u64]) {
        let mix = |mark: &mut u64, value: u64| {
            *mark = (mark.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *mark ^= *mark >> 29;
        };
        match &self.values {
            Values::Numeric(values) => {
                for (mark, value) in marks.iter_mut().zip(values) {
                    mix(mark, if value.is_nan() { f64::NAN } else { *value }.to_bits());
                }
            }
            Values::Categorical { codes, .. } => {
                for (mark, code) in marks.iter_mut().zip(codes) {
                    mix(mark, u64::from(*code));
                }
            }
            Values::Text(texts) => {
                for (mark, text) in marks.iter_mut().zip(texts) {
                    text.bytes().for_each(|byte| mix(mark, u64::from(byte)));
                    mix(mark, text.len() as u64);
                }
            }
        }
    }

    pub(super) fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        match &self.values {
            Values::Numeric(values) => {
                for value in values {
                    // One NaN for all, so that a missing value has one form.
                    let value = if value.is_nan() { f64::NAN } else { *value };
                    bytes.extend_from_slice(&value.to_bits().to_be_bytes());
                }
            }
            other => {
                for word in other.words() {
                    bytes.extend_from_slice(&(word.len() as u64).to_be_bytes());
                    bytes.extend_from_slice(word.as_bytes());
                }
            }
        }
        let kind = self.kind().as_str().as_bytes();
        Digest::of_parts("secnet/column/v1", &[self.name.as_bytes(), kind, &bytes])
    }
}

impl Values {
    /// The word or text of each row; nothing for numbers.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let (words, codes, texts): (&[String], &[u32], &[String]) = match self {
            Self::Numeric(_) => (&[], &[], &[]),
            Self::Categorical { words, codes } => (words, codes, &[]),
            Self::Text(texts) => (&[], &[], texts),
        };
        let coded = codes.iter().filter_map(|code| words.get(long(*code)));
        coded.chain(texts).map(String::as_str)
    }
}

fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().filter_map(|row| values.get(*row).cloned()).collect()
}

fn lengths<S: AsRef<str>>(column: &str, values: &[S]) -> Result<(), TableError> {
    let long = values.iter().position(|value| value.as_ref().len() > MAX_TEXT_BYTES);
    match long.and_then(|row| Some((row, values.get(row)?))) {
        None => Ok(()),
        Some((row, value)) => Err(TableError::TooLong {
            column: column.to_owned(),
            row: row + 1,
            given: value.as_ref().len(),
            limit: MAX_TEXT_BYTES,
        }),
    }
}

fn number(column: &str, row: usize, cell: &impl AsRef<str>) -> Result<f64, TableError> {
    let text = cell.as_ref().trim();
    if text.is_empty() {
        return Ok(f64::NAN);
    }
    match text.parse::<f64>() {
        // `nan` is a word that some programs write for a missing value.
        Ok(number) => Ok(number),
        Err(_) => Err(TableError::NotANumber {
            column: column.to_owned(),
            row,
            text: text.chars().take(SHOWN_CHARS).collect(),
        }),
    }
}
