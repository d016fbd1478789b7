//! Whatever comes from outside: no decoder panics, and what it accepts it writes again as it was.

use proptest::prelude::*;
use secnet_crypto::{
    Address, Checkpoint, Frontier, Hash, Header, ObjectKey, Outboard, RangeReader, SealPublicKey,
    SealSecretKey, SignedNote, VerifyingKey, keyfile,
    merkle::{note::parse_verifier_key, tile::TileId},
    open, open_object, verify_consistency, verify_inclusion,
};

/// Text that is near the formats: their own words, digits and line feeds.
fn near_text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "did:key:z6Mk",
        "b3:",
        "secnet-key-v1",
        "argon2id m=19456 t=2 p=1",
        "tile/",
        "0/",
        "x001/",
        "000",
        ".p/",
        "17",
        "\n",
        "\n\n",
        "\u{2014} ",
        "name",
        "+",
        " ",
        "AAAA",
        "=",
        "log",
        "12",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        "\u{e9}",
        "-1",
    ]);
    prop::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn texts(text in prop_oneof![near_text(), any::<String>()]) {
        if let Ok(key) = text.parse::<VerifyingKey>() {
            prop_assert_eq!(key.to_did_key(), text.clone());
        }
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string(), text.clone());
        }
        if let Ok(tile) = text.parse::<TileId>() {
            prop_assert_eq!(tile.to_string(), text.clone());
        }
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.to_string(), text.clone());
        }
        if let Ok(note) = SignedNote::parse(&text) {
            prop_assert_eq!(note.to_text(), text.clone());
        }
        prop_assert!(parse_verifier_key(&text).is_err());
        prop_assert!(keyfile::decrypt(&text, "").is_err());
    }

    #[test]
    fn bytes(bytes: Vec<u8>, object in prop::collection::vec(any::<u8>(), 0..400)) {
        let key = ObjectKey::from_bytes([1; 32]);
        let framed = [b"SOBJ\x01\x01\x10".as_slice(), &object].concat();
        for bytes in [&bytes, &object, &framed] {
            prop_assert!(open_object(&key, b"", bytes).is_err());
            prop_assert!(RangeReader::new(&key, b"", bytes).is_err());
            if let Some(header) = bytes.first_chunk().and_then(|head| Header::parse(head).ok()) {
                prop_assert_eq!(header.to_bytes().to_vec(), &bytes[..54]);
            }
            let address = Address::of(bytes);
            if let Ok(outboard) = Outboard::from_bytes(address, bytes) {
                prop_assert_eq!(&outboard.to_bytes(), bytes);
            }
            prop_assert!(SealPublicKey::from_bytes(bytes).is_err());
        }
    }

    #[test]
    fn proofs(
        numbers: (u64, u64), small in (0u64..70, 0u64..70),
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let hashes: Vec<Hash> = hashes.into_iter().map(Hash).collect();
        let (root, leaf) = (Hash([1; 32]), Hash([2; 32]));
        for (a, b) in [numbers, small, (numbers.0, u64::MAX), (0, numbers.1)] {
            prop_assert!(verify_inclusion(&leaf, a, b, &hashes, &root).is_err());
            prop_assert!(verify_consistency(a, b, &hashes, &leaf, &root).is_err());
            if let Some(frontier) = Frontier::from_parts(a, hashes.clone()) {
                prop_assert_eq!(frontier.size(), a);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn envelopes(body in prop::collection::vec(any::<u8>(), 0..1300)) {
        let key = SealSecretKey::from_seed([1; 32]);
        let framed = [[0x64, 0x7a].as_slice(), &body].concat();
        prop_assert!(open(&key, b"", b"", &body).is_err());
        prop_assert!(open(&key, b"", b"", &framed).is_err());
    }
}
