//! A million datasets with a grant each: restart, memory, and decisions and accesses beside those of an empty ledger.

use std::path::Path;
use std::time::{Duration, Instant};

use secnet_crypto::SigningKey;
use secnet_types::{DatasetId, MemberId, MemberKind, NetworkId, Party};
use serde_json::{Value, json};

use super::commands::{grant, register};
use super::net::{id, sign, submit_all};
use super::row::{Bar, Row, Spread, Times, figure, ms, per_second};
use super::ward::{PASSPHRASE, Ward, member};
use super::{Place, in_child, machine, wrong};
use crate::actions;
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::Node;
use crate::output::Output;
use crate::vault::Where;

const OWNERS: usize = 64;
const GRANTEES: usize = 1000;
/// Datasets whose commands are signed, then handed in, together.
const CHUNK: usize = 20_000;
const BAR_RESTART_S: f64 = 10.0;
const BAR_MIB: f64 = 3.0 * 1024.0;
const BAR_DECISION: f64 = 2.0;
const RESTARTS: usize = 3;
/// Doctors whose requests are decided on, and requests of each.
const DECISIONS: (usize, usize) = (20, 200);

pub(super) async fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let count = place.amount(1_000_000, 20_000);
    let (full, empty) = (place.dir.join("full"), place.dir.join("empty"));
    let took = fill(&full, count, out).await?;
    Node::create(&empty, "bench", PASSPHRASE).await?.close().await?;
    let mut restarts = Vec::with_capacity(RESTARTS);
    for _ in 0..RESTARTS {
        restarts.push(get(&in_child("restart", &full, place.quick)?, "open_s"));
    }
    let beside = in_child("reopen", &empty, place.quick)?;
    let measured = in_child("reopen", &full, place.quick)?;
    if get(&measured, "datasets") < count as f64 || get(&measured, "grants") < count as f64 {
        return Err(wrong("the reopened ledger holds less than was registered"));
    }
    let size = format!(
        "{count} datasets of {OWNERS} owners and {count} grants to {GRANTEES} members, each by its own signed command",
        count = figure(count as f64)
    );
    let filled = format!(
        "filled through the ledger's queue in {:.0} s, {} commands/s; {} MiB on disk",
        took.as_secs_f64(),
        figure(per_second(2 * count, took)),
        figure(on_disk(&full.join("ledger")))
    );
    let restarts = Spread::new(restarts);
    let mut rows = vec![
        Row::new("restart of the filled ledger", (restarts.median(), "s"), None, Bar::AtMost(BAR_RESTART_S))
            .workload(size.clone())
            .detail(restarts.said("s"))
            .detail("from opening the folder, keys included, to ready, in a process of its own; files may be in the page cache")
            .detail(filled),
        Row::new("resident memory of the filled ledger", (get(&measured, "highest_mib"), "MiB"), None, Bar::AtMost(BAR_MIB))
            .workload(size.clone())
            .detail(format!("VmHWM; after opening it held {} MiB", figure(get(&measured, "resident_mib")))),
    ];
    rows.extend(beside_empty(&measured, &beside, &size));
    Ok(rows)
}

fn get(of: &Value, name: &str) -> f64 {
    of.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

/// What the filled ledger takes for a decision, and for a whole access, beside an empty one.
fn beside_empty(filled: &Value, empty: &Value, size: &str) -> [Row; 2] {
    let row = |what: &str, (p50, p99), bar, work: &str| {
        Row::new(
            format!("{what} with the filled ledger, p50"),
            (get(filled, p50), "ms"),
            Some(get(empty, p50)),
            bar,
        )
        .workload(format!("{work}; {size}"))
        .detail(format!(
            "ceiling: the same with an empty ledger; p99 {} ms, empty {} ms",
            figure(get(filled, p99)),
            figure(get(empty, p99))
        ))
    };
    [
        row(
            "decision",
            ("decide_ms", "decide_p99_ms"),
            Bar::PartAtMost(BAR_DECISION),
            "one request authenticated, its facts gathered, decided, and the ledger asked what it would say; nothing recorded",
        ),
        row(
            "whole access",
            ("access_ms", "access_p99_ms"),
            Bar::None,
            "reads of one record from request to release, with the synced commit that each of them waits for",
        ),
    ]
}

async fn fill(dir: &Path, count: usize, out: Output) -> Result<Duration, Failure> {
    let node = Node::create(dir, "bench", PASSPHRASE).await?;
    let registry = actions::admit(&node, "registry", MemberKind::Organisation, None).await?;
    let owners = members(&node, &registry, OWNERS, "owner").await?;
    let grantees = members(&node, &registry, GRANTEES, "grantee").await?;
    let grantees: Vec<MemberId> = grantees.iter().map(id).collect();
    let (network, pdc) = (node.pdc.network(), node.pdc.member);
    let bar = out.progress(count as u64, "registering");
    let mut took = Duration::ZERO;
    for first in (0..count).step_by(CHUNK) {
        let part = first..count.min(first + CHUNK);
        let (datasets, grants) = sign_part(network, pdc, &owners, &grantees, part.clone())?;
        let start = Instant::now();
        submit_all(&node.ledger, datasets).await?;
        submit_all(&node.ledger, grants).await?;
        took += start.elapsed();
        bar.inc(part.len() as u64);
    }
    bar.finish_and_clear();
    node.close().await?;
    Ok(took)
}

async fn members(
    node: &Node,
    registry: &Identity,
    count: usize,
    name: &str,
) -> Result<Vec<SigningKey>, Failure> {
    let mut keys = Vec::with_capacity(count);
    for number in 0..count {
        keys.push(member(node, registry, &format!("{name}-{number}")).await?.signing);
    }
    Ok(keys)
}

type Commands = (Vec<Vec<u8>>, Vec<Vec<u8>>);

/// Sign on two threads.
fn sign_part(
    network: NetworkId,
    pdc: MemberId,
    owners: &[SigningKey],
    grantees: &[MemberId],
    part: std::ops::Range<usize>,
) -> Result<Commands, Failure> {
    let sign_all = |numbers: std::ops::Range<usize>| -> Option<Commands> {
        let mut signed: Commands = (Vec::new(), Vec::new());
        for number in numbers {
            let owner = owners.get(number % owners.len())?;
            let to = Party::Member(*grantees.get(number % grantees.len())?);
            let registered = sign(network, owner, register(pdc));
            let dataset = DatasetId::derive(registered.value.author, registered.value.id);
            signed.0.push(registered.to_bytes());
            signed.1.push(sign(network, owner, grant(dataset, to)).to_bytes());
        }
        Some(signed)
    };
    let middle = part.start + part.len() / 2;
    let both = std::thread::scope(|scope| {
        let other = scope.spawn(|| sign_all(middle..part.end));
        let mut all = sign_all(part.start..middle)?;
        let rest = other.join().ok()??;
        all.0.extend(rest.0);
        all.1.extend(rest.1);
        Some(all)
    });
    both.ok_or_else(|| wrong("signing failed"))
}

/// MiB of a folder's files.
fn on_disk(dir: &Path) -> f64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes: u64 = files.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    bytes as f64 / 1024.0 / 1024.0
}

/// Open a folder as a restarted program does. Not closed: publishing the log takes minutes and is no part of the measure.
pub(super) async fn restart(place: &Place) -> Result<Value, Failure> {
    let start = Instant::now();
    let node = Node::open(&place.dir, PASSPHRASE, &Where::Folder).await?;
    let opened = start.elapsed();
    drop(node);
    Ok(json!({ "open_s": opened.as_secs_f64() }))
}

/// Open a folder, let requests be decided on, then let doctors read.
pub(super) async fn child(place: &Place) -> Result<Value, Failure> {
    let (doctors, each) = (place.amount(60, 20), 4);
    let node = Node::open(&place.dir, PASSPHRASE, &Where::Folder).await?;
    let (_, resident) = machine::memory();
    let sizes = node.pdc.view(|view| view.state.sizes());
    let (_, datasets, grants) = sizes.ok_or_else(|| wrong("the ledger cannot be read"))?;
    let ward = Ward::begin(&node).await?;
    let (asking, asked) = (place.amount(DECISIONS.0, 4), DECISIONS.1);
    let decisions = Times::new(ward.decisions(asking, asked).await?);
    let (times, _) = ward.reads(doctors, each).await?;
    let accesses = Times::new(times);
    let (highest, _) = machine::memory();
    // Not closed: publishing the log again is no part of the measure.
    Ok(json!({
        "resident_mib": resident, "highest_mib": highest, "datasets": datasets, "grants": grants,
        "decide_ms": ms(decisions.p50()), "decide_p99_ms": ms(decisions.p99()),
        "access_ms": ms(accesses.p50()), "access_p99_ms": ms(accesses.p99()),
    }))
}
