//! P10: a seed decides everything; a failing one can be run again.

use secnet_sim::{Broken, Settings, run};

#[test]
fn p10_two_runs_of_a_seed_are_the_same_to_the_last_byte() {
    let settings = Settings { traces: true, ..Settings::default() };
    let first = run(300..304, &settings).unwrap();
    let second = run(300..304, &settings).unwrap();
    assert_eq!(first, second);
    assert_ne!(first.digest, run(304..308, &settings).unwrap().digest);
}

#[test]
fn p10_randomness_from_elsewhere_is_found() {
    let settings = Settings { broken: Some(Broken::OtherRandomness), ..Settings::default() };
    let differ = (0..8).any(|seed| {
        let digests = [(); 2].map(|()| run(seed..seed + 1, &settings).unwrap().digest);
        let [first, second] = digests;
        first != second
    });
    assert!(differ);
}
