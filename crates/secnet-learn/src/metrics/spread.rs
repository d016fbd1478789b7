//! One figure over several seeds.

/// Mean and spread of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many runs.
    pub runs: usize,
    /// Their mean.
    pub mean: f64,
    /// Standard deviation of a sample (n - 1); 0 for one run.
    pub deviation: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Spread {
    /// Of these values; nothing without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let runs = values.len();
        if runs == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / runs as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = if runs < 2 { 0.0 } else { (squares / (runs - 1) as f64).sqrt() };
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { runs, mean, deviation, low, high })
    }
}
