//! A sample of the past, the younger the likelier, and how far an event is from it.
#![expect(clippy::indexing_slicing, reason = "hot; all columns have `held` places in use")]

use minicbor::{Decode, Encode};

use super::dice::Dice;

/// Numbers are kept within this range; what is beyond is treated as its end.
const RANGE: f32 = 1e30;
/// A missing number: equal to another missing one, as far from every number as a field can be.
const MISSING: f32 = 3e38;
/// A memory that holds less judges nothing.
const WARM_PLACES: usize = 16;
/// Scales are measured again after so many events.
const MEASURED_EVERY: u64 = 256;
/// A column without variation: differences below this share of its values are none.
const LEAST_SCALE: f64 = 1e-4;

/// Events of about the last `horizon`, column by column.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(super) struct Memory {
    #[n(0)]
    pub columns: Vec<Vec<f32>>,
    /// One divided by the scale of each column.
    #[n(1)]
    pub weights: Vec<f32>,
    #[n(2)]
    pub held: u32,
    #[n(3)]
    pub horizon: f64,
}

/// The number as it is kept.
pub(super) fn kept(number: f64) -> f32 {
    if number.is_nan() {
        MISSING
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "clamped first; fewer digits are enough"
        )]
        let number = number.clamp(f64::from(-RANGE), f64::from(RANGE)) as f32;
        number
    }
}

impl Memory {
    pub(super) fn new(features: usize, places: usize, horizon: f64) -> Self {
        let columns = vec![vec![0.0; places]; features];
        Self { columns, weights: vec![0.0; features], held: 0, horizon }
    }

    fn held(&self) -> usize {
        crate::num::long(self.held)
    }

    /// Fits the recipe, for a memory from a file.
    pub(super) fn is_whole(&self, features: usize, places: usize, horizon: f64) -> bool {
        let number = |value: &f32| value.is_finite();
        self.columns.len() == features
            && self.weights.len() == features
            && self.weights.iter().all(number)
            && self.columns.iter().all(|column| column.len() == places && column.iter().all(number))
            && self.held() <= places
            && self.horizon.to_bits() == horizon.to_bits()
    }

    /// Distance to the `neighbours`-th nearest event; each field counts `cap` at most.
    pub(super) fn distance(
        &self,
        event: &[f32],
        neighbours: usize,
        cap: f32,
        sums: &mut Vec<f32>,
    ) -> Option<f64> {
        let held = self.held();
        if held < WARM_PLACES {
            return None;
        }
        sums.clear();
        sums.resize(held, 0.0);
        for ((value, weight), column) in event.iter().zip(&self.weights).zip(&self.columns) {
            for (sum, past) in sums.iter_mut().zip(&column[..held]) {
                *sum += ((value - past).abs() * weight).min(cap);
            }
        }
        let (_, distance, _) =
            sums.select_nth_unstable_by(neighbours.clamp(1, held) - 1, f32::total_cmp);
        Some(f64::from(*distance))
    }

    /// Keep an event; a full memory keeps each with the chance that makes the mean age `horizon`.
    pub(super) fn keep(&mut self, event: &[f32], seen: u64, dice: &mut Dice) {
        let places = self.columns.first().map_or(0, Vec::len);
        let place = if self.held() < places {
            let place = self.held();
            self.held += 1;
            place
        } else {
            let age = (seen as f64).min(self.horizon).max(places as f64);
            if dice.unit() >= places as f64 / age {
                return;
            }
            dice.below(places)
        };
        for (column, value) in self.columns.iter_mut().zip(event) {
            if let Some(slot) = column.get_mut(place) {
                *slot = *value;
            }
        }
    }

    /// Measure the scales when it is time to.
    pub(super) fn measure(&mut self, seen: u64) {
        let is_due = seen.is_multiple_of(MEASURED_EVERY) || self.held() == WARM_PLACES;
        if !is_due || self.held() < WARM_PLACES {
            return;
        }
        let held = self.held();
        for (column, weight) in self.columns.iter().zip(&mut self.weights) {
            *weight = 1.0 / scale(&column[..held]);
        }
    }
}

/// Standard deviation about the median, of the numbers that are there.
fn scale(column: &[f32]) -> f32 {
    let mut present: Vec<f32> = column.iter().copied().filter(|value| *value < MISSING).collect();
    if present.is_empty() {
        return 1.0;
    }
    let middle = present.len() / 2;
    let (_, median, _) = present.select_nth_unstable_by(middle, f32::total_cmp);
    let median = f64::from(*median);
    let least = (median.abs() * LEAST_SCALE).max(f64::from(f32::MIN_POSITIVE.sqrt()));
    let squares: f64 = present.iter().map(|value| (f64::from(*value) - median).powi(2)).sum();
    let scale = (squares / present.len() as f64).sqrt().max(least);
    #[expect(clippy::cast_possible_truncation, reason = "within the range of values, which fits")]
    let scale = scale as f32;
    scale
}
