//! The commands of blocks that are not final yet: their signatures are checked once.

use std::sync::Arc;

use bytes::Bytes;
use secnet_ledger::{Verified, VerifyingPool};
use secnet_types::Digest;

use super::{Ledger, rng};
use crate::block::NetworkBlock;
use crate::limits::MAX_CHECKED_BLOCKS;

impl Ledger {
    /// The commands of a block, their signatures checked; none if one does not hold.
    pub(crate) fn check(&self, block: &NetworkBlock) -> Option<Arc<Vec<Verified>>> {
        let key = (block.header().height, block.header_digest());
        if let Some(known) = self.checked.lock().get(&key) {
            return Some(Arc::clone(known));
        }
        let commands = Arc::new(self.check_each(block.commands())?);
        let mut checked = self.checked.lock();
        checked.insert(key, Arc::clone(&commands));
        while checked.len() > MAX_CHECKED_BLOCKS {
            checked.pop_first();
        }
        Some(commands)
    }

    /// Those that wait here have been checked when they came.
    fn check_each(&self, commands: &[Bytes]) -> Option<Vec<Verified>> {
        let mut known: Vec<Option<Verified>> = {
            let pool = self.pool.lock();
            commands.iter().map(|bytes| pool.find(&Digest::of(bytes)).cloned()).collect()
        };
        let unknown = commands.iter().zip(&known).filter(|(_, known)| known.is_none());
        let unknown = unknown.map(|(bytes, _)| bytes.to_vec()).collect();
        let mut verified = VerifyingPool::verify(unknown, &mut rng()).into_iter();
        for slot in known.iter_mut().filter(|slot| slot.is_none()) {
            *slot = Some(verified.next()?.ok()?);
        }
        known.into_iter().collect()
    }
}
