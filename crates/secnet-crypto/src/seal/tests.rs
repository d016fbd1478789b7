use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(2)
}

#[test]
fn round_trip_and_length() {
    let pair = SealKeyPair::generate(&mut rng());
    for len in [0, 1, 32, 1000] {
        let plaintext = vec![7; len];
        let sealed = seal(&pair.public, b"info", b"aad", &plaintext, &mut rng()).unwrap();
        assert_eq!(sealed.len(), len + SEAL_OVERHEAD);
        assert_eq!(open(&pair.secret, b"info", b"aad", &sealed).unwrap().as_slice(), plaintext);
    }
}

#[test]
fn only_the_right_key_and_context_open() {
    let pair = SealKeyPair::generate(&mut rng());
    let other = SealKeyPair::from_seed([9; 32]);
    let sealed = seal(&pair.public, b"info", b"aad", b"secret", &mut rng()).unwrap();
    let rejected = Err(OpenError::Rejected);
    assert_eq!(open(&other.secret, b"info", b"aad", &sealed), rejected);
    assert_eq!(open(&pair.secret, b"other", b"aad", &sealed), rejected);
    assert_eq!(open(&pair.secret, b"info", b"other", &sealed), rejected);
}

#[test]
fn every_altered_byte_and_every_cut_is_refused() {
    let pair = SealKeyPair::generate(&mut rng());
    let sealed = seal(&pair.public, b"", b"", b"secret", &mut rng()).unwrap();
    // One bit in every seventh byte and in all of the front and the end.
    for at in (0..sealed.len()).filter(|at| at % 7 == 0 || *at < 8 || *at > 1110) {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert!(open(&pair.secret, b"", b"", &altered).is_err(), "byte {at}");
    }
    for len in [0, 1, 2, 1121, 1122, 1137, sealed.len() - 1] {
        assert!(open(&pair.secret, b"", b"", &sealed[..len]).is_err(), "{len} bytes");
    }
    let longer = [sealed.as_slice(), &[0]].concat();
    assert_eq!(open(&pair.secret, b"", b"", &longer), Err(OpenError::Rejected));
}

#[test]
fn unknown_suites_are_named() {
    let pair = SealKeyPair::generate(&mut rng());
    let mut sealed = seal(&pair.public, b"", b"", b"secret", &mut rng()).unwrap();
    sealed[1] = 0x20;
    let refused = open(&pair.secret, b"", b"", &sealed).unwrap_err();
    assert_eq!(refused, OpenError::UnknownSuite(0x6420));
    assert!(refused.to_string().contains("`0x6420`"));
    assert_eq!(open(&pair.secret, b"", b"", &[0, 1]), Err(OpenError::UnknownSuite(1)));
    assert_eq!(open(&pair.secret, b"", b"", &[0x64, 0x7a, 0]), Err(OpenError::TooShort(3)));
}

#[test]
fn sessions_keep_their_order() {
    let pair = SealKeyPair::generate(&mut rng());
    let (opening, mut sender) = SealSession::new(&pair.public, b"info", &mut rng()).unwrap();
    assert_eq!(opening.len(), SESSION_OPENING_LEN);
    let mut receiver = OpenSession::new(&pair.secret, b"info", &opening).unwrap();
    let first = sender.seal(b"a", b"one").unwrap();
    let second = sender.seal(b"b", b"two").unwrap();
    assert_eq!(receiver.open(b"b", &second), Err(OpenError::Rejected));
    assert_eq!(receiver.open(b"a", &first).unwrap().as_slice(), b"one");
    assert_eq!(receiver.open(b"a", &first), Err(OpenError::Rejected));
    assert_eq!(receiver.open(b"b", &second).unwrap().as_slice(), b"two");
}

#[test]
fn public_keys_are_checked_and_secrets_not_printed() {
    let pair = SealKeyPair::from_seed([3; 32]);
    let bytes = pair.public.to_bytes();
    assert_eq!(SealPublicKey::from_bytes(&bytes), Ok(pair.public.clone()));
    assert_eq!(SealPublicKey::from_bytes(&bytes[1..]), Err(SealError::PublicKey));
    // Coefficients of ML-KEM that are not reduced (FIPS 203, section 7.2).
    assert_eq!(SealPublicKey::from_bytes(&[0xff; SEAL_PUBLIC_KEY_LEN]), Err(SealError::PublicKey));
    assert!(!format!("{pair:?}").contains("03, 03"));
}

#[test]
fn agreed_envelopes_open_each_alone_and_in_any_order() {
    let mut rng = rng();
    let pair = SealKeyPair::generate(&mut rng);
    let agreement = Agreement::new(&pair.public, b"info", &mut rng).unwrap();
    let sealed: Vec<Vec<u8>> =
        (0..3u8).map(|n| agreement.seal(&[n], &[n; 40], &mut rng).unwrap()).collect();
    for n in [2u8, 0, 1] {
        let envelope = &sealed[usize::from(n)];
        assert_eq!(envelope.len(), 40 + AGREED_OVERHEAD);
        let plain = open_agreed(&pair.secret, b"info", &[n], envelope).unwrap();
        assert_eq!(plain.as_slice(), [n; 40]);
        for (info, aad) in [(&b"other"[..], &[n][..]), (b"info", b"other")] {
            assert_eq!(open_agreed(&pair.secret, info, aad, envelope), Err(OpenError::Rejected));
        }
        let other = SealKeyPair::generate(&mut rng);
        assert_eq!(open_agreed(&other.secret, b"info", &[n], envelope), Err(OpenError::Rejected));
    }
    let again = agreement.seal(&[0], &[0; 40], &mut rng).unwrap();
    assert_ne!(again, sealed[0], "the same message twice is two envelopes");
}

#[test]
fn every_altered_byte_and_every_cut_of_an_agreed_envelope_is_refused() {
    let mut rng = rng();
    let pair = SealKeyPair::generate(&mut rng);
    let agreement = Agreement::new(&pair.public, b"", &mut rng).unwrap();
    let sealed = agreement.seal(b"", b"secret", &mut rng).unwrap();
    for at in (0..sealed.len()).step_by(7).chain(SESSION_OPENING_LEN..sealed.len()) {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert!(open_agreed(&pair.secret, b"", b"", &altered).is_err(), "{at}");
        assert!(open_agreed(&pair.secret, b"", b"", &sealed[..at]).is_err(), "{at}");
    }
    assert_eq!(open_agreed(&pair.secret, b"", b"", &[0; 2000]), Err(OpenError::UnknownSuite(0)));
}
