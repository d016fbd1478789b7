//! A ledger of one governor who hands out money, and commands that everybody can sign.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secnet_app::ports::Clock;
use secnet_crypto::SigningKey;
use secnet_node::store::{Options, Store};
use secnet_node::{Chain, faults::FaultyDisk, store_options};
use secnet_types::{
    Amount, Change, Command, CommandId, Digest, Founder, Genesis, GovernorApproval, MemberId,
    MemberKind, Operation, Parameters, Proposal, SignedCommand, Timestamp,
};

pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);
const MINUTE_MS: u64 = 60_000;

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).0)
}

pub(crate) fn id(name: &str) -> MemberId {
    MemberId::from_key(&key(name).verifying_key())
}

pub(crate) fn genesis() -> Genesis {
    let founder = |name| Founder {
        member: id(name),
        kind: MemberKind::Organisation,
        sealing_key: Digest::of(b"no key"),
    };
    let mut founders = vec![founder("bank"), founder("ada"), founder("bo")];
    founders.sort_by_key(|founder| founder.member);
    Genesis {
        version: Genesis::VERSION,
        name: "test".into(),
        time: START,
        salt: [7; 32],
        founders,
        governors: vec![id("bank")],
        threshold: 1,
        sequencer: *key("sequencer").verifying_key().as_bytes(),
        parameters: Parameters::default(),
        predecessor: None,
        validators: None,
    }
}

pub(crate) fn chain_on(disk: &FaultyDisk) -> Option<Chain> {
    let options = Options { cache_bytes: 16 << 20, ..store_options(true) };
    let store = Store::open_with_backend(disk.clone(), options).ok()?;
    Chain::create(store, genesis(), Arc::new(key("sequencer"))).ok()
}

/// The chain that a disk holds, for going on.
pub(crate) fn reopened(disk: FaultyDisk) -> Chain {
    let options = Options { cache_bytes: 16 << 20, ..store_options(false) };
    let store = Store::open_with_backend(disk, options).unwrap();
    Chain::open(store, Some(Arc::new(key("sequencer")))).unwrap()
}

fn command(author: &str, number: u64, operation: Operation) -> Vec<u8> {
    command_for(&genesis(), author, number, operation)
}

fn command_for(genesis: &Genesis, author: &str, number: u64, operation: Operation) -> Vec<u8> {
    let mut fresh = [0; 16];
    fresh[..8].copy_from_slice(&number.to_be_bytes());
    let command = Command {
        network: genesis.network(),
        author: id(author),
        id: CommandId(fresh),
        expires: START.plus_ms(5 * MINUTE_MS),
        operation,
    };
    SignedCommand::sign(command, &key(author)).to_bytes()
}

/// Money for somebody.
pub(crate) fn issue(number: u64, to: &str) -> Vec<u8> {
    govern(number, Change::Issue { to: id(to), amount: Amount(1_000_000) })
}

/// Money for somebody on another network.
pub(crate) fn issue_for(genesis: &Genesis, number: u64, to: &str) -> Vec<u8> {
    govern_for(genesis, number, Change::Issue { to: id(to), amount: Amount(1_000_000) })
}

/// A change that the governor approves.
pub(crate) fn govern(number: u64, change: Change) -> Vec<u8> {
    govern_for(&genesis(), number, change)
}

fn govern_for(genesis: &Genesis, number: u64, change: Change) -> Vec<u8> {
    let mut fresh = [1; 16];
    fresh[..8].copy_from_slice(&number.to_be_bytes());
    let proposal = Proposal {
        network: genesis.network(),
        id: CommandId(fresh),
        expires: START.plus_ms(60 * MINUTE_MS),
        change,
    };
    let approvals = vec![GovernorApproval::sign(id("bank"), &proposal, &key("bank"))];
    command_for(genesis, "bank", number, Operation::Govern { proposal, approvals })
}

/// Money from one to another.
pub(crate) fn pay(number: u64, from: &str, to: &str, amount: u64) -> Vec<u8> {
    command(from, number, Operation::Transfer { to: id(to), amount: Amount(amount) })
}

/// A clock that is set by hand.
#[derive(Debug)]
pub(crate) struct HandClock(pub(crate) AtomicU64);

impl HandClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(START.0)))
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
