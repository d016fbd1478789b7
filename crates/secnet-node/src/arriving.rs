//! A ledger that arrives from others: blocks and events from the first on, then the state, in a store beside that of the node.
//! Nothing of it is executed. Blocks are those of a certified header by the chain of digests, events those of its log by the
//! root, the state that of its state digest. What does not come out is the fault of whoever sent it, and is said so.
//!
//! It goes on after an interruption, also by a crash, with what has come. When all is there it takes the place of the node's
//! own store in one step.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use secnet_crypto::{Frontier, Hash, leaf_hash};
use secnet_ledger::{Resume, commands_root};
use secnet_types::{Block, Digest, Epochs, Genesis, Header, Timestamp, encode};

use crate::chain::{Chain, META_GENESIS, META_POSITION, parse_block, store_options};
use crate::chain_error::ChainError;
use crate::recent::RecentBlocks;
use crate::snapshot::{HandedBlock, MAX_SNAPSHOT_CHUNKS, Offer, next_entry};
use crate::store::{BlockRecord, Commit, EntryKey, Leaf, Store, StoreError, files};

/// Entries of the state that become durable together, in bytes.
const IMPORTED_BYTES: usize = 16 * 1024 * 1024;
/// The same of blocks and events.
const KEPT_BYTES: usize = 4 * 1024 * 1024;
/// Blocks without a certificate of their own that are taken in a row.
const MAX_UNCERTIFIED: usize = 256;

/// What was sent is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The header that all of it hangs on is not certified.
    #[error("the header over its snapshot is not certified by this network's validators")]
    Uncertified,
    /// It is too old.
    #[error("its snapshot is stale: of block {0}")]
    Stale(u64),
    /// A list that no snapshot has.
    #[error("its snapshot has no chunks, too many, or the same one twice")]
    Chunks,
    /// It does not have the digest it was asked for by.
    #[error("chunk {0} of its snapshot has an altered byte")]
    Chunk(Digest),
    /// The chunks are what was listed, but not the state.
    #[error("its snapshot does not lead to the state that the validators certified: {0}")]
    State(String),
    /// A block does not follow, or does not hold.
    #[error("block {height} as it sent it {why}")]
    Block {
        /// Its height.
        height: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// The events do not lead to the root.
    #[error(
        "the events up to {0} as it sent them are not those of the log that the validators certified"
    )]
    Events(u64),
}

/// Why no ledger has arrived.
#[derive(Debug, thiserror::Error)]
pub enum NotArrived {
    /// Whoever sent it is at fault.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// This node's disk is.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl From<StoreError> for NotArrived {
    fn from(error: StoreError) -> Self {
        Self::Chain(error.into())
    }
}

/// Blocks that have come and are not proved yet: none of them is certified but the last.
#[derive(Debug, Default)]
struct Pending {
    blocks: Vec<(Header, BlockRecord)>,
    events: Vec<Vec<u8>>,
    /// The header that proves them, once it is there: where its log ends, and the root.
    proved: Option<(u64, Digest)>,
}

/// A ledger on its way into this folder.
#[derive(Debug)]
pub struct Arriving {
    dir: PathBuf,
    genesis: Genesis,
    offer: Offer,
    epochs: Epochs,
    store: Store,
    /// Where it stands: height and digest of the last block, its time, and the log.
    height: u64,
    parent: Digest,
    time: Timestamp,
    log: Frontier,
    pending: Pending,
    /// What is proved and not durable yet, and how many bytes that is.
    ready: (Commit, usize),
}

impl Arriving {
    /// Begin, or go on, in a folder inside of the node's store.
    ///
    /// # Errors
    /// The offer proves nothing, or the folder cannot be used.
    pub fn open(chain: &Chain, offer: Offer) -> Result<Self, NotArrived> {
        let genesis = chain.genesis().clone();
        let header = &offer.header.header;
        if !genesis.certifies(&offer.header) || header.height < 2 {
            return Err(Wrong::Uncertified.into());
        }
        if header.height <= chain.executor().height().saturating_add(1) {
            return Err(Wrong::Stale(header.height).into());
        }
        let mut seen: Vec<Digest> = offer.chunks.clone();
        seen.sort_unstable();
        seen.dedup();
        let is_list = !seen.is_empty()
            && seen.len() == offer.chunks.len()
            && seen.len() <= MAX_SNAPSHOT_CHUNKS;
        if !is_list {
            return Err(Wrong::Chunks.into());
        }
        let mut epochs = Epochs::of(&genesis);
        for handover in offer.header.handovers.iter().flatten() {
            epochs.extend(handover).map_err(|_| Wrong::Uncertified)?;
        }
        let dir = chain.arriving_path().ok_or(ChainError::Empty)?;
        let store = begin(&dir, &offer)?;
        let mut arriving = Self {
            dir,
            time: genesis.time,
            genesis,
            offer,
            epochs,
            store,
            height: 0,
            parent: Digest::ZERO,
            log: Frontier::new(),
            pending: Pending::default(),
            ready: (Commit::default(), 0),
        };
        arriving.resume()?;
        Ok(arriving)
    }

    /// Where what has come so far ends.
    fn resume(&mut self) -> Result<(), NotArrived> {
        let Some(height) = self.store.last_height()? else { return Ok(()) };
        let record = self.store.block(height)?.ok_or(ChainError::Empty)?;
        let (block, _) = parse_block(&record)?;
        let size = self.store.log_size()?;
        let mut nodes = self.store.nodes()?;
        let mut peaks = Vec::new();
        let mut first = 0_u64;
        // The largest complete subtrees, from the left.
        for level in (0..64_u8).rev() {
            let width = 1_u64 << level;
            if size & width != 0 {
                peaks.push(Hash(nodes.node(level, first >> level)?));
                first = first.saturating_add(width);
            }
        }
        let damaged = || StoreError::corrupt("the log that has arrived", "its edge is not there");
        self.log = Frontier::from_parts(size, peaks).ok_or_else(damaged)?;
        (self.height, self.parent, self.time) = (height, block.header.digest(), block.header.time);
        Ok(())
    }

    /// The offer that this hangs on.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Height of the block that the snapshot is the state after.
    fn last(&self) -> u64 {
        self.offer.header.header.height.saturating_sub(1)
    }

    /// The block to ask for next, and below which; none if all are here, or events have to come first.
    #[must_use]
    pub fn wants_blocks(&self) -> Option<(u64, u64)> {
        let have = self.height.saturating_add(self.pending.blocks.len() as u64);
        let is_wanted = self.pending.proved.is_none() && have < self.last();
        is_wanted.then(|| (have.saturating_add(1), self.last().saturating_add(1)))
    }

    /// The events to ask for next: from and to which.
    #[must_use]
    pub fn wants_events(&self) -> Option<(u64, u64)> {
        let (end, _) = self.pending.proved?;
        let have = self.log.size().saturating_add(self.pending.events.len() as u64);
        (have < end).then_some((have, end))
    }

    /// Take in blocks as [`Self::wants_blocks`] said.
    ///
    /// # Errors
    /// [`Wrong`]: those that were not proved yet are forgotten.
    pub fn take_blocks(&mut self, blocks: Vec<HandedBlock>) -> Result<(), NotArrived> {
        for block in blocks {
            if self.wants_blocks().is_none() {
                break;
            }
            if let Err(wrong) = self.take_block(block) {
                self.pending = Pending::default();
                return Err(wrong.into());
            }
        }
        // It may be that no event is missing.
        self.settle()
    }

    fn take_block(&mut self, handed: HandedBlock) -> Result<(), Wrong> {
        let before = self.pending.blocks.last();
        let height = before.map_or(self.height, |(before, _)| before.height).saturating_add(1);
        let parent = before.map_or(self.parent, |(before, _)| before.digest());
        let wrong = |why| Wrong::Block { height, why };
        let HandedBlock { header, certificate, body } = handed;
        let record = BlockRecord { height, header, body, certificate };
        let (Block { header, commands }, certificate) =
            parse_block(&record).map_err(|_| wrong("is no block"))?;
        if header.version != Header::VERSION
            || header.network != self.genesis.network()
            || header.height != height
            || header.parent != parent
        {
            return Err(wrong("does not follow the one before"));
        }
        let counted = usize::try_from(header.commands).is_ok_and(|count| count == commands.len());
        if !counted || commands_root(&commands) != header.commands_root {
            return Err(wrong("has other commands than its header commits to"));
        }
        let above = &self.offer.header.header;
        let is_last = height == self.last();
        if is_last && above.parent != header.digest() {
            return Err(wrong("is not the one below the certified header"));
        }
        let is_certified = match &certificate {
            Some(certificate) if !self.epochs.certifies(&header, certificate) => {
                return Err(wrong("is not certified by a quorum of its validators"));
            }
            certificate => certificate.is_some(),
        };
        let ends_epoch = self.epochs.last(header.epoch) == Some(height);
        if !is_certified && ends_epoch {
            return Err(wrong("is the last of its epoch and has no certificate"));
        }
        if is_last {
            self.pending.proved = Some((above.log_size, above.log_root));
        } else if is_certified {
            self.pending.proved = Some((header.log_size, header.log_root));
        } else if self.pending.blocks.len() >= MAX_UNCERTIFIED {
            return Err(wrong("is one of too many without a certificate"));
        }
        self.pending.blocks.push((header, record));
        Ok(())
    }

    /// Take in events as [`Self::wants_events`] said.
    ///
    /// # Errors
    /// [`Wrong`]: those that were not proved yet are forgotten, and the blocks with them.
    pub fn take_events(&mut self, events: Vec<Vec<u8>>) -> Result<(), NotArrived> {
        let wanted = self.wants_events().map_or(0, |(from, end)| end.saturating_sub(from));
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        self.pending.events.extend(events.into_iter().take(wanted));
        self.settle()
    }

    /// Take over what is proved, and make it durable when it is much.
    fn settle(&mut self) -> Result<(), NotArrived> {
        let Some((end, root)) = self.pending.proved else { return Ok(()) };
        if self.wants_events().is_some() {
            return Ok(());
        }
        let Pending { blocks, events, .. } = std::mem::take(&mut self.pending);
        let mut log = self.log.clone();
        let mut leaves = Vec::with_capacity(events.len());
        for event in events {
            let hash = leaf_hash(&event);
            log.append(hash);
            leaves.push(Leaf::with_hash(event, hash.0));
        }
        if log.size() != end || log.root().0 != root.0 {
            return Err(Wrong::Events(end).into());
        }
        let Some((last, _)) = blocks.last() else { return Ok(()) };
        (self.height, self.parent, self.time) = (last.height, last.digest(), last.time);
        self.log = log;
        let (ready, bytes) = &mut self.ready;
        *bytes = leaves.iter().fold(*bytes, |sum, leaf| sum.saturating_add(leaf.event().len()));
        ready.leaves.extend(leaves);
        for (_, record) in blocks {
            *bytes = bytes.saturating_add(record.header.len()).saturating_add(record.body.len());
            ready.blocks.push(record);
        }
        if *bytes > KEPT_BYTES || self.height == self.last() { self.keep() } else { Ok(()) }
    }

    /// Make durable what is proved.
    ///
    /// # Errors
    /// The disk fails.
    pub fn keep(&mut self) -> Result<(), NotArrived> {
        let (ready, _) = std::mem::take(&mut self.ready);
        if !ready.blocks.is_empty() {
            self.store.commit(ready)?;
        }
        Ok(())
    }

    /// The chunks that are not here yet.
    ///
    /// # Errors
    /// What is here cannot be read.
    pub fn wants_chunks(&self) -> Result<Vec<Digest>, NotArrived> {
        let mut wanted = Vec::new();
        for digest in &self.offer.chunks {
            let there = files::read_if_present(&self.chunk(digest))?;
            if there.is_none_or(|it| Digest::of(&it) != *digest) {
                wanted.push(*digest);
            }
        }
        Ok(wanted)
    }

    fn chunk(&self, digest: &Digest) -> PathBuf {
        self.dir.join(CHUNKS).join(digest.to_string())
    }

    /// Take in a chunk that was asked for by this digest.
    ///
    /// # Errors
    /// [`Wrong::Chunk`], or it cannot be written.
    pub fn take_chunk(&self, digest: &Digest, bytes: &[u8]) -> Result<(), NotArrived> {
        if Digest::of(bytes) != *digest {
            return Err(Wrong::Chunk(*digest).into());
        }
        files::replace(&self.chunk(digest), bytes)?;
        Ok(())
    }

    /// All blocks, events and chunks are here: make a ledger of them, and let it take the place of the node's own.
    ///
    /// # Errors
    /// [`Wrong::State`]: the snapshot is not that of the certified state, and is forgotten; or the disk fails.
    pub fn finish(self, chain: &Chain) -> Result<(), NotArrived> {
        let header = &self.offer.header.header;
        let state = header.state;
        if self.height != self.last() || self.log.size() != header.log_size {
            return Err(ChainError::Gap { last: self.height, given: header.height }.into());
        }
        if let Err(why) = self.import() {
            // Blocks and events are sound, but one store holds all of it.
            remove(&self.dir)?;
            return Err(why);
        }
        let position = Resume {
            network: self.genesis.network(),
            height: self.height,
            parent: self.parent,
            time: self.time,
            log_size: self.log.size(),
            log_peaks: self.log.peaks().iter().map(|peak| Digest(peak.0)).collect(),
            state,
        };
        let meta = vec![(META_GENESIS, encode(&self.genesis)), (META_POSITION, encode(&position))];
        self.store.commit(Commit { meta, ..Commit::default() })?;
        let Self { dir, store, .. } = self;
        match Chain::open_agreed(store) {
            Ok(arrived) => chain.take_over(arrived)?,
            Err(ChainError::Load(why)) => {
                remove(&dir)?;
                return Err(Wrong::State(why.to_string()).into());
            }
            Err(error) => return Err(error.into()),
        }
        remove(&dir)?;
        Ok(())
    }

    /// The entries of all chunks, in order.
    fn import(&self) -> Result<(), NotArrived> {
        let state = self.offer.header.header.state.0.to_vec();
        self.store.commit(Commit { meta: vec![(META_ARRIVING, state)], ..Commit::default() })?;
        let (mut entries, mut bytes) = (Vec::new(), 0_usize);
        let mut last: Option<EntryKey> = None;
        let wrong = |why: &str| Wrong::State(why.to_owned());
        for digest in &self.offer.chunks {
            let chunk = files::read_if_present(&self.chunk(digest))?;
            let chunk = chunk.filter(|chunk| Digest::of(chunk) == *digest);
            let chunk = chunk.ok_or_else(|| {
                StoreError::corrupt(format!("chunk {digest}"), "it is not what had arrived")
            })?;
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                let (table, key, value) =
                    next_entry(&mut rest).ok_or_else(|| wrong("a chunk does not decode"))?;
                let key = EntryKey::new(table, key);
                // The same key twice would count twice in the digest.
                if last.as_ref().is_some_and(|last| *last >= key) {
                    return Err(wrong("its entries are out of order").into());
                }
                last = Some(key.clone());
                bytes = bytes.saturating_add(value.len()).saturating_add(64);
                entries.push((key, Some(value.to_vec())));
                if bytes > IMPORTED_BYTES {
                    bytes = 0;
                    let entries = std::mem::take(&mut entries);
                    self.store.commit(Commit { entries, ..Commit::default() })?;
                }
            }
        }
        self.store.commit(Commit { entries, ..Commit::default() })?;
        Ok(())
    }
}

/// What is there, if nothing of another state is in it.
fn begin(dir: &Path, offer: &Offer) -> Result<Store, NotArrived> {
    let open = || {
        fs::create_dir_all(dir.join(CHUNKS)).map_err(files::failed("create the folder", dir))?;
        Store::open(dir, store_options(true))
    };
    let mut store = open()?;
    let imported = store.meta(META_ARRIVING)?;
    // Or beyond: what is there cannot be taken back.
    let is_beyond = store.last_height()? >= Some(offer.header.header.height);
    if is_beyond || imported.is_some_and(|state| state != offer.header.header.state.0) {
        drop(store);
        remove(dir)?;
        store = open()?;
    }
    files::replace(&dir.join(OFFER), &encode(offer))?;
    files::sync_dir(dir)?;
    // While it is empty: later it would be made of all blocks at once.
    store.index_headers()?;
    Ok(store)
}

impl Chain {
    fn arriving_path(&self) -> Option<PathBuf> {
        Some(self.store.dir()?.join("arriving"))
    }

    /// The offer of a ledger that was arriving when this node was stopped.
    #[must_use]
    pub fn arriving_offer(&self) -> Option<Offer> {
        let bytes = files::read_if_present(&self.arriving_path()?.join(OFFER)).ok()??;
        Offer::parse(&bytes).ok()
    }

    /// Forget what was arriving.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget_arriving(&self) -> Result<(), ChainError> {
        Ok(self.arriving_path().map_or(Ok(()), |dir| remove(&dir))?)
    }

    /// Let a ledger that has arrived take the place of this one, which it must continue.
    fn take_over(&self, arrived: Self) -> Result<(), ChainError> {
        // In the order in which whoever makes handovers locks them.
        let mut handovers = self.handovers.lock();
        let mut executor = self.executor.write();
        let (height, digest) = (executor.height(), executor.position().parent);
        if height > 0 {
            let there = arrived.block(height)?.map(|(block, _)| block.header.digest());
            if there != Some(digest) {
                return Err(ChainError::Diverged(height));
            }
        }
        let Self { store, executor: other, .. } = arrived;
        self.unsure.store(true, Ordering::Release);
        self.store.take_over(store)?;
        *executor = other.into_inner();
        *self.recent.lock() = RecentBlocks::default();
        handovers.clear();
        self.tried.lock().clear();
        self.unsure.store(false, Ordering::Release);
        Ok(())
    }
}

/// Where the chunks are, and the offer.
const CHUNKS: &str = "chunks";
const OFFER: &str = "offer";
/// Meta value: the digest of the state whose entries are being taken in.
const META_ARRIVING: &str = "arriving";

fn remove(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(files::failed("delete", dir)(error))
        }
        _ => Ok(()),
    }
}
