//! Snapshots of the guard: what is restored is written again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_guard::{Guard, Model};

fuzz_target!(|input: &[u8]| {
    let Ok(guard) = Guard::restore(Model::default(), input) else { return };
    assert_eq!(guard.snapshot(), input, "a second byte form of one snapshot");
    let (requesters, pairs, datasets) = guard.tracked();
    assert!(requesters + pairs + datasets <= input.len());
});
