//! Writes what a network of validators proves of its log, for other implementations to check: `make_network_receipt FOLDER`.
//!
//! Four validators, one of whom is replaced; the four of the second epoch order a command and sign the log. What lands in
//! FOLDER: `genesis.cbor`, `receipt.cbor` (of the command), `receipts.cose` (the same as COSE Receipts by three of them) and
//! `checkpoint.txt` (with their cosignatures). Agreement is left out: the certificates are signed here as the engine signs
//! them, by keys from fixed seeds.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use secnet_crypto::SigningKey;
use secnet_ledger::{Agreement, Candidate, VerifyingPool};
use secnet_node::store::Store;
use secnet_node::{Chain, open_checkpoint, store_options};
use secnet_types::limits::EPOCH_DELAY;
use secnet_types::{
    Amount, Certificate, Change, Command, CommandId, Digest, Founder, Genesis, GovernorApproval,
    Header, MemberId, MemberKind, NetworkNode, NodeSet, Operation, Parameters, Proposal,
    SIMPLEX_ED25519, SignedCommand, Timestamp, ValidatorKey, encode, engine_namespace, quorum,
};

/// 2027-01-15T08:00:00Z.
const START: Timestamp = Timestamp(1_800_000_000_000);
const DAY_MS: u64 = 24 * 60 * 60_000;

type Failure = Box<dyn Error>;
/// Ascending by key, as everywhere.
type Validators = BTreeMap<ValidatorKey, SigningKey>;

fn main() -> Result<(), Failure> {
    let usage = "usage: make_network_receipt FOLDER";
    let folder = PathBuf::from(std::env::args().nth(1).ok_or(usage)?);
    std::fs::create_dir_all(&folder)?;
    let scratch = tempfile::tempdir()?;
    let (first, second) = (validators(0..4), validators(1..5));
    let genesis = genesis(&first)?;
    let chain =
        Chain::create_agreed(Store::open(scratch.path(), store_options(true))?, genesis.clone())?;

    let nodes = second.keys().map(|key| NetworkNode { key: *key, address: None }).collect();
    let nodes = NodeSet { validators: nodes, followers: Vec::new(), release: None };
    order(&chain, &first, vec![govern(&genesis, 1, Change::SetNodes { epoch: 1, nodes })])?;
    for _ in 0..EPOCH_DELAY {
        order(&chain, &first, Vec::new())?;
    }
    let event = chain.executor().log_size();
    for number in 2..7 {
        let issue = Change::Issue { to: id("ada"), amount: Amount(100_000_000) };
        order(&chain, &second, vec![govern(&genesis, number, issue)])?;
    }

    let receipt = chain.receipt(event)?;
    receipt.verify(&genesis)?;
    let mut cosigning = chain.cosigning(0)?.ok_or("nothing is certified")?;
    // The one that is new among them: without what leads to it, nobody could tell whose signature that is.
    let away = ValidatorKey(*key("validator 1").verifying_key().as_bytes());
    for (id, key) in second.iter().filter(|(id, _)| **id != away) {
        let cosignature = cosigning.statement().cosign(&genesis, START.0 / 1000, key)?;
        cosigning.take(*id, cosignature);
    }
    let cosigned = cosigning.enough().ok_or("three of four are no quorum")?;
    let (_, checkpoint) = chain.cosigned_checkpoint(&cosigned)?;
    open_checkpoint(&genesis, &checkpoint)?;
    std::fs::write(folder.join("genesis.cbor"), encode(&genesis))?;
    std::fs::write(folder.join("receipt.cbor"), receipt.to_bytes())?;
    std::fs::write(folder.join("receipts.cose"), chain.cose_receipts(event, &cosigned)?)?;
    std::fs::write(folder.join("checkpoint.txt"), checkpoint)?;
    Ok(())
}

/// The key of somebody by name. Seeds that anybody can guess: for examples only.
fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).0)
}

fn id(name: &str) -> MemberId {
    MemberId::from_key(&key(name).verifying_key())
}

fn validators(numbers: std::ops::Range<u8>) -> Validators {
    let keys = numbers.map(|number| key(&format!("validator {number}")));
    keys.map(|key| (ValidatorKey(*key.verifying_key().as_bytes()), key)).collect()
}

fn genesis(validators: &Validators) -> Result<Genesis, Failure> {
    let founder = |name: &str| Founder {
        member: id(name),
        kind: MemberKind::Organisation,
        sealing_key: Digest::of(name.as_bytes()),
    };
    let mut founders = vec![founder("bank"), founder("ada")];
    founders.sort_by_key(|founder| founder.member);
    let validators: Vec<ValidatorKey> = validators.keys().copied().collect();
    let genesis = Genesis {
        version: Genesis::VERSION,
        name: "example".into(),
        time: START,
        salt: [7; 32],
        founders,
        governors: vec![id("bank")],
        threshold: 1,
        sequencer: validators.first().ok_or("no validators")?.0,
        parameters: Parameters::default(),
        predecessor: None,
        validators: Some(validators),
    };
    genesis.check()?;
    Ok(genesis)
}

/// A change that the only governor approves.
fn govern(genesis: &Genesis, number: u8, change: Change) -> Vec<u8> {
    let proposal = Proposal {
        network: genesis.network(),
        id: CommandId([number; 16]),
        expires: START.plus_ms(DAY_MS),
        change,
    };
    let approvals = vec![GovernorApproval::sign(id("bank"), &proposal, &key("bank"))];
    let command = Command {
        network: genesis.network(),
        author: id("bank"),
        id: CommandId([number; 16]),
        expires: START.plus_ms(60_000),
        operation: Operation::Govern { proposal, approvals },
    };
    SignedCommand::sign(command, &key("bank")).to_bytes()
}

/// A block of these commands that these validators agree on.
fn order(chain: &Chain, by: &Validators, commands: Vec<Vec<u8>>) -> Result<(), Failure> {
    let mut rng = secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
    let commands =
        VerifyingPool::verify(commands, &mut rng).into_iter().collect::<Result<Vec<_>, _>>()?;
    let height = chain.executor().height();
    let candidate = Candidate {
        time: START.plus_ms(height),
        agreement: Agreement::default(),
        commands: &commands,
    };
    let tried = chain.trial(height, &[], &candidate).ok_or("the block cannot be tried")?;
    let header = tried.block.header.clone();
    let certificate = certificate(&header, by);
    chain.append(&header, &commands, Some(certificate))?;
    Ok(())
}

/// As the engine makes one (`docs/spec/blocks.md`, section 7), by as few of them as it takes.
fn certificate(header: &Header, validators: &Validators) -> Certificate {
    // All numbers here are below 128, so each is one byte.
    let small = |number: usize| u8::try_from(number).unwrap_or(0);
    let epoch = u8::try_from(header.epoch).unwrap_or(0);
    let proposal = [&[epoch, 1, 0], header.digest().0.as_slice()].concat();
    let namespace = [engine_namespace(header.network).as_slice(), b"_FINALIZE"].concat();
    let message = [&[small(namespace.len())], namespace.as_slice(), &proposal].concat();
    let signers = quorum(validators.len());
    let bits = (0..signers).fold(0_u8, |bits, signer| bits | 1 << signer);
    let count = (validators.len() as u64).to_be_bytes();
    let mut bytes = [&proposal, count.as_slice(), &[bits, small(signers)]].concat();
    for key in validators.values().take(signers) {
        bytes.extend_from_slice(&key.sign(&message).0);
    }
    Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes }
}
