//! One table of the state: an ordered map that remembers what a command, and a block, changed.

use std::collections::BTreeMap;

/// A key with a fixed byte form whose order is the key's order.
pub(crate) trait Key: Clone + Ord {
    /// The byte form.
    fn to_bytes(&self) -> Vec<u8>;
    /// Back from the byte form.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// An ordered map with a journal. Within a command every change can be taken back; within a block every key's
/// value from before the block is known, so that state digest and stored entries are updated once per key.
#[derive(Debug, Clone)]
pub(crate) struct Table<K, V> {
    map: BTreeMap<K, V>,
    command: Vec<(K, Option<V>)>,
    block: BTreeMap<K, Option<V>>,
    /// While blocks are only tried: each changed key with its value from before its block, in the order of the changes.
    tried: Option<Vec<(K, Option<V>)>>,
    /// Entries that are being loaded.
    loading: Vec<(K, V)>,
}

/// Values that were taken back, in the order in which that was done.
#[derive(Debug, Clone)]
pub(crate) struct TakenBack<K, V>(Vec<(K, Option<V>)>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            map: BTreeMap::new(),
            command: Vec::new(),
            block: BTreeMap::new(),
            tried: None,
            loading: Vec::new(),
        }
    }
}

impl<K: Key, V: Clone> Table<K, V> {
    /// The value under a key.
    pub(crate) fn find(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    /// Is there a value under the key?
    pub(crate) fn contains(&self, key: &K) -> bool {
        self.map.contains_key(key)
    }

    /// Entries from a key on, in order.
    pub(crate) fn starting_at(&self, key: K) -> impl Iterator<Item = (&K, &V)> {
        self.map.range(key..)
    }

    /// All entries, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.map.iter()
    }

    /// How many entries.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Set the value under a key.
    pub(crate) fn put(&mut self, key: K, value: V) {
        let before = self.map.insert(key.clone(), value);
        self.command.push((key, before));
    }

    /// Remove the value under a key.
    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(before) = self.map.remove(key) {
            self.command.push((key.clone(), Some(before)));
        }
    }

    /// Take in an entry that is not a change: when state is loaded. It is there once the table is settled.
    pub(crate) fn load(&mut self, key: K, value: V) {
        self.loading.push((key, value));
    }

    /// What is being loaded is complete; a key that came twice is the error. Entries in the order of keys become the map
    /// at once, instead of one by one.
    pub(crate) fn settle(&mut self) -> Result<(), K> {
        let loading = core::mem::take(&mut self.loading);
        if self.map.is_empty() && loading.is_sorted_by(|(a, _), (b, _)| a < b) {
            self.map = loading.into_iter().collect();
            return Ok(());
        }
        for (key, value) in loading {
            if self.map.insert(key.clone(), value).is_some() {
                return Err(key);
            }
        }
        Ok(())
    }

    /// The command failed: take its changes back.
    pub(crate) fn roll_back(&mut self) {
        while let Some((key, before)) = self.command.pop() {
            match before {
                Some(value) => self.map.insert(key, value),
                None => self.map.remove(&key),
            };
        }
    }

    /// The command is done: each key with its value before and after. Keeps them for the block.
    pub(crate) fn keep(&mut self, mut changed: impl FnMut(&K, Option<&V>, Option<&V>)) {
        for (key, before) in self.command.drain(..) {
            // A key touched twice is reported twice; callers treat it as remove-then-add of sets.
            changed(&key, before.as_ref(), self.map.get(&key));
            self.block.entry(key).or_insert(before);
        }
    }

    /// The block is done: each changed key with its value from before the block and now.
    pub(crate) fn drain(&mut self, mut changed: impl FnMut(&K, Option<&V>, Option<&V>)) {
        for (key, before) in core::mem::take(&mut self.block) {
            changed(&key, before.as_ref(), self.map.get(&key));
            if let Some(tried) = &mut self.tried {
                tried.push((key, before));
            }
        }
    }

    /// From here on blocks are only tried.
    pub(crate) fn try_out(&mut self) {
        self.tried.get_or_insert_default();
    }

    /// Whatever was tried is taken back: each key with its value before that and after. What is taken back is returned.
    pub(crate) fn take_back(
        &mut self,
        changed: impl FnMut(&K, Option<&V>, Option<&V>),
    ) -> TakenBack<K, V> {
        let tried = self.tried.take().unwrap_or_default();
        TakenBack(self.exchange(tried, changed))
    }

    /// What was taken back is done after all: each key with its value before that and after.
    pub(crate) fn redo(
        &mut self,
        taken: TakenBack<K, V>,
        changed: impl FnMut(&K, Option<&V>, Option<&V>),
    ) {
        self.exchange(taken.0, changed);
    }

    /// As [`Self::redo`], with the way back.
    pub(crate) fn swap(
        &mut self,
        taken: TakenBack<K, V>,
        changed: impl FnMut(&K, Option<&V>, Option<&V>),
    ) -> TakenBack<K, V> {
        TakenBack(self.exchange(taken.0, changed))
    }

    /// Put the values in, the last one first, and return those that were there, in the order that puts them back.
    fn exchange(
        &mut self,
        values: Vec<(K, Option<V>)>,
        mut changed: impl FnMut(&K, Option<&V>, Option<&V>),
    ) -> Vec<(K, Option<V>)> {
        let exchange = |(key, value): (K, Option<V>)| {
            let now = match value {
                Some(value) => self.map.insert(key.clone(), value),
                None => self.map.remove(&key),
            };
            changed(&key, now.as_ref(), self.map.get(&key));
            (key, now)
        };
        values.into_iter().rev().map(exchange).collect()
    }
}
