//! One index for each kind of value.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use crate::rule::Test;
use crate::rule::address::masked;
use crate::rule::bits::Bits;

/// Toggles between two stored bitmaps of a number index: memory against time.
const STEP: usize = 32;

/// Rules that need one of some keys, and rules that need none.
#[derive(Debug, Clone)]
pub(super) struct Required<K> {
    free: Bits,
    lists: BTreeMap<K, Vec<u32>>,
}

impl<K: Ord> Required<K> {
    pub(super) fn new(count: usize, keys: impl Iterator<Item = (u32, Option<K>)>) -> Self {
        let mut index = Self { free: Bits::full(count), lists: BTreeMap::new() };
        for (rule, key) in keys {
            if let Some(key) = key {
                index.require(rule, key);
            }
        }
        index
    }

    fn require(&mut self, rule: u32, key: K) {
        self.free.clear(rule);
        self.lists.entry(key).or_default().push(rule);
    }

    /// Keep the rules that need none of the keys or one of these.
    pub(super) fn narrow<'k>(
        &self,
        keys: impl Iterator<Item = &'k K>,
        left: &mut Bits,
        scratch: &mut Bits,
    ) where
        K: 'k,
    {
        if self.lists.is_empty() {
            return;
        }
        scratch.copy_from(&self.free);
        for rule in keys.filter_map(|key| self.lists.get(key)).flatten() {
            scratch.set(*rule);
        }
        left.and(scratch);
    }
}

/// For each number the exact set of rules that accept it: a stored bitmap every [`STEP`] thresholds, toggles between.
#[derive(Debug, Clone)]
pub(super) struct NumberIndex {
    thresholds: Vec<i64>,
    toggles: Vec<u32>,
    stored: Vec<Bits>,
}

impl NumberIndex {
    pub(super) fn new(indifferent: &Bits, tests: &[(u32, &Test)]) -> Self {
        let mut state = indifferent.clone();
        let mut by_rule: BTreeMap<u32, Vec<&Test>> = BTreeMap::new();
        for (rule, test) in tests {
            by_rule.entry(*rule).or_default().push(test);
        }
        let mut events: Vec<(i64, u32)> = Vec::new();
        for (rule, tests) in by_rule {
            for (low, high) in accepted(&tests) {
                if low == i64::MIN {
                    state.flip(rule);
                } else {
                    events.push((low, rule));
                }
                events.extend(high.checked_add(1).map(|end| (end, rule)));
            }
        }
        events.sort_unstable();
        let mut stored = Vec::with_capacity(events.len() / STEP + 1);
        for (n, (_, rule)) in events.iter().enumerate() {
            if n.is_multiple_of(STEP) {
                stored.push(state.clone());
            }
            state.flip(*rule);
        }
        if events.len().is_multiple_of(STEP) {
            stored.push(state);
        }
        let (thresholds, toggles) = events.into_iter().unzip();
        Self { thresholds, toggles, stored }
    }

    pub(super) fn narrow(&self, number: i64, left: &mut Bits, scratch: &mut Bits) {
        let passed = self.thresholds.partition_point(|threshold| *threshold <= number);
        // INVARIANT: a bitmap is stored for each multiple of STEP up to the number of thresholds.
        let Some(stored) = self.stored.get(passed / STEP) else { return };
        scratch.copy_from(stored);
        let from = passed / STEP * STEP;
        for rule in self.toggles.get(from..passed).unwrap_or_default() {
            scratch.flip(*rule);
        }
        left.and(scratch);
    }
}

/// The ranges of numbers that pass all tests, disjoint.
fn accepted(tests: &[&Test]) -> Vec<(i64, i64)> {
    let (mut low, mut high, mut holes) = (i64::MIN, i64::MAX, Vec::new());
    for test in tests {
        match test {
            Test::Between(from, to) => (low, high) = (low.max(*from), high.min(*to)),
            Test::NotBetween(from, to) => holes.push((*from, *to)),
            _ => {}
        }
    }
    holes.sort_unstable();
    let mut ranges = Vec::with_capacity(holes.len() + 1);
    let mut next = Some(low);
    for (from, to) in holes {
        let Some(start) = next else { break };
        if let Some(end) = from.checked_sub(1).map(|end| end.min(high)).filter(|end| *end >= start)
        {
            ranges.push((start, end));
        }
        next = to.checked_add(1).map(|after| after.max(start));
    }
    ranges.extend(next.filter(|start| *start <= high).map(|start| (start, high)));
    ranges
}

/// For each word the rules that want it and the rules that do not.
#[derive(Debug, Clone)]
pub(super) struct WordIndex {
    free: Bits,
    wanted: Vec<Bits>,
    unwanted: Vec<Bits>,
}

impl WordIndex {
    pub(super) fn new(count: usize, tests: &[(u32, &Test)]) -> Self {
        let mut index = Self { free: Bits::full(count), wanted: Vec::new(), unwanted: Vec::new() };
        for word in 0..u64::BITS {
            let mut wanted = Bits::empty(count);
            let mut unwanted = Bits::empty(count);
            for (rule, test) in tests {
                match test {
                    Test::AnyWord(mask) if mask & (1 << word) != 0 => wanted.set(*rule),
                    Test::NoWord(mask) if mask & (1 << word) != 0 => unwanted.set(*rule),
                    _ => {}
                }
            }
            index.wanted.push(wanted);
            index.unwanted.push(unwanted);
        }
        for (rule, _) in tests.iter().filter(|(_, test)| matches!(test, Test::AnyWord(_))) {
            index.free.clear(*rule);
        }
        index
    }

    pub(super) fn narrow(&self, words: u64, left: &mut Bits, scratch: &mut Bits) {
        scratch.copy_from(&self.free);
        let mut rest = words;
        while rest != 0 {
            let word = usize::try_from(rest.trailing_zeros()).unwrap_or_default();
            rest &= rest.wrapping_sub(1);
            if let (Some(wanted), Some(unwanted)) = (self.wanted.get(word), self.unwanted.get(word))
            {
                scratch.or(wanted);
                left.and_not(unwanted);
            }
        }
        left.and(scratch);
    }
}

/// Rules by the texts, beginnings or ends that they need.
#[derive(Debug, Clone)]
pub(super) struct TextIndex {
    free: Bits,
    texts: BTreeMap<String, Vec<u32>>,
    prefixes: BTreeMap<String, Vec<u32>>,
    suffixes: BTreeMap<String, Vec<u32>>,
}

impl TextIndex {
    pub(super) fn new(count: usize, tests: &[(u32, &Test)]) -> Self {
        let mut index = Self {
            free: Bits::full(count),
            texts: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            suffixes: BTreeMap::new(),
        };
        let mut filed = BTreeSet::new();
        for (rule, test) in tests {
            // Filed under its first test that can be looked up; the others are checked afterwards.
            if filed.contains(rule) {
                continue;
            }
            match test {
                Test::AnyText(texts) => {
                    for text in texts {
                        index.texts.entry(text.clone()).or_default().push(*rule);
                    }
                }
                Test::Prefix(text) => {
                    index.prefixes.entry(text.clone()).or_default().push(*rule);
                }
                Test::Suffix(text) => {
                    index.suffixes.entry(text.clone()).or_default().push(*rule);
                }
                _ => continue,
            }
            filed.insert(*rule);
            index.free.clear(*rule);
        }
        index
    }

    pub(super) fn narrow(&self, text: &str, left: &mut Bits, scratch: &mut Bits) {
        scratch.copy_from(&self.free);
        let mut allow = |list: Option<&Vec<u32>>| {
            list.into_iter().flatten().for_each(|rule| scratch.set(*rule));
        };
        allow(self.texts.get(text));
        if !self.prefixes.is_empty() || !self.suffixes.is_empty() {
            for (at, _) in text.char_indices().skip(1).chain([(text.len(), ' ')]) {
                allow(text.get(..at).and_then(|part| self.prefixes.get(part)));
            }
            for (at, _) in text.char_indices() {
                allow(text.get(at..).and_then(|part| self.suffixes.get(part)));
            }
        }
        left.and(scratch);
    }
}

/// Rules by the address block that they need.
#[derive(Debug, Clone)]
pub(super) struct AddressIndex {
    free: Bits,
    blocks: BTreeMap<(bool, u8), BTreeMap<IpAddr, Vec<u32>>>,
}

impl AddressIndex {
    pub(super) fn new(count: usize, tests: &[(u32, &Test)]) -> Self {
        let mut index = Self { free: Bits::full(count), blocks: BTreeMap::new() };
        for (rule, test) in tests {
            if let Test::Inside(block) = test {
                let key = (block.first().is_ipv4(), block.prefix());
                let blocks = index.blocks.entry(key).or_default();
                blocks.entry(block.first()).or_default().push(*rule);
                index.free.clear(*rule);
            }
        }
        index
    }

    pub(super) fn narrow(&self, address: IpAddr, left: &mut Bits, scratch: &mut Bits) {
        scratch.copy_from(&self.free);
        for ((v4, prefix), blocks) in &self.blocks {
            if *v4 == address.is_ipv4()
                && let Some(rules) = blocks.get(&masked(address, *prefix))
            {
                rules.iter().for_each(|rule| scratch.set(*rule));
            }
        }
        left.and(scratch);
    }
}
