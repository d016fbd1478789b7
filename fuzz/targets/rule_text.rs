//! Rules written as Cedar: what is read prints as a text that reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_types::{Rule, encode, limits};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Rule::from_cedar(text) {
        Ok(rule) => {
            assert!(text.len() <= limits::MAX_RULE_TEXT_BYTES);
            let printed = rule.to_cedar();
            assert_eq!(Rule::from_cedar(&printed).as_ref(), Ok(&rule), "lost in print: {printed}");
            assert_eq!(Rule::from_bytes(&encode(&rule)).as_ref(), Ok(&rule));
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.len() < 1024, "an error as long as its cause: {said}");
        }
    }
});
