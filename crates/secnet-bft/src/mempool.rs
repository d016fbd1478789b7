//! Commands that wait to be put into a block, in the order they came, within limits.

use std::collections::{BTreeMap, BTreeSet};

use secnet_ledger::Verified;
use secnet_types::{Digest, MemberId, Timestamp};

use crate::limits::{MAX_POOL_BYTES, MAX_POOL_COMMANDS, MAX_POOL_OF_MEMBER};

/// Why a command may not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Too many commands, or too many bytes, wait.
    #[error("more commands wait than may; try again in a moment")]
    Full,
    /// Too many commands of its author wait.
    #[error("more commands of this member wait than may; try again in a moment")]
    MemberFull,
}

#[derive(Debug)]
struct Waiting {
    command: Verified,
    since: u64,
}

/// The commands that wait.
#[derive(Debug, Default)]
pub struct Mempool {
    by_digest: BTreeMap<Digest, Waiting>,
    in_order: BTreeMap<u64, Digest>,
    of_member: BTreeMap<MemberId, usize>,
    bytes: usize,
    came: u64,
}

impl Mempool {
    /// Let a command wait. Whether it is new: one that waits already stays where it is.
    ///
    /// # Errors
    /// [`PoolError`]; nothing changes.
    pub fn insert(&mut self, command: Verified) -> Result<bool, PoolError> {
        let digest = command.digest();
        if self.by_digest.contains_key(&digest) {
            return Ok(false);
        }
        let bytes = self.bytes.saturating_add(command.bytes().len());
        if self.by_digest.len() >= MAX_POOL_COMMANDS || bytes > MAX_POOL_BYTES {
            return Err(PoolError::Full);
        }
        let of_member = self.of_member.entry(command.command().value.author).or_default();
        if *of_member >= MAX_POOL_OF_MEMBER {
            return Err(PoolError::MemberFull);
        }
        *of_member = of_member.saturating_add(1);
        self.bytes = bytes;
        self.came = self.came.saturating_add(1);
        self.in_order.insert(self.came, digest);
        self.by_digest.insert(digest, Waiting { command, since: self.came });
        Ok(true)
    }

    /// A command that waits.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<&Verified> {
        self.by_digest.get(digest).map(|waiting| &waiting.command)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_digest.len()
    }

    /// Does none wait?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }

    /// The first ones, within these limits, without those that are elsewhere.
    #[must_use]
    pub fn first(
        &self,
        commands: usize,
        bytes: usize,
        elsewhere: &BTreeSet<Digest>,
    ) -> Vec<Verified> {
        let mut left = bytes;
        self.in_order
            .values()
            .filter(|digest| !elsewhere.contains(*digest))
            .filter_map(|digest| self.find(digest))
            .take(commands)
            .map_while(|command| {
                left = left.checked_sub(command.bytes().len())?;
                Some(command.clone())
            })
            .collect()
    }

    /// A command waits no longer.
    pub fn remove(&mut self, digest: &Digest) -> Option<Verified> {
        let Waiting { command, since } = self.by_digest.remove(digest)?;
        self.in_order.remove(&since);
        self.bytes = self.bytes.saturating_sub(command.bytes().len());
        let author = command.command().value.author;
        if let Some(of_member) = self.of_member.get_mut(&author) {
            *of_member = of_member.saturating_sub(1);
            if *of_member == 0 {
                self.of_member.remove(&author);
            }
        }
        Some(command)
    }

    /// Commands that can no longer be applied at this block time wait no longer.
    pub fn forget_expired(&mut self, time: Timestamp) {
        let expired: Vec<Digest> = self
            .by_digest
            .iter()
            .filter(|(_, waiting)| waiting.command.command().value.expires <= time)
            .map(|(digest, _)| *digest)
            .collect();
        for digest in expired {
            self.remove(&digest);
        }
    }
}

#[cfg(test)]
mod tests;
