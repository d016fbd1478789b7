//! How many signed commands a second: verified on two threads, then executed on one, beside the rate of nothing but
//! batch signature checks in the same run. `cargo run --release -p secnet-ledger --example apply_rate [COMMANDS]`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "a measuring program"
)]

use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use secnet_crypto::{BatchItem, SigningKey, verify_batch};
use secnet_ledger::{Executor, Outcome, Verified, VerifyingPool};
use secnet_types::*;

const START: Timestamp = Timestamp(1_800_000_000_000);
const PEOPLE: usize = 64;
const BLOCK: usize = 2_000;
/// Commands that are parsed and checked together.
const BATCH: usize = 512;
const THREADS: usize = 2;

fn key(n: usize) -> SigningKey {
    SigningKey::from_seed(Digest::of(&n.to_be_bytes()).0)
}

struct Network {
    keys: Vec<SigningKey>,
    ids: Vec<MemberId>,
    genesis: Genesis,
    executor: Executor,
    counter: u64,
}

impl Network {
    /// A governor, a data centre, and people with money.
    fn new() -> Self {
        let keys: Vec<_> = (0..PEOPLE + 2).map(key).collect();
        let ids: Vec<_> = keys.iter().map(|k| MemberId::from_key(&k.verifying_key())).collect();
        let kind = |n| match n {
            0 => MemberKind::Organisation,
            1 => MemberKind::Node,
            _ => MemberKind::Person,
        };
        let mut founders: Vec<_> = ids
            .iter()
            .enumerate()
            .map(|(n, id)| Founder { member: *id, kind: kind(n), sealing_key: Digest::ZERO })
            .collect();
        founders.sort_by_key(|f| f.member);
        let genesis = Genesis {
            version: 1,
            name: "apply_rate".into(),
            time: START,
            salt: [1; 32],
            founders,
            governors: vec![ids[0]],
            threshold: 1,
            sequencer: ids[0].0,
            parameters: Parameters::default(),
            predecessor: None,
            validators: None,
        };
        let (executor, _) = Executor::genesis(&genesis);
        Self { keys, ids, genesis, executor, counter: 0 }
    }

    fn fresh(&mut self) -> [u8; 16] {
        self.counter += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.counter.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        id
    }

    fn sign(&mut self, author: usize, operation: Operation) -> (CommandId, Vec<u8>) {
        let id = CommandId(self.fresh());
        let command = Command {
            network: self.genesis.network(),
            author: self.ids[author],
            id,
            expires: START.plus_ms(300_000),
            operation,
        };
        (id, SignedCommand::sign(command, &self.keys[author]).to_bytes())
    }

    fn run(&mut self, commands: Vec<Vec<u8>>) {
        let verified = verify(commands);
        self.execute(&verified);
    }

    fn execute(&mut self, verified: &[Verified]) {
        for block in verified.chunks(BLOCK) {
            let block = self.executor.execute(START, block);
            assert!(block.outcomes.iter().all(|o| matches!(o, Outcome::Applied { .. })));
        }
    }
}

fn verify(commands: Vec<Vec<u8>>) -> Vec<Verified> {
    let half = commands.len().div_ceil(THREADS).max(1);
    let parts: Vec<_> = commands.chunks(half).map(<[_]>::to_vec).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> = parts
            .into_iter()
            .map(|part| {
                scope.spawn(move || {
                    let mut rng = ChaCha8Rng::from_seed([5; 32]);
                    let batches = part.chunks(BATCH).map(<[_]>::to_vec);
                    batches
                        .flat_map(|batch| VerifyingPool::verify(batch, &mut rng))
                        .map(|v| v.expect("signed well"))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|w| w.join().unwrap()).collect()
    })
}

/// Batch checks alone, on as many threads, over messages as long as a grant's.
fn ceiling(count: usize) -> f64 {
    let signer = key(7);
    let message = vec![7; 420];
    let signature = signer.sign(&message);
    let keys: Vec<_> = (0..PEOPLE).map(key).collect();
    let signatures: Vec<_> = keys.iter().map(|k| (k.verifying_key(), k.sign(&message))).collect();
    assert_eq!(signature, signatures[7].1);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut rng = ChaCha8Rng::from_seed([5; 32]);
                for _ in 0..count / THREADS / BATCH {
                    let items: Vec<_> = signatures
                        .iter()
                        .cycle()
                        .take(BATCH)
                        .map(|(key, signature)| BatchItem::new(*key, &message, *signature))
                        .collect();
                    assert_eq!(verify_batch(&items, &mut rng), Ok(()));
                }
            });
        }
    });
    (count / THREADS / BATCH * BATCH * THREADS) as f64 / start.elapsed().as_secs_f64()
}

fn measure(network: &mut Network, what: &str, signatures: usize, commands: Vec<Vec<u8>>) {
    let count = commands.len() as f64;
    let start = Instant::now();
    let verified = verify(commands);
    let verifying = start.elapsed().as_secs_f64();
    let start = Instant::now();
    network.execute(&verified);
    let executing = start.elapsed().as_secs_f64();
    println!(
        "{what:<10} verify {:>8.0}/s ({:.0} signatures/s)   execute {:>8.0}/s",
        count / verifying,
        count * signatures as f64 / verifying,
        count / executing
    );
}

fn main() {
    let count: usize = std::env::args().nth(1).map_or(20_000, |n| n.parse().expect("a number"));
    println!("batch Ed25519 on {THREADS} threads: {:.0} signatures/s", ceiling(count.max(20_000)));

    let mut network = Network::new();
    let mut money = Vec::new();
    for n in 2..PEOPLE + 2 {
        let change = Change::Issue { to: network.ids[n], amount: Amount(u64::from(u32::MAX)) };
        let id = CommandId(network.fresh());
        let expires = START.plus_ms(300_000);
        let proposal = Proposal { network: network.genesis.network(), id, expires, change };
        let approvals = vec![GovernorApproval::sign(network.ids[0], &proposal, &network.keys[0])];
        money.push(network.sign(0, Operation::Govern { proposal, approvals }).1);
    }
    network.run(money);
    let terms = Terms {
        price: Amount(5),
        level: ServiceLevel::Sealed,
        expires: Timestamp::MAX,
        max_uses: None,
        beneficiaries: vec![],
        detail: Digest::ZERO,
    };
    let pdc = network.ids[1];
    let register = Operation::RegisterDataset { pdc, terms, manifest: Digest::ZERO };
    let (command, bytes) = network.sign(2, register);
    let dataset = DatasetId::derive(network.ids[2], command);
    network.run(vec![bytes]);

    let mut grants = Vec::new();
    let mut commands = Vec::new();
    for n in 0..count {
        let grant = Grant {
            dataset,
            grantee: Party::Member(network.ids[3 + n % (PEOPLE - 1)]),
            window: Window { from: START, until: START.plus_ms(86_400_000) },
            uses: Some(9),
            price: Amount(5),
            emergency: false,
            detail: Digest::of(&n.to_be_bytes()),
            wraps: Digest::of(&n.to_le_bytes()),
            tenure: 0,
        };
        let (command, bytes) = network.sign(2, Operation::Grant { grant });
        grants.push(GrantId::derive(network.ids[2], command));
        commands.push(bytes);
    }
    measure(&mut network, "grants", 1, commands);

    let mut commands = Vec::new();
    for (n, grant) in grants.into_iter().enumerate() {
        let requester = 3 + n % (PEOPLE - 1);
        let request = AccessRequest {
            network: network.genesis.network(),
            requester: network.ids[requester],
            dataset,
            id: RequestId(network.fresh()),
            expires: START.plus_ms(60_000),
            max_price: Amount(5),
            receiving_key: Digest::ZERO,
            detail: Digest::ZERO,
        };
        let request = Signed::sign(request, &network.keys[requester]);
        let collect_by = START.plus_ms(60_000);
        let (price, scope) = (Amount(5), Digest::ZERO);
        let verdict = Verdict::Allow { grant, price, scope, records: 1, collect_by };
        let decision = Decision {
            request,
            height: 0,
            facts: Digest::ZERO,
            policy: Digest::ZERO,
            rules: Digest::ZERO,
            model: Digest::ZERO,
            score: 0,
            verdict,
            lifts: None,
        };
        commands.push(network.sign(1, Operation::RecordDecision { decision }).1);
    }
    measure(&mut network, "decisions", 2, commands);
}
