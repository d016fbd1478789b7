//! Learnt models: one byte form; what is read ends, adds up and is explained for any facts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_fuzz::split;
use secnet_guard::Learnt;
use secnet_guard::learnt::MAX_LEARNT_BYTES;
use secnet_types::{FeatureVector, decode};

fuzz_target!(|input: &[u8]| {
    let [facts, file] = split(input);
    for file in [input, file] {
        let Ok(learnt) = Learnt::from_bytes(file) else { continue };
        assert!(file.len() <= MAX_LEARNT_BYTES);
        assert_eq!(learnt.to_bytes(), file, "a second byte form of one model");
        let ordinary = learnt.parts().ordinary.clone();
        assert!(!learnt.holds(&ordinary), "it holds what it calls ordinary");
        let facts: FeatureVector = decode("facts", facts, 1 << 16).unwrap_or_default();
        let sum: i64 = learnt.shares(&facts).iter().map(|share| share.parts).sum();
        assert_eq!(sum, 840 * (learnt.score(&facts) - learnt.score(&ordinary)), "shares");
        for feature in learnt.features() {
            if let Some(value) = learnt.safe_value(&facts, feature) {
                let changed = facts.with(feature, value).expect("a value of its kind");
                assert!(!learnt.holds(&changed), "a safe value that is not");
            }
        }
    }
});
