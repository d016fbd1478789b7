//! Which events of a stream are unlike all before: distances to near neighbours in samples of the past.
//!
//! Several memories hold samples with different horizons (Aggarwal's biased reservoirs, 2006). An event's score is its
//! distance to the k-th nearest remembered event (Ramaswamy et al., 2000), averaged over the memories, in which no single
//! field counts more than a cap. After it was scored it is taught. What scores higher than all but the share `taught` of
//! what was taught before is taught at most at that share of the events: a flood cannot teach the detector faster than it
//! has time, while behaviour that is rare but steady is learnt.

use minicbor::{Decode, Encode};

use super::dice::Dice;
use super::memory::{Memory, kept};
use super::{MAX_STATE_BYTES, StreamError, restored};
use crate::num::{long, whole};

/// Most memories.
pub const MAX_MEMORIES: usize = 8;
/// Most numbers that all memories hold together.
pub const MAX_NOVELTY_CELLS: usize = 16 * 1024 * 1024;
/// Scores of taught events, from which the threshold of teaching comes.
const SCORES: usize = 4_096;
/// The threshold is taken anew after so many taught events.
const RANKED_EVERY: u64 = 512;
/// Most strange events in a row that are taught.
const MOST_TAUGHT: f64 = 5.0;

/// How a stream is remembered. The defaults were chosen on one data set and confirmed on another; see docs/guard.md.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct NoveltyRecipe {
    /// Events after which each memory has forgotten about two thirds; at most [`MAX_MEMORIES`].
    #[n(0)]
    pub horizons: Vec<f64>,
    /// Events that a memory holds.
    #[n(1)]
    pub places: u32,
    /// Which nearest neighbour counts.
    #[n(2)]
    pub neighbours: u32,
    /// The most that one field counts, in standard deviations.
    #[n(3)]
    pub cap: f32,
    /// Share of the events that may be taught although they are strange.
    #[n(4)]
    pub taught: f64,
}

impl Default for NoveltyRecipe {
    fn default() -> Self {
        Self {
            horizons: vec![10_000.0, 100_000.0],
            places: 512,
            neighbours: 2,
            cap: 12.0,
            taught: 0.005,
        }
    }
}

impl NoveltyRecipe {
    fn check(&self, features: usize) -> Result<(), StreamError> {
        let cells = features.saturating_mul(long(self.places)).saturating_mul(self.horizons.len());
        let wrong = if features == 0 {
            "events have no numbers"
        } else if !(1..=MAX_MEMORIES).contains(&self.horizons.len()) {
            "there must be from 1 to MAX_MEMORIES horizons"
        } else if cells > MAX_NOVELTY_CELLS {
            "the memories would hold more than MAX_NOVELTY_CELLS numbers"
        } else if self.places < 32 {
            "a memory must have at least 32 places"
        } else if self.neighbours == 0 || self.neighbours > self.places / 2 {
            "neighbours must be from 1 to half of the places"
        } else if self.horizons.iter().any(|horizon| !(1.0..=1e15).contains(horizon)) {
            "a horizon must be from 1 to 1e15 events"
        } else if !(1.0..=1e6).contains(&self.cap) {
            "cap must be from 1 to 1e6"
        } else if !(self.taught > 0.0 && self.taught <= 1.0) {
            "taught must be above 0 and at most 1"
        } else {
            return Ok(());
        };
        Err(StreamError::Recipe(wrong))
    }
}

/// A detector of unlike events with bounded memory.
///
/// NaN is a missing number: equal to another missing one, as far from every number as the cap. Numbers beyond 1e30, infinite ones
/// too, count as 1e30. Numbers are kept with seven digits. A field's unit is its standard deviation in each memory, so a field that
/// may be absurdly large should be given as its logarithm: absurd values that are taught make its other values look alike.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Novelty {
    #[n(0)]
    recipe: NoveltyRecipe,
    #[n(1)]
    features: u32,
    #[n(2)]
    memories: Vec<Memory>,
    #[n(3)]
    dice: Dice,
    /// Events taught so far.
    #[n(4)]
    seen: u64,
    #[n(5)]
    scores: Vec<f64>,
    /// Strange events score above this.
    #[n(6)]
    threshold: f64,
    /// How many strange events may be taught now.
    #[n(7)]
    allowance: f64,
}

impl Novelty {
    /// A detector that knows nothing, for events of so many numbers.
    ///
    /// # Errors
    /// [`StreamError::Recipe`].
    pub fn new(features: usize, recipe: NoveltyRecipe, seed: u64) -> Result<Self, StreamError> {
        recipe.check(features)?;
        let places = long(recipe.places);
        let memories =
            recipe.horizons.iter().map(|horizon| Memory::new(features, places, *horizon));
        Ok(Self {
            memories: memories.collect(),
            features: crate::num::short(features),
            dice: Dice::new(seed),
            seen: 0,
            scores: Vec::new(),
            threshold: f64::MAX,
            allowance: 0.0,
            recipe,
        })
    }

    /// Score an event by what was taught before, then teach it. Scores are at least 0 and at most the cap times the
    /// number of fields; the first events score 0.
    ///
    /// # Errors
    /// [`StreamError::Width`].
    pub fn observe(&mut self, event: &[f64]) -> Result<f64, StreamError> {
        let event = self.kept(event)?;
        let score = self.distance(&event);
        self.allowance = (self.allowance + self.recipe.taught).min(MOST_TAUGHT);
        if score > self.threshold {
            if self.allowance < 1.0 {
                return Ok(score);
            }
            self.allowance -= 1.0;
        }
        self.teach(&event, score);
        Ok(score)
    }

    /// The score that [`Novelty::observe`] would give, without teaching.
    ///
    /// # Errors
    /// [`StreamError::Width`].
    pub fn score(&self, event: &[f64]) -> Result<f64, StreamError> {
        Ok(self.distance(&self.kept(event)?))
    }

    fn kept(&self, event: &[f64]) -> Result<Vec<f32>, StreamError> {
        let (given, wanted) = (event.len(), long(self.features));
        if given != wanted {
            return Err(StreamError::Width { given, wanted });
        }
        Ok(event.iter().map(|number| kept(*number)).collect())
    }

    fn distance(&self, event: &[f32]) -> f64 {
        let mut sums = Vec::new();
        let neighbours = long(self.recipe.neighbours);
        let distances = self
            .memories
            .iter()
            .filter_map(|memory| memory.distance(event, neighbours, self.recipe.cap, &mut sums));
        distances.fold(0.0, |sum, distance| sum + distance) / self.memories.len() as f64
    }

    fn teach(&mut self, event: &[f32], score: f64) {
        self.seen = self.seen.saturating_add(1);
        for memory in &mut self.memories {
            memory.keep(event, self.seen, &mut self.dice);
            memory.measure(self.seen);
        }
        if self.scores.len() < SCORES {
            self.scores.push(score);
        } else if let Some(slot) = self.scores.get_mut(self.dice.below(SCORES)) {
            *slot = score;
        }
        if self.seen.is_multiple_of(RANKED_EVERY) {
            let mut scores = self.scores.clone();
            let last = scores.len().saturating_sub(1);
            let rank = whole((1.0 - self.recipe.taught) * scores.len() as f64).min(last);
            self.threshold = *scores.select_nth_unstable_by(rank, f64::total_cmp).1;
        }
    }

    /// The whole state. Its size does not grow with the stream.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        secnet_types::encode(self)
    }

    /// Go on where a saved state stopped.
    ///
    /// # Errors
    /// [`StreamError::State`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StreamError> {
        let state: Self = restored("stream memory", bytes)?;
        let (features, places) = (long(state.features), long(state.recipe.places));
        state.recipe.check(features)?;
        let whole = state.memories.len() == state.recipe.horizons.len()
            && state
                .memories
                .iter()
                .zip(&state.recipe.horizons)
                .all(|(memory, horizon)| memory.is_whole(features, places, *horizon))
            && state.scores.len() <= SCORES
            && state.scores.iter().all(|score| score.is_finite())
            && state.threshold.is_finite()
            && (0.0..=MOST_TAUGHT).contains(&state.allowance);
        if whole {
            Ok(state)
        } else {
            Err(StreamError::State("it does not fit its own recipe".to_owned()))
        }
    }
}

const _: () = assert!(MAX_NOVELTY_CELLS * 5 < MAX_STATE_BYTES, "every state can be restored");
