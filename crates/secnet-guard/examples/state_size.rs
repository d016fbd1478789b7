//! How much memory the guard's state takes for a million members, and how long it takes to keep and to read it:
//! `cargo run --release -p secnet-guard --example state_size [MEMBERS] [DATASETS] [DAYS]`.
//!
//! Each member works on so many days, one use a day, on so many of as many datasets as there are members, one after the other.
//! Memory is what the system says of the process (Linux).

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program that looks at itself"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Instant;

use secnet_guard::{Event, Guard, Limits, Model, Observed, Parameters};
use secnet_types::{Action, Amount, Category, DatasetId, Labels, MemberId, Purpose, Timestamp};

const MEMBERS: u64 = 1_000_000;
const DATASETS: u64 = 1;
const DAYS: u64 = 6;
const DAY_MS: u64 = 24 * 3_600_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut given = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let members = given.next().transpose()?.unwrap_or(MEMBERS);
    let datasets = given.next().transpose()?.unwrap_or(DATASETS).max(1);
    let days = given.next().transpose()?.unwrap_or(DAYS);
    let mut out = std::io::stdout().lock();
    let before = resident()?;
    let mut guard = Guard::new(Model::new(with_room_for(members, datasets)?)?);
    let begun = Instant::now();
    for day in 0..days {
        for member in 0..members {
            guard.observe(&event(member, day, (members, datasets)), Observed::Allowed);
        }
    }
    let tracked = guard.tracked();
    writeln!(
        out,
        "requesters, pairs, datasets {tracked:?}: {} MiB in memory, {} ns an observation",
        (resident()? - before) >> 20,
        begun.elapsed().as_nanos() / u128::from((members * days).max(1)),
    )?;
    let begun = Instant::now();
    let kept = guard.snapshot();
    writeln!(out, "kept: {} MiB in {} ms", kept.len() >> 20, begun.elapsed().as_millis())?;
    let model = guard.model().clone();
    drop(guard);
    let begun = Instant::now();
    let back = Guard::restore(model, &kept)?;
    writeln!(out, "read: {:?} in {} ms", back.tracked(), begun.elapsed().as_millis())?;
    Ok(())
}

/// Room for all of them.
fn with_room_for(members: u64, datasets: u64) -> Result<Parameters, std::num::TryFromIntError> {
    let all = u32::try_from(members)?;
    let pairs = u32::try_from(members * datasets)?;
    let limits = Limits { requesters: all, pairs, datasets: all };
    Ok(Parameters { limits, ..Parameters::default() })
}

fn event(member: u64, day: u64, (members, datasets): (u64, u64)) -> Event {
    let mut requester = [0; 32];
    let mut dataset = [0; 16];
    let mixed = member.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    requester.iter_mut().zip(mixed.to_be_bytes()).for_each(|(to, byte)| *to = byte);
    let number = (member + (day % datasets) * 7919) % members.max(1);
    let named = number.wrapping_mul(0xd1b5_4a32_d192_ed03);
    dataset.iter_mut().zip(named.to_be_bytes()).for_each(|(to, byte)| *to = byte);
    Event {
        requester: MemberId(requester),
        dataset: DatasetId(dataset),
        purpose: Purpose::Treatment,
        action: Action::Read,
        records: 3,
        categories: BTreeSet::from([Category::Laboratory]),
        labels: Labels::NONE,
        emergency: false,
        at: Timestamp(1_767_571_200_000 + day * DAY_MS + member % DAY_MS),
        door: "http".to_owned(),
        source: None,
        price: Some(Amount(1000)),
        own_key: day.is_multiple_of(2),
    }
}

/// Bytes of this process that are in memory.
fn resident() -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(kib.parse::<u64>()? * 1024)
}
