//! Receipts: one byte form, and none holds but those that the ledger gave.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_fuzz::REAL;
use secnet_types::{Receipt, limits};

fuzz_target!(|input: &[u8]| {
    let Ok(receipt) = Receipt::parse(input) else { return };
    assert!(input.len() <= limits::MAX_RECEIPT_BYTES);
    assert_eq!(receipt.to_bytes(), input, "a second byte form of one receipt");
    assert!(receipt.path.len() <= limits::MAX_PROOF_NODES);
    let real = &*REAL;
    let given = real.receipts.iter().any(|known| known == input);
    assert_eq!(
        receipt.verify(&real.genesis).is_ok(),
        given,
        "a receipt that the ledger never gave"
    );
    let mut other = real.genesis.clone();
    other.salt[0] ^= 1;
    assert!(receipt.verify(&other).is_err(), "a receipt of another network");
});
