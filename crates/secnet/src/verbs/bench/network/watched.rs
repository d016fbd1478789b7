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
    let (after, files_after, took) =
        (fleet.look()?, fleet.on_disk(), start.elapsed().as_secs_f64());
    let per_day = |bytes: u64| bytes as f64 / took * DAY_S / MB;
    let of_all = |each: &dyn Fn(usize) -> Option<u64>| {
        (0..after.len()).filter_map(each).max().map_or(f64::NAN, per_day)
    };
    let grown = of_all(&|index| {
        let (files, before_it) = (files_after.get(index)?, files_before.get(index)?);
        let (seen, seen_before) = (after.get(index)?, before.get(index)?);
        // The store's file grows in steps, which may not be seen: the blocks in it take at least what they are long.
        let stored = (seen.height - seen_before.height) * seen.block_bytes;
        let ledger = files.ledger.saturating_sub(before_it.ledger);
        Some(files.kept.saturating_sub(before_it.kept) + ledger.max(stored))
    });
    let pruned = files_after.iter().map(|files| files.pruned).max().unwrap_or_default() as f64 / MB;
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
    let blocks = blocks as f64 / took;
    Ok(rows(&Idle { seconds, blocks, grown, pruned, written, sent, busy, resident }))
}

/// What an idle network took; of nodes the highest, and of bytes MB a day.
struct Idle {
    seconds: u64,
    blocks: f64,
    grown: f64,
    /// MB, at the end.
    pruned: f64,
    written: f64,
    sent: f64,
    busy: f64,
    resident: f64,
}

fn rows(idle: &Idle) -> Vec<Row> {
    let seconds = idle.seconds;
    let row = |what: &str, value, bar| {
        Row::new(format!("idle network: {what}"), value, None, bar).workload(format!(
            "four validators with nothing to order, for {seconds} s; the highest of the four"
        ))
    };
    let extrapolated = format!("extrapolated to a day from {seconds} s");
    vec![
        row("blocks", (idle.blocks, "/s"), Bar::AtMost(BAR_BLOCKS)),
        row("growth of a node's files", (idle.grown, "MB/day"), Bar::AtMost(BAR_MB))
            .detail(format!(
                "{extrapolated}; the ledger's file, and how far the engine knows it to be"
            ))
            .detail(format!(
                "besides, votes and recent blocks, which the engine prunes: {} MB at the end",
                figure(idle.pruned)
            ))
            .detail(format!(
                "written to the disk, as the system counts whole pages: {} MB a day",
                figure(idle.written)
            )),
        row("sent by a node", (idle.sent, "MB/day"), Bar::AtMost(BAR_MB))
            .detail(extrapolated)
            .detail("as the engine counts bytes of its connections; those of TCP and IP themselves come on top"),
        row("processor of a node", (idle.busy, "% of one"), Bar::None)
            .detail(format!("resident memory {} MiB", figure(idle.resident))),
    ]
}
