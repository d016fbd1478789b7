//! Every type of the vocabulary: the first byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_fuzz::types::READ;

fuzz_target!(|input: &[u8]| {
    let Some((number, bytes)) = input.split_first() else { return };
    if let Some(read) = READ.get(usize::from(*number)) {
        read(bytes);
    }
});
