//! The chain of a network: blocks that an engine has agreed on, over the same executor and store.

use std::sync::atomic::Ordering;

use secnet_ledger::{Agreement, Candidate, ExecutedBlock, Executor, Outcome, Verified};
use secnet_types::{Block, Certificate, Digest, Genesis, GenesisError, Header};

use crate::chain::{Chain, Processed, parse_block};
use crate::chain_error::ChainError;
use crate::check::Closed;
use crate::store::{Store, StoreError};
use crate::tried::Tried;

/// A block that validators agreed on.
#[derive(Debug)]
pub struct FinalBlock<'a> {
    /// Its header.
    pub header: &'a Header,
    /// The commands that the header commits to, in order.
    pub commands: &'a [Verified],
    /// What certifies the header, unless the block is final through a later one alone.
    pub certificate: Option<Certificate>,
}

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
        Self::begin(store, genesis, None, beginning)?.indexed()
    }

    /// Begin the network that continues a closed chain, in an empty store.
    ///
    /// # Errors
    /// As [`Chain::create_agreed`], and [`ChainError::Successor`].
    pub fn succeed_agreed(
        store: Store,
        genesis: Genesis,
        closed: Closed,
    ) -> Result<Self, ChainError> {
        if genesis.validators.is_none() {
            return Err(ChainError::NotAgreed);
        }
        let beginning = closed.into_executor().successor(&genesis)?;
        Self::begin(store, genesis, None, beginning)?.indexed()
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
        chain.indexed()
    }

    /// The nodes of a network ask each other for blocks by the digest of their header.
    fn indexed(self) -> Result<Self, ChainError> {
        self.store.index_headers()?;
        Ok(self)
    }

    /// The durable block of a network whose header has this digest, with its certificate if it has one of its own.
    ///
    /// # Errors
    /// It is damaged.
    pub fn block_with_header(
        &self,
        digest: &Digest,
    ) -> Result<Option<(Block, Option<Certificate>)>, ChainError> {
        self.store.block_with_header(&digest.0)?.map(|record| parse_block(&record)).transpose()
    }

    /// What a block would be on top of these, which follow the last durable one; no reader sees anything of it. Each is
    /// executed once, however often it is asked for. None if the last durable block is not `height` any more. Blocks and
    /// readers wait meanwhile.
    pub fn trial(
        &self,
        height: u64,
        below: &[Candidate<'_>],
        block: &Candidate<'_>,
    ) -> Option<Tried> {
        let mut executor = self.executor.write();
        if executor.height() != height || self.unsure.load(Ordering::Acquire) {
            return None;
        }
        let mut tried = self.tried.lock();
        let made = tried.execute(&mut executor, below, block);
        if made.is_none() {
            // What is kept leads from somewhere else: next time all is executed.
            tried.clear();
        }
        made
    }

    /// Apply a block that is final, and make it durable. One that is durable already is left alone.
    ///
    /// # Errors
    /// As [`Self::append_all`].
    pub fn append(
        &self,
        header: &Header,
        commands: &[Verified],
        certificate: Option<Certificate>,
    ) -> Result<Processed, ChainError> {
        let appended = self.append_all(vec![FinalBlock { header, commands, certificate }])?;
        let height = self.executor().height();
        let left_alone = Processed { outcomes: Vec::new(), height, wrote: false };
        Ok(appended.into_iter().next().unwrap_or(left_alone))
    }

    /// Apply blocks that are final, one on the other, and make them durable together. Those that are durable already are
    /// left alone, and have no part in the answer.
    ///
    /// # Errors
    /// [`ChainError::Gap`], [`ChainError::Diverged`], or the store failed: the executor is at what is durable.
    pub fn append_all(&self, blocks: Vec<FinalBlock<'_>>) -> Result<Vec<Processed>, ChainError> {
        let last = self.executor().height();
        let (mut below, mut appended, mut durable) = (Vec::new(), Vec::new(), Vec::new());
        let mut end = None;
        for FinalBlock { header, commands, certificate } in blocks {
            if header.height <= last {
                continue;
            }
            let before = last.saturating_add(below.len() as u64);
            if header.height > before.saturating_add(1) {
                return Err(ChainError::Gap { last: before, given: header.height });
            }
            // Nobody can certify it later, and those who come after follow from it.
            let boundary = self.executor().state().boundary_above(last);
            if boundary == Some(header.height) && certificate.is_none() {
                return Err(ChainError::Uncertified(header.height));
            }
            let agreement = Agreement { context: header.context.clone() };
            let candidate = Candidate { time: header.time, agreement, commands };
            let Tried { block, outcomes, position } =
                self.trial(last, &below, &candidate).ok_or(StoreError::Poisoned)?;
            below.push(candidate);
            let all_applied = outcomes.iter().all(|o| matches!(o, Outcome::Applied { .. }));
            if block.header != *header || !all_applied {
                return Err(ChainError::Diverged(header.height));
            }
            appended.push(Processed { outcomes, height: header.height, wrote: true });
            durable.push((ExecutedBlock::clone(&block), certificate));
            end = Some(position);
        }
        let Some(position) = end else { return Ok(appended) };
        let digests: Vec<Digest> = durable.iter().map(|(block, _)| block.digest).collect();
        // They stay among those that were tried while the disk works, for blocks above them are looked at meanwhile.
        self.complete_by(durable, &position, |executor| {
            let mut tried = self.tried.lock();
            let adopted = digests.iter().zip(&below).all(|(digest, block)| {
                let ready = tried.take(*digest);
                // It may have had to make room for others.
                ready.is_some_and(|prepared| executor.adopt(prepared))
                    || execute(executor, block).digest == *digest
            });
            tried.forget_up_to(position.height);
            adopted
        })?;
        Ok(appended)
    }
}

fn execute(executor: &mut Executor, block: &Candidate<'_>) -> ExecutedBlock {
    executor.execute_agreed(block.time, block.agreement.clone(), block.commands)
}
