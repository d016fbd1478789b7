//! Which of endlessly many verdicts are worth a person's time: online control of the false-discovery rate.
//!
//! LORD++ (Ramdas et al., 2017): each verdict is tested at a level that falls with time and rises with each discovery, so
//! that at any time the expected share of false ones among all discoveries is at most the target. It holds for p-values
//! of ordinary events that are independent and not smaller than they should be; p-values of a fitted [`super::Tail`] are
//! that only as well as the tail fits.

use std::collections::VecDeque;

use minicbor::{Decode, Encode};

use super::{StreamError, restored};
use crate::num::long;

/// Most discoveries that are remembered. Forgetting older ones only lowers levels, which keeps the promise.
pub const MAX_REMEMBERED: u32 = 4_096;
/// The share of the target that may be spent before the first discovery.
const START: f64 = 0.5;
/// One divided by the sum of all steps, rounded down.
const NORM: f64 = 0.0722;

/// Levels for a stream of p-values.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Discoveries {
    #[n(0)]
    target: f64,
    #[n(1)]
    remembered: u32,
    /// Verdicts so far.
    #[n(2)]
    seen: u64,
    /// The first discovery, which earns less than later ones.
    #[n(3)]
    first: Option<u64>,
    /// Later ones, latest last.
    #[n(4)]
    later: VecDeque<u64>,
    #[n(5)]
    made: u64,
}

/// The share of the target that the `age`-th test after an event gets; all ages together at most 1.
fn step(age: u64) -> f64 {
    if age == 0 {
        return 0.0;
    }
    let age = age as f64;
    NORM * age.max(2.0).ln() / (age * age.ln().sqrt().exp())
}

impl Discoveries {
    /// At most this share of all discoveries false, in expectation.
    ///
    /// # Errors
    /// [`StreamError::Recipe`].
    pub fn new(target: f64) -> Result<Self, StreamError> {
        if !(target > 0.0 && target < 1.0) {
            return Err(StreamError::Recipe("target must be above 0 and below 1"));
        }
        let later = VecDeque::new();
        Ok(Self { target, remembered: 256, seen: 0, first: None, later, made: 0 })
    }

    /// How many discoveries were made.
    #[must_use]
    pub const fn made(&self) -> u64 {
        self.made
    }

    /// The level of the next test.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.level_at(self.seen.saturating_add(1))
    }

    fn level_at(&self, now: u64) -> f64 {
        let start = self.target * START;
        let age = |then: u64| step(now.saturating_sub(then));
        let first = self.first.map_or(0.0, age);
        let later: f64 = self.later.iter().map(|then| age(*then)).sum();
        start * step(now) + (self.target - start) * first + self.target * later
    }

    /// Is this one a discovery? A p-value that is not a number is none.
    pub fn observe(&mut self, p_value: f64) -> bool {
        self.seen = self.seen.saturating_add(1);
        // No level exceeds the target: most verdicts need no sum.
        if p_value.is_nan() || p_value > self.target || p_value > self.level_at(self.seen) {
            return false;
        }
        self.made = self.made.saturating_add(1);
        if self.first.is_none() {
            self.first = Some(self.seen);
            return true;
        }
        if self.later.len() >= long(self.remembered) {
            self.later.pop_front();
        }
        self.later.push_back(self.seen);
        true
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
        let state: Self = restored("discoveries of a stream", bytes)?;
        Self::new(state.target)?;
        let times: Vec<u64> = state.first.iter().chain(&state.later).copied().collect();
        let is_whole = state.remembered <= MAX_REMEMBERED
            && state.later.len() <= long(state.remembered)
            && (state.first.is_some() || state.later.is_empty())
            && times.is_sorted_by(|a, b| a < b)
            && times.last().is_none_or(|last| *last <= state.seen)
            && state.made >= times.len() as u64;
        if is_whole {
            Ok(state)
        } else {
            Err(StreamError::State("its discoveries are not in order".to_owned()))
        }
    }
}
