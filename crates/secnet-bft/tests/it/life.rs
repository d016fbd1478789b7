//! The life of a network, by seed: whatever can happen to machines and to what is between them does, in any order, while clients
//! pay each other. No two nodes ever have different blocks at a height. In the end all is well again: then every command that a
//! client ever sent is applied, once, and what a client was told of one stays true.

use std::collections::BTreeMap;
use std::time::Duration;

use commonware_p2p::simulated::Link;
use commonware_runtime::Clock as _;
use commonware_runtime::deterministic::{Context, FaultConfig, PartialWriteMode, WriteConfig};
use commonware_utils::Probability;
use secnet_app::ports::{Committed, SubmitError};
use secnet_node::faults::Plan;
use secnet_types::{Digest, Genesis};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::chance::Chance;
use crate::rogue::Rogue;
use crate::simulated::{BEGINS, Machine, Network, VALIDATORS, link, machines, near, runner};
use crate::unruly::Weather;
use crate::world::{PAYERS, Signer, id};

/// Lives that are lived unless `SECNET_SIM_SEEDS` says how many.
const DEFAULT_SEEDS: u64 = 6;
/// What everybody has at first.
const MONEY: u64 = 1_000_000;
/// Clocks are wrong by so much, in milliseconds.
const SKEWS: [i64; 8] = [0, 0, 200, -200, 800, -2500, 4000, -12_000];

type Answer = Result<Committed, SubmitError>;

/// A command that a client has sent, and what it knows of it.
struct Sent {
    bytes: Vec<u8>,
    /// At these nodes, for these answers.
    waiting: Vec<(usize, oneshot::Receiver<Answer>)>,
    /// What it was told.
    event: Option<u64>,
}

/// What there is beside the runtime, and so outlives a power cut that all have at once.
struct Life {
    seed: u64,
    chance: Chance,
    genesis: Genesis,
    machines: Vec<Machine>,
    signer: Signer,
    rogue: Option<(usize, Rogue)>,
    between: Link,
    weather: Weather,
    sent: Vec<Sent>,
    /// What everybody should have in the end.
    balances: BTreeMap<&'static str, u64>,
    /// The block at each height that any node ever had.
    blocks: BTreeMap<u64, Digest>,
    /// How far the blocks of each node were looked at.
    looked_at: [u64; VALIDATORS],
    /// Whose disk was made to fail.
    ill: [bool; VALIDATORS],
    /// Whose clock was ever behind.
    slow: [bool; VALIDATORS],
    /// What has happened, for whoever has to understand it.
    story: Vec<String>,
}

impl Drop for Life {
    #[expect(clippy::print_stderr, reason = "whoever looks at a failed life needs its story")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.seed;
            let story = self.story.join("\n");
            eprintln!("seed {seed} (SECNET_SIM_FIRST={seed} SECNET_SIM_SEEDS=1):\n{story}");
        }
    }
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let (genesis, machines) = machines();
        let rogue =
            chance.percent(50).then(|| (chance.below(VALIDATORS), chance.pick(&Rogue::ALL)));
        let latency_ms = chance.pick(&[2, 10, 40]);
        let between = link(latency_ms, chance.pick(&[0, 5, 30]), chance.pick(&[100, 100, 97, 85]));
        let weather = chance.pick(&[(0, 0), (0, 0), (10, 5), (30, 20)]);
        Self {
            seed,
            signer: Signer { genesis: genesis.clone(), now: BEGINS },
            chance,
            genesis,
            machines,
            rogue,
            between,
            weather: Weather { twice: weather.0, late: weather.1 },
            sent: Vec::new(),
            balances: PAYERS.map(|name| (name, MONEY)).into(),
            blocks: BTreeMap::new(),
            looked_at: [0; VALIDATORS],
            ill: [false; VALIDATORS],
            slow: [false; VALIDATORS],
            story: Vec::new(),
        }
    }

    fn tell(&mut self, network: &Network, what: &str) {
        let since = network.runtime.current().duration_since(std::time::UNIX_EPOCH).unwrap();
        self.story.push(format!("{:>7} ms  {what}", since.as_millis() as u64 - BEGINS.0));
    }

    fn honest(&self) -> impl Iterator<Item = usize> + use<> {
        let rogue = self.rogue.map(|(index, _)| index);
        (0..VALIDATORS).filter(move |index| rogue != Some(*index))
    }

    async fn network(&mut self, runtime: Context) -> Network {
        let machines = (self.genesis.clone(), core::mem::take(&mut self.machines));
        let seed = self.chance.number();
        let mut network = Network::new(runtime, machines, &self.between, seed).await;
        network.post.set(self.weather);
        if let Some((index, rogue)) = self.rogue {
            network.start_rogue(index, rogue).await;
        }
        network
    }

    /// A client pays somebody: at a node, or at two.
    fn pay(&mut self, network: &Network) {
        let number = self.sent.len() as u64;
        let (from, to) = (self.chance.pick(&PAYERS), self.chance.pick(&PAYERS));
        if from == to {
            return;
        }
        let amount = 1 + self.chance.number() % 100;
        *self.balances.get_mut(from).unwrap() -= amount;
        *self.balances.get_mut(to).unwrap() += amount;
        let bytes = self.signer.pay(number, from, to, amount);
        self.sent.push(Sent { bytes, waiting: Vec::new(), event: None });
        for _ in 0..1 + self.chance.below(2) {
            self.send(network, number as usize);
        }
    }

    /// Send a command to any node that runs.
    fn send(&mut self, network: &Network, number: usize) {
        let running = network.running.iter().enumerate();
        let running: Vec<_> = running.filter_map(|(at, node)| Some((at, node.as_ref()?))).collect();
        if !running.is_empty() {
            let (at, node) = running[self.chance.below(running.len())];
            let sent = &mut self.sent[number];
            sent.waiting.push((at, node.ledger.submit(sent.bytes.clone())));
        }
    }

    /// Look at what clients are told, and at every block that any node has.
    fn look(&mut self, network: &Network) {
        for (number, sent) in self.sent.iter_mut().enumerate() {
            sent.waiting.retain_mut(|(at, waiting)| match waiting.try_recv() {
                Err(TryRecvError::Empty) => true,
                Err(TryRecvError::Closed) => false,
                Ok(Ok(committed)) => {
                    let before = *sent.event.get_or_insert(committed.event);
                    assert_eq!(before, committed.event, "command {number} is applied twice");
                    false
                }
                Ok(Err(SubmitError::Unavailable(_))) => false,
                // Behind a clock that is slow, a block that is older than the command seems younger.
                Ok(Err(_)) if self.slow[*at] => false,
                Ok(Err(error)) => panic!("command {number} is refused: {error}"),
            });
        }
        for (index, running) in network.running.iter().enumerate() {
            let Some(running) = running else { continue };
            let chain = running.ledger.chain();
            for height in self.looked_at[index] + 1..=chain.executor().height() {
                let Ok(Some((block, _))) = chain.block(height) else {
                    assert!(self.ill[index], "block {height} of node {index} cannot be read");
                    break;
                };
                let digest = block.header.digest();
                let before = *self.blocks.entry(height).or_insert(digest);
                assert_eq!(before, digest, "a fork at {height}, at node {index}");
                self.looked_at[index] = height;
            }
            let trouble = running.ledger.trouble();
            assert!(trouble.is_none() || self.ill[index], "node {index} stops: {trouble:?}");
        }
    }

    fn plan(&mut self, index: usize) -> Plan {
        let seed = self.chance.number();
        let crash_at = self.chance.percent(20).then(|| 20 + self.chance.number() % 300);
        self.ill[index] = crash_at.is_some();
        Plan { seed, crash_at, ..Plan::default() }
    }

    fn crash(&mut self, network: &mut Network, index: usize) {
        let plan = self.plan(index);
        network.crash_on(index, plan);
    }

    async fn start(&mut self, network: &mut Network, index: usize) {
        while !network.start(index).await {
            assert!(self.ill[index], "the store of node {index} cannot be opened");
            self.crash(network, index);
        }
        self.looked_at[index] = self.looked_at[index].min(
            network.running[index].as_ref().map_or(0, |r| r.ledger.chain().executor().height()),
        );
    }

    /// Something happens.
    async fn befall(&mut self, network: &mut Network) {
        let honest: Vec<usize> = self.honest().collect();
        let index = self.chance.pick(&honest);
        let runs = network.running[index].is_some();
        let what = match self.chance.below(14) {
            0 | 1 => {
                let one_side: Vec<usize> =
                    (0..VALIDATORS).filter(|_| self.chance.percent(50)).collect();
                network.part(&one_side, &self.between).await;
                format!("{one_side:?} and the others do not hear each other")
            }
            2 => {
                let other = self.chance.below(VALIDATORS);
                if other != index {
                    network.link(index, other, None).await;
                }
                format!("{other} does not hear {index}")
            }
            3 | 4 => {
                network.link_all(&self.between).await;
                "all hear each other".into()
            }
            5 | 6 if runs => {
                self.crash(network, index);
                format!("{index} crashes")
            }
            7 if runs => {
                self.crash(network, index);
                network.machines[index].lose_store();
                self.ill[index] = false;
                self.looked_at[index] = 0;
                format!("{index} crashes and loses its store")
            }
            // One that does not vote is one that is faulty: there may be one of four.
            8 if self.rogue.is_none() && network.machines.iter().all(|machine| machine.votes) => {
                self.crash(network, index);
                network.machines[index].lose_votes();
                format!("{index} crashes and loses its votes")
            }
            9 => {
                let ahead_ms = self.chance.pick(&SKEWS);
                network.machines[index].set_clock(ahead_ms);
                self.slow[index] |= ahead_ms < 0;
                format!("the clock of {index} is ahead by {ahead_ms} ms")
            }
            10 => {
                let slow = link(self.chance.pick(&[200, 700, 1800]), 50, 100);
                for other in (0..VALIDATORS).filter(|other| *other != index) {
                    network.link(index, other, Some(&slow)).await;
                    network.link(other, index, Some(&slow)).await;
                }
                format!("{index} is slow: {:?}", slow.latency)
            }
            11 if runs => {
                network.machines[index].disk.leave_room(Some(self.chance.number() % 50_000));
                self.ill[index] = true;
                format!("the disk of {index} is nearly full")
            }
            _ => {
                self.start_whoever_is_down(network, &honest).await;
                "whoever is down is started".into()
            }
        };
        self.tell(network, &what);
    }

    async fn start_whoever_is_down(&mut self, network: &mut Network, of: &[usize]) {
        for index in of.iter().copied() {
            let running = network.running[index].as_ref();
            if running.is_some_and(|running| running.ledger.trouble().is_some()) {
                self.crash(network, index);
            }
            if network.running[index].is_none() {
                self.start(network, index).await;
            }
        }
    }

    /// Some time in which this and that happens.
    async fn pass(&mut self, network: &mut Network, steps: usize) {
        for _ in 0..steps {
            for _ in 0..self.chance.below(6) {
                self.pay(network);
            }
            // A client that has no answer asks again, maybe elsewhere.
            for number in 0..self.sent.len() {
                if self.sent[number].event.is_none() && self.chance.percent(10) {
                    self.send(network, number);
                }
            }
            self.befall(network).await;
            network.runtime.sleep(Duration::from_millis(self.chance.number() % 1500)).await;
            self.look(network);
        }
    }

    /// Everybody has money, before anything happens.
    async fn begin(&mut self, network: &mut Network) {
        for index in self.honest() {
            assert!(network.start(index).await);
        }
        for (number, name) in PAYERS.iter().enumerate() {
            let issued = network.live()[0].submit(self.signer.issue(number as u64, name));
            issued.await.unwrap().expect("money is issued");
        }
        self.look(network);
    }

    /// All is well again; now everything that was asked for comes about.
    async fn heal(&mut self, network: &mut Network) {
        self.between = near();
        self.weather = Weather::default();
        network.post.set(self.weather);
        network.link_all(&self.between).await;
        for index in self.honest() {
            network.machines[index].set_clock(0);
            if self.ill[index] || network.running[index].is_none() {
                network.crash(index);
                self.ill[index] = false;
                self.start(network, index).await;
            }
        }
        self.tell(network, "all is well");
        let mut asked = 0_u64;
        while self.sent.iter().any(|sent| sent.event.is_none()) {
            // Whoever waits for an answer gets one; whoever was cut off asks again.
            for number in 0..self.sent.len() {
                if self.sent[number].event.is_none() && self.sent[number].waiting.is_empty() {
                    self.send(network, number);
                }
            }
            network.runtime.sleep(Duration::from_millis(500)).await;
            self.look(network);
            asked += 1;
            assert!(asked < 200, "commands are not answered though all is well");
        }
        let height = *self.blocks.last_key_value().unwrap().0;
        network.settle(height + 3).await;
        self.look(network);
    }

    /// What must be so in the end.
    async fn judge(&self, network: &Network) {
        let mut events: Vec<u64> = self.sent.iter().filter_map(|sent| sent.event).collect();
        let few: Vec<u64> = events.iter().copied().step_by(17).collect();
        network.check(&few);
        for ledger in network.live() {
            let chain = ledger.chain();
            for sent in &self.sent {
                let stored = chain.command_of(sent.event.unwrap()).unwrap();
                assert_eq!(stored.as_ref(), Some(&sent.bytes), "what a client was told is not so");
            }
            let executor = chain.executor();
            let had = PAYERS.map(|name| (name, executor.state().balance(id(name)).0));
            assert_eq!(BTreeMap::from(had), self.balances);
        }
        events.sort_unstable();
        assert!(events.windows(2).all(|pair| pair[0] < pair[1]), "two commands, one event");
        let rogue = self.rogue.map(|(index, _)| index);
        for (by, whom) in network.kept_out().await {
            assert!(rogue == Some(by) || rogue == Some(whom), "{by} keeps {whom} out");
        }
    }
}

/// What disks do at a power cut to what the engine had written and not synced.
fn torn(chance: &mut Chance) -> FaultConfig {
    FaultConfig::default().write(WriteConfig {
        failure_rate: Probability::new(0, 100).unwrap(),
        retention_rate: Probability::new(chance.pick(&[0, 30, 70, 95]), 100).unwrap(),
        mode: chance.pick(&[PartialWriteMode::Prefix, PartialWriteMode::Subset]),
    })
}

fn live(seed: u64) {
    let mut life = Life::new(seed);
    let rogue = life.rogue;
    life.story.push(format!("one is not honest: {rogue:?}"));
    let (_, mut after) = runner(seed).start_and_recover(|runtime| {
        let life = &mut life;
        async move {
            *runtime.storage_fault_config().write() = torn(&mut life.chance);
            let mut network = life.network(runtime).await;
            life.begin(&mut network).await;
            life.pass(&mut network, 10).await;
            life.power_cut(network);
        }
    });
    for _ in 0..life.chance.below(2) {
        (_, after) =
            commonware_runtime::deterministic::Runner::from(after).start_and_recover(|runtime| {
                let life = &mut life;
                async move {
                    let mut network = life.network(runtime).await;
                    life.pass(&mut network, 6).await;
                    life.power_cut(network);
                }
            });
    }
    commonware_runtime::deterministic::Runner::from(after).start_and_recover(|runtime| {
        let life = &mut life;
        async move {
            let mut network = life.network(runtime).await;
            life.pass(&mut network, 3).await;
            life.heal(&mut network).await;
            life.judge(&network).await;
        }
    });
}

impl Life {
    /// All machines lose power at once.
    fn power_cut(&mut self, mut network: Network) {
        self.look(&network);
        for index in self.honest() {
            self.crash(&mut network, index);
        }
        for sent in &mut self.sent {
            sent.waiting.clear();
        }
        self.tell(&network, "all lose power");
        self.machines = network.machines;
    }
}

#[test]
fn whatever_happens_in_a_networks_life_nothing_is_lost_or_done_twice() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("SECNET_SIM_FIRST").unwrap_or(0);
    for seed in first..first + number("SECNET_SIM_SEEDS").unwrap_or(DEFAULT_SEEDS) {
        live(seed);
    }
}
