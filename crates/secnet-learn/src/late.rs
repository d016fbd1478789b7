//! Judging by labels that come late, while what is wrong changes.
//!
//! An event is judged by the nearest that has a label, which answers as soon as the first of a new kind is known, and by trees that are
//! grown anew whenever enough labels have come. Trees see each event with what was near to it when it was judged: what the nearest
//! labelled events were, how near they are, and how many events of just now, whose labels nobody knows yet, are like it. So a new
//! kind that comes in a burst can be seen before its first label. Either is enough.

use std::collections::VecDeque;

use crate::boost::Growth;
use crate::learner::{Recipe, learn};
use crate::model::Model;
use crate::num::sigmoid;
use crate::table::{Column, Table};
use crate::{LearnError, TableError};

/// Events with labels that are remembered; after them each takes the place of the oldest.
pub const MAX_TOLD: usize = 65_536;
/// Judged events that are remembered until their label comes; without one the oldest are forgotten.
pub const MAX_WAITING: usize = 4_096;
/// Numbers are kept within this range.
const RANGE: f64 = 1e30;
/// The most that one field adds to a squared distance.
const CAP: f32 = 64.0;
/// Least deviation of a column's logarithms: in one that never varied before, what is a twentieth apart is still near.
const LEAST_SCALE: f64 = 0.05;
/// Nearest labelled events of which the share of wrong ones is told.
const NEAREST: usize = 10;
/// Judged events that are of just now, labelled or not.
const JUST_NOW: usize = 250;
/// Which of the nearest of just now tells how near they are.
const NEAR_NOW: usize = 5;
/// Labelled events of lately, among which those near to an event are counted.
const LATELY: usize = 2_000;
/// What is nearer than this (squared, in standard deviations) is like it.
const LIKE: f32 = 1.0;
/// What trees give at least this chance is wrong: below a half, because what is new looks only a little like what they know.
const WRONG_FROM: f64 = 0.3;
/// Labels after which the surroundings of an event tell something; events judged before are not learnt from.
const LEAST_TOLD: usize = 50;

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
                least_rows: 20,
                ..Growth::default()
            },
            regrown: 250,
        }
    }
}

/// What was near to an event when it was judged.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Around {
    /// What the nearest labelled event was; none while there is none.
    nearest: Option<bool>,
    /// Share of wrong ones among the nearest labelled ones; squared distance of the nearest, and of one of those of just now;
    /// how many of just now, and of the labelled ones of lately, are like it.
    numbers: [f64; 5],
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
    /// As they came, one column after the other, their surroundings last.
    told: Vec<Vec<f64>>,
    /// The same for distances, without surroundings: logarithms with their sign.
    logs: Vec<Vec<f32>>,
    labels: Vec<bool>,
    /// Were their surroundings known when they were judged?
    surrounded: Vec<bool>,
    /// Whose place the next one takes, once all are taken.
    next: usize,
    /// One divided by the standard deviation of each column of logarithms.
    weights: Vec<f32>,
    /// The newest that were judged, as logarithms, oldest first.
    just_now: VecDeque<Vec<f32>>,
    /// Judged, and without a label yet, oldest first.
    waiting: VecDeque<(Vec<f64>, Around)>,
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
            told: vec![Vec::new(); width + Around::WIDTH],
            logs: vec![Vec::new(); width],
            labels: Vec::new(),
            surrounded: Vec::new(),
            next: 0,
            weights: vec![1.0; width],
            just_now: VecDeque::new(),
            waiting: VecDeque::new(),
            since: 0,
            trees: None,
        }
    }

    /// By what has been told so far, and by what was judged just now.
    ///
    /// # Errors
    /// [`LearnError::Table`] if the event has more or fewer numbers than others.
    pub fn judge(&mut self, event: &[f64]) -> Result<LateVerdict, LearnError> {
        let event = self.checked(event)?;
        let logs: Vec<f32> = event.iter().map(|number| log(*number)).collect();
        let around = self.around(&logs);
        let trees = match &self.trees {
            None => None,
            Some(model) => {
                let all = event.iter().copied().chain(around.columns());
                let one = Table::new(columns(all.map(|number| vec![number]))?, vec![false])?;
                model.raw(&one)?.first().map(|log_odds| sigmoid(*log_odds) >= WRONG_FROM)
            }
        };
        self.just_now.push_back(logs);
        if self.just_now.len() > JUST_NOW {
            self.just_now.pop_front();
        }
        self.waiting.push_back((event, around));
        if self.waiting.len() > MAX_WAITING {
            self.waiting.pop_front();
        }
        Ok(LateVerdict { nearest: around.nearest, trees })
    }

    /// What an event was: one that was judged, or any other.
    ///
    /// # Errors
    /// [`LearnError::Table`] if the event has more or fewer numbers than others.
    pub fn tell(&mut self, event: &[f64], label: bool) -> Result<(), LearnError> {
        let event = self.checked(event)?;
        let logs: Vec<f32> = event.iter().map(|number| log(*number)).collect();
        let judged = self.waiting.iter().position(|(own, _)| is_same(own, &event));
        let judged = judged.and_then(|at| self.waiting.remove(at));
        let around = judged.map_or_else(|| self.around(&logs), |(_, around)| around);
        put(&mut self.surrounded, self.next, self.labels.len() >= LEAST_TOLD);
        for (number, told) in event.into_iter().chain(around.columns()).zip(&mut self.told) {
            put(told, self.next, number);
        }
        for (number, own) in logs.into_iter().zip(&mut self.logs) {
            put(own, self.next, number);
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
        let (given, wanted) = (event.len(), self.logs.len());
        if given != wanted {
            return Err(TableError::ColumnCount { given, wanted }.into());
        }
        Ok(event.iter().map(|number| number.clamp(-RANGE, RANGE)).collect())
    }

    fn grow(&mut self) -> Result<(), LearnError> {
        for (logs, weight) in self.logs.iter().zip(&mut self.weights) {
            *weight = one_by_deviation(logs);
        }
        let rows = self.surrounded.iter().enumerate().filter(|(_, known)| **known);
        let rows: Vec<usize> = rows.map(|(row, _)| row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let table = Table::new(columns(self.told.iter().cloned())?, self.labels.clone())?;
        let trees = Some(self.recipe.growth);
        let recipe = Recipe { trees, refit: true, ..Recipe::default() };
        match learn(&table.part(&rows), &recipe, self.seed, &mut || ()) {
            Ok(model) => self.trees = Some(model),
            // As long as too few are wrong, or right, the nearest has to do.
            Err(LearnError::TooFew { .. } | LearnError::Table(TableError::OneClass { .. })) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What is near to an event, given as logarithms.
    fn around(&self, event: &[f32]) -> Around {
        let mut told = vec![0_f32; self.labels.len()];
        for ((number, logs), weight) in event.iter().zip(&self.logs).zip(&self.weights) {
            for (sum, past) in told.iter_mut().zip(logs) {
                *sum += apart(*number, *past, *weight);
            }
        }
        let now = self.just_now.iter().map(|other| {
            let fields = event.iter().zip(other).zip(&self.weights);
            fields.map(|((a, b), weight)| apart(*a, *b, *weight)).sum::<f32>()
        });
        let mut now: Vec<f32> = now.collect();
        now.sort_by(f32::total_cmp);
        let mut nearest: Vec<(f32, bool)> =
            told.iter().copied().zip(self.labels.iter().copied()).collect();
        if nearest.len() > NEAREST {
            nearest.select_nth_unstable_by(NEAREST, |a, b| a.0.total_cmp(&b.0));
            nearest.truncate(NEAREST);
        }
        nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
        let wrong = nearest.iter().filter(|(_, label)| *label).count() as f64;
        let like = |distances: &mut dyn Iterator<Item = &f32>| {
            distances.filter(|distance| **distance < LIKE).count() as f64
        };
        let far = |distance: Option<f32>| f64::from(distance.unwrap_or(f32::NAN));
        // The newest label is before the next one's place.
        let lately = (1..=LATELY.min(told.len()))
            .filter_map(|back| told.get((self.next + told.len() - back) % told.len()));
        Around {
            nearest: nearest.first().map(|(_, label)| *label),
            numbers: [
                wrong / (nearest.len() as f64).max(1.0),
                far(nearest.first().map(|(distance, _)| *distance)),
                far(now.get(NEAR_NOW - 1).or(now.last()).copied()),
                like(&mut now.iter()),
                like(&mut lately.into_iter()),
            ],
        }
    }
}

impl Around {
    /// Columns that it adds to an event.
    const WIDTH: usize = 6;

    fn columns(self) -> impl Iterator<Item = f64> {
        let nearest = self.nearest.map_or(f64::NAN, |label| f64::from(u8::from(label)));
        std::iter::once(nearest).chain(self.numbers)
    }
}

/// The same numbers, missing ones too.
fn is_same(one: &[f64], other: &[f64]) -> bool {
    one.iter().zip(other).all(|(a, b)| a.to_bits() == b.to_bits())
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

    fn judged(late: &mut Late, event: &[f64]) -> LateVerdict {
        late.judge(event).unwrap_or_else(|error| panic!("{error}"))
    }

    fn told(late: &mut Late, event: &[f64], label: bool) {
        late.tell(event, label).unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn a_new_kind_is_known_by_its_first_label() {
        let mut late = late();
        assert_eq!(judged(&mut late, &[1.0, 1.0]), LateVerdict { nearest: None, trees: None });
        for n in 0..100 {
            told(&mut late, &[f64::from(n % 10), 1.0], false);
        }
        let odd = [5.0, 4000.0];
        assert!(!judged(&mut late, &odd).is_wrong(), "nobody has said so");
        told(&mut late, &odd, true);
        assert_eq!(
            judged(&mut late, &[5.5, 4100.0]),
            LateVerdict { nearest: Some(true), trees: None }
        );
        assert!(!judged(&mut late, &[5.5, 1.0]).is_wrong());
    }

    #[test]
    fn trees_are_grown_when_enough_is_told() {
        let mut late = late();
        for n in 0..200 {
            told(&mut late, &[f64::from(n % 20), 1.0], n % 20 >= 10);
        }
        assert_eq!(judged(&mut late, &[3.0, 1.0]).trees, Some(false));
        assert_eq!(judged(&mut late, &[15.0, 1.0]).trees, Some(true));
    }

    /// Neither the numbers of an event nor a label say it: only that many like it come at once.
    #[test]
    fn a_burst_of_something_new_is_seen_before_its_first_label() {
        let growth = Growth { trees: 20, leaves: 4, least_rows: 5, ..LateRecipe::default().growth };
        let mut late = Late::new(1, LateRecipe { growth, regrown: 100 }, 1);
        let mut events: Vec<(f64, bool)> = Vec::new();
        for n in 0..12_u32 {
            // Ordinary events all differ; a burst is always of another kind.
            events.extend((0..100).map(|m| {
                let size = (f64::from((m * 37 + n * 11) % 100) * 0.6).exp2();
                (if m % 2 == 0 { size } else { -size }, false)
            }));
            events.extend((0..60).map(|_| (f64::from(n * 3 + 2).exp2() * 1.3, true)));
        }
        let mut found = 0;
        for (at, (event, label)) in events.iter().enumerate() {
            // Labels come after a whole burst is over.
            if let Some((past, label)) = at.checked_sub(80).and_then(|due| events.get(due)) {
                told(&mut late, &[*past], *label);
            }
            let verdict = judged(&mut late, &[*event]);
            // The second half of the last burst.
            found += usize::from(at >= events.len() - 30 && *label && verdict.is_wrong());
        }
        assert!(found >= 25, "{found} of 30");
    }

    #[test]
    fn what_waits_for_its_label_is_bounded() {
        let mut late = late();
        for n in 0..MAX_WAITING + 50 {
            judged(&mut late, &[n as f64, 1.0]);
        }
        assert_eq!((late.waiting.len(), late.just_now.len()), (MAX_WAITING, JUST_NOW));
        told(&mut late, &[60.0, 1.0], true);
        assert_eq!(late.waiting.len(), MAX_WAITING - 1);
        // Of one that was never judged a label is taken all the same.
        told(&mut late, &[-5.0, 1.0], true);
        assert_eq!(late.waiting.len(), MAX_WAITING - 1);
    }

    #[test]
    fn what_cannot_be_compared_is_refused_or_far() {
        let mut late = late();
        assert!(late.judge(&[1.0]).is_err() && late.tell(&[1.0, 2.0, 3.0], true).is_err());
        told(&mut late, &[f64::NAN, 1.0], true);
        told(&mut late, &[1.0, f64::INFINITY], false);
        assert_eq!(judged(&mut late, &[f64::NAN, 1.0]).nearest, Some(true));
        assert_eq!(judged(&mut late, &[1.0, f64::INFINITY]).nearest, Some(false));
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut late = Late::new(1, LateRecipe { regrown: usize::MAX, ..LateRecipe::default() }, 1);
        told(&mut late, &[1000.0], true);
        for _ in 0..MAX_TOLD {
            told(&mut late, &[1.0], false);
        }
        assert_eq!(late.labels.len(), MAX_TOLD);
        assert_eq!(judged(&mut late, &[1000.0]).nearest, Some(false));
    }
}
