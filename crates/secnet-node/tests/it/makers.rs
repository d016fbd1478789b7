//! Who makes blocks waits for whoever makes one: a deadline's block and a command's are never both of one height.

use std::sync::Barrier;

use secnet_ledger::{Outcome, VerifyingPool};
use secnet_node::faults::{FaultyDisk, Plan};

use crate::world::{START, chain_on, issue, pay};

/// Makers at once, and blocks of each.
const MAKERS: u64 = 4;
const BLOCKS: u64 = 8;

#[test]
fn several_who_make_blocks_at_once_make_one_chain() {
    let chain = chain_on(&FaultyDisk::new(Plan::default())).unwrap();
    let make = |command: Vec<u8>| {
        let mut rng = secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
        let verified = VerifyingPool::verify(vec![command], &mut rng).remove(0).unwrap();
        let done = chain.process(START, &[verified], true).unwrap();
        assert!(matches!(done.outcomes[..], [Outcome::Applied { .. }]), "{:?}", done.outcomes);
    };
    make(issue(0, "ada"));
    let before = chain.executor().height();
    let start = Barrier::new(MAKERS as usize);
    std::thread::scope(|scope| {
        for maker in 0..MAKERS {
            let (make, start) = (&make, &start);
            scope.spawn(move || {
                start.wait();
                (1..=BLOCKS).for_each(|at| make(pay(maker * BLOCKS + at, "ada", "bo", 1)));
            });
        }
    });
    // Each makes a block and the one that covers it.
    assert_eq!(chain.executor().height(), before + MAKERS * BLOCKS * 2);
}
