//! Two samples of what was met before, the younger the likelier (Aggarwal, 2006), and how far a request is from both: the squared
//! distance to the second-nearest (Ramaswamy et al., 2000).
//!
//! Everything is an integer: a distance is the same wherever it is measured.

use minicbor::{Decode, Encode};

use super::dice::Dice;
use super::inputs::{COMPARED, Row};

/// Requests that one sample holds.
pub(super) const PLACES: usize = 512;
/// Learnt requests after which each sample has forgotten about two thirds.
const HORIZONS: [u64; 2] = [4_096, 32_768];
/// The sample is asked once it holds so many.
const WARM_PLACES: usize = 256;
/// Distances are in so many parts of a column's deviation.
const PARTS: u32 = 64;
/// The most that one column counts: 12 deviations.
const CAP: i16 = 12 * 64;
/// A column that hardly varies: a quarter of a doubling is its deviation.
const LEAST_DEVIATION: u32 = 64;
/// Deviations are measured again after so many learnt requests.
const MEASURED_EVERY: u64 = 256;
/// Weights are in so many bits after the point.
const WEIGHT_BITS: u32 = 10;

/// One sample, column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    columns: Vec<Vec<i16>>,
    /// The same in parts of a deviation: what is compared.
    scaled: Vec<Vec<i16>>,
    /// When each place was taken; places are taken in order at first.
    ticks: Vec<u64>,
    weights: [u16; COMPARED],
}

/// One place of a sample, for keeping.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Place {
    #[n(0)]
    sample: u8,
    #[n(1)]
    place: u16,
    #[n(2)]
    tick: u64,
    #[n(3)]
    row: Vec<i16>,
}

/// Both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Memory {
    samples: [Sample; HORIZONS.len()],
}

impl Default for Memory {
    fn default() -> Self {
        Self { samples: std::array::from_fn(|_| Sample::new()) }
    }
}

impl Sample {
    fn new() -> Self {
        let columns = vec![Vec::new(); COMPARED];
        Self { scaled: columns.clone(), columns, ticks: Vec::new(), weights: [0; COMPARED] }
    }

    fn scaled(&self, row: &Row) -> Row {
        let mut scaled = *row;
        for (value, weight) in scaled.iter_mut().zip(&self.weights) {
            *value = parts(*value, *weight);
        }
        scaled
    }

    /// The distance of a request to each place. Sixteen bits at a time, so that several places are compared at once.
    fn distances(&self, row: &Row, sums: &mut Vec<u32>) {
        sums.clear();
        sums.resize(self.ticks.len(), 0);
        for (value, column) in self.scaled(row).into_iter().zip(&self.scaled) {
            for (sum, past) in sums.iter_mut().zip(column) {
                *sum += squared(value, *past);
            }
        }
    }

    /// The distance to the second-nearest: the nearest may have been one of a kind too.
    fn distance(&self, row: &Row, sums: &mut Vec<u32>) -> Option<u32> {
        if self.ticks.len() < WARM_PLACES {
            return None;
        }
        self.distances(row, sums);
        Some(*sums.select_nth_unstable(1).1 / PARTS)
    }

    fn row(&self, place: usize) -> Option<Row> {
        let mut row = [0; COMPARED];
        for (value, column) in row.iter_mut().zip(&self.columns) {
            *value = *column.get(place)?;
        }
        Some(row)
    }

    fn put(&mut self, place: usize, tick: u64, row: &Row) {
        let scaled = self.scaled(row);
        set(&mut self.ticks, place, tick);
        self.columns.iter_mut().zip(row).for_each(|(column, value)| set(column, place, *value));
        self.scaled.iter_mut().zip(scaled).for_each(|(column, value)| set(column, place, value));
    }

    fn measure(&mut self) {
        for (weight, column) in self.weights.iter_mut().zip(&self.columns) {
            let deviation = deviation(column).max(LEAST_DEVIATION);
            *weight = u16::try_from((PARTS << WEIGHT_BITS) / deviation).unwrap_or(u16::MAX);
        }
        self.scale();
    }

    fn scale(&mut self) {
        let columns = self.scaled.iter_mut().zip(&self.columns).zip(&self.weights);
        for ((scaled, column), weight) in columns {
            scaled.clear();
            scaled.extend(column.iter().map(|value| parts(*value, *weight)));
        }
    }
}

/// Put something in its place, or in the next one.
fn set<T>(places: &mut Vec<T>, place: usize, value: T) {
    match places.get_mut(place) {
        Some(slot) => *slot = value,
        None => places.push(value),
    }
}

/// A value in parts of its column's deviation.
fn parts(value: i16, weight: u16) -> i16 {
    let parts = (i32::from(value) * i32::from(weight)) >> WEIGHT_BITS;
    i16::try_from(parts).unwrap_or(i16::MAX)
}

/// What a difference in one column adds to a distance: its square, so that a few that are far off count more than many that are a little.
fn squared(one: i16, other: i16) -> u32 {
    let apart = i32::from(one.wrapping_sub(other).wrapping_abs().min(CAP));
    (apart * apart).unsigned_abs()
}

/// The deviation about the median.
fn deviation(column: &[i16]) -> u32 {
    let mut sorted = column.to_vec();
    if sorted.is_empty() {
        return 0;
    }
    let middle = sorted.len() / 2;
    let median = i64::from(*sorted.select_nth_unstable(middle).1);
    let squares: u64 = column.iter().map(|value| i64::from(*value).abs_diff(median).pow(2)).sum();
    let mean = squares / u64::try_from(column.len()).unwrap_or(1);
    u32::try_from(mean.isqrt()).unwrap_or(u32::MAX)
}

impl Memory {
    /// The mean of the distances to both; nothing while too little is known.
    pub(super) fn distance(&self, row: &Row) -> Option<u32> {
        let mut sums = Vec::with_capacity(PLACES);
        let mut both = 0;
        for sample in &self.samples {
            both += sample.distance(row, &mut sums)?;
        }
        Some(both / 2)
    }

    /// Keep a request, the `seen`-th that was learnt: a full sample keeps each with the chance that makes the mean age its horizon.
    pub(super) fn keep(&mut self, row: &Row, seen: u64, tick: u64, dice: &mut Dice) {
        for (sample, horizon) in self.samples.iter_mut().zip(HORIZONS) {
            let held = sample.ticks.len();
            if held < PLACES {
                sample.put(held, tick, row);
            } else {
                let age = seen.clamp(held as u64, horizon);
                if dice.below(age) < held as u64 {
                    let place = usize::try_from(dice.below(held as u64)).unwrap_or_default();
                    sample.put(place, tick, row);
                }
            }
            if seen.is_multiple_of(MEASURED_EVERY) {
                sample.measure();
            }
        }
    }

    /// Remembered requests that are nearest to one, nearest first, of both samples.
    pub(super) fn nearest(&self, row: &Row, many: usize) -> Vec<Row> {
        let mut sums = Vec::with_capacity(PLACES);
        let mut all = Vec::new();
        for sample in &self.samples {
            sample.distances(row, &mut sums);
            let mut order: Vec<(u32, usize)> = sums.iter().copied().zip(0..).collect();
            order.sort_unstable();
            all.extend(
                order
                    .into_iter()
                    .take(many)
                    .filter_map(|(apart, place)| Some((apart, sample.row(place)?))),
            );
        }
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(|(_, row)| row).collect()
    }

    /// How far two requests are apart in each column, by the younger sample.
    pub(super) fn apart(&self, one: &Row, other: &Row) -> [u32; COMPARED] {
        let [younger, _] = &self.samples;
        let (one, other) = (younger.scaled(one), younger.scaled(other));
        let mut all = [0; COMPARED];
        for (apart, (one, other)) in all.iter_mut().zip(one.into_iter().zip(other)) {
            *apart = squared(one, other);
        }
        all
    }

    /// The places taken after a tick.
    pub(super) fn since(&self, tick: u64) -> Vec<Place> {
        let mut taken = Vec::new();
        for (number, sample) in (0..).zip(&self.samples) {
            for (place, own) in (0_u16..).zip(&sample.ticks).filter(|(_, own)| **own > tick) {
                let row = sample.row(place.into()).map(|row| row.to_vec()).unwrap_or_default();
                taken.push(Place { sample: number, place, tick: *own, row });
            }
        }
        taken
    }

    /// Put places back; false if they do not fit.
    pub(super) fn restore(&mut self, places: &[Place], newest: u64) -> bool {
        let ascending = |a: &Place, b: &Place| (a.sample, a.place) < (b.sample, b.place);
        let is_sorted = places.is_sorted_by(ascending);
        is_sorted
            && places.iter().all(|kept| {
                let sample = self.samples.get_mut(usize::from(kept.sample));
                let row: Result<Row, _> = kept.row.as_slice().try_into();
                let (Some(sample), Ok(row)) = (sample, row) else { return false };
                let place = usize::from(kept.place);
                // In order, none left out, none older than what is there.
                let fits = place < PLACES
                    && place <= sample.ticks.len()
                    && (1..=newest).contains(&kept.tick)
                    && sample.ticks.get(place).is_none_or(|own| *own <= kept.tick);
                if fits {
                    sample.put(place, kept.tick, &row);
                }
                fits
            })
    }

    pub(super) fn weights(&self) -> Vec<u16> {
        self.samples.iter().flat_map(|sample| sample.weights).collect()
    }

    /// False if they do not fit.
    pub(super) fn restore_weights(&mut self, weights: &[u16]) -> bool {
        let most = (PARTS << WEIGHT_BITS) / LEAST_DEVIATION;
        if weights.len() != COMPARED * HORIZONS.len()
            || weights.iter().any(|weight| u32::from(*weight) > most)
        {
            return false;
        }
        for (sample, weights) in self.samples.iter_mut().zip(weights.chunks(COMPARED)) {
            sample.weights.iter_mut().zip(weights).for_each(|(to, from)| *to = *from);
            sample.scale();
        }
        true
    }
}
