//! The chain of a network: blocks that an engine has agreed on, over the same executor and store.

use std::sync::atomic::Ordering;

use secnet_ledger::{Agreement, Candidate, ExecutedBlock, Executor, Outcome, Verified};
use secnet_types::{Certificate, Genesis, GenesisError, Header};

use crate::chain::{Chain, Processed};
use crate::chain_error::ChainError;
use crate::store::Store;

impl Chain {
    /// Begin the chain of a network in an empty store.
    ///
    /// # Errors
    /// [`ChainError::NotEmpty`], [`ChainError::NotAgreed`], or the store fails.
    pub fn create_agreed(store: Store, genesis: Genesis) -> Result<Self, ChainError> {
        if genesis.validators.is_none() {
            return Err(ChainError::NotAgreed);
        }
        if genesis.predecessor.is_some() {
            return Err(GenesisError::Inconsistent("it continues another network's state").into());
        }
        let beginning = Executor::genesis(&genesis);
        Self::begin(store, genesis, None, beginning)
    }

    /// Go on with the stored chain of a network.
    ///
    /// # Errors
    /// As [`Chain::open`]; [`ChainError::NotAgreed`].
    pub fn open_agreed(store: Store) -> Result<Self, ChainError> {
        let chain = Self::open(store, None)?;
        if chain.genesis.validators.is_none() {
            return Err(ChainError::NotAgreed);
        }
        Ok(chain)
    }

    /// What these blocks would be on top of the last durable one; nothing of it stays, and no reader sees it. None if the
    /// last durable block is not `height` any more. Blocks and readers wait meanwhile.
    pub fn trial(&self, height: u64, blocks: &[Candidate<'_>]) -> Option<Vec<ExecutedBlock>> {
        let mut executor = self.executor.write();
        let here = executor.height() == height && !self.unsure.load(Ordering::Acquire);
        here.then(|| executor.trial(blocks))
    }

    /// Apply a block that is final, and make it durable. One that is durable already is left alone.
    ///
    /// # Errors
    /// [`ChainError::Gap`], [`ChainError::Diverged`], or the store failed: the executor is at what is durable.
    pub fn append(
        &self,
        header: &Header,
        commands: &[Verified],
        certificate: Option<Certificate>,
    ) -> Result<Processed, ChainError> {
        let last = self.executor().height();
        if header.height <= last {
            return Ok(Processed { outcomes: Vec::new(), height: last, wrote: false });
        }
        if header.height > last.saturating_add(1) {
            return Err(ChainError::Gap { last, given: header.height });
        }
        let agreement = Agreement { epoch: header.epoch, context: header.context.clone() };
        let ((mut block, position), prepared) = self.prepare(|executor| {
            let block = executor.execute_agreed(header.time, agreement, commands);
            (block, executor.position())
        })?;
        let outcomes = core::mem::take(&mut block.outcomes);
        let all_applied = outcomes.iter().all(|o| matches!(o, Outcome::Applied { .. }));
        let height = block.header.height;
        if block.header != *header || !all_applied {
            return Err(ChainError::Diverged(height));
        }
        self.complete([(block, certificate)], &position, prepared)?;
        Ok(Processed { outcomes, height, wrote: true })
    }
}
