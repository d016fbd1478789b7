//! One comparison of a learnt rule.

use std::fmt;

use crate::num::long;
use crate::table::{Column, Table, Values};

/// What a column's value is compared with. A missing number is neither above nor at most anything.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// At most this.
    AtMost(f64),
    /// Above this.
    Above(f64),
    /// Missing.
    Missing,
    /// One of these words, ascending.
    OneOf(Vec<String>),
    /// None of these words, ascending; a word never seen before is none of them.
    NoneOf(Vec<String>),
    /// A text that contains this.
    Contains(String),
    /// A text that begins with this.
    Begins(String),
    /// A text that ends with this.
    Ends(String),
}

impl Comparison {
    /// Is it said of a text, and true of this one?
    pub(super) fn holds_of(&self, text: &str) -> bool {
        match self {
            Self::Contains(part) => text.contains(part.as_str()),
            Self::Begins(part) => text.starts_with(part.as_str()),
            Self::Ends(part) => text.ends_with(part.as_str()),
            _ => false,
        }
    }
}

/// A comparison with a named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The column's name.
    pub column: String,
    /// What must hold.
    pub comparison: Comparison,
}

impl Condition {
    /// For each row of a table, does it hold? Nowhere, if the column is missing or of another kind.
    #[must_use]
    pub fn holds(&self, table: &Table) -> Vec<bool> {
        let none = || vec![false; table.rows()];
        match (table.column(&self.column).map(Column::values), &self.comparison) {
            (Some(Values::Numeric(values)), Comparison::AtMost(limit)) => {
                values.iter().map(|value| value <= limit).collect()
            }
            (Some(Values::Numeric(values)), Comparison::Above(limit)) => {
                values.iter().map(|value| value > limit).collect()
            }
            (Some(Values::Numeric(values)), Comparison::Missing) => {
                values.iter().map(|value| value.is_nan()).collect()
            }
            (Some(Values::Categorical { words, codes }), comparison) => {
                let (set, wanted) = match comparison {
                    Comparison::OneOf(set) => (set, true),
                    Comparison::NoneOf(set) => (set, false),
                    _ => return none(),
                };
                let of_word: Vec<bool> =
                    words.iter().map(|word| set.contains(word) == wanted).collect();
                codes.iter().map(|code| of_word.get(long(*code)) == Some(&true)).collect()
            }
            (Some(Values::Text(texts)), comparison) => {
                texts.iter().map(|text| comparison.holds_of(text)).collect()
            }
            _ => none(),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.column;
        match &self.comparison {
            Comparison::AtMost(limit) => write!(f, "{name} <= {limit}"),
            Comparison::Above(limit) => write!(f, "{name} > {limit}"),
            Comparison::Missing => write!(f, "{name} is missing"),
            Comparison::OneOf(words) => write!(f, "{name} is {}", listed(words)),
            Comparison::NoneOf(words) => write!(f, "{name} is not {}", listed(words)),
            Comparison::Contains(part) => write!(f, "{name} contains {part:?}"),
            Comparison::Begins(part) => write!(f, "{name} begins with {part:?}"),
            Comparison::Ends(part) => write!(f, "{name} ends with {part:?}"),
        }
    }
}

/// Words with spaces, and the empty one, in quotes.
fn listed(words: &[String]) -> String {
    let plain = |word: &String| !word.is_empty() && !word.contains(char::is_whitespace);
    let said = words.iter().map(|w| if plain(w) { w.clone() } else { format!("{w:?}") });
    said.collect::<Vec<_>>().join(" or ")
}
