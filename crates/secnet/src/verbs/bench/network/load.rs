//! Grants and decisions committed with finality: as many as there can be, and at the rate of the bar.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secnet_app::ports::Clock as _;
use secnet_node::store::Store;
use secnet_node::{Chain, Solo, store_options};
use secnet_types::SignedCommand;

use super::super::commands::{Check, ceiling, signatures};
use super::super::net::submit_all;
use super::super::row::{Bar, Row, figure, ms, per_second};
use super::super::{Place, broken, wrong};
use super::VALIDATORS;
use super::fleet::{Fleet, Load, Pace};
use super::orders::Kind;
use super::world::{MEMBERS, World};
use crate::failure::Failure;
use crate::output::Output;
use crate::system::{SystemClock, random};

/// Callers at each node in the closed loop.
const CALLERS: usize = 256;
const BAR_GRANTS: f64 = 5000.0;
const BAR_DECISIONS: f64 = 2500.0;
const BAR_P99_MS: f64 = 500.0;
/// The open loop that is not at the bar: so much of what the closed loop did.
const PART: f64 = 0.7;
/// Commands of the ceilings.
const SAMPLE: u64 = 20_000;
/// Blocks that are written raw by each writer.
const RAW_BLOCKS: u64 = 100;

pub(super) fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for (kind, what, bar) in [
        (Kind::Grant, "grants", BAR_GRANTS),
        (Kind::Decide, "decisions, two signatures each", BAR_DECISIONS),
    ] {
        let own = Place { dir: place.dir.join(format!("{kind:?}")), ..place.clone() };
        let mut fleet = Fleet::begin(&own)?;
        rows.extend(of(&mut fleet, &own, out, (kind, what, bar))?);
    }
    Ok(rows)
}

fn of(
    fleet: &mut Fleet,
    place: &Place,
    out: Output,
    (kind, what, bar): (Kind, &str, f64),
) -> Result<Vec<Row>, Failure> {
    let seconds = place.seconds;
    let count = counted(bar, seconds);
    out.say(&format!("  {what}: {count} by {} callers ...", CALLERS * VALIDATORS));
    let here = fleet.here();
    let closed = fleet.send(&here, kind, count, Pace::Closed { callers: CALLERS })?;
    let blocks = closed.blocks.max(1);
    let ceilings = Ceilings::of(place, kind, (count, blocks))?;
    out.say(&format!("  {what}: {bar} a second for {seconds} s ..."));
    let open = fleet.send(&here, kind, count, Pace::Open { rate: bar })?;
    let part = closed.rate * PART;
    out.say(&format!("  {what}: {part:.0} a second for {seconds} s ..."));
    let eased = fleet.send(&here, kind, counted(part, seconds), Pace::Open { rate: part })?;

    let rate = Row::new(
        format!("network: {what}, committed with finality"),
        (closed.rate, "/s"),
        Some(ceilings.signatures),
        Bar::AtLeast(bar),
    )
    .workload(format!(
        "{} {what}, of {MEMBERS} owners, {:.0} bytes each, handed in at all {VALIDATORS} nodes by {CALLERS} callers each, closed loop; a command is committed when its block is final and durable at the node that it was handed in at",
        figure(count as f64),
        ceilings.bytes,
    ));
    Ok(vec![
        detailed(rate, &closed, &ceilings),
        late(what, &open, (bar, seconds), Bar::AtMost(BAR_P99_MS)),
        late(what, &eased, (part, seconds), Bar::None),
    ])
}

fn detailed(row: Row, load: &Load, ceilings: &Ceilings) -> Row {
    let (count, blocks) = (load.times.len() as f64, load.blocks.max(1) as f64);
    row.detail(format!(
        "{}; {}; {blocks} blocks of {} commands",
        spread(load),
        load.losses(),
        figure(count / blocks)
    ))
    .detail(format!(
        "processor time of all four nodes, their clients included: {} us for each command",
        figure(load.busy_s / count * 1e6)
    ))
    .detail("ceiling: the signatures of the same commands alone, each checked once by four validators, in batches on two threads")
    .detail(format!(
        "the same commands through solo's ledger: {}/s; as many bytes in as many blocks written and synced by four at once: {} commands/s",
        figure(ceilings.solo),
        figure(ceilings.disk)
    ))
}

fn late(what: &str, load: &Load, (rate, seconds): (f64, u64), bar: Bar) -> Row {
    let name = format!("network: {what} at {}/s, p99", figure(rate));
    Row::new(name, (ms(load.times.p99()), "ms"), None, bar)
        .workload(format!("open loop for {seconds} s, from when each was due"))
        .detail(format!("{}; {}/s; {}", spread(load), figure(load.rate), load.losses()))
}

fn spread(load: &Load) -> String {
    format!("p50 {} ms, p99 {} ms", figure(ms(load.times.p50())), figure(ms(load.times.p99())))
}

#[expect(clippy::cast_possible_truncation, reason = "some million at most, and never negative")]
fn counted(rate: f64, seconds: u64) -> u64 {
    (rate * seconds as f64) as u64
}

/// What the parts of it could do alone, in commands a second.
struct Ceilings {
    signatures: f64,
    solo: f64,
    disk: f64,
    /// Of one command.
    bytes: f64,
}

impl Ceilings {
    fn of(place: &Place, kind: Kind, (count, blocks): (u64, u64)) -> Result<Self, Failure> {
        let world = World::new(random(), SystemClock.now(), false);
        let sign = |numbers: std::ops::Range<u64>, kind| -> Option<Vec<SignedCommand>> {
            numbers.map(|number| world.command(kind, number)).collect()
        };
        let sign = |numbers, kind| sign(numbers, kind).ok_or_else(|| wrong("no such command"));
        let measured = sign(MEMBERS..MEMBERS + SAMPLE.min(count), kind)?;
        let checks: Vec<Vec<Check>> = measured.iter().map(signatures).collect();
        let signatures = ceiling(&checks)? / VALIDATORS as f64;
        let commands: Vec<Vec<u8>> = measured.iter().map(SignedCommand::to_bytes).collect();
        let bytes = commands.iter().map(Vec::len).sum::<usize>() as f64 / commands.len() as f64;
        let mut first = Vec::new();
        for kind in [Kind::Issue, Kind::Register, Kind::Grant] {
            first.push(sign(0..MEMBERS, kind)?.iter().map(SignedCommand::to_bytes).collect());
        }
        let solo = solo(&place.dir.join("solo"), &world, first, commands)?;
        let each = count as f64 / blocks as f64;
        let disk = disk(&place.dir, bytes * each)? * each;
        Ok(Self { signatures, solo, disk, bytes })
    }
}

fn solo(
    dir: &Path,
    world: &World,
    first: Vec<Vec<Vec<u8>>>,
    commands: Vec<Vec<u8>>,
) -> Result<f64, Failure> {
    let store = Store::open(dir, store_options(true)).map_err(|e| broken("the store", &e))?;
    let key = secnet_crypto::SigningKey::from_seed(*world.sequencer.seed());
    let chain = Chain::create(store, world.genesis.clone(), Arc::new(key))
        .map_err(|error| broken("the chain", &error))?;
    let runtime = tokio::runtime::Handle::current();
    let solo = Solo::start(chain, Arc::new(SystemClock)).map_err(|e| broken("the ledger", &e))?;
    let (solo, count) = (Arc::new(solo), commands.len());
    for commands in first {
        runtime.block_on(submit_all(&solo, commands))?;
    }
    let submitted = runtime.block_on(submit_all(&solo, commands))?;
    Ok(per_second(count, submitted.took))
}

/// Blocks a second that each of four writers writes and syncs, all at once.
#[expect(clippy::cast_possible_truncation, reason = "a block is small, and never negative")]
fn disk(dir: &Path, bytes: f64) -> Result<f64, Failure> {
    let block = vec![0x5a_u8; bytes as usize];
    let write = |number: usize| -> std::io::Result<()> {
        let mut file = File::create(dir.join(format!("raw-{number}")))?;
        for _ in 0..RAW_BLOCKS {
            file.write_all(&block)?;
            file.sync_data()?;
        }
        Ok(())
    };
    let start = Instant::now();
    std::thread::scope(|scope| {
        let write = &write;
        let writers: Vec<_> =
            (0..VALIDATORS).map(|number| scope.spawn(move || write(number))).collect();
        writers.into_iter().try_for_each(|writer| writer.join().unwrap_or(Ok(())))
    })
    .map_err(|error| broken("the disk", &error))?;
    let took: Duration = start.elapsed();
    Ok(RAW_BLOCKS as f64 / took.as_secs_f64())
}
