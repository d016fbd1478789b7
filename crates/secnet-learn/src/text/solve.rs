//! L2-penalised logistic regression by dual coordinate descent.
#![expect(clippy::indexing_slicing, reason = "hot; places are below the number of places")]

use super::{Linear, Sparse};
use crate::chance::Chance;
use crate::num::{long, sigmoid};

/// Purpose of the random stream.
const STREAM: u64 = 0x4c49_4e45;
/// Newton steps for one row: a dozen digits.
const MAX_STEPS: usize = 30;

/// Weights, and the weight of a constant 1, which is penalised like the others.
pub(super) fn logistic(
    rows: &[Sparse],
    labels: &[bool],
    places: usize,
    linear: Linear,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> (Vec<f64>, f64) {
    let cost = linear.cost;
    let mut weights = vec![0.0_f64; places];
    let mut bias = 0.0;
    // Each row starts near one end of (0, C), as LIBLINEAR does.
    let mut duals = vec![(cost * 0.001).min(1e-8); rows.len()];
    for ((row, label), dual) in rows.iter().zip(labels).zip(&duals) {
        let y = if *label { *dual } else { -*dual };
        bias += y;
        row.iter().for_each(|(place, value)| weights[long(*place)] += y * f64::from(*value));
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut chance = Chance::new(seed, STREAM);
    for _ in 0..linear.passes {
        chance.shuffle(&mut order);
        for at in &order {
            let row = &rows[*at];
            let sign = if labels[*at] { 1.0 } else { -1.0 };
            let square: f64 = 1.0 + row.iter().map(|(_, v)| f64::from(*v).powi(2)).sum::<f64>();
            let dot: f64 = bias
                + row.iter().map(|(place, v)| weights[long(*place)] * f64::from(*v)).sum::<f64>();
            let old = duals[*at];
            let new = best_dual(old, square, sign * dot, cost);
            let change = sign * (new - old);
            duals[*at] = new;
            bias += change;
            for (place, value) in row {
                weights[long(*place)] += change * f64::from(*value);
            }
        }
        progress();
    }
    (weights, bias)
}

/// Minimise z log z + (C - z) log (C - z) + square/2 (z - old)^2 + margin (z - old) over 0 < z < C: the root of its slope,
/// log(z / (C - z)) + square (z - old) + margin, found as z = C sigmoid(u), where the slope is smooth in u.
fn best_dual(old: f64, square: f64, margin: f64, cost: f64) -> f64 {
    let mut u = (old / (cost - old).max(1e-300)).max(1e-300).ln();
    let (mut low, mut high) = (-700.0_f64, 700.0_f64);
    for _ in 0..MAX_STEPS {
        let s = sigmoid(u);
        let slope = u + square * (cost * s - old) + margin;
        if slope > 0.0 {
            high = high.min(u);
        } else {
            low = low.max(u);
        }
        if slope.abs() < 1e-10 {
            break;
        }
        let next = u - slope / (1.0 + square * cost * s * (1.0 - s));
        u = if next > low && next < high { next } else { f64::midpoint(low, high) };
    }
    cost * sigmoid(u)
}
