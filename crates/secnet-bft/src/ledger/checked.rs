//! Signatures are checked once: those of commands that came lately, by their exact bytes, and of blocks that are not final yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use secnet_ledger::{Invalid, Verified, VerifyingPool};
use secnet_types::Digest;

use super::{Ledger, rng};
use crate::block::NetworkBlock;
use crate::limits::{MAX_CHECKED_BLOCKS, MAX_KNOWN_BYTES, MAX_KNOWN_COMMANDS};

/// Commands whose signatures hold, the last that came, by the digest of their bytes.
#[derive(Debug, Default)]
pub(super) struct Known {
    by_digest: BTreeMap<Digest, Verified>,
    in_order: VecDeque<Digest>,
    bytes: usize,
}

impl Known {
    fn insert(&mut self, command: &Verified) {
        let digest = command.digest();
        if self.by_digest.insert(digest, command.clone()).is_some() {
            return;
        }
        self.in_order.push_back(digest);
        self.bytes = self.bytes.saturating_add(command.bytes().len());
        while self.in_order.len() > MAX_KNOWN_COMMANDS || self.bytes > MAX_KNOWN_BYTES {
            let Some(oldest) = self.in_order.pop_front() else { return };
            let gone = self.by_digest.remove(&oldest).map_or(0, |gone| gone.bytes().len());
            self.bytes = self.bytes.saturating_sub(gone);
        }
    }
}

impl Ledger {
    /// Parse commands and check their signatures, those that are not known together. One result for each, in order.
    pub(super) fn verify<B: AsRef<[u8]>>(&self, commands: &[B]) -> Vec<Result<Verified, Invalid>> {
        let digests: Vec<Digest> =
            commands.iter().map(|bytes| Digest::of(bytes.as_ref())).collect();
        let found: Vec<Option<Verified>> = {
            let known = self.known.lock();
            digests.iter().map(|digest| known.by_digest.get(digest).cloned()).collect()
        };
        let new = commands.iter().zip(&found).filter(|(_, found)| found.is_none());
        let new: Vec<Vec<u8>> = new.map(|(bytes, _)| bytes.as_ref().to_vec()).collect();
        if new.is_empty() {
            return found.into_iter().flatten().map(Ok).collect();
        }
        let results = VerifyingPool::verify(new, &mut rng());
        {
            let mut known = self.known.lock();
            results.iter().flatten().for_each(|command| known.insert(command));
        }
        let mut results = results.into_iter();
        // INVARIANT: one result for each that was not found.
        let next = |found: Option<Verified>| {
            found.map_or_else(|| results.next().unwrap_or(Err(Invalid::Signature)), Ok)
        };
        found.into_iter().map(next).collect()
    }

    /// The commands of a block, their signatures checked; none if one does not hold.
    pub(crate) fn check(&self, block: &NetworkBlock) -> Option<Arc<Vec<Verified>>> {
        let key = (block.header().height, block.header_digest());
        if let Some(known) = self.checked.lock().get(&key) {
            return Some(Arc::clone(known));
        }
        let commands: Result<Vec<Verified>, _> =
            self.verify(block.commands()).into_iter().collect();
        let commands = Arc::new(commands.ok()?);
        let mut checked = self.checked.lock();
        checked.insert(key, Arc::clone(&commands));
        while checked.len() > MAX_CHECKED_BLOCKS {
            checked.pop_first();
        }
        Some(commands)
    }
}

#[cfg(test)]
mod tests {
    use crate::limits::MAX_KNOWN_COMMANDS;
    use crate::testing::{ledger, pay};

    #[test]
    fn what_was_checked_is_known_by_its_exact_bytes_and_forgotten_in_time() {
        let (ledger, _) = ledger();
        let sound = pay(0, "ada", "bo");
        let mut forged = sound.clone();
        *forged.last_mut().unwrap() ^= 1;
        for _ in 0..2 {
            let results = ledger.verify(&[sound.as_slice(), &forged, &sound, b"no command"]);
            let good: Vec<bool> = results.iter().map(Result::is_ok).collect();
            assert_eq!(good, [true, false, true, false]);
            assert_eq!(results[0].as_ref().unwrap().bytes(), sound);
        }
        assert_eq!(ledger.known.lock().in_order.len(), 1);
        let many: Vec<_> = (1..=MAX_KNOWN_COMMANDS as u64).map(|n| pay(n, "ada", "bo")).collect();
        assert!(ledger.verify(&many).iter().all(Result::is_ok));
        let known = ledger.known.lock();
        assert_eq!((known.in_order.len(), known.by_digest.len()), (many.len(), many.len()));
        assert_eq!(known.bytes, many.iter().map(Vec::len).sum::<usize>());
    }
}
