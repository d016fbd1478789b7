//! An ordered set that can be filled quickly before it is used.

use std::collections::BTreeSet;
use std::ops::Deref;

/// Values that wait while a set is filled: enough that sorted neighbours share nodes, few enough to cost little memory.
const WAITING: usize = 1 << 18;

/// An ordered set. Values in no order cost a walk through cold memory each; while the set is being filled they are
/// gathered, sorted, and put in neighbour by neighbour.
#[derive(Clone)]
pub(crate) struct Sorted<T> {
    set: BTreeSet<T>,
    /// While the set is being filled. It must not be read then.
    waiting: Option<Vec<T>>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { set: BTreeSet::new(), waiting: None }
    }
}

impl<T: core::fmt::Debug> core::fmt::Debug for Sorted<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.set.fmt(f)
    }
}

impl<T: Ord> Sorted<T> {
    /// Begin to fill it.
    pub(crate) fn fill(&mut self) {
        self.waiting.get_or_insert_default();
    }

    /// It is full: from now on it can be read.
    pub(crate) fn settle(&mut self) {
        if let Some(mut waiting) = self.waiting.take() {
            self.put_in(&mut waiting);
        }
    }

    pub(crate) fn insert(&mut self, value: T) {
        let Some(mut waiting) = self.waiting.take() else {
            self.set.insert(value);
            return;
        };
        waiting.push(value);
        if waiting.len() >= WAITING {
            self.put_in(&mut waiting);
        }
        self.waiting = Some(waiting);
    }

    pub(crate) fn remove(&mut self, value: &T) {
        debug_assert!(self.waiting.is_none());
        self.set.remove(value);
    }

    fn put_in(&mut self, waiting: &mut Vec<T>) {
        waiting.sort_unstable();
        if self.set.is_empty() {
            self.set = waiting.drain(..).collect();
        } else {
            self.set.extend(waiting.drain(..));
        }
    }
}

impl<T> Deref for Sorted<T> {
    type Target = BTreeSet<T>;
    fn deref(&self) -> &BTreeSet<T> {
        debug_assert!(self.waiting.is_none());
        &self.set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_was_filled_is_the_set() {
        let mut filled = Sorted::default();
        filled.fill();
        let values =
            (0..WAITING as u64 * 2 + 7).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
        values.clone().for_each(|value| filled.insert(value));
        filled.settle();
        assert_eq!(*filled, values.collect::<BTreeSet<_>>());
        filled.insert(u64::MAX);
        assert_eq!(filled.last(), Some(&u64::MAX));
        filled.remove(&u64::MAX);
        assert!(!filled.contains(&u64::MAX));
    }
}
