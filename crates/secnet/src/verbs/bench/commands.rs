//! Signed commands verified, applied and durably committed, beside the batch verification of the same signatures alone.

use std::time::Instant;

use secnet_crypto::{BatchItem, Signature, SigningKey, verify_batch};
use secnet_types::{
    AccessRequest, Amount, DatasetId, Decision, Digest, Grant, GrantId, NetworkId, Operation,
    Party, RequestId, ServiceLevel, Signed, SignedCommand, Terms, Timestamp, Verdict, Window,
};

use super::net::{self, CALLERS, LIFETIME_MS, Net, id, submit_all};
use super::row::{Bar, Row, figure, ms, per_second};
use super::{Place, wrong};
use crate::failure::Failure;
use crate::system::{SystemClock, random, rng};
use secnet_app::ports::Clock as _;

const MEMBERS: usize = 1024;
/// Commands whose signatures the ceiling checks at once, on each of two threads: the ledger's own batches, halved.
const BATCH: usize = 1024;
const BAR: f64 = 0.25;

pub(super) type Check = ([u8; 32], Vec<u8>, Signature);

pub(super) async fn run(place: &Place) -> Result<Vec<Row>, Failure> {
    let net = Net::begin(&place.dir.join("ledger"), MEMBERS)?;
    let owned = prepare(&net).await?;
    let count = place.amount(96_000, 12_000);
    let mut checks: Vec<Vec<Check>> = Vec::with_capacity(count);
    let mut commands = Vec::with_capacity(count);
    for number in 0..count {
        let command = mixed(&net, &owned, number).ok_or_else(|| wrong("no such member"))?;
        checks.push(signatures(&command));
        commands.push(command.to_bytes());
    }
    let bytes: usize = commands.iter().map(Vec::len).sum();
    let signatures: usize = checks.iter().map(Vec::len).sum();

    let ceiling_before = ceiling(&checks)?;
    let submitted = submit_all(&net.solo, commands).await?;
    // The machine may be shared: the ceiling is the mean of just before and just after.
    let ceiling = (ceiling_before + ceiling(&checks)?) / 2.0;
    let rate = per_second(count, submitted.took);
    Ok(vec![
        Row::new(
            "signed commands, verified, applied, committed",
            (rate, "/s"),
            Some(ceiling),
            Bar::PartAtLeast(BAR),
        )
        .workload(format!(
            "{} commands, a third each transfers, grants and paid decisions, by {MEMBERS} keys, {:.0} bytes and {:.2} signatures each, through the ledger's queue",
            figure(count as f64),
            bytes as f64 / count as f64,
            signatures as f64 / count as f64,
        ))
        .detail(format!(
            "from submission to durable, with {CALLERS} callers at once: p50 {} ms, p99 {} ms",
            figure(ms(submitted.times.p50())),
            figure(ms(submitted.times.p99())),
        ))
        .detail(format!(
            "ceiling: only the signatures of the same commands, in batches of {BATCH} commands on each of two threads; {} signatures/s",
            figure(ceiling * signatures as f64 / count as f64)
        )),
    ])
}

/// Everybody has money and a dataset, granted to the next member.
async fn prepare(net: &Net) -> Result<Vec<(DatasetId, GrantId)>, Failure> {
    let first: Vec<Vec<u8>> = net
        .members
        .iter()
        .map(|key| net.issue(id(key), Amount(Amount::MICROS)).to_bytes())
        .collect();
    submit_all(&net.solo, first).await?;
    let registered: Vec<SignedCommand> =
        net.members.iter().map(|key| net.sign(key, register(id(&net.pdc)))).collect();
    let datasets: Vec<DatasetId> =
        registered.iter().map(|c| DatasetId::derive(c.value.author, c.value.id)).collect();
    submit_all(&net.solo, registered.iter().map(Signed::to_bytes).collect()).await?;
    let to = net.members.iter().cycle().skip(1);
    let granted: Vec<SignedCommand> = net
        .members
        .iter()
        .zip(to)
        .zip(&datasets)
        .map(|((owner, to), dataset)| net.sign(owner, grant(*dataset, id_of(to))))
        .collect();
    let grants = granted.iter().map(|c| GrantId::derive(c.value.author, c.value.id));
    let owned = datasets.iter().copied().zip(grants).collect();
    submit_all(&net.solo, granted.iter().map(Signed::to_bytes).collect()).await?;
    Ok(owned)
}

fn id_of(key: &SigningKey) -> Party {
    Party::Member(id(key))
}

pub(super) fn register(pdc: secnet_types::MemberId) -> Operation {
    let terms = Terms {
        price: Amount(1),
        level: ServiceLevel::Sealed,
        expires: Timestamp::MAX,
        max_uses: None,
        beneficiaries: Vec::new(),
        detail: Digest(random()),
    };
    Operation::RegisterDataset { pdc, terms, manifest: Digest(random()) }
}

pub(super) fn grant(dataset: DatasetId, grantee: Party) -> Operation {
    let from = Timestamp(SystemClock.now().0.saturating_sub(60_000));
    let grant = Grant {
        dataset,
        grantee,
        window: Window { from, until: from.plus_ms(30 * 24 * 60 * 60 * 1000) },
        uses: None,
        price: Amount(1),
        emergency: false,
        detail: Digest(random()),
        wraps: Digest(random()),
        tenure: 0,
    };
    Operation::Grant { grant }
}

/// Transfer, grant, decision, in turn; the keys in turn as well.
fn mixed(net: &Net, owned: &[(DatasetId, GrantId)], number: usize) -> Option<SignedCommand> {
    let place = (number / 3) % net.members.len();
    let (owner, other) =
        (net.members.get(place)?, net.members.get((place + 1) % net.members.len())?);
    let (dataset, granted) = *owned.get(place)?;
    Some(match number % 3 {
        0 => net.sign(owner, Operation::Transfer { to: id(other), amount: Amount(1) }),
        1 => net.sign(owner, grant(dataset, id_of(other))),
        _ => net.sign(
            &net.pdc,
            Operation::RecordDecision { decision: decision(net.network, other, dataset, granted) },
        ),
    })
}

pub(super) fn decision(
    network: NetworkId,
    requester: &SigningKey,
    dataset: DatasetId,
    grant: GrantId,
) -> Decision {
    let request = AccessRequest {
        network,
        requester: id(requester),
        dataset,
        id: RequestId(random()),
        expires: net::expiry(),
        max_price: Amount(1),
        receiving_key: Digest(random()),
        detail: Digest(random()),
    };
    Decision {
        request: Signed::sign(request, requester),
        height: 1,
        facts: Digest(random()),
        policy: Digest(random()),
        rules: Digest::ZERO,
        model: Digest::ZERO,
        score: 0,
        verdict: Verdict::Allow {
            grant,
            price: Amount(1),
            scope: Digest(random()),
            records: 1,
            collect_by: SystemClock.now().plus_ms(LIFETIME_MS),
        },
        lifts: None,
    }
}

/// The signatures that the ledger has to check.
pub(super) fn signatures(command: &SignedCommand) -> Vec<Check> {
    let mut all = vec![command.to_check()];
    if let Operation::RecordDecision { decision } = &command.value.operation {
        all.push(decision.request.to_check());
    }
    all
}

/// Commands a second of two threads that do nothing but check their signatures.
pub(super) fn ceiling(checks: &[Vec<Check>]) -> Result<f64, Failure> {
    let (first, second) = checks.split_at(checks.len() / 2);
    let start = Instant::now();
    let good = std::thread::scope(|scope| {
        let other = scope.spawn(|| all_good(second));
        all_good(first) && other.join().unwrap_or(false)
    });
    let took = start.elapsed();
    if good { Ok(per_second(checks.len(), took)) } else { Err(wrong("a signature does not hold")) }
}

fn all_good(commands: &[Vec<Check>]) -> bool {
    commands.chunks(BATCH).all(|batch| {
        let items: Vec<BatchItem<'_>> = batch
            .iter()
            .flatten()
            .map(|(key, msg, sig)| BatchItem { key: *key, msg, sig: *sig })
            .collect();
        verify_batch(&items, &mut rng()).is_ok()
    })
}
