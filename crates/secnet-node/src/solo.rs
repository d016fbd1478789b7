//! The solo ledger: one sequencer, group commit.
//!
//! Two threads. The first collects waiting commands and verifies their signatures, in one batch split over two
//! processors; the second, in `committer.rs`, executes what is verified and makes it durable. While the second waits for
//! the disk, the first verifies the next batch. Nobody is answered before the fsync.
//!
//! A block costs about the same for one command as for twenty. So when commands come together, the first thread waits a
//! moment for as many as came the last time; a command that comes alone is never kept waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use secnet_app::ports::{
    Clock, Committed, Log, LogError, Standing, SubmitError, Trouble, Unaged, View,
};
use secnet_ledger::{Invalid, Rejection, Verified, VerifyingPool};
use secnet_types::{Effect, Genesis, Receipt, Timestamp, limits};
use tokio::sync::{mpsc, oneshot, watch};

use crate::chain::Chain;
use crate::committer::{Batch, Committer, Health};
use crate::room::{Room, Unwatched};

/// Commands that may wait.
const MAX_WAITING: usize = 16_384;
/// Commands in one batch: few enough that readers are never held up for long.
const MAX_BATCH: usize = 2048;
/// From here on a batch is verified on two processors: a thread for less costs more than it saves.
const MIN_SPLIT: usize = 256;

/// How long a batch waits for company at most.
const COMPANY_TIME: Duration = Duration::from_millis(5);
/// Pause between two looks whether it has come.
const COMPANY_LOOK: Duration = Duration::from_micros(250);

pub(crate) type Reply = oneshot::Sender<Result<Committed, SubmitError>>;

struct Waiting {
    command: Vec<u8>,
    reply: Reply,
}

/// The solo ledger behind the [`Log`] port.
pub struct Solo {
    chain: Arc<Chain>,
    queue: Option<mpsc::Sender<Waiting>>,
    health: watch::Receiver<Health>,
    room: Arc<Mutex<Box<dyn Room>>>,
    /// Bytes that were free when it was looked last; the largest number if that is not known.
    free: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl core::fmt::Debug for Solo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Solo").field("health", &*self.health.borrow()).finish_non_exhaustive()
    }
}

impl Solo {
    /// Start sequencing, in room of which nothing is known.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(chain: Chain, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        Self::start_in(chain, clock, Box::new(Unwatched))
    }

    /// Start sequencing in this room.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start_in(
        chain: Chain,
        clock: Arc<dyn Clock>,
        room: Box<dyn Room>,
    ) -> std::io::Result<Self> {
        let chain = Arc::new(chain);
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let (batches, to_commit) = sync_channel(1);
        let height = chain.executor().height();
        let begun = Health { height, trouble: None, reserve: room.kept() };
        let (announce, health) = watch::channel(begun);
        let free = Arc::new(AtomicU64::new(room.free().unwrap_or(u64::MAX)));
        let room = Arc::new(Mutex::new(room));
        let verifier = thread::Builder::new()
            .name("ledger-verify".into())
            .spawn(move || verify_batches(waiting, &batches))?;
        let committer = {
            let place = (Arc::clone(&room), Arc::clone(&free));
            let mut committer = Committer::new(Arc::clone(&chain), clock, place, announce);
            thread::Builder::new()
                .name("ledger-commit".into())
                .spawn(move || committer.run(&to_commit))?
        };
        let threads = vec![verifier, committer];
        Ok(Self { chain, queue: Some(queue), health, room, free, threads })
    }

    /// Go on in this room, with its reserve. It is taken within a moment, if there is room for it.
    pub fn move_to(&self, room: Box<dyn Room>) {
        *self.room.lock() = room;
    }

    /// The chain beneath.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }
}

impl Drop for Solo {
    fn drop(&mut self) {
        // Closing the queue lets both threads finish what waits and end.
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has been reported by the panic hook already.
            drop(thread.join());
        }
    }
}

#[async_trait]
impl Log for Solo {
    async fn submit(&self, command: Vec<u8>) -> Result<Committed, SubmitError> {
        let stopped = || SubmitError::Unavailable("the ledger has stopped".into());
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        if command.len() > limits::MAX_COMMAND_BYTES {
            return Err(SubmitError::Invalid(format!(
                "it is {} bytes long, the limit is {}",
                command.len(),
                limits::MAX_COMMAND_BYTES
            )));
        }
        let (reply, answer) = oneshot::channel();
        queue.try_send(Waiting { command, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy,
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        answer.await.map_err(|_| stopped())?
    }

    fn read(&self, reader: &mut dyn FnMut(&View<'_>)) {
        let executor = self.chain.executor();
        let unaged = self.health.borrow().trouble.as_ref().map(|trouble| match trouble {
            Trouble::NoRoom => Unaged::NoRoom,
            Trouble::Failing(_) => Unaged::Failing,
        });
        reader(&View {
            state: executor.state(),
            height: executor.height(),
            time: executor.time(),
            log_size: executor.log_size(),
            // A ledger that cannot write is as good as not heard of.
            age_ms: if unaged.is_some() { u64::MAX } else { 0 },
            unaged,
        });
    }

    fn standing(&self) -> Standing {
        let health = self.health.borrow().clone();
        let free = Some(self.free.load(Ordering::Relaxed)).filter(|free| *free != u64::MAX);
        Standing { trouble: health.trouble, free, reserve: health.reserve }
    }

    fn forecast(&self, command: &Verified, now: Timestamp) -> Result<Vec<Effect>, Rejection> {
        self.chain.forecast(command, now)
    }

    async fn receipt(&self, event: u64) -> Result<Receipt, LogError> {
        let found = self.chain.event(event).map_err(LogError::from)?;
        let height = found.1.height;
        // The header that covers the event is made as soon as nothing else waits, or with the next batch.
        let mut health = self.health.clone();
        let reached = health
            .wait_for(|health| health.height > height || health.failing().is_some())
            .await
            .map_err(|_| LogError::Unavailable("the ledger has stopped".into()))?
            .clone();
        match reached.failing() {
            Some(problem) if reached.height <= height => {
                Err(LogError::Unavailable(problem.to_owned()))
            }
            _ => self.chain.receipt_of(event, found).map_err(LogError::from),
        }
    }

    async fn cose_receipt(&self, event: u64) -> Result<Vec<u8>, LogError> {
        // Waits until the event is covered.
        self.receipt(event).await?;
        self.chain.cose_receipt(event).map_err(LogError::from)
    }

    async fn events(&self, first: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
        // What everybody sees: a block is durable a moment before that.
        let size = self.chain.executor().log_size();
        let end = first.saturating_add(limit as u64).min(size);
        (first..end)
            .map(|index| {
                self.chain.event(index).map(|(bytes, _)| (index, bytes)).map_err(LogError::from)
            })
            .collect()
    }

    async fn grown(&self, size: u64) -> Result<u64, LogError> {
        let mut health = self.health.clone();
        loop {
            // Marked as seen before the log is looked at, so that no block in between is missed.
            drop(health.borrow_and_update());
            let now = self.chain.executor().log_size();
            if now > size {
                return Ok(now);
            }
            let changed = health.changed().await;
            changed.map_err(|_| LogError::Unavailable("the ledger has stopped".into()))?;
        }
    }

    async fn command_of(&self, event: u64) -> Result<Option<Vec<u8>>, LogError> {
        self.chain.command_of(event).map_err(LogError::from)
    }

    fn genesis(&self) -> &Genesis {
        self.chain.genesis()
    }
}

fn verify_batches(mut waiting: mpsc::Receiver<Waiting>, batches: &SyncSender<Batch>) {
    let mut expected = 0_usize;
    while let Some(first) = waiting.blocking_recv() {
        let mut taken = vec![first];
        wait_for_company(&waiting, expected);
        let mut bytes = 0_usize;
        while taken.len() < MAX_BATCH && bytes < limits::MAX_BLOCK_BYTES / 2 {
            let Ok(next) = waiting.try_recv() else { break };
            bytes = bytes.saturating_add(next.command.len());
            taken.push(next);
        }
        // This one included, none of the next has come yet.
        expected = taken.len().saturating_sub(1);
        let last = waiting.is_empty();
        let verified = verify(taken);
        if batches.send(Batch { verified, last }).is_err() {
            return;
        }
    }
}

/// Returns when so many wait, or have not come in time.
fn wait_for_company(waiting: &mpsc::Receiver<Waiting>, expected: usize) {
    let start = Instant::now();
    while waiting.len() < expected && start.elapsed() < COMPANY_TIME {
        thread::sleep(COMPANY_LOOK);
    }
}

/// Verify a batch, on two processors if it is worth it; invalid commands are answered here.
fn verify(waiting: Vec<Waiting>) -> Vec<(Verified, Reply)> {
    let (commands, replies): (Vec<_>, Vec<_>) =
        waiting.into_iter().map(|w| (w.command, w.reply)).unzip();
    let results = verify_split(commands);
    let mut verified = Vec::with_capacity(results.len());
    for (result, reply) in results.into_iter().zip(replies) {
        match result {
            Ok(command) => verified.push((command, reply)),
            // A caller that has gone away needs no answer.
            Err(invalid) => drop(reply.send(Err(SubmitError::Invalid(invalid.to_string())))),
        }
    }
    verified
}

pub(crate) fn verify_split(mut commands: Vec<Vec<u8>>) -> Vec<Result<Verified, Invalid>> {
    // The randomness only weighs the terms of the batch equation; it must be unpredictable to whoever signed.
    let check = |commands| VerifyingPool::verify(commands, &mut rng());
    if commands.len() < MIN_SPLIT {
        return check(commands);
    }
    let second = commands.split_off(commands.len() / 2);
    thread::scope(|scope| {
        let other = scope.spawn(|| check(second));
        let mut all = check(commands);
        match other.join() {
            Ok(rest) => all.extend(rest),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        all
    })
}

fn rng() -> impl secnet_crypto::CryptoRng {
    secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng)
}
