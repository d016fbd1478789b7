//! A ledger with many members, whose keys and ids every process works out for itself from one seed.

use secnet_crypto::SigningKey;
use secnet_types::{
    Amount, Change, Command, CommandId, DatasetId, Digest, Founder, Genesis, GovernorApproval,
    GrantId, MemberId, MemberKind, NetworkId, Operation, Parameters, Party, Proposal, Reason,
    SignedCommand, Timestamp, ValidatorKey,
};

use super::super::commands::{decision, grant, register};
use super::super::net::{expiry, id};
use super::VALIDATORS;
use super::orders::Kind;

/// Owners, each with a dataset; the next one may use it. Divisible by the number of nodes, each of which is the data centre
/// of its part of the datasets.
pub(super) const MEMBERS: u64 = 1024;
/// What each has to begin with: more than all decisions take.
const MONEY: Amount = Amount(1_000_000_000);

pub(super) struct World {
    seed: [u8; 32],
    network: NetworkId,
    pub genesis: Genesis,
    pub validators: Vec<SigningKey>,
    pub sequencer: SigningKey,
    governor: SigningKey,
    centres: Vec<SigningKey>,
    members: Vec<SigningKey>,
}

impl World {
    /// Of a network, or of a solo ledger with the same members.
    pub(super) fn new(seed: [u8; 32], begun: Timestamp, agreed: bool) -> Self {
        let key = |kind: &str, number: u64| SigningKey::from_seed(secret(&seed, kind, number).0);
        let keys = |kind: &str, count: u64| (0..count).map(|n| key(kind, n)).collect::<Vec<_>>();
        let count = VALIDATORS as u64;
        let (members, centres) = (keys("member", MEMBERS), keys("centre", count));
        let mut validators = keys("validator", count);
        validators.sort_by_key(|key| *key.verifying_key().as_bytes());
        let (governor, sequencer) = (key("governor", 0), key("sequencer", 0));
        let founder =
            |key: &SigningKey, kind| Founder { member: id(key), kind, sealing_key: Digest::ZERO };
        let mut founders: Vec<Founder> =
            members.iter().map(|key| founder(key, MemberKind::Person)).collect();
        founders.extend(centres.iter().map(|key| founder(key, MemberKind::Node)));
        founders.push(founder(&governor, MemberKind::Organisation));
        founders.sort_by_key(|founder| founder.member);
        let named = || {
            let keys = validators.iter().map(|key| ValidatorKey(*key.verifying_key().as_bytes()));
            keys.collect::<Vec<_>>()
        };
        let first = if agreed { validators.first() } else { None };
        let genesis = Genesis {
            version: Genesis::VERSION,
            name: "bench".into(),
            time: begun,
            salt: seed,
            founders,
            governors: vec![id(&governor)],
            threshold: 1,
            sequencer: *first.unwrap_or(&sequencer).verifying_key().as_bytes(),
            parameters: Parameters::default(),
            predecessor: None,
            validators: agreed.then(named),
        };
        let network = genesis.network();
        Self { seed, network, genesis, validators, sequencer, governor, centres, members }
    }

    /// The signed command of this kind and number. None only if there are no members.
    pub(super) fn command(&self, kind: Kind, number: u64) -> Option<SignedCommand> {
        let (owner, next) = (self.member(number)?, self.member(number + 1)?);
        let (author, operation) = match kind {
            Kind::Issue => (&self.governor, self.issue(id(owner), number)),
            Kind::Register => (owner, register(id(self.centre(number)?))),
            Kind::Grant => (owner, grant(self.dataset(number)?, Party::Member(id(next)))),
            Kind::Decide => {
                let (dataset, grant) = (self.dataset(number)?, self.grant(number % MEMBERS)?);
                let decision = decision(self.network, next, dataset, grant);
                (self.centre(number)?, Operation::RecordDecision { decision })
            }
            Kind::Revoke => {
                let grant = self.grant(number)?;
                (owner, Operation::Revoke { grant, reason: Reason::NoLongerWanted })
            }
        };
        let command = Command {
            network: self.network,
            author: id(author),
            id: self.command_id(kind, number),
            expires: expiry(),
            operation,
        };
        Some(SignedCommand::sign(command, author))
    }

    /// The grant that the command of this number makes, who may use it, and on what.
    pub(super) fn granted(&self, number: u64) -> Option<(MemberId, DatasetId, GrantId)> {
        Some((id(self.member(number + 1)?), self.dataset(number)?, self.grant(number)?))
    }

    fn issue(&self, to: MemberId, number: u64) -> Operation {
        let proposal = Proposal {
            network: self.network,
            id: self.command_id(Kind::Issue, number),
            expires: expiry(),
            change: Change::Issue { to, amount: MONEY },
        };
        let approval = GovernorApproval::sign(id(&self.governor), &proposal, &self.governor);
        Operation::Govern { proposal, approvals: vec![approval] }
    }

    fn member(&self, number: u64) -> Option<&SigningKey> {
        place(&self.members, number)
    }

    fn centre(&self, number: u64) -> Option<&SigningKey> {
        place(&self.centres, number)
    }

    fn dataset(&self, number: u64) -> Option<DatasetId> {
        let command = self.command_id(Kind::Register, number % MEMBERS);
        Some(DatasetId::derive(id(self.member(number)?), command))
    }

    fn grant(&self, number: u64) -> Option<GrantId> {
        Some(GrantId::derive(id(self.member(number)?), self.command_id(Kind::Grant, number)))
    }

    fn command_id(&self, kind: Kind, number: u64) -> CommandId {
        let Digest(full) = secret(&self.seed, &format!("{kind:?}"), number);
        let mut fresh = [0; 16];
        for (to, from) in fresh.iter_mut().zip(full) {
            *to = from;
        }
        CommandId(fresh)
    }
}

fn secret(seed: &[u8; 32], kind: &str, number: u64) -> Digest {
    Digest::of_parts("secnet/bench/v1", &[seed, kind.as_bytes(), &number.to_be_bytes()])
}

fn place(keys: &[SigningKey], number: u64) -> Option<&SigningKey> {
    let count = u64::try_from(keys.len()).ok()?;
    keys.get(usize::try_from(number.checked_rem(count)?).ok()?)
}
