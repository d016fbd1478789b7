//! Judging by labels that come late, while what is wrong changes.
//!
//! An event is judged by the nearest that has a label, and by trees that are grown anew whenever enough labels have come. The nearest
//! answers as soon as the first of a new kind is known; trees see what no single event shows. Either is enough.

use crate::boost::Growth;
use crate::learner::{Recipe, learn};
use crate::model::Model;
use crate::table::{Column, Table};
use crate::{LearnError, TableError};

/// Events with labels that are remembered; after them each takes the place of the oldest.
pub const MAX_TOLD: usize = 65_536;
/// Numbers are kept within this range.
const RANGE: f64 = 1e30;
/// The most that one field adds to a squared distance.
const CAP: f32 = 64.0;
/// Least deviation of a column's logarithms: in one that never varied before, what is a twentieth apart is still near.
const LEAST_SCALE: f64 = 0.05;

/// How it is learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LateRecipe {
    /// The trees.
    pub growth: Growth,
    /// Labels after which they are grown anew.
    pub regrown: usize,
}

impl Default for LateRecipe {
    fn default() -> Self {
        Self {
            growth: Growth {
                trees: 100,
                leaves: 31,
                rate: 0.1,
                least_rows: 5,
                ..Growth::default()
            },
            regrown: 250,
        }
    }
}

/// What an event is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateVerdict {
    /// By the nearest labelled event; none while there is none.
    pub nearest: Option<bool>,
    /// By the trees; none before they were grown first.
    pub trees: Option<bool>,
}

impl LateVerdict {
    /// Is it wrong, by either?
    #[must_use]
    pub fn is_wrong(self) -> bool {
        self.nearest == Some(true) || self.trees == Some(true)
    }
}

/// Events with labels, and what was learnt of them.
#[derive(Debug, Clone)]
pub struct Late {
    recipe: LateRecipe,
    seed: u64,
    /// As they came, one column after the other.
    told: Vec<Vec<f64>>,
    /// The same for distances: logarithms with their sign.
    logs: Vec<Vec<f32>>,
    labels: Vec<bool>,
    /// Whose place the next one takes, once all are taken.
    next: usize,
    /// One divided by the standard deviation of each column of logarithms.
    weights: Vec<f32>,
    since: usize,
    trees: Option<Model>,
}

impl Late {
    /// For events of so many numbers.
    #[must_use]
    pub fn new(width: usize, recipe: LateRecipe, seed: u64) -> Self {
        Self {
            recipe,
            seed,
            told: vec![Vec::new(); width],
            logs: vec![Vec::new(); width],
            labels: Vec::new(),
            next: 0,
            weights: vec![1.0; width],
            since: 0,
            trees: None,
        }
    }

    /// By what has been told so far.
    ///
    /// # Errors
    /// [`LearnError::Table`] if the event has more or fewer numbers than others.
    pub fn judge(&self, event: &[f64]) -> Result<LateVerdict, LearnError> {
        let event = self.checked(event)?;
        let trees = match &self.trees {
            None => None,
            Some(model) => {
                let one = columns(event.iter().map(|number| vec![*number]))?;
                let chances = model.chances(&Table::new(one, vec![false])?)?;
                chances.first().map(|chance| *chance >= model.threshold())
            }
        };
        Ok(LateVerdict { nearest: self.nearest(&event), trees })
    }

    /// What an event was.
    ///
    /// # Errors
    /// [`LearnError::Table`] if the event has more or fewer numbers than others.
    pub fn tell(&mut self, event: &[f64], label: bool) -> Result<(), LearnError> {
        let event = self.checked(event)?;
        for ((number, told), logs) in event.iter().zip(&mut self.told).zip(&mut self.logs) {
            put(told, self.next, *number);
            put(logs, self.next, log(*number));
        }
        put(&mut self.labels, self.next, label);
        self.next = (self.next + 1) % MAX_TOLD;
        self.since += 1;
        if self.since >= self.recipe.regrown {
            self.since = 0;
            self.grow()?;
        }
        Ok(())
    }

    fn checked(&self, event: &[f64]) -> Result<Vec<f64>, LearnError> {
        let (given, wanted) = (event.len(), self.told.len());
        if given != wanted {
            return Err(TableError::ColumnCount { given, wanted }.into());
        }
        Ok(event.iter().map(|number| number.clamp(-RANGE, RANGE)).collect())
    }

    fn grow(&mut self) -> Result<(), LearnError> {
        for (logs, weight) in self.logs.iter().zip(&mut self.weights) {
            *weight = one_by_deviation(logs);
        }
        let table = Table::new(columns(self.told.iter().cloned())?, self.labels.clone())?;
        let trees = Some(self.recipe.growth);
        let recipe = Recipe { trees, refit: true, ..Recipe::default() };
        match learn(&table, &recipe, self.seed, &mut || ()) {
            Ok(model) => self.trees = Some(model),
            // As long as too few are wrong, or right, the nearest has to do.
            Err(LearnError::TooFew { .. } | LearnError::Table(TableError::OneClass { .. })) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What the nearest was.
    fn nearest(&self, event: &[f64]) -> Option<bool> {
        let mut sums = vec![0_f32; self.labels.len()];
        for ((number, logs), weight) in event.iter().zip(&self.logs).zip(&self.weights) {
            let number = log(*number);
            for (sum, past) in sums.iter_mut().zip(logs) {
                *sum += apart(number, *past, *weight);
            }
        }
        let nearest = sums.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1))?;
        self.labels.get(nearest.0).copied()
    }
}

/// Fills the places one after the other, then each anew.
fn put<T>(values: &mut Vec<T>, place: usize, value: T) {
    match values.get_mut(place) {
        Some(old) => *old = value,
        None => values.push(value),
    }
}

fn columns(values: impl Iterator<Item = Vec<f64>>) -> Result<Vec<Column>, TableError> {
    values.enumerate().map(|(at, values)| Column::numeric(&at.to_string(), values)).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "logarithms are small; fewer digits are enough"
)]
fn log(number: f64) -> f32 {
    number.abs().ln_1p().copysign(number) as f32
}

/// Squared, in standard deviations. What is missing is near to what is missing too, and far from all else.
fn apart(a: f32, b: f32, weight: f32) -> f32 {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => 0.0,
        (false, false) => ((a - b) * weight).powi(2).min(CAP),
        _ => CAP,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "fewer digits are enough")]
fn one_by_deviation(logs: &[f32]) -> f32 {
    let known = logs.iter().filter(|log| !log.is_nan()).map(|log| f64::from(*log));
    let (count, sum, squares) = known.fold((0.0, 0.0, 0.0), |(count, sum, squares), log| {
        (count + 1.0, sum + log, log.mul_add(log, squares))
    });
    let count = f64::max(count, 1.0);
    let mean: f64 = sum / count;
    let variance = mean.mul_add(-mean, squares / count);
    (1.0 / variance.max(0.0).sqrt().max(LEAST_SCALE)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late() -> Late {
        let growth = Growth { trees: 10, leaves: 4, least_rows: 2, ..LateRecipe::default().growth };
        Late::new(2, LateRecipe { growth, regrown: 50 }, 1)
    }

    fn judged(late: &Late, event: &[f64]) -> LateVerdict {
        late.judge(event).unwrap_or_else(|error| panic!("{error}"))
    }

    fn told(late: &mut Late, event: &[f64], label: bool) {
        late.tell(event, label).unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn a_new_kind_is_known_by_its_first_label() {
        let mut late = late();
        assert_eq!(judged(&late, &[1.0, 1.0]), LateVerdict { nearest: None, trees: None });
        for n in 0..100 {
            told(&mut late, &[f64::from(n % 10), 1.0], false);
        }
        let odd = [5.0, 4000.0];
        assert!(!judged(&late, &odd).is_wrong(), "nobody has said so");
        told(&mut late, &odd, true);
        assert_eq!(judged(&late, &[5.5, 4100.0]), LateVerdict { nearest: Some(true), trees: None });
        assert!(!judged(&late, &[5.5, 1.0]).is_wrong());
    }

    #[test]
    fn trees_are_grown_when_enough_is_told() {
        let mut late = late();
        for n in 0..200 {
            told(&mut late, &[f64::from(n % 20), 1.0], n % 20 >= 10);
        }
        assert_eq!(judged(&late, &[3.0, 1.0]).trees, Some(false));
        assert_eq!(judged(&late, &[15.0, 1.0]).trees, Some(true));
    }

    #[test]
    fn what_cannot_be_compared_is_refused_or_far() {
        let mut late = late();
        assert!(late.judge(&[1.0]).is_err() && late.tell(&[1.0, 2.0, 3.0], true).is_err());
        told(&mut late, &[f64::NAN, 1.0], true);
        told(&mut late, &[1.0, f64::INFINITY], false);
        assert_eq!(judged(&late, &[f64::NAN, 1.0]).nearest, Some(true));
        assert_eq!(judged(&late, &[1.0, f64::INFINITY]).nearest, Some(false));
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut late = Late::new(1, LateRecipe { regrown: usize::MAX, ..LateRecipe::default() }, 1);
        told(&mut late, &[1000.0], true);
        for _ in 0..MAX_TOLD {
            told(&mut late, &[1.0], false);
        }
        assert_eq!(late.labels.len(), MAX_TOLD);
        assert_eq!(judged(&late, &[1000.0]).nearest, Some(false));
    }
}
