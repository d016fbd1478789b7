//! A fixed number of bits, one for each rule of a set.

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// So many bits, all set.
    pub(super) fn full(count: usize) -> Self {
        let mut bits = Self(vec![u64::MAX; count.div_ceil(64)]);
        if let (Some(last), rest @ 1..) = (bits.0.last_mut(), count % 64) {
            *last = (1 << rest) - 1;
        }
        bits
    }

    /// So many bits, none set.
    pub(super) fn empty(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    pub(super) fn set(&mut self, bit: u32) {
        if let Some(word) = self.word(bit) {
            *word |= 1 << (bit % 64);
        }
    }

    pub(super) fn clear(&mut self, bit: u32) {
        if let Some(word) = self.word(bit) {
            *word &= !(1 << (bit % 64));
        }
    }

    pub(super) fn flip(&mut self, bit: u32) {
        if let Some(word) = self.word(bit) {
            *word ^= 1 << (bit % 64);
        }
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }

    pub(super) fn and(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= b);
    }

    pub(super) fn and_not(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= !b);
    }

    pub(super) fn or(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The set bits, in order.
    pub(super) fn ones(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(n, word)| {
            let mut left = *word;
            core::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                // Clears the lowest set bit.
                left &= left.wrapping_sub(1);
                usize::try_from(bit).ok().filter(|bit| *bit < 64).map(|bit| n * 64 + bit)
            })
        })
    }

    fn word(&mut self, bit: u32) -> Option<&mut u64> {
        self.0.get_mut(usize::try_from(bit / 64).ok()?)
    }
}
