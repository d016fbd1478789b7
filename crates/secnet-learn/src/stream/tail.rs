//! Alarms at a stated false-positive rate, from the shape of the tail of the scores (Siffer et al., SPOT and DSPOT, KDD 2017).
//!
//! What lies above a high level of the scores follows a generalised Pareto distribution, whatever the scores are (Pickands, 1975).
//! It is fitted by probability-weighted moments (Hosking and Wallis, 1987), which need no search, and gives the threshold that
//! the stated share of ordinary scores exceeds. Two things differ from the paper. Alarms that are
//! near the threshold enter the fit, and far ones as often as they are expected by chance: leaving all of them out would cut the
//! tail and lower the threshold ever more, letting all in would let a flood raise it. And only the latest peaks are kept.

use std::collections::VecDeque;

use minicbor::{Decode, Encode};

use super::{StreamError, restored};
use crate::num::{long, whole};

/// Most peaks that are kept.
pub const MAX_PEAKS: usize = 65_536;
/// Most scores before the first alarm, and most of the local mean.
const MAX_WARM: u32 = 1_000_000;
/// An alarm up to so much of the way from the level to the threshold is counted like any score: if the threshold is a little
/// too low, this is how it comes to be known.
const REACH: f64 = 1.5;
/// Higher ones are counted as if they were there, at most at this share of the stated rate...
const FAR_SHARE: f64 = 0.5;
/// ...and at most so many in a row.
const MOST_FAR: f64 = 5.0;
/// Shapes below this are an exponential tail.
const FLAT: f64 = 1e-6;
/// Shapes of tails that the fit may give; at 1 the mean would be infinite.
const SHAPES: (f64, f64) = (-2.0, 0.95);

/// How a tail is followed.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub struct TailRecipe {
    /// Share of ordinary events that may raise an alarm.
    #[n(0)]
    pub rate: f64,
    /// Share of the scores that are above the level where the tail begins; more than `rate`.
    #[n(1)]
    pub tail: f64,
    /// Scores that are only looked at first.
    #[n(2)]
    pub warm: u32,
    /// Peaks that are kept, at most [`MAX_PEAKS`].
    #[n(3)]
    pub peaks: u32,
    /// Scores are taken relative to the mean of so many before (DSPOT); 0 takes them as they are.
    #[n(4)]
    pub depth: u32,
}

impl Default for TailRecipe {
    fn default() -> Self {
        Self { rate: 1e-3, tail: 0.02, warm: 2_000, peaks: 2_048, depth: 0 }
    }
}

impl TailRecipe {
    fn check(&self) -> Result<(), StreamError> {
        let wrong = if !(self.rate > 0.0 && self.rate < self.tail) {
            "rate must be above 0 and below tail"
        } else if self.tail > 0.5 {
            "tail must be at most 0.5"
        } else if !(100..=MAX_WARM).contains(&self.warm) || self.depth > MAX_WARM {
            "warm must be from 100 to 1,000,000, depth at most 1,000,000"
        } else if f64::from(self.warm) * self.tail < 10.0 {
            "warm times tail must be at least 10: no shape can be seen in fewer peaks"
        } else if self.peaks < 10 || long(self.peaks) > MAX_PEAKS {
            "peaks must be from 10 to MAX_PEAKS"
        } else {
            return Ok(());
        };
        Err(StreamError::Recipe(wrong))
    }
}

/// What a score is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Above the threshold.
    pub is_alarm: bool,
    /// The threshold, in the scores' own unit; nothing while only looking.
    pub threshold: Option<f64>,
    /// Estimated share of ordinary scores at least this high; 1 below the tail and while only looking.
    pub p_value: f64,
}

/// The tail of a stream of scores.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Tail {
    #[n(0)]
    recipe: TailRecipe,
    /// The scores that are only looked at; empty afterwards.
    #[n(1)]
    first: Vec<f64>,
    /// The latest ordinary scores, for their mean.
    #[n(2)]
    latest: VecDeque<f64>,
    /// Where the tail begins.
    #[n(3)]
    level: f64,
    /// The latest peaks, less the level.
    #[n(4)]
    peaks: VecDeque<f64>,
    /// Scores and peaks counted.
    #[n(5)]
    counted: u64,
    #[n(6)]
    above: u64,
    #[n(7)]
    shape: f64,
    #[n(8)]
    scale: f64,
    #[n(9)]
    threshold: f64,
    /// How many far alarms may be counted now.
    #[n(10)]
    allowance: f64,
}

impl Tail {
    /// A tail of which nothing is known.
    ///
    /// # Errors
    /// [`StreamError::Recipe`].
    pub fn new(recipe: TailRecipe) -> Result<Self, StreamError> {
        recipe.check()?;
        Ok(Self {
            recipe,
            first: Vec::new(),
            latest: VecDeque::new(),
            level: 0.0,
            peaks: VecDeque::new(),
            counted: 0,
            above: 0,
            shape: 0.0,
            scale: 0.0,
            threshold: 0.0,
            allowance: 0.0,
        })
    }

    /// Judge a score, then learn from it.
    ///
    /// # Errors
    /// [`StreamError::NotANumber`] for NaN and infinite scores.
    pub fn observe(&mut self, score: f64) -> Result<Verdict, StreamError> {
        if !score.is_finite() {
            return Err(StreamError::NotANumber);
        }
        let mean = self.mean();
        if self.counted == 0 {
            self.look(score, mean);
            return Ok(Verdict { is_alarm: false, threshold: None, p_value: 1.0 });
        }
        let height = score - mean;
        let threshold = Some(self.threshold + mean);
        let is_alarm = height > self.threshold;
        let p_value = self.share_above(height);
        self.allowance = (self.allowance + self.recipe.rate * FAR_SHARE).min(MOST_FAR);
        let reach = self.level + (self.threshold - self.level) * REACH;
        if height <= reach {
            self.count(height);
            self.remember(score);
        } else if self.allowance >= 1.0 {
            self.allowance -= 1.0;
            self.count(reach);
        }
        Ok(Verdict { is_alarm, threshold, p_value })
    }

    fn mean(&self) -> f64 {
        if self.latest.is_empty() {
            return 0.0;
        }
        // Summed anew each time: a running sum would depend on what was long ago.
        self.latest.iter().sum::<f64>() / self.latest.len() as f64
    }

    fn remember(&mut self, score: f64) {
        if self.recipe.depth == 0 {
            return;
        }
        if self.latest.len() >= long(self.recipe.depth) {
            self.latest.pop_front();
        }
        self.latest.push_back(score);
    }

    fn look(&mut self, score: f64, mean: f64) {
        let is_local = self.latest.len() >= long(self.recipe.depth);
        self.remember(score);
        if !is_local {
            return;
        }
        self.first.push(score - mean);
        if self.first.len() < long(self.recipe.warm) {
            return;
        }
        let mut heights = std::mem::take(&mut self.first);
        heights.sort_unstable_by(f64::total_cmp);
        let last = heights.len() - 1;
        let rank = whole((1.0 - self.recipe.tail) * heights.len() as f64).min(last);
        self.level = heights.get(rank).copied().unwrap_or(0.0);
        self.threshold = self.level;
        for height in heights {
            self.count_only(height);
        }
        self.fit();
    }

    fn count(&mut self, height: f64) {
        if self.count_only(height) {
            self.fit();
        }
    }

    /// Is it a peak?
    fn count_only(&mut self, height: f64) -> bool {
        self.counted = self.counted.saturating_add(1);
        if height <= self.level {
            return false;
        }
        self.above = self.above.saturating_add(1);
        if self.peaks.len() >= long(self.recipe.peaks) {
            self.peaks.pop_front();
        }
        self.peaks.push_back(height - self.level);
        true
    }

    /// Shape and scale by probability-weighted moments, then the threshold.
    fn fit(&mut self) {
        let mut sorted: Vec<f64> = self.peaks.iter().copied().collect();
        if sorted.is_empty() {
            return;
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / n;
        let weighted = sorted
            .iter()
            .enumerate()
            .map(|(rank, peak)| peak * (1.0 - (rank as f64 + 0.65) / n))
            .sum::<f64>()
            / n;
        let spread = (mean - 2.0 * weighted).max(mean * 1e-9).max(f64::MIN_POSITIVE);
        self.shape = (2.0 - mean / spread).clamp(SHAPES.0, SHAPES.1);
        // With a clamped shape the mean still holds.
        self.scale = (mean * (1.0 - self.shape)).max(f64::MIN_POSITIVE);
        let ratio = self.recipe.rate * self.counted as f64 / self.above.max(1) as f64;
        let beyond = if self.shape.abs() < FLAT {
            -ratio.ln()
        } else {
            (ratio.powf(-self.shape) - 1.0) / self.shape
        };
        self.threshold = self.level + (self.scale * beyond).clamp(0.0, f64::MAX / 4.0);
    }

    fn share_above(&self, height: f64) -> f64 {
        let beyond = height - self.level;
        if beyond <= 0.0 || self.scale <= 0.0 {
            // Without any peak, what is above the level was never seen.
            let unseen = beyond > 0.0 && self.above == 0;
            return if unseen { 1.0 / (self.counted as f64 + 1.0) } else { 1.0 };
        }
        let share = self.above as f64 / self.counted.max(1) as f64;
        let units = beyond / self.scale;
        let survival = if self.shape.abs() < FLAT {
            (-units).exp()
        } else {
            (1.0 + self.shape * units).max(0.0).powf(-1.0 / self.shape)
        };
        (share * survival).clamp(f64::MIN_POSITIVE, 1.0)
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
        let state: Self = restored("tail of a stream", bytes)?;
        state.recipe.check()?;
        let numbers = [state.level, state.shape, state.scale, state.threshold, state.allowance];
        let lists = state.first.iter().chain(&state.latest).chain(&state.peaks);
        let is_whole = numbers.iter().chain(lists).all(|number| number.is_finite())
            && state.first.len() < long(state.recipe.warm)
            && state.latest.len() <= long(state.recipe.depth)
            && state.peaks.len() <= long(state.recipe.peaks)
            && state.above <= state.counted
            && state.scale >= 0.0;
        if is_whole {
            Ok(state)
        } else {
            Err(StreamError::State("it does not fit its own recipe".to_owned()))
        }
    }
}
