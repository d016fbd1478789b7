//! The second thread of the solo ledger: what is verified becomes a block, unless there is no room.
//!
//! When a write finds no room, or hardly any is left, the reserve is given back to the file system, the store is opened
//! anew if the write has failed, and from then on only commands are ordered that take something away. When there is room
//! again for the reserve and more, it is taken, and everything goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use secnet_app::ports::{Clock, Committed, SubmitError, Trouble};
use secnet_ledger::{Outcome, Verified};
use secnet_types::Timestamp;
use tokio::sync::watch;

use crate::chain::{Chain, Processed};
use crate::room::{LOW_BYTES, Room};
use crate::solo::Reply;
use crate::steady::SteadyClock;

/// How often deadlines and the room are looked at when nothing happens.
const TICK: Duration = Duration::from_millis(500);
/// A reserve is taken again when so much is left besides, in bytes.
const AMPLE_BYTES: u64 = 2 * LOW_BYTES;

/// Commands whose signatures hold.
pub(crate) struct Batch {
    pub(crate) verified: Vec<(Verified, Reply)>,
    /// Nothing else waited when the batch was taken.
    pub(crate) last: bool,
}

/// How the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Health {
    /// Height of what is durable.
    pub(crate) height: u64,
    /// Why not everything is ordered. Nothing may be released meanwhile: a revocation could not be ordered, or soon not.
    pub(crate) trouble: Option<Trouble>,
    /// Bytes in the reserve.
    pub(crate) reserve: u64,
}

impl Health {
    /// Why nothing at all is written.
    pub(crate) fn failing(&self) -> Option<&str> {
        match &self.trouble {
            Some(Trouble::Failing(why)) => Some(why),
            Some(Trouble::NoRoom) | None => None,
        }
    }
}

pub(crate) struct Committer {
    chain: Arc<Chain>,
    clock: Arc<dyn Clock>,
    room: Arc<Mutex<Box<dyn Room>>>,
    /// Bytes that were free then; the largest number if that is not known.
    free: Arc<AtomicU64>,
    /// When the room was looked at last.
    looked: Option<Instant>,
    steady: SteadyClock,
    height: u64,
    /// Why the last write failed.
    broken: Option<String>,
    /// Why the clock is not believed.
    jump: Option<String>,
    /// There is room only for what takes something away.
    short: bool,
    announce: watch::Sender<Health>,
}

impl Committer {
    pub(crate) fn new(
        chain: Arc<Chain>,
        clock: Arc<dyn Clock>,
        (room, free): (Arc<Mutex<Box<dyn Room>>>, Arc<AtomicU64>),
        announce: watch::Sender<Health>,
    ) -> Self {
        let height = chain.executor().height();
        Self {
            chain,
            clock,
            room,
            free,
            looked: None,
            steady: SteadyClock::default(),
            height,
            broken: None,
            jump: None,
            short: false,
            announce,
        }
    }

    pub(crate) fn run(&mut self, batches: &Receiver<Batch>) {
        let mut sealed = true;
        loop {
            let batch = match batches.recv_timeout(TICK) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Timeout) => {
                    self.look_for_room();
                    if !self.idle(sealed) {
                        continue;
                    }
                    Batch { verified: Vec::new(), last: true }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.look_for_room();
            let last = batch.last;
            if self.order(batch) {
                sealed = last;
            }
        }
    }

    /// Nobody asks for anything: has a deadline passed, or does a last block wait for its cover? Deadlines wait for room.
    fn idle(&mut self, sealed: bool) -> bool {
        let short = self.short;
        match self.now() {
            Ok(now) => {
                let due = self.chain.executor().next_deadline().is_some_and(|at| at <= now);
                !sealed || (due && !short)
            }
            Err(_) => false,
        }
    }

    /// The time, if the clock is to be believed.
    fn now(&mut self) -> Result<Timestamp, String> {
        let now = self.steady.believe(Instant::now(), self.clock.now());
        let jump = now.err().map(|jump| jump.to_string());
        if jump != self.jump {
            self.jump = jump;
            self.tell();
        }
        now.map_err(|jump| jump.to_string())
    }

    /// Order what may be ordered, and answer; whether it is durable. What finds no room is tried again in the reserve's.
    fn order(&mut self, batch: Batch) -> bool {
        let mut left = batch.verified;
        loop {
            left = self.sift(left);
            let (commands, replies): (Vec<_>, Vec<_>) = left.into_iter().unzip();
            let problem = match self.commit(&commands, batch.last) {
                Ok(processed) => {
                    for (outcome, reply) in processed.outcomes.into_iter().zip(replies) {
                        drop(reply.send(answer(outcome, processed.height)));
                    }
                    return true;
                }
                Err(problem) => problem,
            };
            let was_short = self.short;
            if !self.chain.store().lacks_room() {
                self.tell();
            } else if self.make_do() && !was_short {
                left = commands.into_iter().zip(replies).collect();
                continue;
            }
            for reply in replies {
                drop(reply.send(Err(SubmitError::Unavailable(problem.clone()))));
            }
            return false;
        }
    }

    /// While there is no room, refuse what does not take anything away. What is on the ledger already is answered as ever.
    fn sift(&self, commands: Vec<(Verified, Reply)>) -> Vec<(Verified, Reply)> {
        if !self.short {
            return commands;
        }
        let executor = self.chain.executor();
        let (taken, refused): (Vec<_>, Vec<_>) = commands.into_iter().partition(|(command, _)| {
            let command = &command.command().value;
            command.operation.takes_away()
                || executor.state().applied(command.author, command.id).is_some()
        });
        drop(executor);
        for (_, reply) in refused {
            drop(reply.send(Err(SubmitError::NoRoom)));
        }
        taken
    }

    fn commit(&mut self, commands: &[Verified], last: bool) -> Result<Processed, String> {
        let now = self.now()?;
        let processed = self.chain.process(now, commands, last);
        match &processed {
            // Only a write shows that the store works: a refused command says nothing about the disk.
            Ok(Processed { wrote: false, .. }) => {}
            Ok(Processed { height, .. }) => {
                self.broken = None;
                self.height = *height;
                self.tell();
            }
            Err(error) => self.broken = Some(error.to_string()),
        }
        processed.map_err(|error| error.to_string())
    }

    /// How much room is there? Decides whether there is enough for everything.
    fn look_for_room(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < TICK) {
            return;
        }
        self.looked = Some(Instant::now());
        if self.broken.is_some() && self.chain.store().lacks_room() {
            self.make_do();
        }
        let (free, kept, wanted) = {
            let room = self.room.lock();
            (room.free(), room.kept(), room.wanted())
        };
        self.free.store(free.unwrap_or(u64::MAX), Ordering::Relaxed);
        let takes = wanted.saturating_sub(kept);
        let ample = free.is_none_or(|free| free >= takes.saturating_add(AMPLE_BYTES));
        if !self.short && free.is_some_and(|free| free < LOW_BYTES) {
            self.make_do();
        } else if ample && self.broken.is_none() && (self.short || kept != wanted) {
            let kept = self.room.lock().keep();
            self.short = self.short && kept.is_err();
            self.tell();
        }
    }

    /// There is no room: do with the reserve. Whether the ledger can write with that.
    fn make_do(&mut self) -> bool {
        let given = self.room.lock().give_back();
        if let Err(error) = given
            .map_err(|error| error.to_string())
            .and_then(|()| self.chain.recover().map_err(|error| error.to_string()))
        {
            self.broken = Some(error);
        } else {
            self.broken = None;
            self.short = true;
            self.height = self.chain.executor().height();
        }
        self.tell();
        self.broken.is_none()
    }

    fn tell(&self) {
        let failing = self.broken.clone().or_else(|| self.jump.clone()).map(Trouble::Failing);
        let trouble = failing.or_else(|| self.short.then_some(Trouble::NoRoom));
        let health = Health { height: self.height, trouble, reserve: self.room.lock().kept() };
        // Whoever waits for the log to grow is not woken for nothing.
        self.announce.send_if_modified(|known| {
            let news = *known != health;
            *known = health;
            news
        });
    }
}

fn answer(outcome: Outcome, height: u64) -> Result<Committed, SubmitError> {
    match outcome {
        Outcome::Applied { event } => Ok(Committed { event, height, repeated: false }),
        Outcome::Repeated { event } => Ok(Committed { event, height, repeated: true }),
        Outcome::Rejected(rejection) => Err(SubmitError::Rejected(rejection)),
    }
}
