//! Randomness in integers only: the same seed makes the same hospital on every machine.

/// Chances are counted in these.
pub(in crate::verbs::guard) const ALWAYS: u64 = 10_000;

/// `SplitMix64` (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(in crate::verbs::guard) struct Dice(u64);

impl Dice {
    /// Each part of the hospital has its own throws, so that a change of one does not reshuffle the others.
    pub(in crate::verbs::guard) const fn new(seed: u64, part: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `bound`; 0 if the bound is 0.
    pub(in crate::verbs::guard) fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// From `low` to `high`, both included.
    pub(in crate::verbs::guard) fn from(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// With this chance in ten thousand.
    pub(in crate::verbs::guard) fn comes(&mut self, chance: u64) -> bool {
        self.below(ALWAYS) < chance
    }

    /// One of these, or none of none.
    pub(in crate::verbs::guard) fn of<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        let place = self.below(list.len() as u64);
        list.get(usize::try_from(place).unwrap_or(0)).copied()
    }

    /// A place in a list of weights, drawn by these.
    pub(in crate::verbs::guard) fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            if left < *weight {
                return place;
            }
            left -= weight;
        }
        0
    }
}
