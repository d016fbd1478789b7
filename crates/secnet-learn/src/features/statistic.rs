//! What training showed of the categories of one column, or of one combination of columns.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::num::{long, short};

/// Bits of a column's code in a key.
pub(super) const CODE_BITS: u32 = 21;

/// For each category: rows, and positives among them; and rows with and without a label together, if there were some without.
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
    #[n(6)]
    all: Option<Vec<u32>>,
}

/// What a statistic is made of.
pub(super) struct Seen<'a> {
    /// The category of each row with a label.
    pub keys: &'a [u64],
    pub labels: &'a [bool],
    /// The order in which they are seen.
    pub order: &'a [usize],
    /// The categories of rows without one.
    pub unlabelled: Option<&'a [u64]>,
}

impl Statistic {
    /// The statistic, and the training rows' own shares and counts, each from the rows before it in the order.
    pub(super) fn fit(
        columns: Vec<u32>,
        of: &Seen<'_>,
        smoothing: f64,
    ) -> (Self, Vec<f64>, Vec<f64>) {
        let Seen { keys, labels, order, unlabelled } = of;
        let positives = labels.iter().filter(|label| **label).count();
        let prior = positives as f64 / labels.len().max(1) as f64;
        let mut seen: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
        let mut shares = vec![prior; keys.len()];
        for row in *order {
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
        let all = unlabelled.map(|unlabelled| {
            let mut counts: BTreeMap<u64, u32> =
                seen.iter().map(|(key, (rows, _))| (*key, *rows)).collect();
            for key in unlabelled {
                seen.entry(*key).or_default();
                *counts.entry(*key).or_default() += 1;
            }
            counts
        });
        let count = |key: &u64| match &all {
            Some(all) => all.get(key).map_or(0.0, |rows| f64::from(*rows)),
            None => seen.get(key).map_or(0.0, |(rows, _)| f64::from(*rows)),
        };
        let counts = keys.iter().map(count).collect();
        let statistic = Self {
            columns,
            keys: seen.keys().copied().collect(),
            rows: seen.values().map(|(rows, _)| *rows).collect(),
            positives: seen.values().map(|(_, positives)| *positives).collect(),
            prior,
            smoothing,
            all: all.map(|all| all.into_values().collect()),
        };
        (statistic, shares, counts)
    }

    /// Shares and counts of other rows; an unseen category has the prior and the count 0.
    pub(super) fn look_up(&self, keys: &[u64]) -> (Vec<f64>, Vec<f64>) {
        let known = |key: &u64| {
            let place = self.keys.binary_search(key).ok()?;
            let rows = *self.rows.get(place)?;
            let all = self.all.as_ref().map_or(Some(rows), |all| all.get(place).copied())?;
            Some((rows, *self.positives.get(place)?, all))
        };
        keys.iter()
            .map(|key| {
                let (rows, positives, all) = known(key).unwrap_or((0, 0, 0));
                (smoothed(rows, positives, self.prior, self.smoothing), f64::from(all))
            })
            .unzip()
    }

    /// Of a combination of two: the first code, or the second.
    pub(super) const fn side(key: u64, side: usize) -> u64 {
        if side == 0 { key >> CODE_BITS } else { key & ((1 << CODE_BITS) - 1) }
    }

    /// Of a combination of two: for each code of a side with how many different ones of the other it occurs.
    pub(super) fn different(&self) -> BTreeMap<(usize, u64), u32> {
        let mut different = BTreeMap::new();
        for key in &self.keys {
            for side in [0, 1] {
                *different.entry((side, Self::side(*key, side))).or_default() += 1;
            }
        }
        different
    }

    /// Whole, for a file that was read: one count for each category, in order.
    pub(crate) fn is_whole(&self, categorical: usize) -> bool {
        self.keys.len() == self.rows.len()
            && self.keys.len() == self.positives.len()
            && self.all.as_ref().is_none_or(|all| all.len() == self.keys.len())
            && self.keys.is_sorted()
            && (1..=3).contains(&self.columns.len())
            && self.columns.iter().all(|column| *column < short(categorical))
            && self.columns.iter().all(|column| long(*column) < categorical)
    }
}

fn smoothed(rows: u32, positives: u32, prior: f64, smoothing: f64) -> f64 {
    (f64::from(positives) + prior * smoothing) / (f64::from(rows) + smoothing)
}
