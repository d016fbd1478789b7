//! A node that has lost everything follows again, while the others serve; and what a node keeps in memory.

use std::time::{Duration, Instant};

use super::super::Place;
use super::super::row::{Bar, Row, figure, ms};
use super::fleet::{Fleet, Load, Pace, parse};
use super::orders::{Kind, Order, Seen};
use crate::failure::Failure;
use crate::output::Output;

/// Which node loses everything.
const LOST: usize = 3;
const CALLERS: usize = 256;
/// While it catches up, so many decisions a second are committed by the others.
const SERVED: f64 = 50.0;
/// How many of them are handed in at a time before it is looked how far the node has come.
const SERVED_AT_ONCE: u64 = 12;
const MILLION: f64 = 1_000_000.0;
const BAR_S: f64 = 60.0;
const BAR_MIB: f64 = 1024.0;

pub(super) fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let mut fleet = Fleet::begin(place)?;
    out.say(&format!("  {} decisions ...", place.decisions));
    let filled = fill(&mut fleet, place.decisions)?;
    out.say("  a node that has lost everything follows ...");
    let caught_up = follow(&mut fleet, filled.height)?;
    Ok(vec![caught_up.row(&filled), filled.row()])
}

/// What the decisions made of the nodes; the highest of them.
struct Filled {
    decisions: u64,
    /// Committed a second, in the second half.
    rate: f64,
    height: u64,
    /// Resident memory before them, after half, after all.
    mib: [f64; 3],
    bytes: u64,
}

fn fill(fleet: &mut Fleet, decisions: u64) -> Result<Filled, Failure> {
    let before = highest(&fleet.look()?);
    let everyone = fleet.here();
    let send = |fleet: &mut Fleet, count| {
        fleet.send(&everyone, Kind::Decide, count, Pace::Closed { callers: CALLERS })
    };
    send(fleet, decisions / 2)?;
    let half = highest(&fleet.look()?);
    let load = send(fleet, decisions - decisions / 2)?;
    let seen = fleet.look()?;
    let height = seen.iter().map(|seen| seen.height).max().unwrap_or_default();
    let bytes = fleet.on_disk().into_iter().map(|files| files.ledger + files.kept).max();
    let mib = [before, half, highest(&seen)];
    Ok(Filled { decisions, rate: load.rate, height, mib, bytes: bytes.unwrap_or_default() })
}

fn highest(seen: &[Seen]) -> f64 {
    seen.iter().map(|seen| seen.resident_mib).fold(0.0, f64::max)
}

impl Filled {
    fn row(&self) -> Row {
        let [before, half, all] = self.mib;
        let later = self.decisions - self.decisions / 2;
        let of_each = (all - half) / later as f64;
        let extrapolated = all + of_each * (MILLION - self.decisions as f64);
        Row::new(
            "network: memory of a validator with 1,000,000 decisions",
            (extrapolated, "MiB"),
            None,
            Bar::AtMost(BAR_MIB),
        )
        .workload(format!(
            "extrapolated from the second half of {} decisions: {} MiB before them, {} MiB after half, {} MiB after all; the highest of the four",
            figure(self.decisions as f64),
            figure(before),
            figure(half),
            figure(all)
        ))
        .detail("caches that have a limit and are not full yet count as if they grew with the ledger; clients are in the same process")
        .detail(format!(
            "files of a node: {} bytes for each decision",
            figure(self.bytes as f64 / self.decisions as f64)
        ))
    }
}

struct CaughtUp {
    took: Duration,
    /// Until it had met the others.
    met: Duration,
    /// Height of the ledger that it took over, if it did.
    arrived: Option<u64>,
    /// What the others committed meanwhile.
    served: Vec<Load>,
}

fn follow(fleet: &mut Fleet, goal: u64) -> Result<CaughtUp, Failure> {
    fleet.stop(LOST)?;
    let others = fleet.here();
    let start = Instant::now();
    fleet.wipe_and_start(LOST)?;
    let met = start.elapsed();
    let mut served = Vec::new();
    loop {
        let follower: Seen = parse(fleet.tell(LOST, Order::Look)?)?;
        if follower.height >= goal {
            let arrived = follower.arrived;
            return Ok(CaughtUp { took: start.elapsed(), met, arrived, served });
        }
        let pace = Pace::Open { rate: SERVED };
        served.push(fleet.send(&others, Kind::Grant, SERVED_AT_ONCE, pace)?);
    }
}

impl CaughtUp {
    fn row(&self, filled: &Filled) -> Row {
        let decisions = figure(filled.decisions as f64);
        let rate = filled.decisions as f64 / self.took.as_secs_f64();
        let worst = self.served.iter().map(|load| load.times.p99()).max();
        let refused: u64 = self.served.iter().map(|load| load.refused).sum();
        Row::new(
            format!("network: a wiped node catches up with {decisions} decisions"),
            (rate, "decisions/s"),
            None,
            Bar::AtLeast(MILLION / BAR_S),
        )
        .workload(format!(
            "{decisions} decisions in {} blocks, committed by four at {}/s; the fourth then loses its folder and follows the three others, which commit {SERVED} grants a second meanwhile",
            filled.height,
            figure(filled.rate)
        ))
        .detail(format!(
            "{} s, {} s of it until it had met the others; 1,000,000 would take {} s at this rate (extrapolated)",
            figure(self.took.as_secs_f64()),
            figure(self.met.as_secs_f64()),
            figure(MILLION / rate)
        ))
        .detail(match self.arrived {
            Some(height) => format!("the ledger of another was taken over up to block {height}, the rest executed"),
            None => "all blocks were executed: it was not far enough behind".to_owned(),
        })
        .detail(format!(
            "grants meanwhile: the slowest {} ms, {refused} refused",
            figure(ms(worst.unwrap_or(Duration::ZERO)))
        ))
    }
}
