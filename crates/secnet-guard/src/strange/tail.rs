//! How rare a distance is: the share of ordinary requests that are as far away, or further.
//!
//! Distances are counted by their logarithm. What lies above a high level of them is taken for a Pareto tail, whose exponent
//! Hill's estimator (1975) gives: on a scale of logarithms in whole steps it is the mean of a geometric distribution, so that
//! the extreme values need nothing but whole numbers. Where the true tail is lighter, as that of bounded distances is, the
//! shares come out too large and not too small: fewer requests are found, not more.

use minicbor::{Decode, Encode};

/// Steps of a doubling.
const STEPS: u32 = 8;
/// Bins: 24 doublings.
pub(super) const BINS: usize = 192;
/// Distances that are only looked at first.
pub(super) const WARM: u64 = 2_048;
/// One in so many lies above the level where the tail begins.
const TAIL: u64 = 50;
/// All counts are halved at this sum: what is usual may change.
const FADE_AT: u64 = 16_384;
/// From this rarity on a distance is far...
const FAR: u32 = 1_000;
/// ...and counts, as if it were just that far, for at most so many in a [`FAR`]th of the distances...
const FAR_COUNTED: u32 = 2;
/// ...and at most so many in a row.
const FAR_IN_A_ROW: u32 = 5;
/// Nothing is rarer than one in so many: no tail is known any further.
pub(super) const RAREST: u64 = 1_000_000_000;
/// Shares are counted in so many bits.
const SHARE_BITS: u32 = 60;

/// Distances, counted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Tail {
    #[n(0)]
    bins: Vec<u32>,
    /// Distances that were looked at, faded ones too.
    #[n(1)]
    seen: u64,
    /// How many far ones may be counted now, in [`FAR`]ths.
    #[n(2)]
    allowance: u32,
}

impl Default for Tail {
    fn default() -> Self {
        Self { bins: vec![0; BINS], seen: 0, allowance: 0 }
    }
}

/// The bin of a distance: its logarithm in steps, rounded down.
fn bin(distance: u32) -> usize {
    let value = u128::from(distance) + 1;
    let doublings = value.ilog2();
    let rest = ((((value << 32) >> doublings) - (1 << 32)) * u128::from(STEPS)) >> 32;
    let bin = u128::from(doublings * STEPS) + rest;
    usize::try_from(bin).unwrap_or(BINS).min(BINS - 1)
}

impl Tail {
    pub(super) fn is_whole(&self) -> bool {
        let counted: u64 = self.bins.iter().map(|count| u64::from(*count)).sum();
        self.bins.len() == BINS
            && counted < FADE_AT
            && counted <= self.seen
            && self.allowance <= FAR_IN_A_ROW * FAR
    }

    /// One in how many ordinary requests is as far away; nothing while too little is known.
    pub(super) fn rarity(&self, distance: u32) -> Option<u64> {
        (self.seen >= WARM).then(|| self.rarity_of_bin(bin(distance)))
    }

    fn rarity_of_bin(&self, own: usize) -> u64 {
        let counted: u64 = self.bins.iter().map(|count| u64::from(*count)).sum();
        let from =
            |bin: usize| -> u64 { self.bins.iter().skip(bin).map(|count| u64::from(*count)).sum() };
        // The level: the lowest bin from which on no more than the tail's share was counted.
        let mut above = 0;
        let level = (0..BINS).rev().find(|bin| {
            above += u64::from(self.bins.get(*bin).copied().unwrap_or(0));
            above * TAIL > counted
        });
        let level = level.unwrap_or(0) + 1;
        let whole = counted + 1;
        if own < level {
            return whole / (from(own) + 1).min(whole);
        }
        let peaks = from(level);
        let excess: u64 = (0..)
            .zip(self.bins.iter().skip(level))
            .map(|(step, count)| step * u64::from(*count))
            .sum();
        // One more peak than was seen, as far above as the steps that a doubling has: a tail of few peaks is not believed to be short.
        let (peaks, excess) = (peaks + 1, excess + u64::from(STEPS));
        let stays = (u128::from(excess) << SHARE_BITS) / u128::from(excess + peaks);
        let mut share = (u128::from(peaks) << SHARE_BITS) / u128::from(whole);
        for _ in level..own {
            share = (share * stays) >> SHARE_BITS;
        }
        let one = 1_u128 << SHARE_BITS;
        u64::try_from(one / share.max(1)).unwrap_or(RAREST).min(RAREST)
    }

    /// An ordinary request was so far away.
    pub(super) fn count(&mut self, distance: u32) {
        let mut own = bin(distance);
        self.allowance = (self.allowance + FAR_COUNTED).min(FAR_IN_A_ROW * FAR);
        self.seen = self.seen.saturating_add(1);
        if self.seen > WARM && self.rarity_of_bin(own) >= u64::from(FAR) {
            if self.allowance < FAR {
                return;
            }
            self.allowance -= FAR;
            let near = (0..own).rev().find(|bin| self.rarity_of_bin(*bin) < u64::from(FAR));
            own = near.map_or(own, |near| near + 1);
        }
        if let Some(count) = self.bins.get_mut(own) {
            *count = count.saturating_add(1);
        }
        if self.bins.iter().map(|count| u64::from(*count)).sum::<u64>() >= FADE_AT {
            self.fade();
        }
    }

    /// Halve all counts, those above each bin together: one by one the rarest would be lost each time.
    fn fade(&mut self) {
        let (mut above, mut kept) = (0_u32, 0);
        for count in self.bins.iter_mut().rev() {
            above = above.saturating_add(*count);
            *count = above.div_ceil(2) - kept;
            kept += *count;
        }
    }
}
