//! The real chain on a disk that fails, without threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use secnet_app::ports::{
    Clock, Committed, Log, LogError, Standing, SubmitError, Trouble, Unaged, View,
};
use secnet_crypto::SigningKey;
use secnet_ledger::{Executor, Outcome, Rejection, Verified, VerifyingPool};
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::Store;
use secnet_node::{Chain, ChainError, store_options};
use secnet_types::{Effect, Genesis, Operation, Receipt, Timestamp, limits};

use crate::chance::Chance;
use crate::clock::SimClock;
use crate::gate::Gate;
use crate::release::{Moment, Watch};
use crate::run::Broken;

/// How far behind a deliberately broken log shows the ledger.
const STALE_BLOCKS: u64 = 8;

/// A deliberately forgetful log leaves out one event of so many.
const LEFT_OUT: u64 = 5;

type Answer = Result<Committed, SubmitError>;

#[derive(Default)]
struct Queue {
    next: u64,
    waiting: Vec<(u64, Verified)>,
    done: BTreeMap<u64, Answer>,
}

pub(crate) struct SimLog {
    pub(crate) chain: Chain,
    pub(crate) disk: FaultyDisk,
    clock: Arc<SimClock>,
    gate: Arc<Gate>,
    queue: Mutex<Queue>,
    chance: Mutex<Chance>,
    /// What readers are shown, if the log is deliberately broken.
    stale: Option<Mutex<Executor>>,
    /// How long ago the ledger was last heard of, in milliseconds.
    silence_ms: AtomicU64,
    /// The last write failed.
    failing: AtomicBool,
    /// Nobody is told how old the view is.
    ageless: bool,
    /// Some events are left out.
    forgetful: bool,
    /// A payout is always said to be made.
    deaf: bool,
    /// A count of denials is said to be ordered, and is not.
    silent: bool,
}

/// A store on a disk.
pub(crate) fn store_on(disk: &FaultyDisk, create: bool) -> Result<Store, ChainError> {
    Ok(Store::open_with_backend(disk.clone(), store_options(create))?)
}

/// The chain in an image, for reading.
pub(crate) fn chain_in(image: Vec<u8>) -> Result<Chain, ChainError> {
    Chain::open(store_on(&FaultyDisk::with_image(image, Plan::default()), false)?, None)
}

impl SimLog {
    pub(crate) fn new(
        chain: Chain,
        disk: FaultyDisk,
        clock: Arc<SimClock>,
        gate: Arc<Gate>,
        chance: Chance,
        broken: Option<Broken>,
    ) -> Self {
        let (queue, chance) = (Mutex::new(Queue::default()), Mutex::new(chance));
        let stale =
            (broken == Some(Broken::StaleView)).then(|| Mutex::new(chain.executor().clone()));
        let (silence_ms, failing) = (AtomicU64::new(0), AtomicBool::new(false));
        Self {
            chain,
            disk,
            clock,
            gate,
            queue,
            chance,
            stale,
            silence_ms,
            failing,
            ageless: broken == Some(Broken::AgelessView),
            forgetful: broken == Some(Broken::LostEvents),
            deaf: broken == Some(Broken::DeafPayout),
            silent: broken == Some(Broken::SilentSummary),
        }
    }

    /// The ledger is not heard of for so long, as a follower of a network may be cut off.
    pub(crate) fn set_silence(&self, ms: u64) {
        self.silence_ms.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// As the real solo ledger: one that cannot write is as good as not heard of.
    fn age_ms(&self) -> u64 {
        match self.failing.load(Ordering::Relaxed) {
            true => u64::MAX,
            false => self.silence_ms.load(Ordering::Relaxed),
        }
    }

    /// What is known now.
    pub(crate) fn moment(&self, watch: &Mutex<Watch>) -> Moment {
        let endings = watch.lock().endings.clone();
        Moment { at: self.clock.now(), age_ms: self.age_ms(), endings }
    }

    pub(crate) fn open(disk: &FaultyDisk, key: Arc<SigningKey>) -> Result<Chain, ChainError> {
        Chain::open(store_on(disk, false)?, Some(key))
    }

    /// One block of all that waits.
    fn flush(&self) {
        let waiting = core::mem::take(&mut self.queue.lock().waiting);
        let (tickets, commands): (Vec<u64>, Vec<Verified>) = waiting.into_iter().unzip();
        let seal = self.chance.lock().one_in(2);
        let answers: Vec<Answer> = match self.chain.process(self.clock.now(), &commands, seal) {
            Ok(done) => {
                self.failing.store(false, Ordering::Relaxed);
                let height = done.height;
                let outcomes = done.outcomes.into_iter().zip(&commands);
                outcomes.map(|(outcome, command)| self.told(outcome, command, height)).collect()
            }
            Err(error) => {
                self.note_failure();
                let failed = || Err(SubmitError::Unavailable(error.to_string()));
                tickets.iter().map(|_| failed()).collect()
            }
        };
        self.queue.lock().done.extend(tickets.into_iter().zip(answers));
    }

    fn told(&self, outcome: Outcome, command: &Verified, height: u64) -> Answer {
        let operation = &command.command().value.operation;
        match (outcome, operation) {
            (Outcome::Rejected(_), Operation::ConfirmCollection { .. }) if self.deaf => {
                Ok(Committed { event: 0, height, repeated: true })
            }
            _ => answer(outcome, height),
        }
    }

    /// The newest decision, on whatever request.
    fn some_decision(&self) -> Option<u64> {
        let decided = |index: &u64| {
            let event = self.chain.event(*index);
            event.is_ok_and(|(_, event)| {
                event.effects.iter().any(|effect| matches!(effect, Effect::Decided { .. }))
            })
        };
        (0..self.chain.executor().log_size()).rev().find(decided)
    }

    /// Submit by itself.
    pub(crate) async fn submit_now(&self, command: Vec<u8>) -> Answer {
        self.submit(command).await
    }

    fn note_failure(&self) {
        self.failing.store(true, Ordering::Relaxed);
        if self.disk.crashed() {
            self.gate.kill();
        }
    }
}

fn answer(outcome: Outcome, height: u64) -> Answer {
    match outcome {
        Outcome::Applied { event } => Ok(Committed { event, height, repeated: false }),
        Outcome::Repeated { event } => Ok(Committed { event, height, repeated: true }),
        Outcome::Rejected(rejection) => Err(SubmitError::Rejected(rejection)),
    }
}

fn view_of(executor: &Executor, age_ms: u64) -> View<'_> {
    View {
        state: executor.state(),
        height: executor.height(),
        time: executor.time(),
        log_size: executor.log_size(),
        age_ms,
        unaged: (age_ms == u64::MAX).then_some(Unaged::Failing),
    }
}

#[async_trait]
impl Log for SimLog {
    async fn submit(&self, command: Vec<u8>) -> Answer {
        self.gate.pass().await;
        if command.len() > limits::MAX_COMMAND_BYTES {
            return Err(SubmitError::Invalid("it is too long".into()));
        }
        let mut weights = self.chance.lock().clone();
        let verified = VerifyingPool::verify(vec![command], weights.rng()).pop();
        let verified = match verified {
            Some(Ok(verified)) => verified,
            Some(Err(invalid)) => return Err(SubmitError::Invalid(invalid.to_string())),
            None => return Err(SubmitError::Invalid("no command".into())),
        };
        let operation = &verified.command().value.operation;
        if self.silent
            && matches!(operation, Operation::SummariseDenials { .. })
            && let Some(event) = self.some_decision()
        {
            let height = self.chain.executor().height();
            return Ok(Committed { event, height, repeated: false });
        }
        let ticket = {
            let mut queue = self.queue.lock();
            let ticket = queue.next;
            queue.next = ticket.saturating_add(1);
            queue.waiting.push((ticket, verified));
            ticket
        };
        // Others may join the block, or make it.
        self.gate.pass().await;
        if !self.queue.lock().done.contains_key(&ticket) {
            self.flush();
        }
        self.gate.pass().await;
        let answer = self.queue.lock().done.remove(&ticket);
        answer.unwrap_or_else(|| Err(SubmitError::Unavailable("the block was lost".into())))
    }

    fn read(&self, reader: &mut dyn FnMut(&View<'_>)) {
        let executor = self.chain.executor();
        if let Some(stale) = &self.stale {
            let mut shown = stale.lock();
            if executor.height().saturating_sub(shown.height()) > STALE_BLOCKS {
                *shown = executor.clone();
            }
            return reader(&view_of(&shown, 0));
        }
        let age_ms = if self.ageless { 0 } else { self.age_ms() };
        reader(&view_of(&executor, age_ms));
    }

    fn standing(&self) -> Standing {
        let trouble = self.is_failing().then(|| Trouble::Failing("the disk failed".into()));
        Standing { trouble, ..Standing::default() }
    }

    fn forecast(&self, command: &Verified, now: Timestamp) -> Result<Vec<Effect>, Rejection> {
        self.chain.forecast(command, now)
    }

    async fn receipt(&self, event: u64) -> Result<Receipt, LogError> {
        self.gate.pass().await;
        let (_, at) = self.chain.event(event).map_err(LogError::from)?;
        let covered = self.chain.executor().height() > at.height;
        // Nothing else waits: an empty block covers the last one.
        if !covered && let Err(error) = self.chain.process(self.clock.now(), &[], true) {
            self.note_failure();
            return Err(LogError::Unavailable(error.to_string()));
        }
        self.gate.pass().await;
        self.chain.receipt(event).map_err(LogError::from)
    }

    async fn cose_receipt(&self, event: u64) -> Result<Vec<u8>, LogError> {
        // Covers the event.
        self.receipt(event).await?;
        self.chain.cose_receipt(event).map_err(LogError::from)
    }

    async fn events(&self, first: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
        self.gate.pass().await;
        let size = self.chain.executor().log_size();
        let end = first.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX)).min(size);
        let left_out = |index: &u64| self.forgetful && index.is_multiple_of(LEFT_OUT);
        (first..end)
            .filter(|index| !left_out(index))
            .map(|index| self.chain.event(index).map(|e| (index, e.0)).map_err(LogError::from))
            .collect()
    }

    async fn grown(&self, size: u64) -> Result<u64, LogError> {
        loop {
            // Others go on meanwhile.
            self.gate.pass().await;
            let now = self.chain.executor().log_size();
            if now > size {
                return Ok(now);
            }
        }
    }

    async fn command_of(&self, event: u64) -> Result<Option<Vec<u8>>, LogError> {
        self.gate.pass().await;
        self.chain.command_of(event).map_err(LogError::from)
    }

    fn genesis(&self) -> &Genesis {
        self.chain.genesis()
    }
}
