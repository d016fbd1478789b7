//! The blocks that were looked at last, taken apart: a block of many decisions is asked for once by each of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use secnet_types::{Block, Certificate, Digest, Header};

use crate::store::Hash;

/// Blocks that are kept. Receipts are asked for right after their block, and each needs that one and the next.
const MAX_KEPT: usize = 8;
/// Commands in all kept blocks together, in bytes: a single block may be larger than that, and is not kept then.
const MAX_KEPT_BYTES: usize = 8 * 1024 * 1024;
/// Nodes of the log that are kept with a block, 48 bytes or so each. Receipts under one header share most of theirs.
const MAX_NODES: usize = 4096;

/// A block that is durable, and so never changes.
#[derive(Debug)]
pub(crate) struct RecentBlock {
    pub header: Header,
    /// None if it is final through a later block alone.
    pub certificate: Option<Certificate>,
    commands: Vec<Vec<u8>>,
    /// Where in the block a command is; made when first needed.
    places: OnceLock<BTreeMap<Digest, usize>>,
    bytes: usize,
    /// Over complete subtrees of the log, by level and index: these never change.
    nodes: Mutex<BTreeMap<(u8, u64), Hash>>,
}

impl RecentBlock {
    pub(crate) fn new(block: Block, certificate: Option<Certificate>) -> Self {
        let Block { header, commands } = block;
        Self {
            header,
            certificate,
            bytes: commands.iter().map(Vec::len).sum(),
            commands,
            places: OnceLock::new(),
            nodes: Mutex::default(),
        }
    }

    /// The command with this digest.
    pub(crate) fn command(&self, digest: &Digest) -> Option<&[u8]> {
        let places = self.places.get_or_init(|| {
            let places = self.commands.iter().enumerate();
            places.map(|(place, command)| (Digest::of(command), place)).collect()
        });
        places.get(digest).and_then(|place| self.commands.get(*place)).map(Vec::as_slice)
    }

    /// A node of the log, found out if it is not known yet.
    pub(crate) fn node<E>(
        &self,
        at: (u8, u64),
        find: impl FnOnce() -> Result<Hash, E>,
    ) -> Result<Hash, E> {
        if let Some(known) = self.nodes.lock().get(&at) {
            return Ok(*known);
        }
        let found = find()?;
        let mut nodes = self.nodes.lock();
        if nodes.len() < MAX_NODES {
            nodes.insert(at, found);
        }
        Ok(found)
    }
}

/// The newest of them, oldest first.
#[derive(Debug, Default)]
pub(crate) struct RecentBlocks {
    blocks: VecDeque<(u64, Arc<RecentBlock>)>,
    bytes: usize,
}

impl RecentBlocks {
    pub(crate) fn find(&self, height: u64) -> Option<Arc<RecentBlock>> {
        let found = self.blocks.iter().rev().find(|(kept, _)| *kept == height);
        found.map(|(_, block)| Arc::clone(block))
    }

    pub(crate) fn keep(&mut self, height: u64, block: Arc<RecentBlock>) {
        if block.bytes > MAX_KEPT_BYTES || self.find(height).is_some() {
            return;
        }
        self.bytes = self.bytes.saturating_add(block.bytes);
        self.blocks.push_back((height, block));
        while self.blocks.len() > MAX_KEPT || self.bytes > MAX_KEPT_BYTES {
            let Some((_, oldest)) = self.blocks.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use secnet_types::{Header, NetworkId, Timestamp};

    use super::*;

    fn block(bytes: usize) -> Arc<RecentBlock> {
        let header = Header {
            version: 1,
            network: NetworkId([1; 32]),
            height: 1,
            parent: Digest::ZERO,
            time: Timestamp(1),
            epoch: 0,
            context: Vec::new(),
            commands: 1,
            commands_root: Digest::ZERO,
            log_size: 0,
            log_root: Digest::ZERO,
            state: Digest::ZERO,
        };
        let certificate = Certificate::Solo { key: [0; 32], signature: [0; 64] };
        Arc::new(RecentBlock::new(
            Block { header, commands: vec![vec![7; bytes]] },
            Some(certificate),
        ))
    }

    #[test]
    fn the_newest_are_kept_within_limits() {
        let mut recent = RecentBlocks::default();
        for height in 0..20 {
            recent.keep(height, block(100));
        }
        assert!(recent.find(19).is_some() && recent.find(12).is_some());
        assert!(recent.find(11).is_none(), "more than {MAX_KEPT} are not kept");
        recent.keep(20, block(MAX_KEPT_BYTES - 150));
        assert_eq!(recent.blocks.len(), 2, "the oldest make room");
        recent.keep(21, block(MAX_KEPT_BYTES + 1));
        assert!(recent.find(21).is_none() && recent.find(20).is_some());
    }
}
