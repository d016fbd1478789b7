//! Compiled slices, kept while consent stands still.

use std::collections::BTreeMap;
use std::sync::Arc;

use secnet_types::{DatasetId, Digest, MemberId, Party, encode};

use crate::{CompileError, CompiledConsent, ConsentSlice};

/// Compiled slices kept at once.
pub const MAX_CACHED_SLICES: usize = 4096;
/// Policies in all kept slices together: what memory goes by.
pub const MAX_CACHED_POLICIES: usize = 65_536;

/// The key of a requester with its parties; their order does not matter.
#[must_use]
pub fn parties_key(requester: MemberId, parties: &[Party]) -> Digest {
    let mut sorted = parties.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Digest::of_parts("secnet/policy/parties/v1", &[requester.as_bytes(), &encode(&sorted)])
}

type Key = (DatasetId, Digest);

/// Compiled slices by dataset and parties, each good for the ledger height at which the consent concerned last
/// changed: a grant, denial, revocation, terms or owner of the dataset. A use is no change, see
/// [`Question::used_up`](crate::Question); nor are group members, who change the parties. When full, the slice that
/// was asked for longest ago goes.
#[derive(Debug, Default)]
pub struct ConsentCache {
    entries: BTreeMap<Key, Entry>,
    by_age: BTreeMap<u64, Key>,
    clock: u64,
    policies: usize,
}

#[derive(Debug)]
struct Entry {
    height: u64,
    asked: u64,
    consent: Arc<CompiledConsent>,
}

impl ConsentCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The compiled slice as of this height, gathered and compiled if it is not there. A slice of another height is
    /// never given; one of a later height is not replaced.
    ///
    /// # Errors
    /// [`CompileError`]; nothing is kept then.
    pub fn get_or_compile(
        &mut self,
        dataset: DatasetId,
        parties: Digest,
        changed_at: u64,
        gather: impl FnOnce() -> ConsentSlice,
    ) -> Result<Arc<CompiledConsent>, CompileError> {
        let key = (dataset, parties);
        if let Some(consent) = self.get(dataset, parties, changed_at) {
            return Ok(consent);
        }
        let consent = Arc::new(CompiledConsent::compile(&gather())?);
        if self.entries.get(&key).is_none_or(|kept| kept.height < changed_at) {
            self.insert(key, changed_at, Arc::clone(&consent));
        }
        Ok(consent)
    }

    /// The compiled slice as of this height, if it is there.
    pub fn get(
        &mut self,
        dataset: DatasetId,
        parties: Digest,
        changed_at: u64,
    ) -> Option<Arc<CompiledConsent>> {
        let key = (dataset, parties);
        let entry = self.entries.get_mut(&key).filter(|e| e.height == changed_at)?;
        self.clock = self.clock.saturating_add(1);
        self.by_age.remove(&entry.asked);
        entry.asked = self.clock;
        self.by_age.insert(self.clock, key);
        Some(Arc::clone(&entry.consent))
    }

    /// Forget all slices of a dataset, as after its erasure.
    pub fn forget(&mut self, dataset: DatasetId) {
        let first = (dataset, Digest([0; 32]));
        let last = (dataset, Digest([0xff; 32]));
        let keys: Vec<_> = self.entries.range(first..=last).map(|(key, _)| *key).collect();
        for key in keys {
            self.remove(key);
        }
    }

    /// How many slices are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is none kept?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn insert(&mut self, key: Key, height: u64, consent: Arc<CompiledConsent>) {
        self.remove(key);
        let size = weight(&consent);
        while self.entries.len() >= MAX_CACHED_SLICES
            || (self.policies.saturating_add(size) > MAX_CACHED_POLICIES && !self.is_empty())
        {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.remove(oldest);
        }
        self.clock = self.clock.saturating_add(1);
        self.policies = self.policies.saturating_add(size);
        self.by_age.insert(self.clock, key);
        self.entries.insert(key, Entry { height, asked: self.clock, consent });
    }

    fn remove(&mut self, key: Key) {
        if let Some(entry) = self.entries.remove(&key) {
            self.by_age.remove(&entry.asked);
            self.policies = self.policies.saturating_sub(weight(&entry.consent));
        }
    }
}

fn weight(consent: &CompiledConsent) -> usize {
    consent.policies().count()
}
