//! What of a row becomes tokens.

use minicbor::{Decode, Encode};

use super::Sparse;
use crate::num::short;
use crate::table::{Column, Kind, Table, TableError, Values};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
/// Longest n-gram, in characters.
pub(crate) const MAX_GRAM: usize = 8;

/// Which tokens are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TokenUse {
    /// Shortest n-gram of characters.
    #[n(0)]
    pub shortest: u32,
    /// Longest.
    #[n(1)]
    pub longest: u32,
    /// Conjunctions of up to so many categorical columns, 1 to 3.
    #[n(2)]
    pub combine: u32,
}

impl Default for TokenUse {
    fn default() -> Self {
        Self { shortest: 2, longest: 4, combine: 1 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Tokens {
    #[n(0)]
    pub uses: TokenUse,
    #[n(1)]
    pub texts: Vec<String>,
    #[n(2)]
    pub categories: Vec<String>,
}

impl Tokens {
    /// Of the texts, and of the categorical columns.
    pub(crate) fn of(table: &Table, uses: TokenUse) -> Result<Self, TableError> {
        let named = |kind: Kind| {
            let own = table.columns().iter().filter(|column| column.kind() == kind);
            own.map(|column| column.name().to_owned()).collect::<Vec<String>>()
        };
        let tokens = Self { uses, texts: named(Kind::Text), categories: named(Kind::Categorical) };
        if tokens.texts.is_empty() && tokens.categories.is_empty() {
            return Err(TableError::NoColumns);
        }
        Ok(tokens)
    }

    /// How often each place occurs in each row, damped by the logarithm.
    pub(crate) fn count(&self, table: &Table) -> Result<Vec<Sparse>, TableError> {
        let texts = columns(table, &self.texts, Kind::Text)?;
        let categories = columns(table, &self.categories, Kind::Categorical)?;
        let texts: Vec<Vec<&str>> = texts.iter().map(|c| c.values().words().collect()).collect();
        let words: Vec<Vec<u64>> = categories
            .iter()
            .map(|column| column.values().words().map(|w| hash(FNV_OFFSET, w.as_bytes())).collect())
            .collect();
        let groups = groups(words.len(), self.uses.combine.clamp(1, 3));
        let mut places = Vec::new();
        let rows = (0..table.rows()).map(|row| {
            places.clear();
            for (number, column) in (0_u64..).zip(&texts) {
                if let Some(text) = column.get(row) {
                    self.grams(number, text, &mut places);
                }
            }
            for group in &groups {
                let mut token = FNV_OFFSET;
                for column in group {
                    let word = words.get(*column).and_then(|column| column.get(row)).copied();
                    token = hash(token, &(*column as u64).to_be_bytes());
                    token = hash(token, &word.unwrap_or_default().to_be_bytes());
                }
                places.push(place(token));
            }
            tally(&mut places)
        });
        Ok(rows.collect())
    }

    fn grams(&self, column: u64, text: &str, places: &mut Vec<u32>) {
        let start = hash(FNV_OFFSET, &column.to_be_bytes());
        let mut ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        ends.push(text.len());
        let shortest = (self.uses.shortest as usize).max(1);
        for length in shortest..=(self.uses.longest as usize).min(MAX_GRAM) {
            for window in ends.windows(length + 1) {
                if let [from, .., to] = window
                    && let Some(gram) = text.as_bytes().get(*from..*to)
                {
                    places.push(place(hash(start, gram)));
                }
            }
        }
    }
}

fn columns<'a>(
    table: &'a Table,
    names: &[String],
    kind: Kind,
) -> Result<Vec<&'a Column>, TableError> {
    let wrong =
        |name: &String| TableError::WrongColumn { column: name.clone(), kind: kind.as_str() };
    names
        .iter()
        .map(|name| {
            let column = table.column(name).filter(|column| match column.values() {
                Values::Text(_) => kind == Kind::Text,
                Values::Categorical { .. } => kind == Kind::Categorical,
                Values::Numeric(_) => false,
            });
            column.ok_or_else(|| wrong(name))
        })
        .collect()
}

fn groups(n: usize, most: u32) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = (0..n).map(|column| vec![column]).collect();
    let mut last = groups.clone();
    for _ in 1..most {
        let longer = last.iter().flat_map(|group| {
            let next = group.last().map_or(0, |last| last + 1);
            (next..n).map(|column| {
                let mut longer = group.clone();
                longer.push(column);
                longer
            })
        });
        let longer: Vec<Vec<usize>> = longer.collect();
        groups.extend(longer.iter().cloned());
        last = longer;
    }
    groups
}

/// FNV-1a.
fn hash(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

fn place(hash: u64) -> u32 {
    // The low bits of FNV are weak: fold the high ones in.
    let folded = hash ^ (hash >> 32) ^ (hash >> 20);
    short(usize::try_from(folded).unwrap_or_default() % super::TOKEN_PLACES)
}

#[expect(clippy::cast_possible_truncation, reason = "a damped count of tokens")]
fn tally(places: &mut [u32]) -> Sparse {
    places.sort_unstable();
    let counted = places.chunk_by(|a, b| a == b).filter_map(|same| {
        let times = 1.0 + (same.len() as f64).ln();
        Some((*same.first()?, times as f32))
    });
    counted.collect()
}
