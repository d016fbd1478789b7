//! How far a share that was counted may be from the true one.

/// The 97.5 % quantile of the normal distribution: two-sided 95 %.
pub const Z95: f64 = 1.959_963_984_540_054;
/// The 95 % quantile: a bound on one side.
pub const Z95_ONE_SIDED: f64 = 1.644_853_626_951_472_2;

/// Lower and upper end, both from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The Wilson score interval of `hits` among `trials` (E. B. Wilson, 1927); everything is possible without a trial.
#[must_use]
pub fn wilson(hits: usize, trials: usize, z: f64) -> Interval {
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let n = trials as f64;
    let p = (hits as f64 / n).min(1.0);
    let denominator = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / denominator;
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / denominator;
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}
