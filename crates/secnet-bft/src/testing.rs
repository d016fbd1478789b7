//! A ledger of one validator on a disk in memory, and payments, for the tests of single parts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secnet_app::ports::Clock;
use secnet_crypto::SigningKey;
use secnet_ledger::{Verified, VerifyingPool};
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::Store;
use secnet_node::{Chain, store_options};
use secnet_types::{
    Amount, Change, Command, CommandId, Digest, Founder, Genesis, GovernorApproval, MemberId,
    MemberKind, Operation, Parameters, Proposal, SignedCommand, Timestamp, ValidatorKey,
};

use crate::ledger::Ledger;

pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).0)
}

pub(crate) fn id(name: &str) -> MemberId {
    MemberId::from_key(&key(name).verifying_key())
}

pub(crate) fn genesis() -> Genesis {
    let founder = |name: &str| Founder {
        member: id(name),
        kind: MemberKind::Organisation,
        sealing_key: Digest::ZERO,
    };
    let mut founders: Vec<_> = ["bank", "ada", "bo"].into_iter().map(founder).collect();
    founders.sort_by_key(|founder| founder.member);
    let validator = *key("validator").verifying_key().as_bytes();
    Genesis {
        version: Genesis::VERSION,
        name: "test".into(),
        time: START,
        salt: [7; 32],
        founders,
        governors: vec![id("bank")],
        threshold: 1,
        sequencer: validator,
        parameters: Parameters::default(),
        predecessor: None,
        validators: Some(vec![ValidatorKey(validator)]),
    }
}

fn command(author: &str, number: u64, operation: Operation) -> Vec<u8> {
    let mut fresh = [0; 16];
    fresh[..8].copy_from_slice(&number.to_be_bytes());
    let command = Command {
        network: genesis().network(),
        author: id(author),
        id: CommandId(fresh),
        expires: START.plus_ms(300_000),
        operation,
    };
    SignedCommand::sign(command, &key(author)).to_bytes()
}

/// Money for Ada.
pub(crate) fn issue() -> Vec<u8> {
    let proposal = Proposal {
        network: genesis().network(),
        id: CommandId([1; 16]),
        expires: START.plus_ms(300_000),
        change: Change::Issue { to: id("ada"), amount: Amount(1_000_000) },
    };
    let approvals = vec![GovernorApproval::sign(id("bank"), &proposal, &key("bank"))];
    command("bank", 0, Operation::Govern { proposal, approvals })
}

pub(crate) fn pay(number: u64, from: &str, to: &str) -> Vec<u8> {
    command(from, number, Operation::Transfer { to: id(to), amount: Amount(1) })
}

pub(crate) fn verified(command: Vec<u8>) -> Verified {
    let rng = &mut secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
    VerifyingPool::verify(vec![command], rng).remove(0).unwrap()
}

/// A clock that is set by hand.
pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) fn set(&self, time: Timestamp) {
        self.0.store(time.0, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn ledger() -> (Arc<Ledger>, Arc<HandClock>) {
    let disk = FaultyDisk::new(Plan::default());
    let store = Store::open_with_backend(disk, store_options(true)).unwrap();
    let chain = Chain::create_agreed(store, genesis()).unwrap();
    let clock = Arc::new(HandClock(AtomicU64::new(START.0)));
    let (ledger, _) = Ledger::new(chain, Arc::clone(&clock) as _);
    (ledger, clock)
}
