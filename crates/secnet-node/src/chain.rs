//! The chain: executor and store, moved together. Here by one sequencer, in `agreed.rs` by what validators agreed on.
//!
//! Everything here is synchronous and single-file; [`crate::Solo`] puts threads and batching around it, the simulator
//! calls it step by step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use secnet_crypto::SigningKey;
use secnet_ledger::{
    EntryChange, ExecutedBlock, Executor, Loader, Outcome, Prepared, Rejection, Resume,
    StateDigest, TableId, Verified,
};
use secnet_types::{
    Block, Cause, Certificate, Digest, Effect, Event, Genesis, GenesisError, Handover, Header,
    Receipt, Timestamp, decode, encode, limits,
};

use crate::chain_error::ChainError;
use crate::check::Closed;
use crate::checkpoint::{by_sequencer, by_validators, origin};
use crate::cose_receipt;
use crate::recent::{RecentBlock, RecentBlocks};
use crate::store::{BlockRecord, Commit, EntryKey, Leaf, Options, Store, StoreError, proof};
use crate::tried::TriedBlocks;

/// Meta value: the genesis, canonically encoded.
pub(crate) const META_GENESIS: &str = "genesis";
/// Meta value: where the chain stands ([`Resume`]).
pub(crate) const META_POSITION: &str = "position";
/// Longest position: a few ids and at most 64 peaks.
const MAX_POSITION_BYTES: usize = 8192;

/// What became of a batch.
#[derive(Debug)]
pub struct Processed {
    /// One outcome per command.
    pub outcomes: Vec<Outcome>,
    /// Height after it, now durable.
    pub height: u64,
    /// Something was written: the store works.
    pub wrote: bool,
}

/// Executor, store and the sequencer's key.
#[derive(Debug)]
pub struct Chain {
    pub(crate) genesis: Genesis,
    pub(crate) executor: RwLock<Executor>,
    pub(crate) store: Store,
    key: Option<Arc<SigningKey>>,
    pub(crate) recent: Mutex<RecentBlocks>,
    /// Proofs of the changes of validators that were asked for.
    pub(crate) handovers: Mutex<Vec<Handover>>,
    /// Blocks of a network that are not durable. Whoever locks it has the executor.
    pub(crate) tried: Mutex<TriedBlocks>,
    /// A write has failed, and what is durable could not be read: memory may be behind it.
    pub(crate) unsure: AtomicBool,
    /// Held from executing blocks until they are durable: two makers would both write the same height.
    making: Mutex<()>,
}

/// The options a ledger's store is opened with: state tables get names in messages.
#[must_use]
pub fn store_options(create: bool) -> Options {
    let table_names = TableId::ALL.iter().map(|table| (*table as u8, table.name())).collect();
    Options { create, table_names, ..Options::default() }
}

impl Chain {
    /// Begin a chain in an empty store.
    ///
    /// # Errors
    /// [`ChainError::NotEmpty`], [`ChainError::WrongKey`], or the store fails.
    pub fn create(
        store: Store,
        genesis: Genesis,
        key: Arc<SigningKey>,
    ) -> Result<Self, ChainError> {
        if genesis.predecessor.is_some() {
            return Err(GenesisError::Inconsistent("it continues another network's state").into());
        }
        let (executor, entries) = Executor::genesis(&genesis);
        Self::begin(store, genesis, Some(key), (executor, entries))
    }

    /// Begin the network that continues a closed chain, in an empty store.
    ///
    /// # Errors
    /// As [`Chain::create`], and [`ChainError::Successor`].
    pub fn succeed(
        store: Store,
        genesis: Genesis,
        key: Arc<SigningKey>,
        closed: Closed,
    ) -> Result<Self, ChainError> {
        let (executor, entries) = closed.into_executor().successor(&genesis)?;
        Self::begin(store, genesis, Some(key), (executor, entries))
    }

    pub(crate) fn begin(
        store: Store,
        genesis: Genesis,
        key: Option<Arc<SigningKey>>,
        (executor, changes): (Executor, Vec<EntryChange>),
    ) -> Result<Self, ChainError> {
        if store.meta(META_GENESIS)?.is_some() {
            return Err(ChainError::NotEmpty);
        }
        genesis.check()?;
        if let Some(key) = &key {
            check_key(&genesis, key)?;
        }
        store.commit(Commit {
            entries: changes.into_iter().map(|(t, k, v)| (EntryKey::new(t as u8, k), v)).collect(),
            meta: vec![
                (META_GENESIS, encode(&genesis)),
                (META_POSITION, encode(&executor.position())),
            ],
            ..Commit::default()
        })?;
        Ok(Self {
            genesis,
            executor: RwLock::new(executor),
            store,
            key,
            recent: Mutex::default(),
            handovers: Mutex::default(),
            tried: Mutex::default(),
            unsure: AtomicBool::new(false),
            making: Mutex::default(),
        })
    }

    /// Go on with a stored chain; without the key, for reading only. The whole state is loaded and compared with the
    /// digest that the chain committed to.
    ///
    /// # Errors
    /// [`ChainError::Empty`], [`ChainError::WrongKey`], or what is stored is damaged.
    pub fn open(store: Store, key: Option<Arc<SigningKey>>) -> Result<Self, ChainError> {
        let genesis = stored_genesis(&store)?;
        if let Some(key) = &key {
            check_key(&genesis, key)?;
        }
        let executor = load(&store)?;
        Ok(Self {
            genesis,
            executor: RwLock::new(executor),
            store,
            key,
            recent: Mutex::default(),
            handovers: Mutex::default(),
            tried: Mutex::default(),
            unsure: AtomicBool::new(false),
            making: Mutex::default(),
        })
    }

    /// How the network began.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What a command would change if it were the only one in the next block. Blocks wait meanwhile.
    ///
    /// # Errors
    /// The [`Rejection`] that it would meet.
    pub fn forecast(&self, command: &Verified, now: Timestamp) -> Result<Vec<Effect>, Rejection> {
        self.executor.write().forecast(command, now)
    }

    /// The same of each of these by itself. Blocks wait once for all of them.
    pub fn forecast_each(
        &self,
        commands: &[Verified],
        now: Timestamp,
    ) -> Vec<Result<(), Rejection>> {
        if commands.is_empty() {
            return Vec::new();
        }
        let mut executor = self.executor.write();
        commands.iter().map(|command| executor.forecast(command, now).map(drop)).collect()
    }

    /// The executor at what is durable, for reading. Holding it holds up the next block.
    pub fn executor(&self) -> RwLockReadGuard<'_, Executor> {
        self.executor.read()
    }

    /// Make a block of these commands and store it; with `seal`, also an empty block on top, whose header covers the
    /// first one's events so that their receipts can be given out. Both become durable together, before this returns.
    ///
    /// # Errors
    /// The store failed. Nothing was acknowledged; the executor is at what is durable.
    pub fn process(
        &self,
        time: Timestamp,
        commands: &[Verified],
        seal: bool,
    ) -> Result<Processed, ChainError> {
        let key = self.key.as_ref().ok_or(ChainError::ReadOnly)?;
        let _one_at_a_time = self.making.lock();
        let (made, prepared) = self.prepare(|executor| {
            let before = executor.time();
            // Whoever continues a closed chain names its end: once that is certified, nothing follows it, no deadline either.
            let ended = executor.state().is_closed() && self.tip_is_cover(executor);
            let time = if ended { before } else { time };
            let mut block = executor.execute(time, commands);
            let outcomes = core::mem::take(&mut block.outcomes);
            let mut blocks = Vec::with_capacity(2);
            if block.is_empty() {
                executor.retract(&block, before);
            } else {
                blocks.push(block);
            }
            // A cover is needed if this block has events, or the block before it still waits for one.
            let covered = executor.height() == 0 || self.tip_is_cover(executor);
            if seal && (!blocks.is_empty() || !covered) {
                blocks.push(executor.execute(time, &[]));
            }
            (blocks, outcomes, executor.position())
        })?;
        let (blocks, outcomes, position) = made;
        let height = position.height;
        if blocks.is_empty() {
            return Ok(Processed { outcomes, height, wrote: false });
        }
        let certified = blocks.into_iter().map(|block| {
            let certificate = Certificate::solo(&block.header, &**key);
            (block, Some(certificate))
        });
        self.complete(certified, &position, prepared)?;
        Ok(Processed { outcomes, height, wrote: true })
    }

    /// Let `make` execute blocks. Nobody sees them before they are durable: a reader that did could release on a decision,
    /// and a crash would leave a release without one.
    pub(crate) fn prepare<T>(
        &self,
        make: impl FnOnce(&mut Executor) -> T,
    ) -> Result<(T, Prepared), ChainError> {
        let mut executor = self.executor.write();
        if self.unsure.load(Ordering::Acquire) {
            return Err(StoreError::Poisoned.into());
        }
        Ok(executor.prepare(make))
    }

    /// Make prepared blocks durable, and only then let everybody see them. Readers go on with what was before while the
    /// disk works.
    pub(crate) fn complete(
        &self,
        blocks: impl IntoIterator<Item = (ExecutedBlock, Option<Certificate>)>,
        position: &Resume,
        prepared: Prepared,
    ) -> Result<(), ChainError> {
        self.complete_by(blocks, position, |executor| executor.adopt(prepared))
    }

    /// The same, with the executor let there in this way.
    pub(crate) fn complete_by(
        &self,
        blocks: impl IntoIterator<Item = (ExecutedBlock, Option<Certificate>)>,
        position: &Resume,
        adopt: impl FnOnce(&mut Executor) -> bool,
    ) -> Result<(), ChainError> {
        let (commit, fresh) = commit_of(blocks, position);
        let written = self.store.commit(commit);
        let mut executor = self.executor.write();
        if let Err(error) = written {
            // It may be durable all the same; go to what is. If even that cannot be read, every later call fails on the
            // store as well, so nothing is released.
            drop(self.go_back(&mut executor));
            return Err(error.into());
        }
        // What is durable counts, should anybody have made blocks meanwhile.
        if !adopt(&mut executor) {
            self.go_back(&mut executor)?;
        }
        self.keep(fresh);
        Ok(())
    }

    /// Go on after a write that found no room: open the store anew, and go back to what is durable. Without such a
    /// failure nothing happens.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] if more than room was lacking; what is stored cannot be read.
    pub fn recover(&self) -> Result<(), ChainError> {
        let mut executor = self.executor.write();
        if self.store.is_poisoned() || self.unsure.load(Ordering::Acquire) {
            self.store.reopen()?;
            self.go_back(&mut executor)?;
        }
        Ok(())
    }

    pub(crate) fn go_back(&self, executor: &mut Executor) -> Result<(), ChainError> {
        self.unsure.store(true, Ordering::Release);
        *executor = load(&self.store)?;
        *self.recent.lock() = RecentBlocks::default();
        self.handovers.lock().clear();
        self.tried.lock().clear();
        self.unsure.store(false, Ordering::Release);
        Ok(())
    }

    /// Does the last header's log hold every event there is?
    fn tip_is_cover(&self, executor: &Executor) -> bool {
        let tip = self.recent(executor.height());
        matches!(tip, Ok(Some(tip)) if tip.header.log_size == executor.log_size())
    }

    /// A stored block, with its certificate if it has one of its own.
    ///
    /// # Errors
    /// It is damaged.
    pub fn block(&self, height: u64) -> Result<Option<(Block, Option<Certificate>)>, ChainError> {
        self.store.block(height)?.map(|record| parse_block(&record)).transpose()
    }

    /// A stored block, taken apart once for all that it holds.
    pub(crate) fn recent(&self, height: u64) -> Result<Option<Arc<RecentBlock>>, ChainError> {
        if let Some(block) = self.recent.lock().find(height) {
            return Ok(Some(block));
        }
        let Some((block, certificate)) = self.block(height)? else { return Ok(None) };
        let block = Arc::new(RecentBlock::new(block, certificate));
        self.recent.lock().keep(height, Arc::clone(&block));
        Ok(Some(block))
    }

    /// The receipt of an event that a command caused.
    ///
    /// # Errors
    /// [`ChainError::NoSuchEvent`], [`ChainError::NotACommand`], [`ChainError::NotCovered`], or damage.
    pub fn receipt(&self, index: u64) -> Result<Receipt, ChainError> {
        self.receipt_of(index, self.event(index)?)
    }

    /// The same, of an event that was read already.
    pub(crate) fn receipt_of(
        &self,
        index: u64,
        (event_bytes, event): (Vec<u8>, Event),
    ) -> Result<Receipt, ChainError> {
        let command = self.cause_of(&event)?.ok_or(ChainError::NotACommand(index))?;
        let (cover, certificate) =
            self.cover(event.height)?.ok_or(ChainError::NotCovered(index))?;
        let header = &cover.header;
        let mut nodes = self.store.nodes()?;
        // INVARIANT: the header's log covers every block below it, and the event is in one.
        let node = |level, at| cover.node((level, at), || nodes.node(level, at));
        let path =
            proof::inclusion(index, header.log_size, node)?.ok_or(ChainError::NotCovered(index))?;
        Ok(Receipt {
            version: Receipt::VERSION,
            command,
            event: event_bytes,
            index,
            path: path.into_iter().map(Digest).collect(),
            header: self.sealed(cover.header.clone(), certificate)?,
        })
    }

    /// What has just become durable, for whoever asks for it next.
    pub(crate) fn keep(&self, fresh: Vec<RecentBlock>) {
        let mut recent = self.recent.lock();
        for block in fresh {
            recent.keep(block.header.height, Arc::new(block));
        }
    }

    /// The first certified block above this height.
    fn cover(&self, height: u64) -> Result<Option<(Arc<RecentBlock>, Certificate)>, ChainError> {
        let mut above = height;
        loop {
            above = above.saturating_add(1);
            let Some(block) = self.recent(above)? else { return Ok(None) };
            if let Some(certificate) = block.certificate.clone() {
                return Ok(Some((block, certificate)));
            }
        }
    }

    /// The receipt of a command as a COSE Receipt (RFC 9942), which others verify with the event as the leaf.
    ///
    /// # Errors
    /// As [`Self::receipt`]; [`ChainError::ReadOnly`].
    pub fn cose_receipt(&self, index: u64) -> Result<Vec<u8>, ChainError> {
        let key = self.key.as_ref().ok_or(ChainError::ReadOnly)?;
        Ok(cose_receipt::by_sequencer(&self.receipt(index)?, &origin(&self.genesis), key))
    }

    /// An event, as bytes and parsed.
    ///
    /// # Errors
    /// [`ChainError::NoSuchEvent`] or damage.
    pub fn event(&self, index: u64) -> Result<(Vec<u8>, Event), ChainError> {
        if index >= self.store.events_durable() {
            return Err(ChainError::NoSuchEvent(index));
        }
        let bytes = self.store.event(index)?;
        let event = decode("event", &bytes, limits::MAX_EVENT_BYTES)
            .map_err(|source| ChainError::Decode { what: format!("event {index}"), source })?;
        Ok((bytes, event))
    }

    /// The signed command that caused an event; none if a deadline did.
    ///
    /// # Errors
    /// [`ChainError::NoSuchEvent`] or damage.
    pub fn command_of(&self, index: u64) -> Result<Option<Vec<u8>>, ChainError> {
        let (_, event) = self.event(index)?;
        self.cause_of(&event)
    }

    fn cause_of(&self, event: &Event) -> Result<Option<Vec<u8>>, ChainError> {
        let Cause::Command { digest, .. } = event.cause else { return Ok(None) };
        let block = self.recent(event.height)?;
        Ok(block.and_then(|block| block.command(&digest).map(<[u8]>::to_vec)))
    }

    /// The newest certified log as a C2SP checkpoint, with its size.
    ///
    /// # Errors
    /// Read-only, damage, or an empty chain.
    pub fn checkpoint(&self) -> Result<(u64, String), ChainError> {
        let height = self.executor().height();
        let (size, note) = match &self.key {
            Some(key) => {
                let block = self.recent(height)?.ok_or(ChainError::Empty)?;
                (block.header.log_size, by_sequencer(&self.genesis, &block.header, key))
            }
            None if self.genesis.validators.is_some() => {
                let (block, certificate) = self.certified(height)?.ok_or(ChainError::Empty)?;
                let sealed = self.sealed(block.header.clone(), certificate)?;
                (block.header.log_size, by_validators(&self.genesis, &sealed, std::iter::empty()))
            }
            None => return Err(ChainError::ReadOnly),
        };
        // INVARIANT: an origin made of a bech32 id is always a valid name.
        note.map(|note| (size, note)).map_err(|_| ChainError::Empty)
    }

    /// The newest certificate of a network, and the height of its header; none if there is none, or not near the end.
    ///
    /// # Errors
    /// A block is damaged.
    pub fn newest_certificate(&self) -> Result<Option<(u64, Vec<u8>)>, ChainError> {
        let height = self.executor().height();
        Ok(match self.certified(height)? {
            Some((block, Certificate::Quorum { bytes, .. })) => Some((block.header.height, bytes)),
            _ => None,
        })
    }

    /// The heights of the last blocks that have a certificate of their own, newest first. It is not looked far back.
    pub fn certified_heights(&self) -> impl Iterator<Item = u64> + '_ {
        let height = self.executor().height();
        (1..=height).rev().take(MAX_UNCERTIFIED).filter(
            |height| matches!(self.recent(*height), Ok(Some(block)) if block.certificate.is_some()),
        )
    }

    /// The last block up to this height that has a certificate of its own, if it is not far below.
    pub(crate) fn certified(
        &self,
        height: u64,
    ) -> Result<Option<(Arc<RecentBlock>, Certificate)>, ChainError> {
        for height in (1..=height).rev().take(MAX_UNCERTIFIED) {
            let Some(block) = self.recent(height)? else { return Ok(None) };
            if let Some(certificate) = block.certificate.clone() {
                return Ok(Some((block, certificate)));
            }
        }
        Ok(None)
    }
}

pub(crate) fn parse_block(
    record: &BlockRecord,
) -> Result<(Block, Option<Certificate>), ChainError> {
    let what = || format!("block {}", record.height);
    let damaged = |source| ChainError::Decode { what: what(), source };
    let header: Header =
        decode("header", &record.header, limits::MAX_HEADER_BYTES).map_err(damaged)?;
    // A block of a network may be final through a later one alone.
    let certificate = (!record.certificate.is_empty())
        .then(|| decode("certificate", &record.certificate, limits::MAX_CERTIFICATE_BYTES))
        .transpose()
        .map_err(damaged)?;
    let bodies: Vec<minicbor::bytes::ByteVec> =
        decode("block body", &record.body, MAX_BODY_BYTES).map_err(damaged)?;
    let commands = bodies.into_iter().map(Vec::from).collect();
    Ok((Block { header, commands }, certificate))
}

/// How far back a block with a certificate of its own is looked for.
const MAX_UNCERTIFIED: usize = 64;
/// A block body with its framing is a little larger than its commands.
const MAX_BODY_BYTES: usize = limits::MAX_BLOCK_BYTES + 16 * limits::MAX_BLOCK_COMMANDS;

/// What is to become durable, and the blocks as they are asked for afterwards.
pub(crate) fn commit_of(
    blocks: impl IntoIterator<Item = (ExecutedBlock, Option<Certificate>)>,
    position: &Resume,
) -> (Commit, Vec<RecentBlock>) {
    let mut fresh = Vec::new();
    let mut commit = Commit { meta: vec![(META_POSITION, encode(position))], ..Commit::default() };
    // A later block's change of an entry replaces an earlier one's.
    let mut entries = std::collections::BTreeMap::new();
    for (block, certificate) in blocks {
        let body: Vec<&minicbor::bytes::ByteSlice> =
            block.commands.iter().map(|command| command.as_slice().into()).collect();
        commit.blocks.push(BlockRecord {
            height: block.header.height,
            header: encode(&block.header),
            body: encode(&body),
            certificate: certificate.as_ref().map(encode).unwrap_or_default(),
        });
        entries.extend(block.changes.into_iter().map(|(t, k, v)| (EntryKey::new(t as u8, k), v)));
        let leaves = block.events.into_iter().zip(block.leaves);
        commit.leaves.extend(leaves.map(|(event, hash)| Leaf::with_hash(event, hash.0)));
        let made = Block { header: block.header, commands: block.commands };
        fresh.push(RecentBlock::new(made, certificate));
    }
    commit.entries = entries.into_iter().collect();
    (commit, fresh)
}

/// How the network in a store began.
///
/// # Errors
/// [`ChainError::Empty`], or it is damaged.
pub fn stored_genesis(store: &Store) -> Result<Genesis, ChainError> {
    let bytes = store.meta(META_GENESIS)?.ok_or(ChainError::Empty)?;
    Ok(Genesis::parse(&bytes)?)
}

pub(crate) fn stored_position(store: &Store) -> Result<Resume, ChainError> {
    parse_position(&store.meta(META_POSITION)?.ok_or(ChainError::Empty)?)
}

pub(crate) fn parse_position(bytes: &[u8]) -> Result<Resume, ChainError> {
    decode("position", bytes, MAX_POSITION_BYTES)
        .map_err(|source| ChainError::Decode { what: "the chain's position".into(), source })
}

/// The executor at what is durable. Two passes over the stored state at once: one takes the entries in, one sums up their
/// digest.
fn load(store: &Store) -> Result<Executor, ChainError> {
    let position = stored_position(store)?;
    std::thread::scope(|scope| {
        let digest = scope.spawn(|| stored_digest(store));
        let mut loader = Loader::new(position.network);
        let mut entries = store.entries()?;
        while let Some((table, key, value)) = entries.next()? {
            loader.add(table, key, value)?;
        }
        match digest.join() {
            Ok(digest) => Ok(loader.finish(&position, digest?)?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn stored_digest(store: &Store) -> Result<StateDigest, StoreError> {
    let mut digest = StateDigest::default();
    let mut entries = store.entries()?;
    while let Some((table, key, value)) = entries.next()? {
        digest.add_stored(table, key, value);
    }
    Ok(digest)
}

fn check_key(genesis: &Genesis, key: &SigningKey) -> Result<(), ChainError> {
    if genesis.validators.is_some() {
        return Err(ChainError::Agreed);
    }
    if key.verifying_key().as_bytes() == &genesis.sequencer {
        Ok(())
    } else {
        Err(ChainError::WrongKey)
    }
}
