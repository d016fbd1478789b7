//! The examples of docs/spec/stream.md, computed with the primitives alone, and of the digest in docs/spec/state.md.

use aes_gcm::{
    Aes256Gcm,
    aead::{AeadInOut, KeyInit},
};
use secnet_crypto::{
    Address, Encryptor, LtHash, ObjectKey, StreamSuite, bucket, derive, open_object,
};

use crate::support::hex;

const PAGE: &str = include_str!("../../../../docs/spec/stream.md");
const STATE: &str = include_str!("../../../../docs/spec/state.md");
const KEY: [u8; 32] = [1; 32];
const PREFIX: [u8; 7] = [2; 7];
const AAD: &[u8] = b"record 7";

/// What stands behind a label of the example.
fn behind(label: &str) -> &'static str {
    let example = PAGE.split_once("\nExample:").unwrap().1;
    example.split_once(&format!("\n    {label} ")).unwrap().1
}

/// The bytes in the lines behind a label, up to the next label.
fn shown(label: &str) -> Vec<u8> {
    let rest = behind(label);
    let more = rest.lines().skip(1).take_while(|line| line.starts_with("         "));
    let words = rest.lines().take(1).chain(more).flat_map(|line| line.split(' '));
    hex(&words.collect::<String>())
}

fn blake3(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

fn object() -> Vec<u8> {
    let key = ObjectKey::from_bytes(KEY);
    let (header, mut encryptor) =
        Encryptor::new(&key, StreamSuite::Aes256Gcm, PREFIX, AAD, 5).unwrap();
    let mut object = header.to_vec();
    encryptor.push(b"hello", &mut object).unwrap();
    encryptor.finish(&mut object).unwrap();
    object
}

#[test]
fn the_object_of_the_specification() {
    let object = object();
    assert_eq!(object.len(), 326);
    assert!(PAGE.contains(&format!("`{}`", Address::of(&object))));
    let (header, segment) = object.split_at(54);
    assert_eq!(shown("header"), header);
    assert_eq!(header[22..], blake3("sealed object v1 key commitment", &[&KEY, &[1], &PREFIX]));

    let key = blake3("sealed object v1 segment key", &[&KEY, &[1], &PREFIX]);
    assert_eq!(shown("segment key"), key);
    let aad = blake3("sealed object v1 associated data", &[header, AAD]);
    assert_eq!(shown("associated data"), aad);
    let nonce = shown("nonce");
    assert_eq!(nonce, [PREFIX.as_slice(), &[0, 0, 0, 0, 1]].concat());
    let line = behind("segment 0").lines().next().unwrap();
    let (first, last) = line.trim().split_once(" ... ").unwrap();
    assert!(segment.starts_with(&hex(first)) && segment.ends_with(&hex(last)));

    let (ciphertext, tag) = segment.split_at(segment.len() - 16);
    let mut plain = ciphertext.to_vec();
    Aes256Gcm::new(&key.into())
        .decrypt_inout_detached(
            nonce.as_slice().try_into().unwrap(),
            &aad,
            plain.as_mut_slice().into(),
            tag.try_into().unwrap(),
        )
        .unwrap();
    let mut expected = [5u64.to_le_bytes().as_slice(), b"hello"].concat();
    expected.resize(256, 0);
    assert_eq!(plain, expected);
    assert_eq!(*open_object(&ObjectKey::from_bytes(KEY), AAD, &object).unwrap(), b"hello");
}

#[test]
fn the_buckets_of_the_specification() {
    let row = |name: &str| -> Vec<u64> {
        let line = PAGE.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap();
        line.split('|').filter_map(|cell| cell.trim().replace(',', "").parse().ok()).collect()
    };
    let (contents, buckets) = (row("content"), row("bucket"));
    assert_eq!(contents.len(), 6);
    assert_eq!(contents.into_iter().map(bucket).collect::<Vec<_>>(), buckets);
}

#[test]
fn the_derivation_of_the_specification() {
    let line = PAGE.split_once("derive(\"example\", [\"ab\", \"c\"]) = ").unwrap().1;
    assert_eq!(derive("example", &[b"ab", b"c"]).as_slice(), hex(line.lines().next().unwrap()));
}

#[test]
fn the_digests_of_the_specification() {
    let mut set = LtHash::default();
    for (label, element) in
        [("no elements", ""), ("the one element \"a\"", "a"), ("\"a\" and \"b\"", "b")]
    {
        if !element.is_empty() {
            set.add(element.as_bytes());
        }
        let line = STATE.split_once(&format!("\n    {label} ")).unwrap().1.lines().next().unwrap();
        assert_eq!(set.digest().as_slice(), hex(line.trim()), "{label}");
    }
}
