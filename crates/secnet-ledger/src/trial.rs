//! What blocks would be, without making them: validators vote on blocks that may never become final.

use secnet_crypto::Frontier;
use secnet_types::{Digest, Timestamp};

use crate::executor::Agreement;
use crate::{ExecutedBlock, Executor, StateDigest, Verified};

/// A block that is not agreed on yet.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// Its proposed time.
    pub time: Timestamp,
    /// What the engine says of it.
    pub agreement: Agreement,
    /// Its commands, in order.
    pub commands: &'a [Verified],
}

impl Executor {
    /// Execute these blocks, one on top of the other, and take all of it back. Costs what executing them costs; nobody else
    /// sees them, since the executor is borrowed meanwhile.
    pub fn trial(&mut self, blocks: &[Candidate<'_>]) -> Vec<ExecutedBlock> {
        let trial = Trial::begin(self);
        let executor = &mut *trial.executor;
        blocks
            .iter()
            .map(|block| {
                executor.execute_agreed(block.time, block.agreement.clone(), block.commands)
            })
            .collect()
    }
}

/// Whatever happens to it, the executor is as it was.
struct Trial<'a> {
    executor: &'a mut Executor,
    digest: StateDigest,
    log: Frontier,
    height: u64,
    parent: Digest,
    time: Timestamp,
}

impl<'a> Trial<'a> {
    fn begin(executor: &'a mut Executor) -> Self {
        executor.state.try_out();
        Self {
            digest: executor.digest.clone(),
            log: executor.log.clone(),
            height: executor.height,
            parent: executor.parent,
            time: executor.time,
            executor,
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        self.executor.state.take_back();
        core::mem::swap(&mut self.executor.digest, &mut self.digest);
        core::mem::swap(&mut self.executor.log, &mut self.log);
        self.executor.height = self.height;
        self.executor.parent = self.parent;
        self.executor.time = self.time;
    }
}
