//! P6: nothing personal on the ledger.

use proptest::prelude::*;
use secnet_types::*;

use crate::draw::{Draw, OPERATIONS, operation};

/// Fails on text anywhere. Byte strings have fixed lengths (ids, digests, keys, signatures) or are signed objects,
/// which are followed: no operation has room for a name or a note.
fn no_free_text(bytes: &[u8]) {
    use minicbor::data::Type;
    let mut d = minicbor::Decoder::new(bytes);
    while d.position() < bytes.len() {
        match d.datatype().unwrap() {
            Type::Array => drop(d.array().unwrap()),
            Type::Map => drop(d.map().unwrap()),
            Type::Bytes => {
                let held = d.bytes().unwrap();
                match SignedBytes::parse(held) {
                    Ok(inner) => no_free_text(&inner.payload),
                    Err(_) => assert!(matches!(held.len(), 16 | 32 | 64), "{} bytes", held.len()),
                }
            }
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => drop(d.u64().unwrap()),
            Type::Bool => drop(d.bool().unwrap()),
            Type::Null => d.null().unwrap(),
            other => panic!("a command carries {other}"),
        }
    }
}

#[test]
fn p6_no_command_can_carry_text_or_bytes_of_free_length() {
    for seed in 0..256 {
        for number in 0..OPERATIONS {
            let mut d = Draw(seed);
            let command = Command { operation: operation(&mut d, number), ..d.any() };
            let bytes = encode(&command);
            no_free_text(&bytes);
        }
    }
}

proptest! {
    #[test]
    fn p6_commitments_tell_nothing_without_their_salt(seed: u64) {
        let mut d = Draw(seed);
        let detail: GrantDetail = d.any();
        let other = GrantDetail { salt: d.any(), ..detail.clone() };
        prop_assert_eq!(detail.commitment(), detail.clone().commitment());
        prop_assert_ne!(detail.commitment(), other.commitment());
        let request: RequestDetail = d.any();
        let other = RequestDetail { salt: d.any(), ..request.clone() };
        prop_assert_ne!(request.commitment(), other.commitment());
        // The salt is what keys it: what else is inside alone does not give the digest.
        prop_assert_ne!(request.commitment(), Digest::of_value(&request));
    }
}
