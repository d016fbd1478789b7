//! One simulated world: what is durable, what runs, what was promised to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_app::ports::{Clock, EntryKind, EntryName, View};
use secnet_app::{LocalRelease, Parts, Pdc};
use secnet_crypto::{Address, SealKeyPair};
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::{Chain, ChainError};
use secnet_types::{
    AskId, Condition, DatasetId, DecisionId, DenialId, Feature, GrantDetail, GrantId, Label,
    Labels, MemberId, Operation, Receipt, RecordId, RecordMeta, RequestId, Rule, RuleAction,
    RuleListing, RuleScope, Timestamp,
};

use crate::attack::Smuggled;
use crate::cast::Cast;
use crate::chance::{Chance, SimEntropy};
use crate::clock::SimClock;
use crate::gate::{Gate, run_alone};
use crate::job::Asking;
use crate::log::{SimLog, store_on};
use crate::plot::Details;
use crate::properties::Violation;
use crate::release::{SimRelease, Watch};
use crate::run::Broken;
use crate::stored::{Entries, Reads, Segments, SimArchive, SimVault};

/// A dataset as its owner sees it.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) owner: usize,
    pub(crate) records: Vec<RecordMeta>,
}

/// A grant as it was signed.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) dataset: DatasetId,
    pub(crate) grantee: usize,
    pub(crate) detail: GrantDetail,
}

/// The world's own knowledge: what was signed, by whom, about what. Whether the ledger has it is asked there.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) datasets: BTreeMap<DatasetId, Owned>,
    pub(crate) contents: BTreeMap<RecordId, Vec<u8>>,
    pub(crate) places: BTreeMap<RecordId, (Address, core::ops::Range<u64>)>,
    pub(crate) grants: BTreeMap<GrantId, Given>,
    pub(crate) asks: BTreeMap<AskId, (DatasetId, usize, GrantDetail)>,
    pub(crate) denials: BTreeMap<DenialId, usize>,
    /// Holds that were answered to a requester, with the call to retry.
    pub(crate) holds: BTreeMap<DecisionId, (DatasetId, Arc<crate::job::Wish>)>,
    pub(crate) sessions: Vec<(usize, Arc<secnet_crypto::SigningKey>)>,
    pub(crate) requests: BTreeMap<(MemberId, RequestId), Arc<crate::job::Wish>>,
    /// Records whose erasure was acknowledged.
    pub(crate) erased: BTreeSet<RecordId>,
    /// Bytes that must never be seen on the ledger.
    pub(crate) secrets: Vec<(&'static str, Vec<u8>)>,
    /// Commands that were applied, to be replayed.
    pub(crate) applied: Vec<Vec<u8>>,
    /// Receipts that clients keep.
    pub(crate) receipts: Vec<Receipt>,
    /// Commands that were acknowledged: event index and the digest of the command.
    pub(crate) acknowledged: Vec<(u64, secnet_types::Digest)>,
}

/// The process that dies, as one piece.
pub(crate) struct Process {
    pub(crate) pdc: Arc<Pdc>,
    pub(crate) log: Arc<SimLog>,
    pub(crate) gate: Arc<Gate>,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) broken: Option<Broken>,
    pub(crate) chance: Chance,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) cast: Cast,
    pub(crate) entries: Entries,
    pub(crate) before: Entries,
    pub(crate) segments: Segments,
    pub(crate) reads: Reads,
    pub(crate) watch: Arc<Mutex<Watch>>,
    pub(crate) entropy: Arc<SimEntropy>,
    pub(crate) process: Process,
    pub(crate) known: Known,
    pub(crate) details: Details,
    pub(crate) smuggled: Smuggled,
    pub(crate) scan: crate::properties::Scan,
    pub(crate) trace: Vec<String>,
    /// Somebody has begun to erase.
    pub(crate) shredding: bool,
    /// How long requests live, in milliseconds.
    pub(crate) request_lifetime_ms: u64,
    /// The store's file as it was at the beginning.
    pub(crate) first_image: Vec<u8>,
}

/// Where the parts of a process find what is durable.
pub(crate) struct Surroundings<'a> {
    pub(crate) cast: &'a Cast,
    pub(crate) clock: &'a Arc<SimClock>,
    pub(crate) entries: &'a Entries,
    pub(crate) before: &'a Entries,
    pub(crate) segments: &'a Segments,
    pub(crate) reads: &'a Reads,
    pub(crate) watch: &'a Arc<Mutex<Watch>>,
    pub(crate) entropy: &'a Arc<SimEntropy>,
    pub(crate) broken: Option<Broken>,
}

impl Surroundings<'_> {
    pub(crate) fn start(
        &self,
        chain: Chain,
        disk: FaultyDisk,
        chance: Chance,
    ) -> Result<Process, Violation> {
        let gate = Arc::new(Gate::default());
        let log = SimLog::new(
            chain,
            disk,
            Arc::clone(self.clock),
            Arc::clone(&gate),
            chance,
            self.broken,
        );
        let log = Arc::new(log);
        let archive = SimArchive {
            entries: Arc::clone(self.entries),
            before: Arc::clone(self.before),
            forgetful: self.broken == Some(Broken::ForgetfulArchive),
            gate: Arc::clone(&gate),
        };
        let vault = SimVault {
            segments: Arc::clone(self.segments),
            gate: Arc::clone(&gate),
            reads: Arc::clone(self.reads),
        };
        let node = SealKeyPair::from_seed(self.cast.release_node);
        let entropy: Arc<dyn secnet_app::ports::Entropy> = Arc::clone(self.entropy) as _;
        let release = SimRelease {
            node: LocalRelease::new(
                node,
                Arc::clone(&entropy),
                Arc::clone(&log) as _,
                Arc::clone(self.clock) as _,
            ),
            gate: Arc::clone(&gate),
            log: Arc::clone(&log),
            watch: Arc::clone(self.watch),
        };
        let parts = Parts {
            log: Arc::clone(&log) as _,
            vault: Arc::new(vault),
            archive: Arc::new(archive),
            release: Arc::new(release),
            clock: Arc::clone(self.clock) as _,
            entropy,
            signer: Arc::clone(&self.cast.pdc.key) as _,
            member: self.cast.pdc.id,
        };
        let pdc = run_alone(&gate, Pdc::new(parts)).map_err(Violation::setup)?;
        Ok(Process { pdc: Arc::new(pdc), log, gate })
    }
}

impl World {
    pub(crate) fn new(seed: u64, broken: Option<Broken>) -> Result<Self, Violation> {
        let mut chance = Chance::new(seed, 0);
        let cast = Cast::new(&mut chance);
        let clock = Arc::new(SimClock::new());
        let entropy = Arc::new(SimEntropy::new(Chance::new(seed, 1)));
        let (entries, segments) = (Entries::default(), Segments::default());
        let before = Entries::default();
        let (reads, watch) = (Arc::default(), Arc::default());
        let plan =
            Plan { seed, lie_about_sync: broken == Some(Broken::LyingDisk), ..Plan::default() };
        let disk = FaultyDisk::new(Plan { lie_about_sync: false, ..plan });
        let chain = store_on(&disk, true)
            .and_then(|store| {
                Chain::create(store, cast.genesis.clone(), Arc::clone(&cast.sequencer))
            })
            .map_err(Violation::setup)?;
        let surroundings = Surroundings {
            cast: &cast,
            clock: &clock,
            entries: &entries,
            before: &before,
            segments: &segments,
            reads: &reads,
            watch: &watch,
            entropy: &entropy,
            broken,
        };
        let process = surroundings.start(chain, disk, Chance::new(seed, 2))?;
        let mut world = Self {
            seed,
            broken,
            chance,
            clock,
            cast,
            entries,
            before,
            segments,
            reads,
            watch,
            entropy,
            process,
            known: Known::default(),
            details: Details::default(),
            smuggled: Smuggled::default(),
            scan: crate::properties::Scan::default(),
            trace: Vec::new(),
            shredding: false,
            request_lifetime_ms: crate::plot::REQUEST_LIFETIME_MS,
            first_image: Vec::new(),
        };
        // From here on the disk fails as planned.
        world.install_rule()?;
        world.first_image = world.process.log.disk.after_crash();
        world.restart(true)?;
        world.make_compartments()?;
        Ok(world)
    }

    /// The data centre holds what is about mental health until the owner has answered.
    fn install_rule(&mut self) -> Result<(), Violation> {
        let labels =
            Condition::any_of(Feature::Labels, &["mental-health"]).map_err(Violation::setup)?;
        let expires = crate::clock::START.plus_ms(200 * 24 * 60 * 60 * 1000);
        let rule = Rule::new(RuleAction::Hold, vec![labels], RuleScope::ALL, expires);
        let rule = rule.map_err(Violation::setup)?;
        let name = EntryName::new(EntryKind::Rule, &[], &rule.id().0);
        self.entries.lock().insert(name, secnet_types::encode(&rule));
        let listing = RuleListing {
            rule: rule.id(),
            price: secnet_types::Amount::ZERO,
            evidence: secnet_types::Digest::ZERO,
            expires,
        };
        let install = Operation::InstallRule { rule: rule.id(), until: expires, simulate: false };
        for operation in [Operation::PublishRule { listing }, install] {
            let now = self.now();
            let command = self.cast.sign(&mut self.chance, now, &self.cast.pdc, operation);
            let submitted = self.process.log.submit_now(command.to_bytes());
            self.alone(submitted).map_err(Violation::setup)?;
        }
        Ok(())
    }

    /// Owners have keys for every kind of record from the beginning: a grant covers what was there when it was signed.
    fn make_compartments(&mut self) -> Result<(), Violation> {
        for actor in &self.cast.people {
            let mut keys = actor.compartments.lock();
            for category in crate::plot::CATEGORIES {
                for labels in [Labels::NONE, Labels::NONE.with(Label::MentalHealth)] {
                    keys.ensure(actor.id, category, labels, self.chance.rng())
                        .map_err(Violation::setup)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            cast: &self.cast,
            clock: &self.clock,
            entries: &self.entries,
            before: &self.before,
            segments: &self.segments,
            reads: &self.reads,
            watch: &self.watch,
            entropy: &self.entropy,
            broken: self.broken,
        }
    }

    /// The process has died: start another one from what is durable.
    pub(crate) fn restart(&mut self, may_crash_again: bool) -> Result<(), Violation> {
        if self.broken == Some(Broken::ForgetfulArchive) && !self.before.lock().is_empty() {
            let before = self.before.lock().clone();
            *self.entries.lock() = before;
        }
        let image = self.process.log.disk.after_crash();
        let crash_at = may_crash_again.then(|| self.chance.below(400)).map(|at| at as u64);
        let lie_about_sync = self.broken == Some(Broken::LyingDisk);
        let plan = Plan { seed: self.chance.number(), crash_at, lie_about_sync, full_at: None };
        let open = |disk: &FaultyDisk| SimLog::open(disk, Arc::clone(&self.cast.sequencer));
        let mut disk = FaultyDisk::with_image(image.clone(), plan);
        let chain: Result<Chain, ChainError> = open(&disk);
        let chain = match chain {
            Err(_) if disk.crashed() => {
                // It crashed again while it was being opened.
                let image = disk.after_crash();
                disk = FaultyDisk::with_image(image, Plan { crash_at: None, ..plan });
                open(&disk)
            }
            other => other,
        };
        let chain = chain.map_err(|error| {
            Violation::of("P11", format!("the ledger does not open after a crash: {error}"))
        })?;
        let chance = Chance::new(self.chance.number(), 3);
        let process = self.surroundings().start(chain, disk, chance)?;
        self.process = process;
        self.scan = crate::properties::Scan::default();
        Ok(())
    }

    /// Another process on a copy of all that is durable, for questions that must not change the world.
    pub(crate) fn fork(&self) -> Result<Process, Violation> {
        let disk = FaultyDisk::with_image(self.process.log.disk.after_crash(), Plan::default());
        let chain =
            SimLog::open(&disk, Arc::clone(&self.cast.sequencer)).map_err(Violation::setup)?;
        let entries = Arc::new(Mutex::new(self.entries.lock().clone()));
        let segments = Arc::new(Mutex::new(self.segments.lock().clone()));
        let entropy = Arc::new(SimEntropy::new(Chance::new(self.seed, 4)));
        let (reads, watch) = (Arc::default(), Arc::default());
        let surroundings = Surroundings {
            entries: &entries,
            segments: &segments,
            entropy: &entropy,
            reads: &reads,
            watch: &watch,
            ..self.surroundings()
        };
        surroundings.start(chain, disk, Chance::new(self.seed, 5))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn view<T>(&self, reader: impl FnOnce(&View<'_>) -> T) -> Option<T> {
        self.process.pdc.view(reader)
    }

    /// Run something by itself in the present process, without crashes.
    pub(crate) fn alone<T>(&self, future: impl core::future::Future<Output = T>) -> T {
        run_alone(&self.process.gate, future)
    }

    pub(crate) fn note(&mut self, line: String) {
        self.trace.push(line);
    }
}

impl Asking {
    pub(crate) fn key(&self) -> (MemberId, RequestId) {
        (self.requester, self.request)
    }
}

/// A deliberately broken client keeps what it opened where the ciphertext is.
pub(crate) fn keep_plain(entries: &Entries, records: &[(RecordId, Vec<u8>)]) {
    for (id, plain) in records {
        let name = EntryName::new(EntryKind::Manifest, b"copies", &id.0);
        entries.lock().insert(name, plain.clone());
    }
}
