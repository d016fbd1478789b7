//! Wycheproof for the two halves of X-Wing, X25519 and ML-KEM-768, against the very crates that are linked under it.

use curve25519_dalek::MontgomeryPoint;
use hpke::{
    Deserializable, Serializable,
    kem::{Kem, MlKem768},
};
use wycheproof::{TestResult, mlkem, xdh};

use crate::support::KnownRng;

#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut checked = 0;
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let public = MontgomeryPoint(test.public_key.as_slice().try_into().unwrap());
        let shared = public.mul_clamped(test.private_key.as_slice().try_into().unwrap());
        // Points of low order and long forms are acceptable: X-Wing hashes the public key too, so they gain nothing.
        assert_eq!(shared.0, test.shared_secret.as_slice(), "case {}", test.tc_id);
        checked += 1;
    }
    assert_eq!(checked, 518);
}

fn cases(name: mlkem::TestName) -> Vec<mlkem::Test> {
    let set = mlkem::TestSet::load(name).unwrap();
    set.test_groups.into_iter().flat_map(|group| group.tests).collect()
}

/// The shared secret that a seed and a ciphertext give, if both are accepted.
fn decapsulated(test: &mlkem::Test) -> Option<Vec<u8>> {
    let secret = <MlKem768 as Kem>::PrivateKey::from_bytes(test.seed.as_ref()?).ok()?;
    let ciphertext = <MlKem768 as Kem>::EncappedKey::from_bytes(test.ct.as_ref()?).ok()?;
    MlKem768::decap(&secret, None, &ciphertext).ok().map(|shared| shared.0.to_vec())
}

/// Implicit rejection included: a wrong ciphertext gives a secret that nobody else has.
#[test]
fn ml_kem_768_decapsulates() {
    let tests = cases(mlkem::TestName::MlKem768);
    for test in &tests {
        let expected = match test.result {
            TestResult::Valid => test.shared_secret.as_ref().map(|secret| secret.to_vec()),
            _ => None,
        };
        assert_eq!(decapsulated(test), expected, "case {}", test.tc_id);
    }
    assert_eq!(tests.len(), 201);
}

#[test]
fn ml_kem_768_encapsulates_and_refuses_unreduced_keys() {
    let tests = cases(mlkem::TestName::MlKem768Encaps);
    for test in &tests {
        let public = <MlKem768 as Kem>::PublicKey::from_bytes(test.encaps_key.as_ref().unwrap());
        assert_eq!(public.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
        let Ok(public) = public else { continue };
        let mut randomness = KnownRng(test.msg.as_ref().unwrap().to_vec());
        let (shared, ciphertext) =
            MlKem768::encap_with_rng(&public, None, &mut randomness).unwrap();
        assert_eq!(ciphertext.to_bytes().as_slice(), test.ct.as_ref().unwrap().as_slice());
        assert_eq!(shared.0.as_slice(), test.shared_secret.as_ref().unwrap().as_slice());
    }
    assert_eq!(tests.len(), 265);
}

#[test]
fn ml_kem_768_makes_keys_from_seeds() {
    let tests = cases(mlkem::TestName::MlKem768KeyGenSeed);
    for test in &tests {
        let secret =
            <MlKem768 as Kem>::PrivateKey::from_bytes(test.seed.as_ref().unwrap()).unwrap();
        let public = MlKem768::sk_to_pk(&secret).to_bytes();
        assert_eq!(public.as_slice(), test.encaps_key.as_ref().unwrap().as_slice());
    }
    assert_eq!(tests.len(), 100);
}
