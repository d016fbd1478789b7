//! Signed commands: one byte form, and only what was signed verifies, one by one as in a batch.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use secnet_fuzz::{REAL, is_small_order};
use secnet_ledger::VerifyingPool;
use secnet_types::{Command, Payload, SignedCommand, encode, limits};

fuzz_target!(|input: &[u8]| {
    let batch = VerifyingPool::verify(vec![input.to_vec()], &mut ChaCha20Rng::seed_from_u64(1));
    let in_batch = batch.iter().any(Result::is_ok);
    let Ok(command) = SignedCommand::parse(input) else {
        assert!(!in_batch, "verified and not a command");
        return;
    };
    assert!(input.len() <= limits::MAX_COMMAND_BYTES);
    assert_eq!(command.to_bytes(), input, "a second byte form of one command");
    assert_eq!(encode(&command.value), command.envelope.payload);
    let alone = command.verify().is_ok();
    assert!(alone || !in_batch, "the batch accepts what is refused alone");
    if alone && !is_small_order(command.envelope.key) {
        let known = REAL.commands.iter().any(|known| known.to_bytes() == input);
        assert!(known, "a signature that nobody made");
        assert!(in_batch, "the batch refuses what is accepted alone");
    }
    for other in [secnet_types::Namespace::Request, secnet_types::Namespace::Header] {
        assert_ne!(other, Command::NAMESPACE);
        assert!(
            is_small_order(command.envelope.key) || command.envelope.verify(other).is_err(),
            "signed for one purpose, accepted for another"
        );
    }
});
