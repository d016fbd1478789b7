//! What a data centre asks for a copy of a dataset, and is answered: one byte form, and nothing but refusals without the word that the owner
//! signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_app::reads_copy_talk;
use secnet_fuzz::REAL;
use secnet_types::encode;

/// Answers that say nothing of the dataset: refused, and not there yet.
const SAY_NOTHING: [u8; 2] = [6, 7];

fuzz_target!(|input: &[u8]| {
    let (is_call, _) = reads_copy_talk(input);
    let real = &*REAL;
    let Some(answer) = real.copied(input) else {
        return assert!(!is_call, "a question is answered");
    };
    assert!(is_call, "what is no question is not answered");
    assert_eq!(reads_copy_talk(&answer), (false, true), "its own answer");
    let signed = encode(&real.moving);
    let by_owner = is_call && input.windows(signed.len()).any(|part| part == signed);
    let says_nothing = answer.get(1).is_some_and(|kind| SAY_NOTHING.contains(kind));
    assert!(by_owner || says_nothing, "answered without the owner's word");
    // Nothing that the owner let go is taken away: the dataset is here.
    assert_ne!(answer.get(1), Some(&5), "noted that it is elsewhere");
});
