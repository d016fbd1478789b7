//! One simulated world: what is durable, what runs, what was promised to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use secnet_app::ports::{Archive as _, Change, Clock, Entropy, EntryKind, EntryName, View};
use secnet_app::{DenialQuota, LocalRelease, Parts, Pdc};
use secnet_crypto::{Address, SealKeyPair};
use secnet_lock::UploadId;
use secnet_node::Chain;
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_types::{
    AskId, Condition, DatasetId, DecisionId, DenialId, Feature, GrantDetail, GrantId, Label,
    Labels, MemberId, Operation, Receipt, RecordId, RecordMeta, RequestId, Rule, RuleAction,
    RuleListing, RuleScope, Timestamp,
};
use secnet_vault::{Folder as _, OpenArchiveError, PrivateArchive, SegmentVault, StorageKey};

use crate::attack::Smuggled;
use crate::cast::Cast;
use crate::chance::{Chance, SimEntropy};
use crate::clock::SimClock;
use crate::delegations::Delegations;
use crate::endings::Ending;
use crate::folder::{FaultyFolder, Image};
use crate::gate::{Gate, run_alone};
use crate::job::Asking;
use crate::log::{SimLog, store_on};
use crate::objects::FolderStore;
use crate::plot::Details;
use crate::properties::Violation;
use crate::release::{SimRelease, Watch};
use crate::run::Broken;
use crate::stored::{SimArchive, SimVault};

/// The next stream of randomness, if it is deliberately another one in every run.
static OTHER_STREAM: AtomicU64 = AtomicU64::new(1_000);

/// Few enough denials that some runs go beyond.
const DENIALS: DenialQuota = DenialQuota { recorded: 1, summaries: 2 };

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
    pub(crate) emergency: bool,
    /// Index of its event, once somebody was told.
    pub(crate) event: Option<u64>,
}

/// The world's own knowledge: what was signed, by whom, about what. Whether the ledger has it is asked there.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) datasets: BTreeMap<DatasetId, Owned>,
    pub(crate) contents: BTreeMap<RecordId, Vec<u8>>,
    pub(crate) places: BTreeMap<RecordId, (Address, core::ops::Range<u64>)>,
    pub(crate) uploads: BTreeMap<RecordId, UploadId>,
    pub(crate) grants: BTreeMap<GrantId, Given>,
    pub(crate) asks: BTreeMap<AskId, (DatasetId, usize, GrantDetail)>,
    /// Who denied, and what ends with it; nothing if it is only a part.
    pub(crate) denials: BTreeMap<DenialId, (usize, Option<Ending>)>,
    pub(crate) delegations: Delegations,
    /// What was taken in, to be handed in again.
    pub(crate) taken: Vec<Arc<crate::job::Wish>>,
    /// Ends that somebody has begun to take back: they are not counted on any more.
    pub(crate) pardoned: Vec<Ending>,
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
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) pdc: Arc<Pdc>,
    pub(crate) log: Arc<SimLog>,
    pub(crate) archive: Arc<SimArchive>,
    pub(crate) vault: Arc<SimVault>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) broken: Option<Broken>,
}

/// What three disks hold after a crash.
#[derive(Clone)]
pub(crate) struct Images {
    pub(crate) ledger: Vec<u8>,
    pub(crate) archive: Image,
    pub(crate) vault: Image,
}

/// How the three disks fail.
#[derive(Clone, Copy, Default)]
struct Plans {
    ledger: Plan,
    archive: Plan,
    vault: Plan,
}

impl Plans {
    fn fail(&self) -> bool {
        [self.ledger, self.archive, self.vault]
            .iter()
            .any(|plan| plan.crash_at.is_some() || plan.full_at.is_some())
    }
}

struct Disks {
    ledger: FaultyDisk,
    archive: FaultyFolder,
    vault: FaultyFolder,
}

impl Disks {
    fn new(images: Images, plans: Plans) -> Self {
        Self {
            ledger: FaultyDisk::with_image(images.ledger, plans.ledger),
            archive: FaultyFolder::with_image(images.archive, plans.archive),
            vault: FaultyFolder::with_image(images.vault, plans.vault),
        }
    }

    fn after_crash(&self) -> Images {
        Images {
            ledger: self.ledger.after_crash(),
            archive: self.archive.after_crash(),
            vault: self.vault.after_crash(),
        }
    }
}

impl Process {
    /// A disk is full: nothing gets on until somebody makes room and starts again.
    pub(crate) fn is_full(&self) -> bool {
        self.log.is_failing() || self.archive.folder.is_full() || self.vault.folder.is_full()
    }

    /// What is found if everything stops now.
    pub(crate) fn after_crash(&self) -> Images {
        Images {
            ledger: self.log.disk.after_crash(),
            archive: self.archive.folder.after_crash(),
            vault: self.vault.folder.after_crash(),
        }
    }
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) broken: Option<Broken>,
    pub(crate) chance: Chance,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) cast: Cast,
    pub(crate) watch: Arc<Mutex<Watch>>,
    pub(crate) entropy: Arc<SimEntropy>,
    pub(crate) process: Process,
    pub(crate) known: Known,
    pub(crate) details: Details,
    pub(crate) smuggled: Smuggled,
    pub(crate) scan: crate::properties::Scan,
    pub(crate) trace: Vec<String>,
    /// How long requests live, in milliseconds.
    pub(crate) request_lifetime_ms: u64,
    /// The store's file as it was at the beginning.
    pub(crate) first_image: Vec<u8>,
}

/// What a process is made of beside its disks.
struct Surroundings<'a> {
    cast: &'a Cast,
    clock: &'a Arc<SimClock>,
    watch: &'a Arc<Mutex<Watch>>,
    entropy: &'a Arc<SimEntropy>,
    broken: Option<Broken>,
}

impl Surroundings<'_> {
    /// Start a process on these disks. Fails if a disk crashes meanwhile, or with what was found damaged.
    fn start(&self, disks: &Disks, chance: Chance) -> Result<Process, Violation> {
        let damaged = |what: &str, error: &dyn core::fmt::Display| {
            Violation::of("P11", format!("the {what} does not open after a crash: {error}"))
        };
        let entropy: Arc<dyn Entropy> = Arc::clone(self.entropy) as _;
        let chain = SimLog::open(&disks.ledger, Arc::clone(&self.cast.sequencer))
            .map_err(|error| damaged("ledger", &error))?;
        let archive =
            archive_in(&disks.archive, self.cast, &entropy).map_err(|e| damaged("archive", &e))?;
        let gate = Arc::new(Gate::default());
        let log = Arc::new(SimLog::new(
            chain,
            disks.ledger.clone(),
            Arc::clone(self.clock),
            Arc::clone(&gate),
            chance,
            self.broken,
        ));
        let archive = Arc::new(SimArchive {
            archive,
            folder: disks.archive.clone(),
            gate: Arc::clone(&gate),
            watch: Arc::clone(self.watch),
        });
        let objects = FolderStore::new(disks.vault.clone(), Arc::clone(&gate));
        let vault = Arc::new(SimVault {
            vault: SegmentVault::on(Arc::new(objects)),
            folder: disks.vault.clone(),
            gate: Arc::clone(&gate),
            log: Arc::clone(&log),
            watch: Arc::clone(self.watch),
        });
        let node = SealKeyPair::from_seed(self.cast.release_node);
        let release = SimRelease {
            node: LocalRelease::new(
                node,
                Arc::clone(&entropy),
                Arc::clone(&log) as _,
                Arc::clone(self.clock) as _,
            ),
            gate: Arc::clone(&gate),
            log: Arc::clone(&log),
            archive: disks.archive.clone(),
            watch: Arc::clone(self.watch),
        };
        let parts = Parts {
            log: Arc::clone(&log) as _,
            vault: Arc::clone(&vault) as _,
            archive: Arc::clone(&archive) as _,
            release: Arc::new(release),
            clock: Arc::clone(self.clock) as _,
            entropy,
            signer: Arc::clone(&self.cast.pdc.key) as _,
            member: self.cast.pdc.id,
            doors: Arc::default(),
            sealing: Box::new(SealKeyPair::from_seed(*self.cast.pdc.sealing.secret.seed())),
        };
        let pdc = run_alone(&gate, Pdc::new(parts)).map_err(|error| damaged("guard", &error))?;
        let pdc = pdc.with_denial_quota(DENIALS);
        Ok(Process { pdc: Arc::new(pdc), log, archive, vault, gate, broken: self.broken })
    }
}

impl Surroundings<'_> {
    /// Start a process; if a disk crashes while it starts, start again on disks that do not.
    fn boot(&self, images: Images, plans: Plans, chance: Chance) -> Result<Process, Violation> {
        let disks = Disks::new(images, plans);
        match self.start(&disks, chance.clone()) {
            // What is damaged for good fails the second time as well.
            Err(_) if plans.fail() => {
                let calm = |plan| Plan { crash_at: None, full_at: None, ..plan };
                let Plans { ledger, archive, vault } = plans;
                let plans =
                    Plans { ledger: calm(ledger), archive: calm(archive), vault: calm(vault) };
                self.start(&Disks::new(disks.after_crash(), plans), chance)
            }
            other => other,
        }
    }
}

/// The real archive in a folder.
pub(crate) fn archive_in(
    folder: &FaultyFolder,
    cast: &Cast,
    entropy: &Arc<dyn Entropy>,
) -> Result<PrivateArchive, OpenArchiveError> {
    let key = StorageKey::from_bytes(cast.storage_key);
    PrivateArchive::open_in(Arc::new(folder.clone()), key, Arc::clone(entropy))
}

impl World {
    pub(crate) fn new(seed: u64, broken: Option<Broken>) -> Result<Self, Violation> {
        let mut chance = Chance::new(seed, 0);
        let cast = Cast::new(&mut chance);
        let clock = Arc::new(SimClock::new());
        let stream = match broken {
            Some(Broken::OtherRandomness) => OTHER_STREAM.fetch_add(1, Ordering::Relaxed),
            _ => 1,
        };
        let entropy = Arc::new(SimEntropy::new(Chance::new(seed, stream)));
        let watch = Arc::default();
        let disk = FaultyDisk::new(Plan { seed, ..Plan::default() });
        store_on(&disk, true)
            .and_then(|store| {
                Chain::create(store, cast.genesis.clone(), Arc::clone(&cast.sequencer))
            })
            .map_err(Violation::setup)?;
        let surroundings =
            Surroundings { cast: &cast, clock: &clock, watch: &watch, entropy: &entropy, broken };
        let images =
            Images { ledger: disk.after_crash(), archive: Image::new(), vault: Image::new() };
        // The archive is made on a disk that may fail already.
        let crash_at = Some(chance.below(120) as u64);
        let archive = Plan { seed: chance.number(), crash_at, ..Plan::default() };
        let plans = Plans { archive, ..Plans::default() };
        let process = surroundings.boot(images, plans, Chance::new(seed, 2))?;
        let mut world = Self {
            seed,
            broken,
            chance,
            clock,
            cast,
            watch,
            entropy,
            process,
            known: Known::default(),
            details: Details::default(),
            smuggled: Smuggled::default(),
            scan: crate::properties::Scan::default(),
            trace: Vec::new(),
            request_lifetime_ms: crate::plot::REQUEST_LIFETIME_MS,
            first_image: Vec::new(),
        };
        world.restart(false)?;
        world.install_rule()?;
        world.first_image = world.process.log.disk.after_crash();
        // From here on the disks fail as planned.
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
        let body = Change { name, value: Some(secnet_types::encode(&rule)) };
        self.alone(self.process.archive.write(vec![body])).map_err(Violation::setup)?;
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

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            cast: &self.cast,
            clock: &self.clock,
            watch: &self.watch,
            entropy: &self.entropy,
            broken: self.broken,
        }
    }

    /// The process has died: start another one from what is durable.
    pub(crate) fn restart(&mut self, may_crash_again: bool) -> Result<(), Violation> {
        let images = self.process.after_crash();
        let plans = self.plans(may_crash_again);
        let chance = Chance::new(self.chance.number(), 3);
        let process = self.surroundings().boot(images, plans, chance)?;
        self.process = process;
        self.scan = crate::properties::Scan::default();
        Ok(())
    }

    /// Which disk fails next, and how. A full one stays full until the next start: somebody made room.
    fn plans(&mut self, fails: bool) -> Plans {
        let broken = self.broken;
        let mut plan = |lies| Plan {
            seed: self.chance.number(),
            lie_about_sync: broken == Some(lies),
            ..Plan::default()
        };
        let mut plans = Plans {
            ledger: plan(Broken::LyingDisk),
            archive: plan(Broken::ForgetfulArchive),
            vault: plan(Broken::ForgetfulVault),
        };
        if fails {
            let (plan, operations) = match self.chance.below(5) {
                0..=1 => (&mut plans.ledger, 400),
                2..=3 => (&mut plans.archive, 1200),
                _ => (&mut plans.vault, 60),
            };
            let at = Some(self.chance.below(operations) as u64);
            match self.chance.one_in(4) {
                true => plan.full_at = at,
                false => plan.crash_at = at,
            }
        }
        plans
    }

    /// Another process on a copy of all that is durable, for questions that must not change the world.
    pub(crate) fn fork(&self) -> Result<Process, Violation> {
        self.fork_on(self.process.after_crash())
    }

    /// As [`World::fork`], on these images.
    pub(crate) fn fork_on(&self, images: Images) -> Result<Process, Violation> {
        let entropy = Arc::new(SimEntropy::new(Chance::new(self.seed, 4)));
        let surroundings =
            Surroundings { entropy: &entropy, watch: &Arc::default(), ..self.surroundings() };
        let disks = Disks::new(images, Plans::default());
        surroundings.start(&disks, Chance::new(self.seed, 5))
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

    /// Somebody was told that this has ended.
    pub(crate) fn ends(&self, ending: Ending) {
        if !self.known.pardoned.contains(&ending) {
            self.watch.lock().endings.push(ending);
        }
    }

    /// A deliberately broken client keeps what it opened where the ciphertext is.
    pub(crate) fn keep_plain(&self, records: &[(RecordId, Vec<u8>)]) {
        let folder = &self.process.vault.folder;
        for (id, plain) in records {
            // If the disk fails here, there is no copy to be found.
            let Ok(file) = folder.create(&format!("copies/{id}")) else { continue };
            let _written = file.set_len(plain.len() as u64).and_then(|()| file.write(0, plain));
        }
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
