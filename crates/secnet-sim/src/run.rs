//! The scheduler: which task goes on, when the process dies, what time it is; all by seed.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::task::noop_waker;
use parking_lot::Mutex;
use secnet_app::AccessError;
use secnet_app::ports::{ArchiveError, LogError, SubmitError, VaultError};
use secnet_types::{Digest, Operation, RecordId, SignedCommand};

use crate::endings::Ending;
use crate::job::{Done, Wish};
use crate::plot::Expect;
use crate::properties::{self, Violation};
use crate::world::World;

/// Things that happen in one run.
const WISHES: usize = 60;
/// Tasks that run at once.
const MAX_TASKS: usize = 4;
/// Polls until somebody makes room on a full disk.
const FULL_POLLS: usize = 60;
/// A run that needs more polls than this hangs.
const MAX_POLLS: usize = 200_000;

/// A deliberate mistake, to show that a property can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// The disk ignores syncs, so the ledger acknowledges what a crash takes back. Breaks P1.
    LyingDisk,
    /// The flow is shown the ledger as it was some blocks ago, and told that it is fresh. Breaks P4.
    StaleView,
    /// An owner commits to her title in the clear. Breaks P6.
    NameOnLedger,
    /// The archive acknowledges what a crash takes back. Breaks P11: what was stored is damaged.
    ForgetfulArchive,
    /// The flow is not told how old its view of the ledger is. Breaks P1 and P4: it reads on when the ledger is cut off.
    AgelessView,
    /// An owner's tool signs a wider grant than she was shown. Breaks P2: more is released than she granted.
    WideGrant,
    /// The attacker has the keys of all owners. Breaks P3.
    StolenKeys,
    /// The log leaves events out when it is read. Breaks P5: statements do not add up.
    LostEvents,
    /// A door looks datasets up before it knows the caller, and says if there is none. Breaks P8.
    ChattyDoor,
    /// A door refuses what others answer. Breaks P9.
    WilfulDoor,
    /// Randomness does not come from the seed alone. Breaks P10: a run cannot be repeated.
    OtherRandomness,
    /// The vault acknowledges what a crash takes back. Breaks P11.
    ForgetfulVault,
    /// A client opens what it gets and stores it beside the ciphertext. Breaks P7.
    PlainCopies,
    /// The log says of a payout that the ledger refused that it was made. Breaks P4: what was revoked meanwhile is handed
    /// over.
    DeafPayout,
    /// The log acknowledges a count of denials that it does not order. Breaks P1: refusals leave no record.
    SilentSummary,
    /// An owner's tool renews the delegation that she ends. Breaks P3: the delegate goes on in her name.
    LastingDelegation,
}

/// How runs are made.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// A deliberate mistake.
    pub broken: Option<Broken>,
    /// Keep the trace of runs that succeed too.
    pub traces: bool,
}

/// What was run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Seeds that kept all promises.
    pub seeds: u64,
    /// Wishes that were answered.
    pub answered: u64,
    /// Requests that were served with data.
    pub released: u64,
    /// Requests that were held.
    pub held: u64,
    /// Requests that were denied.
    pub denied: u64,
    /// Those of them that were counted together.
    pub counted: u64,
    /// Calls that failed because a disk or the ledger was not available.
    pub unavailable: u64,
    /// Releases that were refused because the view of the ledger was too old.
    pub stale: u64,
    /// Times that a disk was full.
    pub full: u64,
    /// Deaths of the process.
    pub crashes: u64,
    /// Calls that were cancelled half-way.
    pub cancelled: u64,
    /// Digest over ledgers and traces of all seeds: equal for equal seeds.
    pub digest: Option<Digest>,
    /// What happened, if it was to be kept.
    pub trace: Vec<String>,
}

impl core::fmt::Display for Report {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "{} seeds kept all promises: {} calls answered, {} released, {} held, {} denied ({} of them counted), {} too old a view, \
             {} unavailable; {} crashes or restarts, {} of them with a full disk, {} calls cancelled",
            self.seeds,
            self.answered,
            self.released,
            self.held,
            self.denied,
            self.counted,
            self.stale,
            self.unavailable,
            self.crashes,
            self.full,
            self.cancelled,
        )
    }
}

/// A promise that a seed broke.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}\nseed {seed}: {violation}", .trace.join("\n"))]
pub struct Failure {
    /// The seed; it fails again in the same way.
    pub seed: u64,
    /// What was broken.
    pub violation: Violation,
    /// What happened until then.
    pub trace: Vec<String>,
}

/// Run these seeds.
///
/// # Errors
/// The first [`Failure`].
pub fn run(seeds: Range<u64>, settings: &Settings) -> Result<Report, Failure> {
    let mut report = Report::default();
    for seed in seeds {
        run_one(seed, settings, &mut report)?;
    }
    Ok(report)
}

/// Run these seeds on all processors. `progress` is told how many are done. The report has no digest, since seeds end in
/// no particular order.
///
/// # Errors
/// The [`Failure`] of the first seed of those that failed.
pub fn run_in_parallel(
    seeds: Range<u64>,
    settings: &Settings,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Report, Failure> {
    let (next, done) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let (total, failed) = (Mutex::new(Report::default()), Mutex::new(None::<Failure>));
    let work = || {
        while failed.lock().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let mut report = Report::default();
            match run_one(seed, settings, &mut report) {
                Ok(()) => total.lock().add(report),
                Err(failure) => {
                    let mut failed = failed.lock();
                    if failed.as_ref().is_none_or(|other| seed < other.seed) {
                        *failed = Some(failure);
                    }
                }
            }
            progress(done.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    match failed.into_inner() {
        Some(failure) => Err(failure),
        None => Ok(total.into_inner()),
    }
}

impl Report {
    fn count(&mut self, error: &AccessError) {
        let counter = match error {
            AccessError::StaleLedger { .. } => &mut self.stale,
            AccessError::Log(LogError::Unavailable(_))
            | AccessError::Ledger(SubmitError::Unavailable(_))
            | AccessError::Archive(ArchiveError::NoRoom | ArchiveError::Storage(_))
            | AccessError::Vault(VaultError::Storage(_)) => &mut self.unavailable,
            _ => return,
        };
        *counter = counter.saturating_add(1);
    }

    fn add(&mut self, other: Self) {
        for (total, more) in [
            (&mut self.seeds, other.seeds),
            (&mut self.answered, other.answered),
            (&mut self.released, other.released),
            (&mut self.held, other.held),
            (&mut self.denied, other.denied),
            (&mut self.counted, other.counted),
            (&mut self.unavailable, other.unavailable),
            (&mut self.stale, other.stale),
            (&mut self.full, other.full),
            (&mut self.crashes, other.crashes),
            (&mut self.cancelled, other.cancelled),
        ] {
            *total = total.saturating_add(more);
        }
        self.trace.extend(other.trace);
    }
}

fn run_one(seed: u64, settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let fail = |violation, trace| Failure { seed, violation, trace };
    let mut world =
        World::new(seed, settings.broken).map_err(|violation| fail(violation, Vec::new()))?;
    let result = Run::new(&mut world, report).finish();
    let result = result.and_then(|()| properties::at_the_end(&mut world));
    let trace = core::mem::take(&mut world.trace);
    result.map_err(|violation| fail(violation, trace.clone()))?;
    // Height, log root and state digest stand for every byte of the ledger.
    let ledger = secnet_types::encode(&world.process.log.chain.executor().position());
    let before = report.digest.map_or([0; 32], |digest| digest.0);
    let lines = trace.join("\n");
    let parts: [&[u8]; 3] = [&before, &ledger, lines.as_bytes()];
    report.digest = Some(Digest::of_parts("secnet/sim/run/v1", &parts));
    report.seeds = report.seeds.saturating_add(1);
    if settings.traces {
        report.trace.extend(trace);
    }
    Ok(())
}

struct Task {
    number: usize,
    wish: Arc<Wish>,
    expect: Expect,
    future: BoxFuture<'static, Done>,
    /// What had been erased for good when the attempt began.
    erased: BTreeSet<RecordId>,
}

struct Run<'w> {
    world: &'w mut World,
    report: &'w mut Report,
    tasks: Vec<Task>,
    begun: usize,
    fruitless: usize,
    until_crash: usize,
}

impl<'w> Run<'w> {
    fn new(world: &'w mut World, report: &'w mut Report) -> Self {
        let until_crash = world.chance.below(800);
        Self { world, report, tasks: Vec::new(), begun: 0, fruitless: 0, until_crash }
    }

    fn finish(mut self) -> Result<(), Violation> {
        self.fund_everybody()?;
        for _ in 0..MAX_POLLS {
            // What meets a release under way has to begin at once.
            let most = match self.world.watch.lock().leaving {
                Some(_) => MAX_TASKS.saturating_add(1),
                None => MAX_TASKS,
            };
            if self.begun < WISHES && self.tasks.len() < most {
                self.begin()?;
            }
            if self.tasks.is_empty() {
                if self.begun >= WISHES {
                    return Ok(());
                }
                continue;
            }
            self.until_crash = self.until_crash.saturating_sub(1);
            if self.world.process.is_full() {
                self.until_crash = self.until_crash.min(FULL_POLLS);
            }
            if self.until_crash == 0 || self.world.process.gate.is_dead() {
                self.crash()?;
                continue;
            }
            self.poll_one()?;
        }
        Err(Violation::of("liveness", "the run does not end".into()))
    }

    fn fund_everybody(&mut self) -> Result<(), Violation> {
        for who in crate::cast::ASKERS {
            let (now, to) = (self.world.now(), self.world.id_of(who));
            let to = to.ok_or_else(|| Violation::setup("no such actor"))?;
            let world = &mut *self.world;
            let command = world.cast.issue(&mut world.chance, now, to).to_bytes();
            let submitted = world.alone(world.process.log.as_ref().submit_now(command));
            if submitted.is_err() {
                // The disk failed that early.
                self.crash()?;
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Violation> {
        let wanted = match self.begun {
            0..2 => Some(self.world.register()?),
            2..5 => self.world.grant()?,
            _ => self.world.next_wish()?,
        };
        let Some((wish, expect)) = wanted else {
            // Nothing of the kind is possible now; while others are under way that may change.
            self.fruitless = self.fruitless.saturating_add(1);
            self.begun = self.begun.saturating_add(usize::from(self.fruitless.is_multiple_of(8)));
            return Ok(());
        };
        self.begun = self.begun.saturating_add(1);
        let number = self.begun;
        self.world.note(format!("{number} {} wanted ({expect:?})", wish.word()));
        let future = self.attempt(&wish);
        let erased = self.world.known.erased.clone();
        self.tasks.push(Task { number, wish, expect, future, erased });
        Ok(())
    }

    fn attempt(&self, wish: &Arc<Wish>) -> BoxFuture<'static, Done> {
        let (wish, process) = (Arc::clone(wish), self.world.process.clone());
        Box::pin(async move { wish.attempt(&process).await })
    }

    fn poll_one(&mut self) -> Result<(), Violation> {
        let at = self.world.chance.below(self.tasks.len());
        if self.world.chance.one_in(250) {
            // The caller went away half-way, the process lives on; the caller comes back.
            self.report.cancelled = self.report.cancelled.saturating_add(1);
            return self.again(at);
        }
        let Some(task) = self.tasks.get_mut(at) else { return Ok(()) };
        let waker = noop_waker();
        let polled = task.future.as_mut().poll(&mut Context::from_waker(&waker));
        let Poll::Ready(done) = polled else { return properties::after_every_poll(self.world) };
        if self.world.process.gate.is_dead() {
            // The process died before it could answer.
            return Ok(());
        }
        let task = self.tasks.swap_remove(at);
        self.conclude(task, done)?;
        self.pass_time();
        properties::after_every_step(self.world)
    }

    fn again(&mut self, at: usize) -> Result<(), Violation> {
        let Some(wish) = self.tasks.get(at).map(|task| Arc::clone(&task.wish)) else {
            return Ok(());
        };
        let future = self.attempt(&wish);
        let erased = self.world.known.erased.clone();
        if let Some(task) = self.tasks.get_mut(at) {
            self.world.trace.push(format!("{} {} again", task.number, wish.word()));
            task.future = future;
            task.erased = erased;
        }
        Ok(())
    }

    /// Everything in memory is gone; whoever got no answer asks again, or gives up.
    fn crash(&mut self) -> Result<(), Violation> {
        self.report.crashes = self.report.crashes.saturating_add(1);
        let process = &self.world.process;
        let full = process.is_full() && !process.gate.is_dead();
        self.report.full = self.report.full.saturating_add(u64::from(full));
        self.until_crash = self.world.chance.below(1500).saturating_add(50);
        let tasks = core::mem::take(&mut self.tasks);
        let left: Vec<_> = tasks
            .into_iter()
            .map(|Task { number, wish, expect, .. }| (number, wish, expect))
            .collect();
        self.world.note("the process dies".into());
        properties::after_every_poll(self.world)?;
        let again = self.world.chance.one_in(2);
        self.world.restart(again)?;
        properties::after_a_crash(self.world)?;
        for (number, wish, expect) in left {
            if self.world.chance.one_in(8) {
                self.world.note(format!("{number} {} given up", wish.word()));
                continue;
            }
            let future = self.attempt(&wish);
            let erased = self.world.known.erased.clone();
            self.tasks.push(Task { number, wish, expect, future, erased });
        }
        Ok(())
    }

    fn pass_time(&mut self) {
        let ms = match self.world.chance.below(240) {
            0 => 26 * 60 * 60 * 1000,
            1..=2 => 65 * 60 * 1000,
            3..=8 => 4 * 60 * 1000,
            _ => self.world.chance.below(4000) as u64,
        };
        self.world.clock.advance(ms);
        match self.world.chance.below(60) {
            0 => self.world.process.log.set_silence(self.world.chance.below(20_000) as u64),
            1..=9 => self.world.process.log.set_silence(0),
            _ => {}
        }
    }

    fn conclude(&mut self, task: Task, done: Done) -> Result<(), Violation> {
        let Task { number, wish, expect, erased, .. } = task;
        self.report.answered = self.report.answered.saturating_add(1);
        let line = match &done {
            Done::Released(released) => format!("released {} records", released.records.len()),
            Done::Held(..) => "held".to_owned(),
            Done::Denied(class, _) => format!("denied: {}", class.as_str()),
            other => format!("{other:?}"),
        };
        self.world.note(format!("{number} {}: {line}", wish.word()));
        properties::of_an_answer(self.world, &wish, &expect, &done, &erased)?;
        let known = &mut self.world.known;
        let command = wish.command_bytes();
        match done {
            Done::Committed(committed) => {
                if let Some(given) = wish.grant().and_then(|id| known.grants.get_mut(&id)) {
                    given.event = Some(committed.event);
                }
                if matches!(wish.as_ref(), Wish::TakeIn { .. }) {
                    known.taken.push(Arc::clone(&wish));
                }
                if let Some(command) = command {
                    known.acknowledged.push((committed.event, Digest::of(&command)));
                    known.applied.push(command);
                }
                match expect {
                    Expect::Ends(ending) => self.world.ends(ending),
                    Expect::Transfers(dataset) => {
                        self.world.ends(Ending::Transferred(dataset, committed.event));
                    }
                    Expect::Erases => known.erased.extend(wish.erased()),
                    Expect::Delegates(at) => known.delegations.made_at(at, committed.event),
                    Expect::EndsDelegation(owner) => {
                        known.delegations.ended_at(owner, committed.event);
                    }
                    Expect::Unentitled { .. } | Expect::Any | Expect::Refused | Expect::Replay => {}
                }
            }
            Done::Released(released) => {
                if self.world.broken == Some(Broken::PlainCopies) {
                    self.world.keep_plain(&released.records);
                }
                self.report.released = self.report.released.saturating_add(1);
                self.world.known.receipts.push(*released.receipt);
            }
            Done::Held(decision, receipt) => {
                self.report.held = self.report.held.saturating_add(1);
                known.receipts.push(*receipt);
                if let Wish::Access(asking) = wish.as_ref() {
                    known.holds.insert(decision, (asking.dataset, Arc::clone(&wish)));
                }
            }
            Done::Denied(_, receipt) => {
                self.report.denied = self.report.denied.saturating_add(1);
                let counted = SignedCommand::parse(&receipt.command).is_ok_and(|command| {
                    matches!(command.value.operation, Operation::SummariseDenials { .. })
                });
                self.report.counted = self.report.counted.saturating_add(u64::from(counted));
                known.receipts.push(*receipt);
            }
            Done::Failed(error) => {
                unexpected(&error)?;
                self.report.count(&error);
            }
            Done::NotVisible | Done::Looked => {}
            Done::Wrong(what) => return Err(Violation::of("P5", what)),
        }
        self.follow_keys();
        Ok(())
    }

    fn follow_keys(&mut self) {
        for at in 0..self.world.cast.people.len() {
            let id = self.world.id_of(at);
            let current = id.and_then(|id| self.world.view(|v| v.state.member(id).map(|m| m.key)));
            if let (Some(actor), Some(Some(key))) = (self.world.cast.people.get_mut(at), current) {
                actor.follow(key);
            }
        }
    }
}

/// Nobody tampers here: nothing may be found damaged.
fn unexpected(error: &AccessError) -> Result<(), Violation> {
    match error {
        AccessError::Damaged(_)
        | AccessError::Archive(ArchiveError::Damaged(_))
        | AccessError::Log(LogError::Damaged(_))
        | AccessError::Vault(
            VaultError::Missing(_) | VaultError::Quarantined(_) | VaultError::Range(_),
        ) => Err(Violation::of("P11", format!("damage that nobody did: {error}"))),
        _ => Ok(()),
    }
}
