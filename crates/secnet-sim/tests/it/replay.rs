//! P10: a seed decides everything; a failing one can be run again.

use secnet_sim::{Settings, run};

#[test]
fn p10_two_runs_of_a_seed_are_the_same_to_the_last_byte() {
    let settings = Settings { traces: true, ..Settings::default() };
    let first = run(300..304, &settings).unwrap();
    let second = run(300..304, &settings).unwrap();
    assert_eq!(first, second);
    assert_ne!(first.digest, run(304..308, &settings).unwrap().digest);
}
