//! Validators in one deterministic simulation: the engine's own runtime and network by seed, our ledger and store, each on a
//! machine with a disk that loses what was not synced, and a clock that may be wrong.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{
    Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{
    Manager as _,
    simulated::{self, Link, Oracle},
};
use commonware_runtime::{
    Clock as _, Handle, Runner as _, Spawner as _, Supervisor as _,
    deterministic::{Config, Context, Runner},
};
use commonware_utils::{NZUsize, Probability, ordered::Set};
use secnet_app::ports::Clock;
use secnet_bft::node::{self, Channels, Parts, quota};
use secnet_bft::{Behind, BlockLimits, Counter, KnownEpochs, Ledger};
use secnet_crypto::SigningKey;
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::{Options, Store};
use secnet_node::{Chain, check_chain, store_options};
use secnet_types::{Genesis, Timestamp};

use crate::unruly::{Post, Unruly};
use crate::world::{Signer, genesis, key, validators};

pub(crate) const BEGINS: Timestamp = Timestamp(1_800_000_000_000);
pub(crate) const VALIDATORS: usize = 4;
/// No scenario takes longer, in simulated time.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(400);

/// A channel of a node.
pub(crate) type Both = (Unruly, simulated::Receiver<PublicKey>);

/// The clock of a machine.
struct MachineClock {
    runtime: Context,
    ahead_ms: Arc<AtomicI64>,
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let since = self.runtime.current().duration_since(UNIX_EPOCH).unwrap();
        let now = since.as_millis() as u64;
        Timestamp(now.saturating_add_signed(self.ahead_ms.load(Ordering::SeqCst)))
    }
}

/// What is there of a validator when its process is not.
pub(crate) struct Machine {
    pub(crate) key: SigningKey,
    pub(crate) disk: FaultyDisk,
    /// By how much its clock is ahead.
    pub(crate) ahead_ms: Arc<AtomicI64>,
    /// Is there no store yet?
    pub(crate) fresh: bool,
    /// Does it have its votes, and so vote?
    pub(crate) votes: bool,
    /// How often it has lost the engine's files.
    lost: u64,
    /// Where its store is, if on a disk of this machine that fails never.
    folder: Option<tempfile::TempDir>,
}

impl Machine {
    fn new(key: SigningKey) -> Self {
        let (disk, ahead_ms) = (FaultyDisk::new(Plan::default()), Arc::default());
        Self { key, disk, ahead_ms, fresh: true, votes: true, lost: 0, folder: None }
    }

    /// With its store in a folder, as ledgers are taken over there alone.
    pub(crate) fn in_folder(self) -> Self {
        Self { folder: Some(tempfile::tempdir().unwrap()), ..self }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.as_ref().unwrap().path()
    }

    /// A power cut: what is found afterwards, on a disk that will behave like this.
    pub(crate) fn lose_power(&mut self, plan: Plan) {
        self.disk = FaultyDisk::with_image(self.disk.after_crash(), plan);
    }

    pub(crate) fn lose_store(&mut self) {
        self.folder = self.folder.take().map(|_| tempfile::tempdir().unwrap());
        self.disk = FaultyDisk::new(Plan::default());
        self.fresh = true;
    }

    /// With them goes the right to vote.
    pub(crate) fn lose_votes(&mut self) {
        self.votes = false;
        self.lost += 1;
    }

    pub(crate) fn set_clock(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
    }

    /// Its chain, unless its disk fails meanwhile.
    fn chain(&mut self, genesis: &Genesis) -> Option<Chain> {
        let options = Options { cache_bytes: 16 << 20, ..store_options(self.fresh) };
        let store = match &self.folder {
            Some(folder) => Store::open(folder.path(), options),
            None => Store::open_with_backend(self.disk.clone(), options),
        };
        if !self.fresh {
            return Chain::open_agreed(store.ok()?).ok();
        }
        let chain = store.ok().and_then(|store| Chain::create_agreed(store, genesis.clone()).ok());
        match chain {
            Some(_) => self.fresh = false,
            // What was begun and not finished is begun anew.
            None => self.lose_store(),
        }
        chain
    }
}

/// A genesis, and a machine for each of its validators.
pub(crate) fn machines() -> (Genesis, Vec<Machine>) {
    let keys = validators(VALIDATORS);
    let genesis = genesis(BEGINS, &keys);
    (genesis, keys.into_iter().map(Machine::new).collect())
}

/// The same, and some more machines, which the genesis does not name.
pub(crate) fn machines_and_guests(guests: usize) -> (Genesis, Vec<Machine>) {
    let (genesis, mut all) = machines();
    all.extend((0..guests).map(|number| Machine::new(key(&format!("guest {number}")))));
    (genesis, all)
}

pub(crate) struct Running {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) epochs: KnownEpochs,
    handle: Handle<()>,
}

/// Machines, what runs on them, and what is between them.
pub(crate) struct Network {
    pub(crate) runtime: Context,
    pub(crate) oracle: Oracle<PublicKey, Context>,
    pub(crate) genesis: Genesis,
    pub(crate) machines: Vec<Machine>,
    pub(crate) running: Vec<Option<Running>>,
    pub(crate) post: Post,
    /// When a node takes over the ledger of another.
    pub(crate) behind: Behind,
    starts: u64,
    /// Which of them reach which.
    links: BTreeSet<(usize, usize)>,
}

pub(crate) fn private(key: &SigningKey) -> PrivateKey {
    PrivateKey::decode(Copying(key.seed().as_slice())).unwrap()
}

pub(crate) fn link(latency_ms: u64, jitter_ms: u64, delivered: u64) -> Link {
    Link {
        latency: Duration::from_millis(latency_ms),
        jitter: Duration::from_millis(jitter_ms),
        success_rate: Probability::new(delivered, 100).unwrap(),
    }
}

/// As between machines in one house.
pub(crate) fn near() -> Link {
    link(10, 4, 100)
}

impl Network {
    /// Nothing runs yet, and all reach each other like this.
    pub(crate) async fn new(
        runtime: Context,
        (genesis, machines): (Genesis, Vec<Machine>),
        between: &Link,
        seed: u64,
    ) -> Self {
        let limits = BlockLimits { network: genesis.network() };
        let max_size = node::max_payload_bytes(&limits);
        let config = simulated::Config {
            max_size: max_size as u32,
            max_peers_per_set: NonZeroUsize::new(machines.len()).unwrap(),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) = simulated::Network::new(runtime.child("network"), config);
        network.start();
        let running = machines.iter().map(|_| None).collect();
        let post = Post::new(&runtime, seed);
        let (starts, links, behind) = (0, BTreeSet::new(), Behind::default());
        let mut network =
            Self { runtime, oracle, genesis, machines, running, post, behind, starts, links };
        network.oracle.manager().track(0, network.ids());
        network.link_all(between).await;
        network
    }

    /// Everybody's keys.
    pub(crate) fn ids(&self) -> Set<PublicKey> {
        Set::from_iter_dedup(self.machines.iter().map(|machine| machine.id()))
    }

    /// Those of the validators that the network begins with.
    pub(crate) fn first_validators(&self) -> Set<PublicKey> {
        Set::from_iter_dedup(self.machines.iter().take(VALIDATORS).map(|machine| machine.id()))
    }

    /// What one says reaches the other like this, or not at all.
    pub(crate) async fn link(&mut self, from: usize, to: usize, link: Option<&Link>) {
        let (a, b) = (self.machines[from].id(), self.machines[to].id());
        if self.links.remove(&(from, to)) {
            self.oracle.remove_link(a.clone(), b.clone()).await.unwrap();
        }
        if let Some(link) = link {
            self.oracle.add_link(a, b, link.clone()).await.unwrap();
            self.links.insert((from, to));
        }
    }

    pub(crate) async fn link_all(&mut self, link: &Link) {
        self.part(&[], link).await;
    }

    /// These and the others no longer reach each other; all else do, like this.
    pub(crate) async fn part(&mut self, one_side: &[usize], link: &Link) {
        let count = self.machines.len();
        for from in 0..count {
            for to in (0..count).filter(|to| *to != from) {
                let together = one_side.contains(&from) == one_side.contains(&to);
                self.link(from, to, together.then_some(link)).await;
            }
        }
    }

    /// The channels of a validator, who tells these others alone.
    pub(crate) async fn channels(
        &self,
        me: &PublicKey,
        to: &[PublicKey],
    ) -> Channels<Unruly, simulated::Receiver<PublicKey>> {
        Channels {
            votes: self.channel(me, 0, to).await,
            certificates: self.channel(me, 1, to).await,
            resolver: self.channel(me, 2, to).await,
            blocks: self.channel(me, 3, to).await,
            backfill: self.channel(me, 4, to).await,
            commands: self.channel(me, 5, to).await,
            questions: self.channel(me, 6, to).await,
            handovers: self.channel(me, 7, to).await,
            cosignatures: self.channel(me, 9, to).await,
            snapshots: self.channel(me, 10, to).await,
        }
    }

    async fn channel(&self, me: &PublicKey, number: usize, to: &[PublicKey]) -> Both {
        let control = self.oracle.control(me.clone());
        let (sender, receiver) = control.register(number as u64, quota(number)).await.unwrap();
        (self.post.around(sender, to.to_vec()), receiver)
    }

    /// All but one.
    pub(crate) fn others(&self, index: usize) -> Vec<PublicKey> {
        let me = self.machines[index].id();
        self.ids().into_iter().filter(|id| *id != me).collect()
    }

    /// Start a machine's node with what there is on it. Not if its disk fails meanwhile.
    pub(crate) async fn start(&mut self, index: usize) -> bool {
        let Some(chain) = self.machines[index].chain(&self.genesis) else { return false };
        let channels = self.channels(&self.machines[index].id(), &self.others(index)).await;
        let machine = &self.machines[index];
        let partition = format!("validator-{index}-{}", machine.lost);
        let clock = Arc::clone(&machine.ahead_ms);
        let running = self.run((index, partition), clock, chain, channels);
        self.running[index] = Some(running);
        true
    }

    /// A node with the key of a machine, and a clock that is so far ahead.
    pub(crate) fn run(
        &mut self,
        (index, partition): (usize, String),
        ahead_ms: Arc<AtomicI64>,
        chain: Chain,
        channels: Channels<Unruly, simulated::Receiver<PublicKey>>,
    ) -> Running {
        self.starts += 1;
        let machine = &self.machines[index];
        let (key, me) = (private(&machine.key), machine.id());
        let clock = MachineClock { runtime: self.runtime.child("clock"), ahead_ms };
        let epochs = KnownEpochs::of(&chain, machine.votes.then_some(key)).unwrap();
        let (ledger, untold) = Ledger::new(chain, Arc::new(clock));
        let parts = Parts {
            ledger: Arc::clone(&ledger),
            untold,
            counter: Counter::closed(),
            me: me.clone(),
            key: Arc::new(SigningKey::from_seed(*machine.key.seed())),
            epochs: epochs.clone(),
            behind: self.behind,
            peers: self.oracle.manager(),
            blocker: self.oracle.control(me),
            partition,
        };
        let runtime = self
            .runtime
            .child("validator")
            .with_attribute("index", index)
            .with_attribute("start", self.starts);
        let handle = runtime.spawn(move |runtime| async move {
            let engine = node::start(runtime, parts, channels).await.unwrap();
            drop(engine.await);
        });
        Running { ledger, epochs, handle }
    }

    /// A node's process dies, with what its disk had not synced. Its engine's files are left as at their last sync.
    pub(crate) fn crash(&mut self, index: usize) {
        self.crash_on(index, Plan::default());
    }

    /// And from then on its disk behaves like this.
    pub(crate) fn crash_on(&mut self, index: usize, plan: Plan) {
        if let Some(Running { ledger, epochs: _, handle }) = self.running[index].take() {
            handle.abort();
            drop(ledger);
        }
        self.machines[index].lose_power(plan);
    }

    /// How many nodes have been started.
    pub(crate) fn starts(&self) -> u64 {
        self.starts
    }

    pub(crate) fn live(&self) -> Vec<&Arc<Ledger>> {
        self.running.iter().flatten().map(|running| &running.ledger).collect()
    }

    /// Until every node that is up has as many blocks, and receipts can be had there.
    pub(crate) async fn settle(&self, height: u64) {
        while self.live().iter().any(|ledger| {
            assert_eq!(ledger.trouble(), None);
            ledger.chain().executor().height() < height
        }) {
            self.runtime.sleep(Duration::from_millis(100)).await;
        }
    }

    /// The same blocks everywhere, each as the one before leads to, with receipts that hold. What they come to.
    pub(crate) fn check(&self, events: &[u64]) -> Vec<String> {
        let live = self.live();
        let common = live.iter().map(|ledger| ledger.chain().executor().height()).min().unwrap();
        for height in 1..=common {
            let headers: Vec<_> = live
                .iter()
                .map(|ledger| ledger.chain().block(height).unwrap().unwrap().0.header)
                .collect();
            assert!(headers.windows(2).all(|pair| pair[0] == pair[1]), "a fork at {height}");
        }
        for ledger in &live {
            let chain = ledger.chain();
            assert_eq!(check_chain(chain.store(), &[], &mut |_, _| {}).unwrap(), []);
            for event in events {
                chain.receipt(*event).unwrap().verify(&self.genesis).unwrap();
            }
        }
        live.iter()
            .map(|ledger| {
                let block = ledger.chain().block(common).unwrap().unwrap().0;
                format!("{common} {} {}", block.header.digest(), block.header.state)
            })
            .collect()
    }

    /// Who keeps whom out, by the numbers of their machines.
    pub(crate) async fn kept_out(&self) -> Vec<(usize, usize)> {
        let number = |id: &PublicKey| self.machines.iter().position(|m| m.id() == *id).unwrap();
        let blocked = self.oracle.blocked().await.unwrap();
        blocked.iter().map(|(by, whom)| (number(by), number(whom))).collect()
    }
}

impl Machine {
    pub(crate) fn id(&self) -> PublicKey {
        private(&self.key).public_key()
    }
}

pub(crate) fn runner(seed: u64) -> Runner {
    let begins = UNIX_EPOCH + Duration::from_millis(BEGINS.0);
    let config = Config::default().with_seed(seed).with_start_time(begins);
    Runner::new(config.with_timeout(Some(MAX_TIME)))
}

/// Run something with a network of which nothing has been started.
pub(crate) fn simulate<T>(
    (seed, between): (u64, &Link),
    scene: impl AsyncFnOnce(Network, Signer) -> T,
) -> T {
    simulate_with(machines(), (seed, between), scene)
}

/// The same with these machines.
pub(crate) fn simulate_with<T>(
    machines: (Genesis, Vec<Machine>),
    (seed, between): (u64, &Link),
    scene: impl AsyncFnOnce(Network, Signer) -> T,
) -> T {
    runner(seed).start(|runtime| async move {
        let network = Network::new(runtime, machines, between, seed).await;
        let signer = Signer { genesis: network.genesis.clone(), now: BEGINS };
        scene(network, signer).await
    })
}
