//! A map that never grows beyond its limit: the entry that was touched longest ago makes room.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Values by key, with the tick of their last touch. Ticks are counted, not clock time, so that eviction is the
/// same whatever the clock does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tracked<K, V> {
    entries: BTreeMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    limit: usize,
}

impl<K: Ord + Copy, V: Default> Tracked<K, V> {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { entries: BTreeMap::new(), order: BTreeMap::new(), limit }
    }

    pub(crate) fn value(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Change the value of a key, new ones starting from their default. `tick` must be newer than all before.
    pub(crate) fn update(&mut self, key: K, tick: u64, change: impl FnOnce(&mut V)) {
        let (touched, value) = self.entries.entry(key).or_insert_with(|| (tick, V::default()));
        self.order.remove(touched);
        *touched = tick;
        change(value);
        self.order.insert(tick, key);
        self.shrink();
    }

    /// Put back an entry as it was at its tick, in the place of an older one; false if there is a newer one, or another
    /// of this tick.
    pub(crate) fn restore(&mut self, key: K, tick: u64, value: V) -> bool {
        if let Some((older, _)) = self.entries.insert(key, (tick, value)) {
            if older > tick {
                return false;
            }
            self.order.remove(&older);
        }
        let fresh = self.order.insert(tick, key).is_none();
        self.shrink();
        fresh
    }

    /// What was touched after a tick, longest ago first.
    pub(crate) fn since(&self, tick: u64) -> impl Iterator<Item = (&K, u64, &V)> {
        let touched = self.order.range((Bound::Excluded(tick), Bound::Unbounded));
        touched.filter_map(|(tick, key)| Some((key, *tick, self.value(key)?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn shrink(&mut self) {
        while self.entries.len() > self.limit {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.entries.remove(&oldest);
        }
    }
}
