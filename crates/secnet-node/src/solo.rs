//! The solo ledger: one sequencer, group commit.
//!
//! Two threads. The first collects waiting commands and verifies their signatures, in one batch split over two
//! processors; the second executes what is verified and makes it durable. While the second waits for the disk, the
//! first verifies the next batch. Nobody is answered before the fsync.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use secnet_app::ports::{Clock, Committed, Log, LogError, SubmitError, View};
use secnet_ledger::{Invalid, Outcome, Verified, VerifyingPool};
use secnet_types::{Genesis, Receipt, limits};
use tokio::sync::{mpsc, oneshot, watch};

use crate::chain::{Chain, ChainError};

/// Commands that may wait.
const MAX_WAITING: usize = 16_384;
/// Commands in one batch: few enough that readers are never held up for long.
const MAX_BATCH: usize = 2048;
/// From here on a batch is verified on two processors.
const MIN_SPLIT: usize = 32;
/// How often deadlines are looked at when nothing happens.
const TICK: Duration = Duration::from_millis(500);

type Reply = oneshot::Sender<Result<Committed, SubmitError>>;

struct Waiting {
    command: Vec<u8>,
    reply: Reply,
}

struct Batch {
    verified: Vec<(Verified, Reply)>,
    /// Nothing else waited when the batch was taken.
    last: bool,
}

/// The solo ledger behind the [`Log`] port.
pub struct Solo {
    chain: Arc<Chain>,
    queue: Option<mpsc::Sender<Waiting>>,
    height: watch::Receiver<u64>,
    /// The last write failed: what is in memory must not be released on.
    failing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl core::fmt::Debug for Solo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Solo").field("height", &*self.height.borrow()).finish_non_exhaustive()
    }
}

impl Solo {
    /// Start sequencing.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(chain: Chain, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let chain = Arc::new(chain);
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let (batches, to_commit) = sync_channel(1);
        let (announce, height) = watch::channel(chain.executor().height());
        let verifier = thread::Builder::new()
            .name("ledger-verify".into())
            .spawn(move || verify_batches(waiting, &batches))?;
        let failing = Arc::new(AtomicBool::new(false));
        let committer = {
            let (chain, failing) = (Arc::clone(&chain), Arc::clone(&failing));
            thread::Builder::new().name("ledger-commit".into()).spawn(move || {
                commit_batches(&chain, clock.as_ref(), &to_commit, (&announce, &failing));
            })?
        };
        Ok(Self { chain, queue: Some(queue), height, failing, threads: vec![verifier, committer] })
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
        reader(&View {
            state: executor.state(),
            height: executor.height(),
            time: executor.time(),
            log_size: executor.log_size(),
            // A ledger that cannot write is as good as not heard of.
            age_ms: if self.failing.load(Ordering::Acquire) { u64::MAX } else { 0 },
        });
    }

    async fn receipt(&self, event: u64) -> Result<Receipt, LogError> {
        let (_, at) = self.chain.event(event).map_err(log_error)?;
        // The header that covers the event is made as soon as nothing else waits, or with the next batch.
        let mut height = self.height.clone();
        height
            .wait_for(|height| *height > at.height)
            .await
            .map_err(|_| LogError::Unavailable("the ledger has stopped".into()))?;
        self.chain.receipt(event).map_err(log_error)
    }

    async fn events(&self, first: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
        let size = self.chain.store().log_size().map_err(|e| log_error(e.into()))?;
        let end = first.saturating_add(limit as u64).min(size);
        (first..end)
            .map(|index| {
                self.chain.event(index).map(|(bytes, _)| (index, bytes)).map_err(log_error)
            })
            .collect()
    }

    async fn command_of(&self, event: u64) -> Result<Option<Vec<u8>>, LogError> {
        self.chain.command_of(event).map_err(log_error)
    }

    fn genesis(&self) -> &Genesis {
        self.chain.genesis()
    }
}

fn log_error(error: ChainError) -> LogError {
    match error {
        ChainError::NoSuchEvent(index) => LogError::NoSuchEvent(index),
        ChainError::NotACommand(index) => LogError::NotACommand(index),
        error @ (ChainError::NotCovered(_) | ChainError::ReadOnly) => {
            LogError::Unavailable(error.to_string())
        }
        error => LogError::Damaged(error.to_string()),
    }
}

fn verify_batches(mut waiting: mpsc::Receiver<Waiting>, batches: &SyncSender<Batch>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut taken = vec![first];
        let mut bytes = 0_usize;
        while taken.len() < MAX_BATCH && bytes < limits::MAX_BLOCK_BYTES / 2 {
            let Ok(next) = waiting.try_recv() else { break };
            bytes = bytes.saturating_add(next.command.len());
            taken.push(next);
        }
        let last = waiting.is_empty();
        let verified = verify(taken);
        if batches.send(Batch { verified, last }).is_err() {
            return;
        }
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

fn commit_batches(
    chain: &Chain,
    clock: &dyn Clock,
    batches: &Receiver<Batch>,
    (announce, failing): (&watch::Sender<u64>, &AtomicBool),
) {
    let mut sealed = true;
    loop {
        let (commands, replies, last) = match batches.recv_timeout(TICK) {
            Ok(batch) => {
                let (commands, replies): (Vec<_>, Vec<_>) = batch.verified.into_iter().unzip();
                (commands, replies, batch.last)
            }
            // Nobody asks for anything: look whether a deadline has passed, or a last block waits for its cover.
            Err(RecvTimeoutError::Timeout) => {
                let overdue = chain.executor().next_deadline().is_some_and(|at| at <= clock.now());
                if sealed && !overdue {
                    continue;
                }
                (Vec::new(), Vec::new(), true)
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        match chain.process(clock.now(), &commands, last) {
            Ok(processed) => {
                failing.store(false, Ordering::Release);
                sealed = last;
                announce.send_replace(processed.height);
                for (outcome, reply) in processed.outcomes.into_iter().zip(replies) {
                    drop(reply.send(answer(outcome, processed.height)));
                }
            }
            Err(error) => {
                failing.store(true, Ordering::Release);
                let message = error.to_string();
                for reply in replies {
                    drop(reply.send(Err(SubmitError::Unavailable(message.clone()))));
                }
            }
        }
    }
}

fn answer(outcome: Outcome, height: u64) -> Result<Committed, SubmitError> {
    match outcome {
        Outcome::Applied { event } => Ok(Committed { event, height, repeated: false }),
        Outcome::Repeated { event } => Ok(Committed { event, height, repeated: true }),
        Outcome::Rejected(rejection) => Err(SubmitError::Rejected(rejection)),
    }
}
