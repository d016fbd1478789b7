//! Measures durable commits: `commit_rate [FOLDER]`, release build.
//!
//! One record is 300 bytes of block body, two state entries of 150 bytes under new random keys, and one event of 200
//! bytes; commits of 100 and of 1,000 records.
#![allow(clippy::print_stdout, reason = "it prints its figures")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secnet_node::store::{BlockRecord, Commit, EntryKey, Leaf, Options, Store};

const RECORDS: u64 = 300_000;
const BODY_BYTES: u64 = 300;
const ENTRY_BYTES: u64 = 150;
const EVENT_BYTES: u64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    for per_commit in [100, 1000] {
        let dir = root.join(format!("commit-rate-{}-{per_commit}", std::process::id()));
        measure(&dir, per_commit)?;
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

fn measure(dir: &Path, per_commit: u64) -> Result<(), Box<dyn Error>> {
    let store = Store::open(dir, Options::default())?;
    let records = RECORDS.min(per_commit.saturating_mul(1000));
    let mut spent = Vec::new();
    for height in 0..records / per_commit {
        let commit = commit(height, per_commit);
        let start = Instant::now();
        store.commit(commit)?;
        spent.push(start.elapsed());
    }
    spent.sort_unstable();
    let total: Duration = spent.iter().sum();
    let at = |share: usize| spent.get(spent.len() * share / 100).copied().unwrap_or_default();
    println!(
        "{per_commit:>5} a commit: {:>8.0} records/s, p50 {:?}, p99 {:?}, {records} records",
        f64::from(u32::try_from(records)?) / total.as_secs_f64(),
        at(50),
        at(99),
    );
    drop(store);
    let start = Instant::now();
    let store = Store::open(dir, Options::default())?;
    let opened = start.elapsed();
    let start = Instant::now();
    let mut bytes = 0;
    let mut entries = 0_u64;
    let mut stored = store.entries()?;
    while let Some((_, _, value)) = stored.next()? {
        bytes += value.len();
        entries += 1;
    }
    println!(
        "      reopened in {opened:?}; {entries} entries, {bytes} bytes in {:?}",
        start.elapsed()
    );
    let start = Instant::now();
    let report = store.verify(&mut |_| {});
    println!("      verified in {:?}, {} findings", start.elapsed(), report.findings.len());
    Ok(())
}

fn commit(height: u64, records: u64) -> Commit {
    let first = height * records;
    let mut commit = Commit {
        blocks: vec![BlockRecord {
            height,
            header: bytes(height, 200),
            body: bytes(height, BODY_BYTES * records),
            certificate: bytes(height, 128),
        }],
        meta: vec![("digest", bytes(height, 2048))],
        ..Commit::default()
    };
    for record in first..first + records {
        for table in [1, 2] {
            let key = bytes(record * 2 + u64::from(table), 32);
            commit.entries.push((EntryKey::new(table, key), Some(bytes(record, ENTRY_BYTES))));
        }
        commit.leaves.push(Leaf::new(bytes(record, EVENT_BYTES)));
    }
    commit
}

fn bytes(seed: u64, len: u64) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::new();
    for _ in 0..len.div_ceil(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(usize::try_from(len).unwrap_or(usize::MAX));
    bytes
}
