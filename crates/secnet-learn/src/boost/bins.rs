//! Columns cut into at most 255 ranges, so that a split is found by counting.

use crate::features::Matrix;

/// Ranges of one column; bin 0 is for missing values.
pub(crate) const MAX_CUTS: usize = 254;
/// More values than this are sampled evenly before cutting.
const MAX_SORTED: usize = 200_000;

/// The binned training rows and where the cuts are.
#[derive(Debug)]
pub(crate) struct Bins {
    /// For each feature, the upper ends of its ranges but the last.
    pub cuts: Vec<Vec<f64>>,
    /// For each feature, the bin of each row.
    pub columns: Vec<Vec<u8>>,
    /// Where each feature's bins begin in a histogram.
    pub offsets: Vec<usize>,
    /// All bins of all features.
    pub total: usize,
}

impl Bins {
    pub(crate) fn of(matrix: &Matrix) -> Self {
        let cuts: Vec<Vec<f64>> = matrix.columns.iter().map(|column| cut(column)).collect();
        let columns = matrix
            .columns
            .iter()
            .zip(&cuts)
            .map(|(column, cuts)| column.iter().map(|value| bin(cuts, *value)).collect())
            .collect();
        let mut offsets = Vec::new();
        let mut total = 0;
        for cuts in &cuts {
            offsets.push(total);
            total += cuts.len() + 2;
        }
        Self { cuts, columns, offsets, total }
    }

    pub(crate) fn features(&self) -> usize {
        self.cuts.len()
    }
}

/// Bin 0 is missing; bin k + 1 has the values above cut k - 1, up to and with cut k.
pub(crate) fn bin(cuts: &[f64], value: f64) -> u8 {
    if value.is_nan() {
        return 0;
    }
    let below = cuts.partition_point(|cut| *cut < value);
    // INVARIANT: there are at most MAX_CUTS cuts.
    u8::try_from(below + 1).unwrap_or(u8::MAX)
}

/// Cut points halfway between neighbouring values, so that each range has about equally many rows.
pub(crate) fn cut(column: &[f64]) -> Vec<f64> {
    let mut values: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
    if values.len() > MAX_SORTED {
        let step = values.len().div_ceil(MAX_SORTED);
        values = values.into_iter().step_by(step).collect();
    }
    values.sort_by(f64::total_cmp);
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for value in values {
        match groups.last_mut() {
            #[expect(clippy::float_cmp, reason = "equal values are one group")]
            Some((last, count)) if *last == value => *count += 1,
            _ => groups.push((value, 1)),
        }
    }
    let rows: usize = groups.iter().map(|(_, count)| count).sum();
    let mut cuts = Vec::new();
    let (mut held, mut left) = (0, rows);
    for pair in groups.windows(2) {
        let [(value, count), (next, _)] = pair else { continue };
        held += count;
        let room = MAX_CUTS - cuts.len();
        if room == 0 {
            break;
        }
        // All values get a range of their own if there is room for them.
        if groups.len() <= MAX_CUTS || held * (room + 1) >= left {
            cuts.push(value / 2.0 + next / 2.0);
            left -= held;
            held = 0;
        }
    }
    cuts
}
