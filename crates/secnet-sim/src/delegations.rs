//! Who may act in an owner's name, as the owner knows it: the second opinion behind P3 for delegates.

use std::collections::BTreeMap;

use secnet_types::Timestamp;

struct Made {
    owner: usize,
    until: Timestamp,
    /// Index of its event, once the owner was told.
    event: Option<u64>,
}

/// Every delegation to the guardian that an owner has begun to make, and every end that she was told of.
#[derive(Default)]
pub(crate) struct Delegations {
    made: Vec<Made>,
    /// By owner, the event of the newest acknowledged end.
    ends: BTreeMap<usize, u64>,
}

impl Delegations {
    /// The number of a delegation that is about to be sent.
    pub(crate) fn begin(&mut self, owner: usize, until: Timestamp) -> usize {
        self.made.push(Made { owner, until, event: None });
        self.made.len().saturating_sub(1)
    }

    pub(crate) fn made_at(&mut self, number: usize, event: u64) {
        if let Some(made) = self.made.get_mut(number) {
            made.event = Some(event);
        }
    }

    pub(crate) fn ended_at(&mut self, owner: usize, event: u64) {
        let newest = self.ends.entry(owner).or_default();
        *newest = event.max(*newest);
    }

    pub(crate) fn count(&self) -> usize {
        self.made.len()
    }

    /// Could any delegation stand at this time or later? One that nobody was told of might. By whichever owner: a dataset
    /// may change hands before somebody acts on it.
    pub(crate) fn may_stand(&self, now: Timestamp) -> bool {
        let ended = |made: &Made| {
            let end = self.ends.get(&made.owner).copied();
            made.event.is_some_and(|event| Some(event) < end)
        };
        self.made.iter().any(|made| made.until > now && !ended(made))
    }
}
