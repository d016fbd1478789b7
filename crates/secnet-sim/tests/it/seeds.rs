//! As many seeds as `SECNET_SIM_SEEDS` says, or a few.

use secnet_sim::{Settings, run};

const DEFAULT_SEEDS: u64 = 24;

#[test]
fn every_seed_keeps_all_promises() {
    let seeds = std::env::var("SECNET_SIM_SEEDS").ok().and_then(|text| text.parse().ok());
    let first =
        std::env::var("SECNET_SIM_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    match run(first..first + seeds.unwrap_or(DEFAULT_SEEDS), &Settings::default()) {
        Ok(report) => println!("{report:?}"),
        Err(failure) => panic!("{failure}"),
    }
}
