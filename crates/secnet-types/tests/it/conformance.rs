//! One hash over many drawn values of each type. A failing line means that the byte form changed, which breaks every
//! ledger there is: only on purpose, with a new format version.

use secnet_types::*;

use crate::draw::{Draw, Drawn, every_type};

const CASES: u64 = 4096;
const GOLDEN: &str = include_str!("conformance.txt");

fn hash<T: Drawn + minicbor::Encode<()>>() -> String {
    let mut all = Vec::new();
    for seed in 0..CASES {
        let bytes = encode(&Draw(seed).any::<T>());
        all.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        all.extend_from_slice(&bytes);
    }
    Digest::of(&all).to_string()
}

macro_rules! hashes { ($($ty:ident,)*) => {
    fn hashes() -> String {
        [$((stringify!($ty), hash::<$ty>())),*].iter().map(|(name, hash)| format!("{name} {hash}\n")).collect()
    }
}; }
every_type!(hashes);

#[test]
fn the_byte_forms_are_those_of_version_1() {
    let now = hashes();
    let changed: Vec<&str> =
        now.lines().filter(|line| !GOLDEN.lines().any(|l| l == *line)).collect();
    assert!(changed.is_empty(), "these byte forms changed:\n{}", changed.join("\n"));
    assert_eq!(now.lines().count(), GOLDEN.lines().count(), "a type is gone");
}
