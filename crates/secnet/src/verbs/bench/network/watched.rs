//! A network that nobody asks anything.

use std::time::{Duration, Instant};

use super::super::Place;
use super::super::row::{Bar, Row, figure};
use super::fleet::Fleet;
use crate::failure::Failure;
use crate::output::Output;

/// What a network does when it starts is not what it does when it is idle.
const SETTLE: Duration = Duration::from_secs(5);
const DAY_S: f64 = 24.0 * 60.0 * 60.0;
const MB: f64 = 1_000_000.0;
const BAR_MB: f64 = 50.0;
/// One block a second, and no more than a few beside them.
const BAR_BLOCKS: f64 = 1.1;

pub(super) fn idle(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let mut fleet = Fleet::begin(place)?;
    std::thread::sleep(SETTLE);
    let seconds = place.seconds;
    out.say(&format!("  an idle network, {seconds} s ..."));
    let (before, files_before, start) = (fleet.look()?, fleet.on_disk(), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    let (after, files_after, took) = (fleet.look()?, fleet.on_disk(), start.elapsed().as_secs_f64());
    let per_day = |bytes: u64| bytes as f64 / took * DAY_S / MB;
    let of_all = |each: &dyn Fn(usize) -> Option<u64>| {
        (0..after.len()).filter_map(each).max().map_or(f64::NAN, per_day)
    };
    let grown = of_all(&|index| {
        Some(files_after.get(index)?.saturating_sub(*files_before.get(index)?))
    });
    let sent = of_all(&|index| Some(after.get(index)?.sent_bytes - before.get(index)?.sent_bytes));
    let written =
        of_all(&|index| Some(after.get(index)?.written_bytes - before.get(index)?.written_bytes));
    let (mut busy, mut resident) = (0.0_f64, 0.0_f64);
    for (after, before) in after.iter().zip(&before) {
        busy = busy.max(100.0 * (after.busy_s - before.busy_s) / took);
        resident = resident.max(after.resident_mib);
    }
    let blocks = match (before.first(), after.first()) {
        (Some(before), Some(after)) => after.height.saturating_sub(before.height),
        _ => 0,
    };
    let workload = format!("four validators with nothing to order, for {seconds} s; the highest of the four");
    let extrapolated = format!("extrapolated to a day from {seconds} s");
    Ok(vec![
        Row::new("idle network: blocks", (blocks as f64 / took, "/s"), None, Bar::AtMost(BAR_BLOCKS))
            .workload(workload.clone()),
        Row::new("idle network: growth of a node's files", (grown, "MB/day"), None, Bar::AtMost(BAR_MB))
            .workload(workload.clone())
            .detail(extrapolated.clone())
            .detail(format!(
                "written to the disk, as the system counts it: {} MB a day",
                figure(written)
            )),
        Row::new("idle network: sent by a node", (sent, "MB/day"), None, Bar::AtMost(BAR_MB))
            .workload(workload.clone())
            .detail(extrapolated)
            .detail("as the engine counts bytes of its connections; those of TCP and IP themselves come on top"),
        Row::new("idle network: processor of a node", (busy, "% of one"), None, Bar::None)
            .workload(workload)
            .detail(format!("resident memory {} MiB", figure(resident))),
    ])
}
