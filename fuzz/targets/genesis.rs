//! Genesis files: one byte form, and the parts of what is accepted fit together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_fuzz::{REAL, is_small_order};
use secnet_ledger::Executor;
use secnet_types::{Genesis, encode, limits};

fuzz_target!(|input: &[u8]| {
    let Ok(genesis) = Genesis::parse(input) else { return };
    assert_eq!(encode(&genesis), input, "a second byte form of one genesis");
    assert!(!is_small_order(genesis.sequencer));
    assert!(genesis.governors.len() <= limits::MAX_GOVERNORS);
    assert!(genesis.threshold as usize <= genesis.governors.len());
    assert!(genesis.threshold as usize * 2 > genesis.governors.len());
    assert_eq!(genesis.network() == REAL.genesis.network(), genesis == REAL.genesis);
    let (executor, _) = Executor::genesis(&genesis);
    assert_eq!(executor.height(), 0);
    let members = genesis.founders.iter().filter(|f| executor.state().member(f.member).is_some());
    assert_eq!(members.count(), genesis.founders.len());
});
