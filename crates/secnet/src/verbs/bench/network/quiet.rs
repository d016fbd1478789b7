//! One command at a time on a network that has nothing else to do: how long until it is final, and until every node refuses
//! what it revokes.

use std::time::Duration;

use super::super::Place;
use super::super::row::{Bar, Row, Times, figure, ms};
use super::VALIDATORS;
use super::fleet::{Fleet, parse};
use super::orders::{Answered, Kind, Order};
use crate::failure::Failure;
use crate::output::Output;

const BAR_LONE_MS: f64 = 80.0;
const BAR_REVOKED_MS: f64 = 250.0;
/// Between two commands, so that the network is idle again.
const PAUSE: Duration = Duration::from_millis(130);

pub(super) fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let rounds = place.amount(200, 20) as u64;
    let mut fleet = Fleet::begin(place)?;
    let bar = out.progress(rounds, "lone commands");
    let (mut durable, mut final_, mut told, mut refused) = (vec![], vec![], vec![], vec![]);
    let numbers = fleet.numbers(rounds);
    for (place, number) in numbers.enumerate() {
        std::thread::sleep(PAUSE);
        let at = place % VALIDATORS;
        let lone: Answered = parse(fleet.tell(at, Order::Lone { kind: Kind::Grant, number })?)?;
        durable.push(between(lone.from_us, lone.durable_us));
        final_.push(between(lone.from_us, lone.receipt_us));
        std::thread::sleep(PAUSE);
        let here = fleet.here();
        fleet.tell_each(&here, |_| Order::Watch { number })?;
        let at = (at + 1) % VALIDATORS;
        let revoked: Answered = parse(fleet.tell(at, Order::Lone { kind: Kind::Revoke, number })?)?;
        let everywhere: Result<Vec<u64>, Failure> =
            fleet.tell_each(&here, |_| Order::Refused)?.into_iter().map(parse).collect();
        let last = everywhere?.into_iter().max().unwrap_or_default();
        told.push(between(revoked.durable_us, last));
        refused.push(between(revoked.from_us, last));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let (durable, final_) = (Times::new(durable), Times::new(final_));
    let (told, refused) = (Times::new(told), Times::new(refused));
    let workload = format!(
        "{rounds} commands, one at a time, at each node in turn, {} ms after the last was answered",
        PAUSE.as_millis()
    );
    let both = |times: &Times| {
        format!("p50 {} ms, p99 {} ms", figure(ms(times.p50())), figure(ms(times.p99())))
    };
    Ok(vec![
        Row::new(
            "idle network: lone command to final receipt, p50",
            (ms(final_.p50()), "ms"),
            None,
            Bar::AtMost(BAR_LONE_MS),
        )
        .workload(workload.clone())
        .detail(format!("{}; until the command is durable: {}", both(&final_), both(&durable))),
        Row::new(
            "idle network: revoke committed to refused at every node, p99",
            (ms(told.p99()), "ms"),
            None,
            Bar::AtMost(BAR_REVOKED_MS),
        )
        .workload(format!("{workload}; from the owner's answer to the last node's view in which the grant is of no use"))
        .detail(format!("{}; from when the revocation was handed in: {}", both(&told), both(&refused))),
    ])
}

/// Zero if the other was first.
fn between(from_us: u64, to_us: u64) -> Duration {
    Duration::from_micros(to_us.saturating_sub(from_us))
}
