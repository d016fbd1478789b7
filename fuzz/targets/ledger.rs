//! The state machine: whatever signed commands say, blocks are made, money is conserved, a refusal leaves no trace, and
//! a twin that sees the same blocks has the same state.
#![no_main]

use libfuzzer_sys::fuzz_target;
use minicbor::Decoder;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use secnet_fuzz::REAL;
use secnet_ledger::{Executor, Outcome, VerifyingPool};
use secnet_types::{Command, SignedCommand, Timestamp};

const MOST_COMMANDS: usize = 24;

fuzz_target!(|input: &[u8]| {
    let real = &*REAL;
    let (mut executor, _) = Executor::genesis(&real.genesis);
    let mut twin = executor.clone();
    let mut decoder = Decoder::new(input);
    for _ in 0..MOST_COMMANDS {
        let Ok(command) = decoder.decode::<Command>() else { break };
        let Some((_, key)) = real.keys.iter().find(|(id, _)| *id == command.author) else {
            continue;
        };
        let time = Timestamp(command.expires.0.saturating_sub(60_000));
        let signed = SignedCommand::sign(command, key.as_ref()).to_bytes();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let verified: Vec<_> =
            VerifyingPool::verify(vec![signed], &mut rng).into_iter().flatten().collect();
        let before = executor.log_size();
        let block = executor.execute(time, &verified);
        assert_eq!(block.header.log_size, before);
        assert_eq!(before + block.events.len() as u64, executor.log_size());
        if let [Outcome::Rejected(_)] = block.outcomes.as_slice() {
            assert!(block.commands.is_empty(), "a refused command in the block");
        }
        let (totals, sum) = executor.state().audit().expect("no overflow");
        assert_eq!(totals.supply, sum, "money was made or lost");
        let again = twin.execute(time, &verified);
        assert_eq!(again.digest, block.digest, "two nodes disagree");
        assert_eq!(again.events, block.events);
    }
    assert_eq!(executor.position(), twin.position());
});
