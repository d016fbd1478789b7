//! Key files: costs outside the limits are refused before any work, and nothing opens but what was written.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use secnet_crypto::{KeyFileParams, keyfile};
use secnet_fuzz::seeds::{PASSPHRASE, SECRET, key_file};

static FILE: LazyLock<String> = LazyLock::new(key_file);

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(cost) = keyfile::cost(text) else {
        assert!(keyfile::decrypt(text, PASSPHRASE).is_err(), "opened and not a key file");
        return;
    };
    assert!((keyfile::MIN_MEMORY_KIB..=keyfile::MAX_MEMORY_KIB).contains(&cost.memory_kib));
    assert!((keyfile::MIN_PASSES..=keyfile::MAX_PASSES).contains(&cost.passes));
    assert!((1..=keyfile::MAX_LANES).contains(&cost.lanes));
    assert_eq!(text.lines().nth(1), Some(cost.to_string().as_str()));
    // Other costs are as legal and take too long for this.
    if cost == KeyFileParams::LEAST {
        match keyfile::decrypt(text, PASSPHRASE) {
            Ok(secret) => {
                assert_eq!(text, *FILE, "a key file that nobody wrote");
                assert_eq!(*secret, SECRET);
            }
            Err(_) => assert_ne!(text, *FILE),
        }
    }
});
