//! Audit entries integrated into the Merkle log.

use std::time::Instant;

use secnet_crypto::{Frontier, leaf_hash};
use secnet_node::store::{Commit, Leaf, Store};
use secnet_node::store_options;

use super::row::{Bar, Row, Times, figure, ms, per_second};
use super::{Place, broken};
use crate::failure::Failure;

const ENTRY_BYTES: usize = 256;
const PER_COMMIT: usize = 2048;
const BAR: f64 = 50_000.0;

pub(super) fn run(place: &Place) -> Result<Vec<Row>, Failure> {
    let commits = place.amount(256, 24);
    let entries = commits * PER_COMMIT;
    let store = Store::open(&place.dir.join("store"), store_options(true))
        .map_err(|error| broken("the store", &error))?;
    let mut times = Vec::with_capacity(commits);
    for commit in 0..commits {
        let start = Instant::now();
        let leaves = (0..PER_COMMIT).map(|n| Leaf::new(entry(commit * PER_COMMIT + n))).collect();
        store
            .commit(Commit { leaves, ..Commit::default() })
            .map_err(|error| broken("a commit", &error))?;
        times.push(start.elapsed());
    }
    let durable = per_second(entries, times.iter().sum());
    let times = Times::new(times);

    let prepared: Vec<Vec<u8>> = (0..entries).map(entry).collect();
    let mut tree = Frontier::new();
    let start = Instant::now();
    for entry in &prepared {
        tree.append(leaf_hash(entry));
    }
    let alone = per_second(entries, start.elapsed());
    std::hint::black_box(tree.root());
    Ok(vec![
        Row::new("audit entries into the Merkle log", (durable, "/s"), None, Bar::AtLeast(BAR))
            .workload(format!(
                "{} entries of {ENTRY_BYTES} bytes with their tiles, {PER_COMMIT} in each synced commit",
                figure(entries as f64)
            ))
            .detail(format!(
                "a commit: p50 {} ms, p99 {} ms",
                figure(ms(times.p50())),
                figure(ms(times.p99()))
            ))
            .detail(format!("the tree alone, in memory, on one thread: {}/s", figure(alone))),
    ])
}

fn entry(number: usize) -> Vec<u8> {
    let mut bytes = vec![0x5a; ENTRY_BYTES];
    for (to, from) in bytes.iter_mut().zip(number.to_be_bytes()) {
        *to = from;
    }
    bytes
}
