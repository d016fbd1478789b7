//! Four validators in one deterministic simulation: the engine's own runtime and network by seed, our ledger and store,
//! each on a disk that loses what was not synced.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::simplex::mocks::conflicter;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_cryptography::{
    Sha256, Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{
    Manager as _, Recipients, Sender as _,
    simulated::{self, Link, Oracle},
};
use commonware_runtime::{
    Clock as _, Handle, Runner as _, Spawner as _, Supervisor as _,
    deterministic::{Config, Context, Runner},
};
use commonware_utils::{NZUsize, Probability, ordered::Set};
use secnet_app::ports::{Clock, Committed};
use secnet_bft::node::{self, Channels, Parts, quota};
use secnet_bft::{BlockLimits, Ledger};
use secnet_crypto::SigningKey;
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::{Options, Store};
use secnet_node::{Chain, check_chain, store_options};
use secnet_types::{Amount, Genesis, Timestamp, engine_namespace};

use crate::world::{PAYERS, Signer, genesis, id, validators};

const BEGINS: Timestamp = Timestamp(1_800_000_000_000);
const VALIDATORS: usize = 4;
const BURSTS: u64 = 5;
const BURST: u64 = 40;
/// No scenario takes longer, in simulated time.
const MAX_TIME: Duration = Duration::from_secs(400);

/// What happens to one validator while commands are under way.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// It dies, with what its disk had not synced.
    Crash(usize),
    /// It comes back with what it had.
    Return(usize),
    /// It comes back without its store, but with its votes.
    ReturnWithoutStore(usize),
    /// It comes back with nothing, and so without a vote.
    ReturnEmpty(usize),
}

#[derive(Debug, Clone)]
struct Scenario {
    seed: u64,
    /// Messages of a hundred that get through.
    delivered: u64,
    /// In which burst, what.
    faults: Vec<(u64, Fault)>,
    /// A validator that votes for everything it hears of, and for something else.
    double_voter: Option<usize>,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        Self { seed, delivered: 100, faults: Vec::new(), double_voter: None }
    }
}

/// What a run leads to: the same for the same seed.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    runtime: String,
    tips: Vec<String>,
}

struct SimulatedClock(Context);

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let since = self.0.current().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(since.as_millis() as u64)
    }
}

struct Running {
    ledger: Arc<Ledger>,
    handle: Handle<()>,
}

struct Network {
    runtime: Context,
    oracle: Oracle<PublicKey, Context>,
    genesis: Genesis,
    keys: Vec<SigningKey>,
    disks: Vec<FaultyDisk>,
    running: Vec<Option<Running>>,
    starts: u64,
    /// Between every two.
    link: Link,
}

fn private(key: &SigningKey) -> PrivateKey {
    PrivateKey::decode(Copying(key.seed().as_slice())).unwrap()
}

impl Network {
    async fn new(runtime: Context, scenario: &Scenario) -> Self {
        let keys = validators(VALIDATORS);
        let genesis = genesis(BEGINS, &keys);
        let limits = BlockLimits { network: genesis.network() };
        let max_size = node::max_payload_bytes(VALIDATORS as u32, &limits);
        let config = simulated::Config {
            max_size: max_size as u32,
            max_peers_per_set: NZUsize!(VALIDATORS),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) = simulated::Network::new(runtime.child("network"), config);
        network.start();
        let link = Link {
            latency: Duration::from_millis(10),
            jitter: Duration::from_millis(4),
            success_rate: Probability::new(scenario.delivered, 100).unwrap(),
        };
        let disks = (0..VALIDATORS).map(|_| FaultyDisk::new(Plan::default())).collect();
        let running = (0..VALIDATORS).map(|_| None).collect();
        let network = Self { runtime, oracle, genesis, keys, disks, running, starts: 0, link };
        network.oracle.manager().track(0, network.ids());
        for (index, from) in network.ids().iter().enumerate() {
            for to in network.ids().iter().skip(index + 1) {
                network.connect(from, to).await;
            }
        }
        network
    }

    async fn connect(&self, one: &PublicKey, other: &PublicKey) {
        for (from, to) in [(one, other), (other, one)] {
            self.oracle.add_link(from.clone(), to.clone(), self.link.clone()).await.unwrap();
        }
    }

    async fn disconnect(&self, one: &PublicKey, other: &PublicKey) {
        for (from, to) in [(one, other), (other, one)] {
            self.oracle.remove_link(from.clone(), to.clone()).await.unwrap();
        }
    }

    async fn channels(
        &self,
        me: &PublicKey,
    ) -> Channels<simulated::Sender<PublicKey, Context>, simulated::Receiver<PublicKey>> {
        let control = self.oracle.control(me.clone());
        Channels {
            votes: control.register(0, quota(0)).await.unwrap(),
            certificates: control.register(1, quota(1)).await.unwrap(),
            resolver: control.register(2, quota(2)).await.unwrap(),
            blocks: control.register(3, quota(3)).await.unwrap(),
            backfill: control.register(4, quota(4)).await.unwrap(),
            commands: control.register(5, quota(5)).await.unwrap(),
        }
    }

    fn chain(&self, index: usize, fresh: bool) -> Chain {
        let options = Options { cache_bytes: 16 << 20, ..store_options(fresh) };
        let store = Store::open_with_backend(self.disks[index].clone(), options).unwrap();
        if fresh {
            Chain::create_agreed(store, self.genesis.clone()).unwrap()
        } else {
            Chain::open_agreed(store).unwrap()
        }
    }

    async fn start(&mut self, index: usize, fresh: bool, votes: bool) {
        self.starts += 1;
        let key = private(&self.keys[index]);
        let me = key.public_key();
        let channels = self.channels(&me).await;
        let clock = Arc::new(SimulatedClock(self.runtime.child("clock")));
        let (ledger, untold) = Ledger::new(self.chain(index, fresh), clock);
        // A validator that has lost everything has lost the engine's files as well.
        let life = if votes { 0 } else { self.starts };
        let parts = Parts {
            ledger: Arc::clone(&ledger),
            untold,
            me: me.clone(),
            votes_with: votes.then_some(key),
            validators: self.ids(),
            peers: self.oracle.manager(),
            blocker: self.oracle.control(me),
            partition: format!("validator-{index}-{life}"),
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
        self.running[index] = Some(Running { ledger, handle });
    }

    fn ids(&self) -> Set<PublicKey> {
        Set::from_iter_dedup(self.keys.iter().map(|key| private(key).public_key()))
    }

    /// Votes for every block it hears a vote for, and at the same time for one that does not exist. It also tells of
    /// commands that are none.
    async fn start_double_voter(&mut self, index: usize) {
        let key = private(&self.keys[index]);
        let mut channels = self.channels(&key.public_key()).await;
        let mut forged = Signer { genesis: self.genesis.clone(), now: BEGINS }.issue(99, "ada");
        *forged.last_mut().unwrap() ^= 1;
        let forged: Vec<minicbor::bytes::ByteVec> = vec![forged.into(), vec![0xff; 99].into()];
        for message in [vec![], vec![0xff; 100], secnet_types::encode(&forged)] {
            channels.commands.0.send(Recipients::All, message, false);
        }
        let namespace = engine_namespace(self.genesis.network());
        let scheme = Scheme::signer(&namespace, self.ids(), key).unwrap();
        let runtime = self.runtime.child("double_voter");
        let voter =
            conflicter::Conflicter::<_, _, Sha256>::new(runtime, conflicter::Config { scheme });
        voter.start(channels.votes);
    }

    fn crash(&mut self, index: usize) {
        let Running { ledger, handle } = self.running[index].take().unwrap();
        handle.abort();
        drop(ledger);
        let image = self.disks[index].after_crash();
        self.disks[index] = FaultyDisk::with_image(image, Plan::default());
    }

    async fn befalls(&mut self, fault: Fault) {
        match fault {
            Fault::Crash(index) => self.crash(index),
            Fault::Return(index) => self.start(index, false, true).await,
            Fault::ReturnWithoutStore(index) => {
                self.disks[index] = FaultyDisk::new(Plan::default());
                self.start(index, true, true).await;
            }
            Fault::ReturnEmpty(index) => {
                self.disks[index] = FaultyDisk::new(Plan::default());
                self.start(index, true, false).await;
            }
        }
    }

    fn live(&self) -> Vec<&Arc<Ledger>> {
        self.running.iter().flatten().map(|running| &running.ledger).collect()
    }

    /// Commands by everybody, each to another validator; meanwhile something happens. All are applied: those that a
    /// validator died with are sent again.
    async fn burst(&mut self, signer: &Signer, burst: u64, faults: &[Fault]) -> Vec<Committed> {
        let live = self.live();
        let sent: Vec<_> = (0..BURST)
            .map(|number| {
                let (from, to) =
                    (PAYERS[(number % 4) as usize], PAYERS[((number + 1) % 4) as usize]);
                let command = signer.pay(burst * BURST + number, from, to, number + 1);
                (command.clone(), live[number as usize % live.len()].submit(command))
            })
            .collect();
        for fault in faults {
            self.runtime.sleep(Duration::from_millis(15)).await;
            self.befalls(*fault).await;
        }
        let mut committed = Vec::new();
        for (command, answer) in sent {
            let answer = match answer.await {
                Ok(answer) => answer,
                Err(_) => self.live()[0].submit(command).await.expect("a node that is up answers"),
            };
            committed.push(answer.expect("it is applied"));
        }
        committed
    }

    /// Until every node that is up has as many blocks, and receipts can be had there.
    async fn settle(&self, height: u64) {
        while self.live().iter().any(|ledger| {
            assert_eq!(ledger.trouble(), None);
            ledger.chain().executor().height() < height
        }) {
            self.runtime.sleep(Duration::from_millis(100)).await;
        }
    }

    /// The same blocks everywhere, each as the one before leads to, with receipts that hold.
    fn check(&self, events: &[u64]) -> Vec<String> {
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
            let executor = chain.executor();
            // Everybody has paid as much as has been paid to the next.
            let sum: u64 = PAYERS.iter().map(|name| executor.state().balance(id(name)).0).sum();
            assert_eq!(Amount(sum), Amount(4_000_000));
        }
        live.iter()
            .map(|ledger| {
                let block = ledger.chain().block(common).unwrap().unwrap().0;
                format!("{common} {} {}", block.header.digest(), block.header.state)
            })
            .collect()
    }
}

/// Run something with a network in which everybody has money.
fn simulate<T>(scenario: &Scenario, scene: impl AsyncFnOnce(Network, Signer) -> T) -> T {
    let begins = UNIX_EPOCH + Duration::from_millis(BEGINS.0);
    let config = Config::default()
        .with_seed(scenario.seed)
        .with_start_time(begins)
        .with_timeout(Some(MAX_TIME));
    Runner::new(config).start(|runtime| async move {
        let mut network = Network::new(runtime, scenario).await;
        for index in 0..VALIDATORS {
            if scenario.double_voter == Some(index) {
                network.start_double_voter(index).await;
            } else {
                network.start(index, true, true).await;
            }
        }
        let signer = Signer { genesis: network.genesis.clone(), now: BEGINS };
        for (number, name) in PAYERS.iter().enumerate() {
            let issued = network.live()[0].submit(signer.issue(number as u64, name));
            issued.await.unwrap().expect("money is issued");
        }
        scene(network, signer).await
    })
}

fn run(scenario: &Scenario) -> Outcome {
    simulate(scenario, async |mut network, signer| {
        let mut events = Vec::new();
        let mut height = 0;
        for burst in 0..BURSTS {
            let faults = scenario.faults.iter().filter(|(at, _)| *at == burst);
            let faults: Vec<Fault> = faults.map(|(_, fault)| *fault).collect();
            for committed in network.burst(&signer, burst, &faults).await {
                events.push(committed.event);
                height = height.max(committed.height);
            }
        }
        events.sort_unstable();
        assert_eq!(events.windows(2).find(|pair| pair[0] == pair[1]), None, "each once");
        // The block that covers the last events, and one more in case it was final through that alone.
        network.settle(height + 3).await;
        let few: Vec<u64> = events.iter().copied().step_by(37).collect();
        let tips = network.check(&few);
        Outcome { runtime: network.runtime.auditor().state(), tips }
    })
}

#[test]
fn four_validators_agree_and_the_same_seed_gives_the_same_run() {
    let once = run(&Scenario::new(1));
    assert!(once.tips.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(once, run(&Scenario::new(1)));
    assert_ne!(once.runtime, run(&Scenario::new(2)).runtime, "another seed is another run");
}

#[test]
fn three_of_four_go_on() {
    run(&Scenario { faults: vec![(1, Fault::Crash(2))], ..Scenario::new(3) });
}

#[test]
fn a_tenth_of_all_messages_may_be_lost() {
    run(&Scenario { delivered: 90, ..Scenario::new(4) });
}

#[test]
fn a_validator_that_crashes_goes_on_with_what_it_had() {
    for seed in 5..8 {
        let (at, index) = (seed % 2, seed as usize % VALIDATORS);
        let faults = vec![
            (at, Fault::Crash(index)),
            (at + 1, Fault::Return(index)),
            (at + 2, Fault::Crash(index)),
            (at + 2, Fault::Return(index)),
        ];
        run(&Scenario { faults, ..Scenario::new(seed) });
    }
}

#[test]
fn a_store_that_was_lost_is_filled_again() {
    let faults = vec![(1, Fault::Crash(0)), (2, Fault::ReturnWithoutStore(0))];
    run(&Scenario { faults, ..Scenario::new(10) });
}

#[test]
fn a_validator_that_lost_everything_follows_from_the_first_block() {
    let faults = vec![(1, Fault::Crash(0)), (3, Fault::ReturnEmpty(0))];
    run(&Scenario { faults, ..Scenario::new(8) });
}

#[test]
fn what_a_node_without_a_vote_is_given_before_it_meets_anybody_is_ordered() {
    simulate(&Scenario::new(11), async |mut network, signer| {
        let ids: Vec<_> = network.ids().into_iter().collect();
        let (follower, others) = (&ids[3], &ids[..3]);
        network.crash(3);
        for other in others {
            network.disconnect(follower, other).await;
        }
        network.start(3, false, false).await;
        let paid = network.live()[3].submit(signer.pay(1, "ada", "bo", 1));
        network.runtime.sleep(Duration::from_secs(1)).await;
        for other in others {
            network.connect(follower, other).await;
        }
        paid.await.unwrap().expect("it is ordered");
    });
}

#[test]
fn a_validator_that_votes_twice_changes_nothing() {
    run(&Scenario { double_voter: Some(3), ..Scenario::new(9) });
}
