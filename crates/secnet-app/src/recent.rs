//! What was made a moment ago and would cost as much again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use secnet_types::Digest;

/// Values by digest, the newest up to a total weight. What must not stay in memory wipes itself when it is dropped.
pub(crate) struct Recent<V> {
    most: usize,
    weight: usize,
    values: BTreeMap<Digest, (usize, Arc<V>)>,
    order: VecDeque<Digest>,
}

impl<V> Recent<V> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, weight: 0, values: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn get(&self, key: Digest) -> Option<Arc<V>> {
        self.values.get(&key).map(|(_, value)| Arc::clone(value))
    }

    pub(crate) fn keep(&mut self, key: Digest, weight: usize, value: Arc<V>) {
        if weight > self.most || self.values.contains_key(&key) {
            return;
        }
        while self.weight.saturating_add(weight) > self.most {
            let Some(oldest) = self.order.pop_front() else { break };
            self.remove(oldest);
        }
        self.weight = self.weight.saturating_add(weight);
        self.values.insert(key, (weight, value));
        self.order.push_back(key);
    }

    pub(crate) fn forget(&mut self, key: Digest) {
        self.order.retain(|kept| *kept != key);
        self.remove(key);
    }

    fn remove(&mut self, key: Digest) {
        if let Some((weight, _)) = self.values.remove(&key) {
            self.weight = self.weight.saturating_sub(weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn name(n: u8) -> Digest {
        Digest([n; 32])
    }

    #[test]
    fn the_newest_are_kept_up_to_the_weight() {
        let mut recent = Recent::new(10);
        for n in 0..4 {
            recent.keep(name(n), 4, Arc::new(n));
        }
        let kept: Vec<_> = (0..4).filter(|n| recent.get(name(*n)).is_some()).collect();
        assert_eq!(kept, [2, 3]);
        recent.keep(name(9), 11, Arc::new(9));
        assert!(recent.get(name(9)).is_none(), "what is heavier than all is not kept");
        recent.forget(name(2));
        assert!(recent.get(name(2)).is_none());
        recent.keep(name(5), 6, Arc::new(5));
        assert!(recent.get(name(3)).is_some() && recent.get(name(5)).is_some());
    }
}
