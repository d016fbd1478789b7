//! What training showed of the categories of one column, or of one combination of columns.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::num::{long, short};

/// For each category: rows, and positives among them.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct Statistic {
    /// Which categorical columns, by their place among them.
    #[n(0)]
    pub columns: Vec<u32>,
    /// Ascending.
    #[n(1)]
    keys: Vec<u64>,
    #[n(2)]
    rows: Vec<u32>,
    #[n(3)]
    positives: Vec<u32>,
    #[n(4)]
    prior: f64,
    #[n(5)]
    smoothing: f64,
}

impl Statistic {
    /// The statistic, and the training rows' own shares and counts, each from the rows before it in `order`.
    pub(super) fn fit(
        columns: Vec<u32>,
        keys: &[u64],
        labels: &[bool],
        order: &[usize],
        smoothing: f64,
    ) -> (Self, Vec<f64>, Vec<f64>) {
        let positives = labels.iter().filter(|label| **label).count();
        let prior = positives as f64 / labels.len().max(1) as f64;
        let mut seen: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
        let mut shares = vec![prior; keys.len()];
        for row in order {
            let (Some(key), Some(label), Some(share)) =
                (keys.get(*row), labels.get(*row), shares.get_mut(*row))
            else {
                continue;
            };
            let (rows, positives) = seen.entry(*key).or_default();
            *share = smoothed(*rows, *positives, prior, smoothing);
            *rows += 1;
            *positives += u32::from(*label);
        }
        // How often a category occurs says nothing of a row's label, so all rows count.
        let count = |key: &u64| seen.get(key).map_or(0.0, |(rows, _)| f64::from(*rows));
        let counts = keys.iter().map(count).collect();
        let statistic = Self {
            columns,
            keys: seen.keys().copied().collect(),
            rows: seen.values().map(|(rows, _)| *rows).collect(),
            positives: seen.values().map(|(_, positives)| *positives).collect(),
            prior,
            smoothing,
        };
        (statistic, shares, counts)
    }

    /// Shares and counts of other rows; an unseen category has the prior and the count 0.
    pub(super) fn look_up(&self, keys: &[u64]) -> (Vec<f64>, Vec<f64>) {
        let known = |key: &u64| {
            let place = self.keys.binary_search(key).ok()?;
            Some((*self.rows.get(place)?, *self.positives.get(place)?))
        };
        keys.iter()
            .map(|key| {
                let (rows, positives) = known(key).unwrap_or((0, 0));
                (smoothed(rows, positives, self.prior, self.smoothing), f64::from(rows))
            })
            .unzip()
    }

    /// Whole, for a file that was read: one count for each category, in order.
    pub(crate) fn is_whole(&self, categorical: usize) -> bool {
        self.keys.len() == self.rows.len()
            && self.keys.len() == self.positives.len()
            && self.keys.is_sorted()
            && (1..=3).contains(&self.columns.len())
            && self.columns.iter().all(|column| *column < short(categorical))
            && self.columns.iter().all(|column| long(*column) < categorical)
    }
}

fn smoothed(rows: u32, positives: u32, prior: f64, smoothing: f64) -> f64 {
    (f64::from(positives) + prior * smoothing) / (f64::from(rows) + smoothing)
}
