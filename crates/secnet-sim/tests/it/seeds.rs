//! As many seeds as `SECNET_SIM_SEEDS` says, or some hundreds.

use secnet_sim::{Settings, run, run_in_parallel};

const DEFAULT_SEEDS: u64 = 200;

#[test]
fn every_seed_keeps_all_promises() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("SECNET_SIM_FIRST").unwrap_or(0);
    let seeds = first..first + number("SECNET_SIM_SEEDS").unwrap_or(DEFAULT_SEEDS);
    match run_in_parallel(seeds, &Settings::default(), &|_| {}) {
        Ok(report) => println!("{report}"),
        Err(failure) => panic!("{failure}"),
    }
}

/// Two erasures in one upload at a time: each brought back what the other had destroyed. An upload that was accepted was
/// cleared away when its retry was refused as expired.
#[test]
fn seeds_that_once_failed_keep_all_promises() {
    for seed in [39, 91, 301, 1075, 1166, 2303] {
        if let Err(failure) = run(seed..seed + 1, &Settings::default()) {
            panic!("{failure}");
        }
    }
}
