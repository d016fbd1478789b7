//! Gradient-boosted trees on binned columns (histograms, leaf by leaf), for two classes.
//!
//! After Friedman (2001) with the second-order gain of Chen and Guestrin (XGBoost, 2016) and the leaf-wise growth of Ke et
//! al. (LightGBM, 2017). One thread, plain `f64`, a fixed order of summation: the same rows and seed give the same model.

mod bins;
mod grow;
mod histogram;
mod tree;

use crate::chance::Chance;
use crate::features::Matrix;
use crate::num::{logit, sigmoid, whole};
pub(crate) use bins::{Bins, MAX_CUTS, bin as cut_bin, cut};
use grow::{Grower, Sample};
pub(crate) use tree::{Next, Node, Tree};

/// Purpose of the random stream.
const STREAM: u64 = 0x424f_4f53;
/// Most trees of a model.
pub const MAX_TREES: usize = 10_000;
/// Most leaves of a tree.
pub const MAX_LEAVES: usize = 1_024;

/// How trees are grown. The defaults are those of LightGBM but for the number of trees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// How many trees, at most [`MAX_TREES`].
    pub trees: usize,
    /// Leaves of a tree, 2 to [`MAX_LEAVES`].
    pub leaves: usize,
    /// Share of each tree's correction that is applied.
    pub rate: f64,
    /// Fewest rows in a leaf.
    pub least_rows: usize,
    /// L2 penalty on leaf values.
    pub ridge: f64,
    /// Share of the features that a tree may look at.
    pub features: f64,
    /// Share of the rows that a tree sees.
    pub rows: f64,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            trees: 300,
            leaves: 31,
            rate: 0.1,
            least_rows: 20,
            ridge: 0.0,
            features: 1.0,
            rows: 1.0,
        }
    }
}

/// The trees and where they start from.
#[derive(Debug, Clone, PartialEq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct Boosted {
    #[n(0)]
    pub start: f64,
    #[n(1)]
    pub trees: Vec<Tree>,
}

impl Boosted {
    /// Learn; `progress` is called after each tree.
    pub(crate) fn fit(
        matrix: &Matrix,
        labels: &[bool],
        weights: &[f64],
        growth: Growth,
        seed: u64,
        progress: &mut dyn FnMut(),
    ) -> Self {
        let bins = Bins::of(matrix);
        let total: f64 = weights.iter().sum();
        let positive: f64 =
            weights.iter().zip(labels).filter(|(_, label)| **label).map(|(weight, _)| weight).sum();
        let start = logit(positive / total.max(f64::MIN_POSITIVE));
        let mut raw = vec![start; labels.len()];
        let mut chance = Chance::new(seed, STREAM);
        let mut trees = Vec::new();
        let mut grower = Grower::new(&bins, growth);
        for _ in 0..growth.trees.min(MAX_TREES) {
            let (gradients, curvatures) = slopes(&raw, labels, weights);
            let sample = Sample {
                rows: draw(labels.len(), growth.rows, &mut chance),
                features: draw(bins.features(), growth.features, &mut chance),
            };
            let tree = grower.grow(&sample, &gradients, &curvatures, &mut raw);
            progress();
            match tree {
                Some(tree) => trees.push(tree),
                // Nothing can be split any more; with all rows and features the next tree would be the same.
                None if growth.rows >= 1.0 && growth.features >= 1.0 => break,
                None => {}
            }
        }
        Self { start, trees }
    }

    /// Log odds of one row.
    pub(crate) fn raw(&self, row: &[f64]) -> f64 {
        self.start + self.trees.iter().map(|tree| tree.value(row)).sum::<f64>()
    }

    /// Log odds of each row.
    pub(crate) fn raw_all(&self, matrix: &Matrix) -> Vec<f64> {
        (0..matrix.rows).map(|row| self.raw(&matrix.row(row))).collect()
    }
}

/// First and second derivative of the logistic loss.
fn slopes(raw: &[f64], labels: &[bool], weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
    raw.iter()
        .zip(labels)
        .zip(weights)
        .map(|((raw, label), weight)| {
            let p = sigmoid(*raw);
            (weight * (p - f64::from(u8::from(*label))), weight * (p * (1.0 - p)).max(1e-16))
        })
        .unzip()
}

/// A share of the numbers below `n`, ascending; at least one.
fn draw(n: usize, share: f64, chance: &mut Chance) -> Vec<u32> {
    let mut all: Vec<u32> = (0..crate::num::short(n)).collect();
    if share < 1.0 {
        chance.shuffle(&mut all);
        all.truncate(whole((n as f64 * share).round()).max(1));
        all.sort_unstable();
    }
    all
}
