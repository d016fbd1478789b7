//! Sealed envelopes and public keys: nothing opens but what was sealed.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use secnet_crypto::{SealPublicKey, SealSecretKey, open};
use secnet_fuzz::seeds::{SEAL_SEED, SECRET, sealed};

static SEALED: LazyLock<Vec<u8>> = LazyLock::new(sealed);

fuzz_target!(|input: &[u8]| {
    let key = SealSecretKey::from_seed(SEAL_SEED);
    match open(&key, b"fuzz", b"aad", input) {
        Ok(content) => {
            assert_eq!(input, *SEALED, "an envelope that nobody sealed");
            assert_eq!(*content, SECRET);
            assert!(open(&key, b"other", b"aad", input).is_err());
            assert!(open(&key, b"fuzz", b"other", input).is_err());
        }
        Err(_) => assert_ne!(input, *SEALED),
    }
    if let Ok(key) = SealPublicKey::from_bytes(input) {
        assert_eq!(key.to_bytes().as_slice(), input);
    }
});
