//! From a score to a chance: Platt's scaling, fitted on rows the model did not learn from.
//!
//! After Platt (1999) with the regularised targets and the Newton method of Lin, Lin and Weng (2007). It keeps the
//! order of scores, which isotonic regression does not.

use minicbor::{Decode, Encode};

use crate::num::sigmoid;

/// Most Newton steps.
const MAX_STEPS: usize = 100;
/// Keeps the matrix invertible.
const RIDGE: f64 = 1e-12;

/// `chance = sigmoid(slope * score + shift)`.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub(crate) struct Platt {
    #[n(0)]
    pub slope: f64,
    #[n(1)]
    pub shift: f64,
}

impl Platt {
    /// Leaves log odds as they are.
    pub(crate) const IDENTITY: Self = Self { slope: 1.0, shift: 0.0 };

    /// Fit on scores and labels of both classes; the identity if the fit would turn the order around.
    pub(crate) fn fit(scores: &[f64], labels: &[bool]) -> Self {
        let positives = labels.iter().filter(|label| **label).count() as f64;
        let negatives = labels.len() as f64 - positives;
        let high = (positives + 1.0) / (positives + 2.0);
        let low = 1.0 / (negatives + 2.0);
        let rows: Vec<(f64, f64)> = scores
            .iter()
            .zip(labels)
            .map(|(s, label)| (*s, if *label { high } else { low }))
            .collect();
        let mut now = Self { slope: 0.0, shift: ((positives + 1.0) / (negatives + 1.0)).ln() };
        let mut loss = now.loss(&rows);
        for _ in 0..MAX_STEPS {
            let (slope, shift) = now.step(&rows);
            let mut length = 1.0;
            let next = loop {
                let next =
                    Self { slope: now.slope - length * slope, shift: now.shift - length * shift };
                if next.loss(&rows) < loss || length < 1e-6 {
                    break next;
                }
                length /= 2.0;
            };
            let less = next.loss(&rows);
            if less >= loss - 1e-10 {
                break;
            }
            (now, loss) = (next, less);
        }
        if now.slope > 0.0 && now.slope.is_finite() && now.shift.is_finite() {
            now
        } else {
            Self::IDENTITY
        }
    }

    /// Log odds.
    pub(crate) fn log_odds(&self, score: f64) -> f64 {
        self.slope * score + self.shift
    }

    fn loss(&self, rows: &[(f64, f64)]) -> f64 {
        rows.iter()
            .map(|(score, target)| {
                let z = self.log_odds(*score);
                // log(1 + e^z) - t z, without overflow.
                z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
            })
            .sum()
    }

    /// The Newton step.
    fn step(&self, rows: &[(f64, f64)]) -> (f64, f64) {
        let (mut g1, mut g2) = (0.0, 0.0);
        let (mut h11, mut h12, mut h22) = (RIDGE, 0.0, RIDGE);
        for (score, target) in rows {
            let p = sigmoid(self.log_odds(*score));
            let (d, w) = (p - target, (p * (1.0 - p)).max(RIDGE));
            g1 += d * score;
            g2 += d;
            h11 += w * score * score;
            h12 += w * score;
            h22 += w;
        }
        let det = h11 * h22 - h12 * h12;
        ((h22 * g1 - h12 * g2) / det, (h11 * g2 - h12 * g1) / det)
    }
}
