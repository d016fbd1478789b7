//! A network of validators, a governor who hands out money, and commands that everybody can sign.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use secnet_crypto::SigningKey;
use secnet_types::{
    Amount, Change, Command, CommandId, Digest, Founder, Genesis, GovernorApproval, MemberId,
    MemberKind, NetworkNode, NodeSet, Operation, Parameters, Proposal, SignedCommand, Timestamp,
    ValidatorKey,
};

const MINUTE_MS: u64 = 60_000;
/// Who pays.
pub(crate) const PAYERS: [&str; 4] = ["ada", "bo", "cy", "dan"];

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).0)
}

pub(crate) fn id(name: &str) -> MemberId {
    MemberId::from_key(&key(name).verifying_key())
}

/// The validators' keys, in the genesis' order.
pub(crate) fn validators(count: usize) -> Vec<SigningKey> {
    let keys = (0..count).map(|number| key(&format!("validator {number}")));
    let keys: BTreeMap<_, _> = keys.map(|key| (*key.verifying_key().as_bytes(), key)).collect();
    keys.into_values().collect()
}

pub(crate) fn genesis(begins: Timestamp, validators: &[SigningKey]) -> Genesis {
    let founder = |name: &str| Founder {
        member: id(name),
        kind: MemberKind::Organisation,
        sealing_key: Digest::of(b"no key"),
    };
    let mut founders: Vec<_> = PAYERS.into_iter().chain(["bank"]).map(founder).collect();
    founders.sort_by_key(|founder| founder.member);
    let keys: Vec<_> =
        validators.iter().map(|key| ValidatorKey(*key.verifying_key().as_bytes())).collect();
    Genesis {
        version: Genesis::VERSION,
        name: "test".into(),
        time: begins,
        salt: [7; 32],
        founders,
        governors: vec![id("bank")],
        threshold: 1,
        sequencer: keys[0].0,
        parameters: Parameters::default(),
        predecessor: None,
        validators: Some(keys),
    }
}

/// Signs commands for one network that expire some minutes after this time.
pub(crate) struct Signer {
    pub(crate) genesis: Genesis,
    pub(crate) now: Timestamp,
}

impl Signer {
    fn command(&self, author: &str, number: u64, operation: Operation) -> Vec<u8> {
        let mut fresh = [0; 16];
        fresh[..8].copy_from_slice(&number.to_be_bytes());
        let command = Command {
            network: self.genesis.network(),
            author: id(author),
            id: CommandId(fresh),
            expires: self.now.plus_ms(8 * MINUTE_MS),
            operation,
        };
        SignedCommand::sign(command, &key(author)).to_bytes()
    }

    /// Money for somebody.
    pub(crate) fn issue(&self, number: u64, to: &str) -> Vec<u8> {
        self.govern(number, Change::Issue { to: id(to), amount: Amount(1_000_000) })
    }

    /// These validators, and these who follow, in this epoch.
    pub(crate) fn set_nodes(
        &self,
        (number, epoch): (u64, u64),
        validators: &[(&SigningKey, Option<SocketAddr>)],
        followers: &[(&SigningKey, Option<SocketAddr>)],
    ) -> Vec<u8> {
        let nodes = |nodes: &[(&SigningKey, Option<SocketAddr>)]| {
            let node = |(key, address): &(&SigningKey, Option<SocketAddr>)| NetworkNode {
                key: ValidatorKey(*key.verifying_key().as_bytes()),
                address: address.map(Into::into),
            };
            let mut nodes: Vec<_> = nodes.iter().map(node).collect();
            nodes.sort_by_key(|node| node.key);
            nodes
        };
        let nodes =
            NodeSet { validators: nodes(validators), followers: nodes(followers), release: None };
        self.govern(number, Change::SetNodes { epoch, nodes })
    }

    fn govern(&self, number: u64, change: Change) -> Vec<u8> {
        let mut fresh = [1; 16];
        fresh[..8].copy_from_slice(&number.to_be_bytes());
        let proposal = Proposal {
            network: self.genesis.network(),
            id: CommandId(fresh),
            expires: self.now.plus_ms(60 * MINUTE_MS),
            change,
        };
        let approvals = vec![GovernorApproval::sign(id("bank"), &proposal, &key("bank"))];
        self.command("bank", number, Operation::Govern { proposal, approvals })
    }

    /// Money from one to another.
    pub(crate) fn pay(&self, number: u64, from: &str, to: &str, amount: u64) -> Vec<u8> {
        self.command(from, number, Operation::Transfer { to: id(to), amount: Amount(amount) })
    }
}
