//! Writes a real receipt for other implementations to check: `make_receipt FOLDER`.
//!
//! A chain of one sequencer in a temporary folder: an owner registers a dataset and grants, a requester asks, the data
//! centre records the decision and the charge is paid out. What lands in FOLDER: `genesis.cbor`, `receipt.cbor` (of the
//! decision), `receipt.cose` (the same as a COSE Receipt), `checkpoint.txt` (of the newest header) and `checkpoint-same.txt` (of the receipt's own header). Keys
//! come from fixed seeds and time stands still, so that two runs write the same bytes.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use secnet_crypto::{Checkpoint, Hash, SigningKey};
use secnet_ledger::{Outcome, VerifyingPool};
use secnet_node::store::Store;
use secnet_node::{Chain, origin, store_options};
use secnet_types::{
    AccessRequest, Amount, Change, Command, CommandId, DatasetId, Decision, Digest, Founder,
    Genesis, GovernorApproval, Grant, GrantId, MemberId, MemberKind, NetworkId, Operation,
    Parameters, Party, Proposal, RequestId, ServiceLevel, Signed, SignedCommand, Terms, Timestamp,
    Verdict, Window, encode,
};

/// 2027-01-15T08:00:00Z.
const START: Timestamp = Timestamp(1_800_000_000_000);
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const PRICE: Amount = Amount(2_500_000);

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: make_receipt FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let scratch = tempfile::tempdir()?;
    let genesis = genesis()?;
    let store = Store::open(scratch.path(), store_options(true))?;
    let mut world = World {
        network: genesis.network(),
        chain: Chain::create(store, genesis.clone(), Arc::new(key("sequencer")))?,
        counter: 0,
    };

    let issued = world.issue("hospital");
    world.apply("hospital", issued)?;
    let dataset = DatasetId::derive(id("ada"), world.apply("ada", register())?);
    let grant = GrantId::derive(id("ada"), world.apply("ada", granted(dataset))?);
    let (request, decision) = world.decision(dataset, grant);
    // Two uses by the same doctor in one block make the path to the root longer.
    let (_, other) = world.decision(dataset, grant);
    let decided = world.apply_all("pdc", vec![decision, other])?;
    let settle = Operation::ConfirmCollection { collected: vec![(id("bo"), request)] };
    world.apply("pdc", settle)?;

    let receipt = world.chain.receipt(decided)?;
    receipt.verify(&genesis)?;
    let header = &receipt.header.header;
    let name = origin(&genesis);
    let same = Checkpoint::new(name.clone(), header.log_size, Hash(header.log_root.0))?
        .sign(&name, &key("sequencer"))?;
    std::fs::write(folder.join("genesis.cbor"), encode(&genesis))?;
    std::fs::write(folder.join("receipt.cbor"), receipt.to_bytes())?;
    std::fs::write(folder.join("receipt.cose"), world.chain.cose_receipt(decided)?)?;
    std::fs::write(folder.join("checkpoint.txt"), world.chain.checkpoint()?.1)?;
    std::fs::write(folder.join("checkpoint-same.txt"), same.to_text())?;
    Ok(())
}

/// The key of somebody by name. Seeds that anybody can guess: for examples only.
fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).0)
}

fn id(name: &str) -> MemberId {
    MemberId::from_key(&key(name).verifying_key())
}

fn digest(of: &str) -> Digest {
    Digest::of(of.as_bytes())
}

fn genesis() -> Result<Genesis, Failure> {
    let founder = |name, kind| Founder { member: id(name), kind, sealing_key: digest(name) };
    let mut founders = vec![
        founder("hospital", MemberKind::Organisation),
        founder("pdc", MemberKind::Node),
        founder("ada", MemberKind::Person),
        founder("bo", MemberKind::Person),
    ];
    founders.sort_by_key(|founder| founder.member);
    let genesis = Genesis {
        version: Genesis::VERSION,
        name: "example".into(),
        time: START,
        salt: [7; 32],
        founders,
        governors: vec![id("hospital")],
        threshold: 1,
        sequencer: *key("sequencer").verifying_key().as_bytes(),
        parameters: Parameters::default(),
        predecessor: None,
        validators: None,
    };
    genesis.check()?;
    Ok(genesis)
}

fn register() -> Operation {
    let terms = Terms {
        price: PRICE,
        level: ServiceLevel::Sealed,
        expires: START.plus_ms(365 * DAY_MS),
        max_uses: None,
        beneficiaries: vec![],
        detail: digest("detailed terms, salted"),
    };
    Operation::RegisterDataset { pdc: id("pdc"), terms, manifest: digest("manifest, salted") }
}

fn granted(dataset: DatasetId) -> Operation {
    let grant = Grant {
        dataset,
        grantee: Party::Member(id("bo")),
        window: Window { from: START, until: START.plus_ms(30 * DAY_MS) },
        uses: Some(10),
        price: PRICE,
        emergency: false,
        detail: digest("purposes, actions and scope, salted"),
        wraps: digest("sealed packets"),
        tenure: 0,
    };
    Operation::Grant { grant }
}

struct World {
    network: NetworkId,
    chain: Chain,
    counter: u8,
}

impl World {
    fn fresh(&mut self) -> [u8; 16] {
        self.counter = self.counter.wrapping_add(1);
        [self.counter; 16]
    }

    /// Money for Dr. Bo, approved by the only governor.
    fn issue(&mut self, governor: &str) -> Operation {
        let proposal = Proposal {
            network: self.network,
            id: CommandId(self.fresh()),
            expires: START.plus_ms(DAY_MS),
            change: Change::Issue { to: id("bo"), amount: Amount(100_000_000) },
        };
        let approvals = vec![GovernorApproval::sign(id(governor), &proposal, &key(governor))];
        Operation::Govern { proposal, approvals }
    }

    /// Dr. Bo's request and the data centre's decision on it.
    fn decision(&mut self, dataset: DatasetId, grant: GrantId) -> (RequestId, Operation) {
        let request = AccessRequest {
            network: self.network,
            requester: id("bo"),
            dataset,
            id: RequestId(self.fresh()),
            expires: START.plus_ms(30 * MINUTE_MS),
            max_price: Amount(5_000_000),
            receiving_key: digest("receiving key"),
            detail: digest("action, purpose and scope, salted"),
        };
        let request_id = request.id;
        let decision = Decision {
            request: Signed::sign(request, &key("bo")),
            height: self.chain.executor().height(),
            facts: digest("facts, salted"),
            policy: digest("compiled policies"),
            rules: digest("installed rules"),
            model: digest("model"),
            score: 120,
            verdict: Verdict::Allow {
                grant,
                price: PRICE,
                scope: digest("released records, salted"),
                records: 3,
                collect_by: START.plus_ms(60 * MINUTE_MS),
            },
            lifts: None,
        };
        (request_id, Operation::RecordDecision { decision })
    }

    /// Order one command in a block of its own; its id.
    fn apply(&mut self, author: &str, operation: Operation) -> Result<CommandId, Failure> {
        self.apply_all(author, vec![operation])?;
        Ok(CommandId([self.counter; 16]))
    }

    /// Order commands in one block, with the sealing block on top; the index of the first event.
    fn apply_all(&mut self, author: &str, operations: Vec<Operation>) -> Result<u64, Failure> {
        let mut commands = Vec::with_capacity(operations.len());
        for operation in operations {
            let command = Command {
                network: self.network,
                author: id(author),
                id: CommandId(self.fresh()),
                expires: START.plus_ms(5 * MINUTE_MS),
                operation,
            };
            commands.push(SignedCommand::sign(command, &key(author)).to_bytes());
        }
        let mut rng = secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
        let verified =
            VerifyingPool::verify(commands, &mut rng).into_iter().collect::<Result<Vec<_>, _>>()?;
        match self.chain.process(START, &verified, true)?.outcomes.as_slice() {
            [Outcome::Applied { event }, ..] => Ok(*event),
            outcomes => Err(format!("not applied: {outcomes:?}").into()),
        }
    }
}
