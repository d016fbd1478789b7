//! Imagined attacks: normal rows with some values exchanged, as attacks of unknown kinds.
//!
//! A classifier trained on known attacks alone calls everything normal that looks like none of them. Rows that are
//! nearly normal, labelled as attacks, close the region of normal rows from all sides (outlier exposure, Hendrycks et
//! al., 2019; the resampled margins are those of unsupervised forests, Shi and Horvath, 2006).

use crate::chance::Chance;
use crate::features::Matrix;
use crate::num::whole;

/// Purpose of the random stream.
const STREAM: u64 = 0x494d_4147;

/// How many attacks are imagined, and how far they are from normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Imagined {
    /// For each normal row, so many.
    pub amount: f64,
    /// Chance that a value is exchanged.
    pub exchanged: f64,
    /// Share of the imagined rows whose exchanged values are drawn evenly from all different values of the column; the
    /// others' are those of another normal row.
    pub evenly: f64,
    /// Weight of an imagined row in training.
    pub weight: f64,
}

/// Append imagined rows.
pub(crate) fn imagine(
    matrix: &mut Matrix,
    labels: &mut Vec<bool>,
    weights: &mut Vec<f64>,
    how: Imagined,
    seed: u64,
) {
    let normal: Vec<usize> =
        (0..labels.len()).filter(|row| labels.get(*row) == Some(&false)).collect();
    let amount = whole(normal.len() as f64 * how.amount);
    let mut chance = Chance::new(seed, STREAM);
    let from: Vec<usize> =
        (0..amount).filter_map(|_| normal.get(chance.below(normal.len())).copied()).collect();
    let evenly: Vec<bool> = from.iter().map(|_| chance.unit() < how.evenly).collect();
    for column in &mut matrix.columns {
        let value = |row: usize| column.get(row).copied().unwrap_or(f64::NAN);
        let mut different: Vec<f64> = normal.iter().map(|row| value(*row)).collect();
        different.sort_by(f64::total_cmp);
        different.dedup_by(|a, b| a.to_bits() == b.to_bits());
        let made: Vec<f64> = from
            .iter()
            .zip(&evenly)
            .map(|(row, evenly)| {
                if chance.unit() >= how.exchanged {
                    value(*row)
                } else if *evenly {
                    different.get(chance.below(different.len())).copied().unwrap_or(f64::NAN)
                } else {
                    normal.get(chance.below(normal.len())).map_or(f64::NAN, |row| value(*row))
                }
            })
            .collect();
        column.extend(made);
    }
    matrix.rows += from.len();
    labels.resize(matrix.rows, true);
    weights.resize(matrix.rows, how.weight);
}
