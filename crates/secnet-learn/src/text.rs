//! A linear model on hashed tokens: character n-grams of texts, conjunctions of categories.
//!
//! Tokens are hashed into a fixed number of places (Weinberger et al., 2009), weighted by inverse document frequency,
//! scaled to length 1, and judged by a logistic regression with L2 penalty, solved in the dual one row after the other
//! (Yu, Huang and Lin, 2011).

mod solve;
mod tokens;

use minicbor::{Decode, Encode};

use crate::num::{long, short};
use crate::table::{Table, TableError};
pub use tokens::TokenUse;
use tokens::Tokens;

/// Places that tokens are hashed into.
pub const TOKEN_PLACES: usize = 1 << 20;

/// How the linear model learns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// What the tokens are.
    pub tokens: TokenUse,
    /// Inverse strength of the L2 penalty, as `C` of scikit-learn and LIBLINEAR.
    pub cost: f64,
    /// Passes over the rows.
    pub passes: usize,
}

impl Default for Linear {
    fn default() -> Self {
        Self { tokens: TokenUse::default(), cost: 1.0, passes: 10 }
    }
}

/// A fitted linear model; only places with a weight are kept.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct LinearModel {
    #[n(0)]
    pub tokens: Tokens,
    /// Ascending.
    #[n(1)]
    pub places: Vec<u32>,
    /// Weight, with the inverse document frequency left apart: lengths are taken after it.
    #[n(2)]
    pub weights: Vec<f64>,
    #[n(3)]
    pub rarities: Vec<f64>,
    /// For a place that training never showed.
    #[n(4)]
    pub unseen_rarity: f64,
    #[n(5)]
    pub bias: f64,
}

/// Places and values of one row, ascending.
pub(crate) type Sparse = Vec<(u32, f32)>;

impl LinearModel {
    pub(crate) fn fit(
        table: &Table,
        labels: &[bool],
        linear: Linear,
        seed: u64,
        progress: &mut dyn FnMut(),
    ) -> Result<Self, TableError> {
        let tokens = Tokens::of(table, linear.tokens)?;
        let mut rows = tokens.count(table)?;
        let mut found = vec![0_u32; TOKEN_PLACES];
        for (place, _) in rows.iter().flatten() {
            if let Some(found) = found.get_mut(long(*place)) {
                *found += 1;
            }
        }
        let n = rows.len() as f64;
        let rarity = |found: u32| ((1.0 + n) / (1.0 + f64::from(found))).ln() + 1.0;
        let rarities: Vec<f64> = found.iter().map(|found| rarity(*found)).collect();
        for row in &mut rows {
            scale(row, |place| rarities.get(long(place)).copied().unwrap_or(1.0));
        }
        let (weights, bias) = solve::logistic(&rows, labels, TOKEN_PLACES, linear, seed, progress);
        let kept: Vec<usize> =
            (0..TOKEN_PLACES).filter(|place| found.get(*place) > Some(&0)).collect();
        let pick = |from: &[f64]| kept.iter().filter_map(|p| from.get(*p).copied()).collect();
        Ok(Self {
            tokens,
            weights: pick(&weights),
            rarities: pick(&rarities),
            unseen_rarity: rarity(0),
            places: kept.into_iter().map(short).collect(),
            bias,
        })
    }

    /// Log odds of each row.
    pub(crate) fn raw_all(&self, table: &Table) -> Result<Vec<f64>, TableError> {
        let mut rows = self.tokens.count(table)?;
        let find = |place: u32| self.places.binary_search(&place).ok();
        Ok(rows
            .iter_mut()
            .map(|row| {
                scale(row, |place| {
                    find(place)
                        .and_then(|at| self.rarities.get(at).copied())
                        .unwrap_or(self.unseen_rarity)
                });
                let known = row.iter().filter_map(|(place, value)| {
                    Some(self.weights.get(find(*place)?)? * f64::from(*value))
                });
                self.bias + known.sum::<f64>()
            })
            .collect())
    }

    /// Whole, for a model from a file.
    pub(crate) fn is_whole(&self) -> bool {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        self.places.len() == self.weights.len()
            && self.places.len() == self.rarities.len()
            && self.places.is_sorted()
            && self.places.iter().all(|place| long(*place) < TOKEN_PLACES)
            && finite(&self.weights)
            && finite(&self.rarities)
            && self.bias.is_finite()
            && self.unseen_rarity.is_finite()
    }
}

/// Weigh by rarity, and scale to length 1.
#[expect(
    clippy::cast_possible_truncation,
    reason = "half the memory; seven digits are plenty here"
)]
fn scale(row: &mut Sparse, rarity: impl Fn(u32) -> f64) {
    let mut square = 0.0;
    for (place, value) in row.iter_mut() {
        let weighted = f64::from(*value) * rarity(*place);
        *value = weighted as f32;
        square += weighted * weighted;
    }
    if square > 0.0 {
        let length = square.sqrt();
        row.iter_mut().for_each(|(_, value)| *value = (f64::from(*value) / length) as f32);
    }
}
