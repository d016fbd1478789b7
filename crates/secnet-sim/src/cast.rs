//! Who is in a simulated world, and how its network begins.

use std::sync::Arc;

use parking_lot::Mutex;
use secnet_crypto::{SealKeyPair, SigningKey};
use secnet_lock::CompartmentKeys;
use secnet_types::{
    Amount, Change, Command, CommandId, Digest, Founder, Genesis, GovernorApproval, MemberId,
    MemberKind, Operation, Parameters, Proposal, SignedCommand, Timestamp,
};

use crate::chance::Chance;
use crate::clock::START;

/// How long the commands of a simulated member are valid, in milliseconds.
const LIFETIME_MS: u64 = 5 * 60 * 1000;

/// Somebody.
pub(crate) struct Actor {
    pub(crate) id: MemberId,
    /// The key that the ledger knows.
    pub(crate) key: Arc<SigningKey>,
    /// Keys that it was, or is to be, rotated to.
    pub(crate) other_keys: Vec<Arc<SigningKey>>,
    pub(crate) sealing: Arc<SealKeyPair>,
    /// Owners only.
    pub(crate) compartments: Arc<Mutex<CompartmentKeys>>,
}

impl Actor {
    /// Sign with the key that the ledger has now.
    pub(crate) fn follow(&mut self, current: [u8; 32]) {
        let is_current = |key: &Arc<SigningKey>| *key.verifying_key().as_bytes() == current;
        if let Some(key) = self.other_keys.iter().find(|key| is_current(key)) {
            self.key = Arc::clone(key);
        }
    }

    fn new(chance: &mut Chance) -> Self {
        let key = SigningKey::generate(chance.rng());
        Self {
            id: MemberId::from_key(&key.verifying_key()),
            key: Arc::new(key),
            other_keys: Vec::new(),
            sealing: Arc::new(SealKeyPair::from_seed(chance.bytes())),
            compartments: Arc::default(),
        }
    }
}

/// Everybody. Places in `people` are stable: owners first, then askers, the guardian, the attacker.
pub(crate) struct Cast {
    pub(crate) people: Vec<Actor>,
    pub(crate) governor: Actor,
    pub(crate) pdc: Actor,
    pub(crate) sequencer: Arc<SigningKey>,
    pub(crate) release_node: [u8; 32],
    /// What the data centre's keystore holds for the archive.
    pub(crate) storage_key: [u8; 32],
    pub(crate) genesis: Genesis,
}

pub(crate) const OWNERS: [usize; 2] = [0, 1];
pub(crate) const ASKERS: [usize; 3] = [2, 3, 4];
pub(crate) const GUARDIAN: usize = 5;
pub(crate) const ATTACKER: usize = 6;
const PEOPLE: usize = 7;

impl Cast {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let people: Vec<Actor> = (0..PEOPLE).map(|_| Actor::new(chance)).collect();
        let (governor, pdc) = (Actor::new(chance), Actor::new(chance));
        let sequencer = Arc::new(SigningKey::generate(chance.rng()));
        let founder = |actor: &Actor, kind| Founder {
            member: actor.id,
            kind,
            sealing_key: Digest(actor.sealing.public.digest()),
        };
        let mut founders: Vec<Founder> =
            people.iter().map(|actor| founder(actor, MemberKind::Person)).collect();
        founders.push(founder(&governor, MemberKind::Organisation));
        founders.push(founder(&pdc, MemberKind::Node));
        founders.sort_by_key(|founder| founder.member);
        let genesis = Genesis {
            version: Genesis::VERSION,
            name: "simulated".into(),
            time: START,
            salt: chance.bytes(),
            founders,
            governors: vec![governor.id],
            threshold: 1,
            sequencer: *sequencer.verifying_key().as_bytes(),
            parameters: Parameters::default(),
            predecessor: None,
            validators: None,
        };
        Self {
            people,
            governor,
            pdc,
            sequencer,
            release_node: chance.bytes(),
            storage_key: chance.bytes(),
            genesis,
        }
    }

    pub(crate) fn sign(
        &self,
        chance: &mut Chance,
        now: Timestamp,
        actor: &Actor,
        operation: Operation,
    ) -> SignedCommand {
        let command = Command {
            network: self.genesis.network(),
            author: actor.id,
            id: CommandId(chance.bytes()),
            expires: now.plus_ms(LIFETIME_MS),
            operation,
        };
        SignedCommand::sign(command, actor.key.as_ref())
    }

    pub(crate) fn govern(
        &self,
        chance: &mut Chance,
        now: Timestamp,
        change: Change,
    ) -> SignedCommand {
        let proposal = Proposal {
            network: self.genesis.network(),
            id: CommandId(chance.bytes()),
            expires: now.plus_ms(LIFETIME_MS),
            change,
        };
        let approval =
            GovernorApproval::sign(self.governor.id, &proposal, self.governor.key.as_ref());
        let operation = Operation::Govern { proposal, approvals: vec![approval] };
        self.sign(chance, now, &self.governor, operation)
    }

    /// Money for somebody.
    pub(crate) fn issue(&self, chance: &mut Chance, now: Timestamp, to: MemberId) -> SignedCommand {
        self.govern(chance, now, Change::Issue { to, amount: Amount(50_000_000) })
    }
}
