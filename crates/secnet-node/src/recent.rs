//! The blocks that were looked at last, taken apart: a block of many decisions is asked for once by each of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use secnet_types::{Block, Certificate, Digest, Header};

/// Blocks that are kept. Receipts are asked for right after their block, and each needs that one and the next.
const MAX_KEPT: usize = 8;
/// Commands in all kept blocks together, in bytes: a single block may be larger than that, and is not kept then.
const MAX_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// A block that is durable, and so never changes.
#[derive(Debug)]
pub(crate) struct RecentBlock {
    pub header: Header,
    /// None if it is final through a later block alone.
    pub certificate: Option<Certificate>,
    pub commands: BTreeMap<Digest, Vec<u8>>,
    bytes: usize,
}

impl RecentBlock {
    pub(crate) fn new(block: Block, certificate: Option<Certificate>) -> Self {
        let Block { header, commands } = block;
        let bytes = commands.iter().map(Vec::len).sum();
        let commands = commands.into_iter().map(|command| (Digest::of(&command), command));
        Self { header, certificate, commands: commands.collect(), bytes }
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
