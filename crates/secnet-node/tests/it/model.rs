//! The store as plain maps, and a run of commits made from a number.

use std::collections::BTreeMap;

use secnet_node::store::{BlockRecord, Commit, EntryKey, Leaf, Options, Store, StoreError};

pub(crate) const TABLES: [u8; 2] = [1, 2];

pub(crate) fn options() -> Options {
    Options {
        cache_bytes: 16 << 20,
        table_names: vec![(1, "datasets"), (2, "grants")],
        ..Options::default()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) blocks: Vec<BlockRecord>,
    pub(crate) events: Vec<Vec<u8>>,
    pub(crate) entries: BTreeMap<EntryKey, Vec<u8>>,
    pub(crate) digest: Option<Vec<u8>>,
}

impl Model {
    pub(crate) fn apply(&mut self, commit: &Commit) {
        self.blocks.extend(commit.blocks.iter().cloned());
        self.events.extend(commit.leaves.iter().map(|leaf| leaf.event().to_vec()));
        for (key, value) in &commit.entries {
            match value {
                Some(value) => self.entries.insert(key.clone(), value.clone()),
                None => self.entries.remove(key),
            };
        }
        for (_, value) in &commit.meta {
            self.digest = Some(value.clone());
        }
    }

    /// The model after commits `0..count`.
    pub(crate) fn after(count: u64) -> Self {
        let mut model = Self::default();
        for number in 0..count {
            model.apply(&commit(number));
        }
        model
    }

    pub(crate) fn read(store: &Store) -> Result<Self, StoreError> {
        let mut entries = BTreeMap::new();
        let mut stored = store.entries()?;
        while let Some((table, key, value)) = stored.next()? {
            let before = entries.insert(EntryKey::new(table, key), value.to_vec());
            assert_eq!(before, None, "no key comes twice");
        }
        Ok(Self {
            blocks: store.blocks(..)?.collect::<Result<_, _>>()?,
            events: store.events(..)?.collect::<Result<_, _>>()?,
            entries,
            digest: store.meta("digest")?,
        })
    }
}

/// Commit `number` of the run: one or two blocks, up to 40 events, writes, overwrites, deletions.
pub(crate) fn commit(number: u64) -> Commit {
    let first = (0..number).map(blocks_in).sum::<u64>() + 5;
    let mut blocks = Vec::new();
    for height in first..first + blocks_in(number) {
        blocks.push(BlockRecord {
            height,
            header: bytes(height, 90),
            body: bytes(height + 1, 400 + 37 * (height as usize % 11)),
            certificate: bytes(height + 2, 64),
        });
    }
    let leaves = (0..(number * 7) % 41)
        .map(|leaf| Leaf::new(bytes(number * 1000 + leaf, 20 + leaf as usize)))
        .collect();
    let mut entries = Vec::new();
    for slot in 0..6 {
        let key =
            EntryKey::new(TABLES[slot as usize % 2], [b'k', ((number + slot * 5) % 23) as u8]);
        let value = (!(number + slot).is_multiple_of(5)).then(|| bytes(number + slot, 150));
        if entries.iter().all(|(there, _)| *there != key) {
            entries.push((key, value));
        }
    }
    Commit { blocks, entries, leaves, meta: vec![("digest", bytes(number, 64))] }
}

fn blocks_in(number: u64) -> u64 {
    1 + number % 2
}

pub(crate) fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}
