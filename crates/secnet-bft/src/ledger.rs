//! The ledger that a node's parts share: the durable chain, the commands that wait, and the clients that wait for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use secnet_app::ports::{Clock, Committed, SubmitError, Unaged, View};
use secnet_ledger::{Outcome, Verified};
use secnet_node::{Chain, Cosigned, FinalBlock};
use secnet_types::{Certificate, Digest, Header, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use crate::block::NetworkBlock;
use crate::limits::{MAX_CLOCK_BEHIND_MS, MAX_UNTOLD};
use crate::mempool::Mempool;

mod checked;
mod clients;
mod cosigned;
mod judged;

/// Why a node no longer takes part. It has to be started again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block {height} could not be made durable: {why}")]
pub struct Trouble {
    /// The first block that is missing.
    pub height: u64,
    /// What went wrong.
    pub why: String,
}

/// What there is to wait for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// Height of the last durable block.
    pub height: u64,
    /// How many commands have come.
    pub came: u64,
    /// Why nothing goes on.
    pub trouble: Option<Trouble>,
}

pub(crate) type Answer = Result<Committed, SubmitError>;

/// A client's command.
#[derive(Debug)]
struct Client {
    replies: Vec<oneshot::Sender<Answer>>,
    /// Height when it came, or when it was looked at last.
    since: u64,
    came: Timestamp,
    expires: Timestamp,
}

/// A command that would be refused here, and when it came.
struct Doubted {
    command: Verified,
    reply: oneshot::Sender<Answer>,
    came: Timestamp,
}

/// The commands of blocks that are not final, checked, by height and digest.
type Checked = BTreeMap<(u64, Digest), Arc<Vec<Verified>>>;

/// A final block, and its certificate if it has one of its own.
pub(crate) type FinalisedBlock = (NetworkBlock, Option<Certificate>);

/// The chain of a node of a network, with what waits to be put on top of it.
pub struct Ledger {
    chain: Chain,
    clock: Arc<dyn Clock>,
    pool: Mutex<Mempool>,
    clients: Mutex<BTreeMap<Digest, Client>>,
    doubted: Mutex<Vec<Doubted>>,
    checked: Mutex<Checked>,
    known: Mutex<checked::Known>,
    unjudged: Mutex<judged::Unjudged>,
    untold: mpsc::Sender<Vec<u8>>,
    progress: watch::Sender<Progress>,
    /// The newest log that a quorum has signed, and when it came.
    cosigned: watch::Sender<Option<(Arc<Cosigned>, Instant)>>,
    /// Height of the ledger that was taken over from another node since the start; 0 if none was.
    arrived: AtomicU64,
    /// When a block was applied last since the start, and how old it was then by this machine's clock, in milliseconds.
    applied: Mutex<Option<(Instant, u64)>>,
    /// When a block was applied last, by the clock.
    heard: Mutex<Timestamp>,
}

impl core::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ledger").field("progress", &*self.progress.borrow()).finish_non_exhaustive()
    }
}

impl Ledger {
    /// A node's ledger, and the commands of its clients that other validators are to be told of.
    #[must_use]
    pub fn new(chain: Chain, clock: Arc<dyn Clock>) -> (Arc<Self>, mpsc::Receiver<Vec<u8>>) {
        let (untold, to_tell) = mpsc::channel(MAX_UNTOLD);
        let height = chain.executor().height();
        let (progress, _) = watch::channel(Progress { height, ..Progress::default() });
        let ledger = Self {
            chain,
            clock,
            pool: Mutex::default(),
            clients: Mutex::default(),
            doubted: Mutex::default(),
            checked: Mutex::default(),
            known: Mutex::default(),
            unjudged: Mutex::default(),
            untold,
            progress,
            cosigned: watch::Sender::default(),
            arrived: AtomicU64::new(0),
            applied: Mutex::default(),
            heard: Mutex::new(Timestamp(0)),
        };
        (Arc::new(ledger), to_tell)
    }

    /// The durable chain.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Show the last durable state.
    pub(crate) fn read(&self, reader: &mut dyn FnMut(&View<'_>)) {
        let executor = self.chain.executor();
        reader(&View {
            state: executor.state(),
            height: executor.height(),
            time: executor.time(),
            log_size: executor.log_size(),
            age_ms: self.age_ms(),
            unaged: self.unaged(),
        });
    }

    /// Take commands that other nodes told of. Which of them are valid: an honest node tells of no others.
    pub(crate) fn hear(&self, commands: &[Vec<u8>]) -> Vec<bool> {
        let results = self.verify(commands);
        let executor = self.chain.executor();
        let mut pool = self.pool.lock();
        let mut came = false;
        for command in results.iter().flatten() {
            let value = &command.command().value;
            if executor.state().applied(value.author, value.id).is_none() {
                // What has no room here waits at the node that it came to first.
                came |= pool.insert(command.clone()).unwrap_or(false);
            }
        }
        drop((pool, executor));
        if came {
            self.more_came();
        }
        results.iter().map(Result::is_ok).collect()
    }

    /// The first commands that wait, within these limits, without those of pending blocks.
    pub(crate) fn waiting(
        &self,
        commands: usize,
        bytes: usize,
        pending: &BTreeSet<Digest>,
    ) -> Vec<Verified> {
        self.pool.lock().first(commands, bytes, pending)
    }

    /// These were refused on top of blocks that may not become final. Those of clients of this node stay: whether they
    /// are refused is judged on what is final.
    pub(crate) fn forget_refused(&self, refused: impl Iterator<Item = Digest>) {
        let clients = self.clients.lock();
        let mut pool = self.pool.lock();
        for digest in refused.filter(|digest| !clients.contains_key(digest)) {
            pool.remove(&digest);
        }
    }

    /// Height and digest of the last durable block.
    pub(crate) fn tip(&self) -> (u64, Digest) {
        let position = self.chain.executor().position();
        (position.height, position.parent)
    }

    /// Height of the last durable block, as everybody has been told.
    pub(crate) fn durable(&self) -> u64 {
        self.progress.borrow().height
    }

    /// Is this the durable block at its height?
    pub(crate) fn is_final(&self, block: &NetworkBlock) -> bool {
        let stored = self.chain.block(block.header().height);
        matches!(stored, Ok(Some((stored, _))) if stored.header == *block.header())
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How this goes on.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// How old what is durable is, in milliseconds: while blocks are caught up with, as old as they are. The largest
    /// number if none has come since the start, or none will come.
    pub(crate) fn age_ms(&self) -> u64 {
        let applied = *self.applied.lock();
        match applied {
            Some((at, age_ms)) if self.trouble().is_none() => {
                let since = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
                since.saturating_add(age_ms)
            }
            _ => u64::MAX,
        }
    }

    /// Why there is no age.
    pub(crate) fn unaged(&self) -> Option<Unaged> {
        match *self.applied.lock() {
            _ if self.trouble().is_some() => Some(Unaged::Failing),
            None => Some(Unaged::Unheard),
            Some((_, u64::MAX)) => Some(Unaged::ClockBehind),
            Some(_) => None,
        }
    }

    /// Apply final blocks, one on the other, make them durable together, and answer whoever waits for their commands.
    pub(crate) fn apply(&self, blocks: &[FinalisedBlock]) -> Result<(), Trouble> {
        let trouble = |height, why: String| Trouble { height, why };
        let durable = self.tip().0;
        let first = blocks.partition_point(|(block, _)| block.header().height <= durable);
        // Those that were durable before are left alone.
        let (last, blocks) = (blocks.last(), blocks.get(first..).unwrap_or_default());
        let mut checked = Vec::with_capacity(blocks.len());
        for (block, _) in blocks {
            let commands = self.check(block).ok_or_else(|| {
                trouble(block.header().height, "a signature in it does not hold".into())
            })?;
            checked.push(commands);
        }
        let finals = blocks.iter().zip(&checked).map(|((block, certificate), commands)| {
            let certificate = certificate.clone();
            FinalBlock { header: block.header(), commands, certificate }
        });
        let appended = self
            .chain
            .append_all(finals.collect())
            .map_err(|error| trouble(self.tip().0.saturating_add(1), error.to_string()))?;
        for (commands, processed) in checked.iter().zip(appended) {
            for (command, outcome) in commands.iter().zip(processed.outcomes) {
                let (digest, height) = (command.digest(), processed.height);
                self.pool.lock().remove(&digest);
                if let Outcome::Applied { event } = outcome {
                    self.answer(&digest, &Ok(Committed { event, height, repeated: false }));
                }
            }
        }
        if let Some((block, _)) = last {
            self.go_on_after(block.header());
        }
        Ok(())
    }

    fn go_on_after(&self, header: &Header) {
        self.pool.lock().forget_expired(header.time);
        self.checked.lock().retain(|(of, _), _| *of > header.height);
        self.look_at_passed_over(header.height);
        self.look_at_doubted(header.time);
        let now = self.clock.now();
        // A block from the future shows that the clock here is behind: by it, old blocks would pass for new.
        let age_ms = match header.time.since_ms(now) {
            ahead if ahead > MAX_CLOCK_BEHIND_MS => u64::MAX,
            _ => now.since_ms(header.time),
        };
        *self.applied.lock() = Some((Instant::now(), age_ms));
        *self.heard.lock() = now;
        let height = self.tip().0;
        self.progress.send_modify(|progress| progress.height = height);
    }

    /// Height of the ledger that this node took over from another since its start.
    #[must_use]
    pub fn arrived_at(&self) -> Option<u64> {
        Some(self.arrived.load(Ordering::Acquire)).filter(|height| *height > 0)
    }

    /// The ledger of another node has taken the place of this one's.
    pub(crate) fn arrived(&self) {
        let height = self.tip().0;
        self.arrived.store(height, Ordering::Release);
        self.progress.send_modify(|progress| progress.height = height);
    }

    /// Why nothing goes on, if that is so.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.progress.borrow().trouble.clone()
    }

    /// The engine has ended, for this reason.
    pub(crate) fn stop(&self, why: String) {
        if self.trouble().is_none() {
            let height = self.tip().0.saturating_add(1);
            self.fail(Trouble { height, why });
        }
    }

    /// Nothing goes on: whoever waits is told so.
    pub(crate) fn fail(&self, trouble: Trouble) {
        self.progress.send_modify(|progress| progress.trouble = Some(trouble));
        self.answer_all_if_stopped();
    }

    fn more_came(&self) {
        self.progress.send_modify(|progress| progress.came = progress.came.saturating_add(1));
    }
}

/// Only weighs the terms of batch equations: what is decided never depends on it.
fn rng() -> impl secnet_crypto::CryptoRng {
    secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng)
}
