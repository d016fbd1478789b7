//! The newest log that a quorum of validators has signed, for receipts and checkpoints of programs that do not know the engine.

use std::sync::Arc;
use std::time::Instant;

use secnet_node::{ChainError, Cosigned};
use tokio::time::timeout;

use super::Ledger;
use crate::limits::{COSIGNED_TIMEOUT, MAX_COSIGNED_AGE};

impl Ledger {
    /// The newest one that is signed.
    #[must_use]
    pub fn cosigned(&self) -> Option<Arc<Cosigned>> {
        self.cosigned.borrow().as_ref().map(|(cosigned, _)| Arc::clone(cosigned))
    }

    pub(crate) fn keep_cosigned(&self, cosigned: Cosigned) {
        drop(self.cosigned.send_replace(Some((Arc::new(cosigned), Instant::now()))));
    }

    /// One with this event in it, as soon as there is one; none if there is none in time.
    pub(crate) async fn cosigned_with(&self, event: u64) -> Option<Arc<Cosigned>> {
        let mut changes = self.cosigned.subscribe();
        let has_it = |signed: &Option<(Arc<Cosigned>, Instant)>| {
            signed.as_ref().is_some_and(|(cosigned, _)| cosigned.statement().size > event)
        };
        let found = timeout(COSIGNED_TIMEOUT, changes.wait_for(has_it)).await.ok()?.ok()?;
        found.as_ref().map(|(cosigned, _)| Arc::clone(cosigned))
    }

    /// The newest checkpoint with the validators' signatures, or the newest without them if they have not signed for a while.
    pub(crate) fn checkpoint(&self) -> Result<(u64, String), ChainError> {
        let (size, note) = self.chain.checkpoint()?;
        let signed = self.cosigned.borrow().clone();
        match signed {
            Some((cosigned, at))
                if cosigned.statement().size == size || at.elapsed() < MAX_COSIGNED_AGE =>
            {
                self.chain.cosigned_checkpoint(&cosigned)
            }
            _ => Ok((size, note)),
        }
    }
}
