//! A node that has lost everything follows again, while the others serve; and what a node keeps in memory.

use std::time::{Duration, Instant};

use super::super::Place;
use super::super::row::{Bar, Row, figure, ms, per_second};
use super::fleet::{Fleet, Pace, parse};
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
    let decisions = place.decisions;
    let mut fleet = Fleet::begin(place)?;
    let empty = highest(&fleet.look()?);
    out.say(&format!("  {decisions} decisions ..."));
    let everyone = fleet.here();
    let filled = fleet.send(&everyone, Kind::Decide, decisions, Pace::Closed { callers: CALLERS })?;
    let seen = fleet.look()?;
    let full = highest(&seen);
    let of_each = (full - empty) / decisions as f64;
    let on_disk = fleet.on_disk().into_iter().max().unwrap_or_default();

    fleet.stop(LOST)?;
    let others = fleet.here();
    let goal = seen.iter().map(|seen| seen.height).max().unwrap_or_default();
    out.say("  a node that has lost everything follows ...");
    let start = Instant::now();
    fleet.wipe_and_start(LOST)?;
    let met = start.elapsed();
    let mut served = Vec::new();
    loop {
        let follower: Seen = parse(fleet.tell(LOST, Order::Look)?)?;
        if follower.height >= goal {
            break;
        }
        served.push(fleet.send(&others, Kind::Grant, SERVED_AT_ONCE, Pace::Open { rate: SERVED })?);
    }
    let took = start.elapsed();
    let worst = served.iter().map(|load| load.times.p99()).max().unwrap_or(Duration::ZERO);
    let rate = per_second(usize::try_from(decisions).unwrap_or(usize::MAX), took);
    let refused: u64 = served.iter().map(|load| load.refused).sum();
    Ok(vec![
        Row::new(
            format!("network: a wiped node catches up with {} decisions", figure(decisions as f64)),
            (rate, "decisions/s"),
            None,
            Bar::AtLeast(MILLION / BAR_S),
        )
        .workload(format!(
            "{} decisions in {goal} blocks, committed by four at {}/s; the fourth then loses its folder and follows the three others, which commit {SERVED} grants a second meanwhile",
            figure(decisions as f64),
            figure(filled.rate)
        ))
        .detail(format!(
            "{} s, {} s of it until it had met the others; 1,000,000 would take {} s at this rate (extrapolated)",
            figure(took.as_secs_f64()),
            figure(met.as_secs_f64()),
            figure(MILLION / rate)
        ))
        .detail(format!(
            "grants meanwhile: the slowest {} ms, {refused} refused",
            figure(ms(worst))
        )),
        Row::new(
            "network: memory of a validator with 1,000,000 decisions",
            (empty + of_each * MILLION, "MiB"),
            None,
            Bar::AtMost(BAR_MIB),
        )
        .workload(format!(
            "extrapolated from {} decisions: {} MiB after them, {} MiB before; the highest of the four",
            figure(decisions as f64),
            figure(full),
            figure(empty)
        ))
        .detail(format!(
            "files of a node: {} bytes for each decision",
            figure(on_disk as f64 / decisions as f64)
        )),
    ])
}

fn highest(seen: &[Seen]) -> f64 {
    seen.iter().map(|seen| seen.resident_mib).fold(0.0, f64::max)
}
