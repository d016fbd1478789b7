//! The way from the last durable block up to one that the engine speaks of: blocks that may not become final.

use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_cryptography::Digested;
use futures::StreamExt as _;

use crate::block::NetworkBlock;
use crate::ledger::Ledger;
use crate::limits::MAX_PENDING_BLOCKS;

/// Where a block stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// On top of the durable block at this height, after the pending blocks.
    Above(u64),
    /// Below the last durable block.
    Overtaken,
    /// Not on the chain that is final.
    Conflicting,
}

/// Finds the way, and finds it again when blocks have become durable meanwhile.
pub(crate) struct Path<A> {
    newest: Digested<NetworkBlock>,
    /// Newest first, each the parent of the one before; those that are durable have left.
    blocks: Vec<Digested<NetworkBlock>>,
    older: A,
}

impl<A: Ancestry<NetworkBlock>> Path<A> {
    /// Up to this block; `older` yields its ancestors.
    pub(crate) fn new(newest: Digested<NetworkBlock>, older: A) -> Self {
        Self { blocks: vec![newest.clone()], newest, older }
    }

    /// The pending blocks, oldest first.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &NetworkBlock> {
        self.blocks.iter().rev().map(Digested::inner)
    }

    /// Find the way. Waits for blocks that are missing here, and while too many are not durable yet.
    pub(crate) async fn find(&mut self, ledger: &Ledger) -> Standing {
        let mut progress = ledger.progress();
        loop {
            let height = progress.borrow_and_update().height;
            let (durable, tip) = ledger.tip();
            if durable != height {
                continue_after(&mut progress).await;
                continue;
            }
            self.blocks.retain(|block| block.inner().header().height > durable);
            let Some(oldest) = self.blocks.last().map(|block| block.inner().header()) else {
                let newest = self.newest.inner();
                return match newest.header().height == durable {
                    true if newest.header_digest() == tip => Standing::Above(durable),
                    true => Standing::Conflicting,
                    false => Standing::Overtaken,
                };
            };
            if oldest.height == durable.saturating_add(1) {
                let follows = oldest.parent == tip;
                return if follows { Standing::Above(durable) } else { Standing::Conflicting };
            }
            if self.blocks.len() >= MAX_PENDING_BLOCKS {
                continue_after(&mut progress).await;
                continue;
            }
            match self.older.next().await {
                Some(block) => self.blocks.push(block),
                // It cannot be had now; whoever asked gives up when it no longer matters.
                None => std::future::pending().await,
            }
        }
    }
}

async fn continue_after(progress: &mut tokio::sync::watch::Receiver<crate::ledger::Progress>) {
    if progress.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
