//! Four nodes over TCP on this machine, each with its own store, threads and clock.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use secnet_app::ports::{Clock, Log as _};
use secnet_bft::{Bft, Settings, StartError, begin_to_vote};
use secnet_crypto::SignedNote;
use secnet_node::store::Store;
use secnet_node::{Chain, ChainError, cosigner_name, open_checkpoint, store_options};
use secnet_types::{Genesis, MemberId, Timestamp, ValidatorKey};

use crate::world::{Signer, genesis, key, validators};

pub(crate) const VALIDATORS: usize = 4;
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(since.as_millis() as u64)
    }
}

pub(crate) struct Network {
    folder: tempfile::TempDir,
    pub(crate) genesis: Genesis,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Network {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let genesis = genesis(SystemClock.now(), &validators(VALIDATORS));
        // Free a moment ago; held together so that they differ.
        let held: Vec<_> =
            (0..VALIDATORS).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = held.iter().map(|held| held.local_addr().unwrap()).collect();
        let network = Self { folder, genesis, addresses };
        for (index, key) in validators(VALIDATORS).iter().enumerate() {
            let (above, id) = (network.votes(index), MemberId::from_key(&key.verifying_key()));
            begin_to_vote(&above, network.genesis.network(), id).unwrap();
        }
        network
    }

    fn votes(&self, index: usize) -> PathBuf {
        self.folder.path().join(format!("engine-{index}"))
    }

    pub(crate) fn settings(&self, index: usize) -> Settings {
        let keys = self.genesis.validators.clone().unwrap();
        Settings {
            key: validators(VALIDATORS).swap_remove(index),
            votes: true,
            listen: self.addresses[index],
            addresses: keys.into_iter().zip(self.addresses.iter().copied()).collect(),
            folder: self.votes(index),
            private_addresses: true,
            desk: None,
        }
    }

    pub(crate) fn start(&self, index: usize) -> Bft {
        let dir = self.folder.path().join(format!("store-{index}"));
        let chain = chain(&dir, &self.genesis);
        Bft::start(chain, self.settings(index), Arc::new(SystemClock)).unwrap()
    }

    pub(crate) fn signer(&self) -> Signer {
        Signer { genesis: self.genesis.clone(), now: SystemClock.now() }
    }
}

pub(crate) fn chain(dir: &Path, genesis: &Genesis) -> Chain {
    if dir.exists() {
        return Chain::open_agreed(Store::open(dir, store_options(false)).unwrap()).unwrap();
    }
    std::fs::create_dir(dir).unwrap();
    let store = Store::open(dir, store_options(true)).unwrap();
    Chain::create_agreed(store, genesis.clone()).unwrap()
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("in time") })
}

pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn height(node: &Bft) -> u64 {
    node.chain().executor().height()
}

#[test]
fn four_nodes_do_what_every_ledger_does_and_one_may_be_away() {
    let network = Network::new();
    let mut nodes: Vec<Bft> = (0..VALIDATORS).map(|index| network.start(index)).collect();
    wait(crate::contract::holds(&nodes[1], SystemClock.now()));

    // Each has met the three others.
    let keys = network.genesis.validators.clone().unwrap();
    let others = |node: &Bft| node.peers().iter().filter(|peer| keys.contains(peer)).count();
    until("each has met the others", || nodes.iter().all(|node| others(node) == VALIDATORS - 1));

    // Each has what a quorum signed of the log, for programs that do not know the engine.
    let event = wait(nodes[2].submit(network.signer().pay(900, "ada", "cy", 1))).unwrap().event;
    for node in &nodes {
        until("it is here", || node.chain().executor().log_size() > event);
        let receipts = wait(node.cose_receipt(event)).unwrap();
        // An array of three or four, each in a byte string with the tag of COSE_Sign1.
        assert!([0x83, 0x84].contains(&receipts[0]), "{:x}", receipts[0]);
        until("the checkpoint has it", || {
            let (size, note) = node.checkpoint().unwrap();
            let signed = |key: &&ValidatorKey| {
                let name = cosigner_name(&network.genesis, key);
                SignedNote::parse(&note).unwrap().cosigned_at(&name, &key.0).is_ok()
            };
            open_checkpoint(&network.genesis, &note).unwrap();
            size > event && keys.iter().filter(signed).count() >= VALIDATORS - 1
        });
    }

    // One goes away; the others go on without it.
    drop(nodes.pop());
    let signer = network.signer();
    for number in 0..8 {
        let node = &nodes[number as usize % nodes.len()];
        wait(node.submit(signer.pay(number, "ada", "cy", 1))).unwrap();
    }
    let missed = height(&nodes[0]);
    until("it is missed", || others(&nodes[0]) == VALIDATORS - 2);

    // Without its votes it must not vote again, but it may follow.
    let kept = network.folder.path().join("kept");
    std::fs::rename(network.votes(3), &kept).unwrap();
    let store = network.folder.path().join("store-3");
    let forgetful = |votes| {
        let chain = chain(&store, &network.genesis);
        let settings = Settings { votes, ..network.settings(3) };
        Bft::start(chain, settings, Arc::new(SystemClock))
    };
    let refused = forgetful(true).err();
    assert!(matches!(refused, Some(StartError::VotesLost(_))), "{refused:?}");
    let follower = forgetful(false).unwrap();
    wait(follower.submit(signer.pay(50, "ada", "cy", 1))).unwrap();
    drop(follower);
    let refused = forgetful(true).err();
    assert!(matches!(refused, Some(StartError::VotesLost(_))), "also not later: {refused:?}");
    std::fs::remove_dir_all(network.votes(3)).unwrap();
    std::fs::rename(&kept, network.votes(3)).unwrap();

    // It comes back with what it had, gets what it missed, and takes part again.
    let missed = missed.max(height(&nodes[0]));
    let back = network.start(3);
    wait(back.submit(signer.pay(100, "ada", "dan", 1))).unwrap();
    assert!(height(&back) > missed);
    let common = height(&back).min(height(&nodes[0]));
    let header = |node: &Bft| node.chain().block(common).unwrap().unwrap().0.header;
    assert_eq!(header(&back), header(&nodes[0]));

    // Two that are left of four are no quorum: a command is not answered as if it had been ordered.
    nodes.truncate(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let alone = back.submit(signer.pay(101, "ada", "dan", 1));
    let answer =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), alone).await });
    assert!(!matches!(answer, Ok(Ok(_))), "{answer:?}");
    // And what they know grows old, so that nothing is released on it.
    let mut age_ms = 0;
    back.read(&mut |view| age_ms = view.age_ms);
    assert!(age_ms > 1000, "{age_ms}");
    drop(nodes);
}

#[test]
fn what_does_not_fit_the_genesis_does_not_start() {
    let network = Network::new();
    let start = |change: &dyn Fn(&mut Settings)| {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = network.settings(0);
        change(&mut settings);
        let chain = chain(&dir.path().join("store"), &network.genesis);
        Bft::start(chain, settings, Arc::new(SystemClock)).err()
    };
    let stranger = start(&|settings| settings.key = key("mallory"));
    assert!(
        matches!(stranger, Some(StartError::VotesLost(_))),
        "it was never let vote: {stranger:?}"
    );
    let unknown = start(&|settings| {
        let mallory = ValidatorKey(*key("mallory").verifying_key().as_bytes());
        settings.addresses = BTreeMap::from([(mallory, settings.listen)]);
    });
    assert!(matches!(unknown, Some(StartError::Addresses)), "{unknown:?}");
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = start(&|settings| settings.listen = held.local_addr().unwrap());
    assert!(matches!(taken, Some(StartError::Listen { .. })), "{taken:?}");
    // With a store of its own, but the votes of a node that runs.
    let running = network.start(1);
    let twice = start(&|settings| settings.folder = network.settings(1).folder);
    assert!(matches!(twice, Some(StartError::InUse(_))), "{twice:?}");
    drop(running);
    let solo = Genesis { validators: None, ..network.genesis.clone() };
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), store_options(true)).unwrap();
    let refused = Chain::create_agreed(store, solo);
    assert!(matches!(refused, Err(ChainError::NotAgreed)), "{refused:?}");
}
