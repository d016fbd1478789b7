//! A map that never grows beyond its limit: the entry that was touched longest ago makes room.

use std::collections::BTreeMap;

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

    /// Put back an entry of a snapshot; false if key or tick is already there.
    pub(crate) fn restore(&mut self, key: K, tick: u64, value: V) -> bool {
        let fresh = self.entries.insert(key, (tick, value)).is_none()
            && self.order.insert(tick, key).is_none();
        self.shrink();
        fresh
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, u64, &V)> {
        self.entries.iter().map(|(key, (tick, value))| (key, *tick, value))
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
