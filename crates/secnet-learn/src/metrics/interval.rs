//! How far a share that was counted may be from the true one.

/// The 97.5 % quantile of the normal distribution: two-sided 95 %.
pub const Z95: f64 = 1.959_963_984_540_054;
/// The 95 % quantile: a bound on one side.
pub const Z95_ONE_SIDED: f64 = 1.644_853_626_951_472_2;

/// How many standard deviations a bound on one side takes to be right with a confidence of 95 % for so many shares at once
/// (Sidak's correction); [`Z95_ONE_SIDED`] for one.
#[must_use]
pub fn z95_at_once(shares: usize) -> f64 {
    if shares <= 1 {
        return Z95_ONE_SIDED;
    }
    let wrong = 1.0 - 0.95_f64.powf(1.0 / shares as f64);
    upper_quantile(wrong)
}

/// The number above which a normally distributed one is with this chance, which is below a half (Abramowitz and Stegun, 26.2.23;
/// off by less than 0.00045).
fn upper_quantile(chance: f64) -> f64 {
    let t = (-2.0 * chance.ln()).sqrt();
    let above = 0.010_328_f64.mul_add(t, 0.802_853).mul_add(t, 2.515_517);
    let below = 0.001_308_f64.mul_add(t, 0.189_269).mul_add(t, 1.432_788).mul_add(t, 1.0);
    t - above / below
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_shares_at_once_take_a_wider_bound() {
        // scipy.stats.norm.isf(1 - 0.95 ** (1 / m))
        for (shares, z) in [(2, 1.954_508), (4, 2.234_047), (12, 2.630_950), (64, 3.155_746)] {
            assert!((z95_at_once(shares) - z).abs() < 0.001, "{shares}: {}", z95_at_once(shares));
        }
        assert!((z95_at_once(1) - Z95_ONE_SIDED).abs() < 1e-12);
        assert!((z95_at_once(0) - Z95_ONE_SIDED).abs() < 1e-12);
    }
}
