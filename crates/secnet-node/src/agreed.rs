//! The chain of a network: blocks that an engine has agreed on, over the same executor and store.

use std::sync::atomic::Ordering;

use secnet_ledger::{Agreement, Candidate, ExecutedBlock, Executor, Outcome, Verified};
use secnet_types::{Certificate, Genesis, GenesisError, Header};

use crate::chain::{Chain, Processed, commit_of};
use crate::chain_error::ChainError;
use crate::store::{Store, StoreError};

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
        let here = executor.height() == height && !self.ahead.load(Ordering::Acquire);
        here.then(|| executor.trial(blocks))
    }

    /// Apply a block that is final, and make it durable. One that is durable already is left alone.
    ///
    /// # Errors
    /// [`ChainError::Gap`], [`ChainError::Diverged`], or the store failed: the executor is back at what is durable.
    pub fn append(
        &self,
        header: &Header,
        commands: &[Verified],
        certificate: Option<Certificate>,
    ) -> Result<Processed, ChainError> {
        // Held until the block is durable, as in solo mode: nobody releases on what a crash could take back.
        let mut executor = self.executor.write();
        if self.ahead.load(Ordering::Acquire) {
            return Err(StoreError::Poisoned.into());
        }
        let last = executor.height();
        if header.height <= last {
            return Ok(Processed { outcomes: Vec::new(), height: last, wrote: false });
        }
        if header.height > last.saturating_add(1) {
            return Err(ChainError::Gap { last, given: header.height });
        }
        let agreement = Agreement { epoch: header.epoch, context: header.context.clone() };
        let mut block = executor.execute_agreed(header.time, agreement, commands);
        let outcomes = core::mem::take(&mut block.outcomes);
        let all_applied = outcomes.iter().all(|o| matches!(o, Outcome::Applied { .. }));
        let (position, height) = (executor.position(), block.header.height);
        let written = if block.header == *header && all_applied {
            let blocks = [(block, certificate)];
            let (commit, fresh) = commit_of(blocks, &position);
            self.store.commit(commit).map(|()| fresh).map_err(ChainError::from)
        } else {
            Err(ChainError::Diverged(height))
        };
        match written {
            Ok(fresh) => {
                self.keep(fresh);
                Ok(Processed { outcomes, height, wrote: true })
            }
            Err(error) => {
                // As in solo mode: if even what is durable cannot be read, every later call fails as well.
                drop(self.go_back(&mut executor));
                Err(error)
            }
        }
    }
}
