//! Figures of quality, each as scikit-learn defines it, with an interval where it is a share of counted rows.

mod interval;
mod ranked;
mod spread;

pub use interval::{Interval, Z95, Z95_ONE_SIDED, wilson, z95_at_once};
pub use ranked::{CurvePoint, MetricError, Ranked};
pub use spread::Spread;

/// What a threshold, or a list of rules, did to labelled rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confusion {
    /// Positive, and found.
    pub hits: usize,
    /// Negative, and flagged all the same.
    pub false_alarms: usize,
    /// Positive, and missed.
    pub misses: usize,
    /// Negative, and left alone.
    pub passes: usize,
}

impl Confusion {
    /// Count.
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counted = Self::default();
        for (flagged, positive) in pairs {
            *match (flagged, positive) {
                (true, true) => &mut counted.hits,
                (true, false) => &mut counted.false_alarms,
                (false, true) => &mut counted.misses,
                (false, false) => &mut counted.passes,
            } += 1;
        }
        counted
    }

    /// Share of the flagged rows that are positive; 0 if none is flagged.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.hits, self.hits + self.false_alarms)
    }

    /// Share of the positive rows that are flagged.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.hits, self.hits + self.misses)
    }

    /// Share of the negative rows that are flagged.
    #[must_use]
    pub fn false_positive_rate(&self) -> f64 {
        share(self.false_alarms, self.false_alarms + self.passes)
    }

    /// Harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)
    }

    /// 95 % Wilson interval of the precision.
    #[must_use]
    pub fn precision_interval(&self) -> Interval {
        wilson(self.hits, self.hits + self.false_alarms, Z95)
    }

    /// 95 % Wilson interval of the recall.
    #[must_use]
    pub fn recall_interval(&self) -> Interval {
        wilson(self.hits, self.hits + self.misses, Z95)
    }

    /// 95 % Wilson interval of the false-positive rate.
    #[must_use]
    pub fn false_positive_interval(&self) -> Interval {
        wilson(self.false_alarms, self.false_alarms + self.passes, Z95)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
