//! Many signatures at once, about twice as fast as one by one.

use ed25519_zebra as zebra;

use super::{Signature, VerifyingKey, verify_zip215};
use crate::CryptoRng;

/// Items checked together when a larger batch has failed. Bounds what bad signatures can cost: at
/// worst every item is checked twice in batches and once alone.
const RETRY_ITEMS: usize = 32;

/// One signature of a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchItem<'a> {
    /// The 32 bytes of the public key.
    pub key: [u8; 32],
    /// What was signed.
    pub msg: &'a [u8],
    /// The signature.
    pub sig: Signature,
}

impl<'a> BatchItem<'a> {
    /// The signature `sig` of `msg` under `key`.
    #[must_use]
    pub const fn new(key: VerifyingKey, msg: &'a [u8], sig: Signature) -> Self {
        Self { key: *key.as_bytes(), msg, sig }
    }
}

/// Checks all `items` together; on failure names the bad ones by their index, ascending.
///
/// The answer is that of [`verify_zip215`] for each item, except with a chance of 2^-128 that a bad
/// one passes. To use two threads, give each a part of the items and its own generator, and add the
/// start of the part to the indices.
pub fn verify_batch(
    items: &[BatchItem<'_>],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(), Vec<usize>> {
    if all_valid(items, rng) {
        return Ok(());
    }
    let mut bad = Vec::new();
    for (part, start) in items.chunks(RETRY_ITEMS).zip((0usize..).step_by(RETRY_ITEMS)) {
        if items.len() > RETRY_ITEMS && all_valid(part, rng) {
            continue;
        }
        let failing = part.iter().zip(start..).filter(|(item, _)| !valid(item));
        bad.extend(failing.map(|(_, index)| index));
    }
    // Every single check passing after a failed batch cannot happen under ZIP-215; were the library
    // to break that, the single checks are the rule.
    if bad.is_empty() { Ok(()) } else { Err(bad) }
}

fn valid(item: &BatchItem<'_>) -> bool {
    verify_zip215(&item.key, item.msg, &item.sig.0)
}

fn all_valid(items: &[BatchItem<'_>], rng: &mut (impl CryptoRng + ?Sized)) -> bool {
    match items {
        [] => true,
        [item] => valid(item),
        _ => {
            let mut batch = zebra::batch::Verifier::new();
            for item in items {
                let sig = zebra::Signature::from_bytes(&item.sig.0);
                batch.queue((zebra::VerificationKeyBytes::from(item.key), sig, item.msg));
            }
            batch.verify(rng).is_ok()
        }
    }
}
