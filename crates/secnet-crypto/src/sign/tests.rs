use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

#[test]
fn did_key_round_trip_and_known_answer() {
    // W3C CCG did:key specification, Ed25519 example.
    let did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    let key = VerifyingKey::from_did_key(did).unwrap();
    assert_eq!(key.to_did_key(), did);
    assert_eq!(format!("{key:?}"), did);
    assert_eq!(did.parse(), Ok(key));
}

#[test]
fn did_keys_of_another_form_are_refused() {
    let did = SigningKey::generate(&mut rng()).verifying_key().to_did_key();
    let secp256k1 = "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme";
    let cut = did.get(..did.len() - 1).unwrap();
    for text in [
        "",
        "did:key:",
        "did:key:z",
        secp256k1,
        cut,
        &did.replace("did:key:z", "did:key:"),
        &format!("{did} "),
        &format!("{did}1"),
        &did.replace("did:key:z", "did:key:z1"),
        &"did:key:z6Mk".repeat(20),
    ] {
        let refused = VerifyingKey::from_did_key(text);
        assert!(matches!(refused, Err(KeyError::NotDidKey(_))), "{text}: {refused:?}");
    }
}

#[test]
fn weak_keys_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(VerifyingKey::from_bytes(identity), Err(KeyError::SmallOrder));
    assert_eq!(VerifyingKey::from_bytes([0; 32]), Err(KeyError::SmallOrder));
    // y = p + 1 is another spelling of y = 1.
    let mut alias = [0xff; 32];
    alias[0] = 0xee;
    alias[31] = 0x7f;
    assert_eq!(VerifyingKey::from_bytes(alias), Err(KeyError::NotCanonical));
    // The identity with the sign of x = 0 set.
    identity[31] = 0x80;
    assert_eq!(VerifyingKey::from_bytes(identity), Err(KeyError::NotCanonical));
    let mut off_curve = [0; 32];
    off_curve[0] = 2;
    assert_eq!(VerifyingKey::from_bytes(off_curve), Err(KeyError::NotOnCurve));
}

#[test]
fn secrets_are_not_printed() {
    let key = SigningKey::from_seed([0x5a; 32]);
    assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.verifying_key()));
}

#[test]
fn bad_signatures_are_named_wherever_they_are() {
    let keys: Vec<SigningKey> = (0..70).map(|i| SigningKey::from_seed([i; 32])).collect();
    let good: Vec<BatchItem<'_>> = keys
        .iter()
        .map(|key| BatchItem::new(key.verifying_key(), b"message", key.sign(b"message")))
        .collect();
    assert_eq!(verify_batch(&good, &mut rng()), Ok(()));
    assert_eq!(verify_batch(&[], &mut rng()), Ok(()));
    for bad in [0, 1, 31, 32, 33, 63, 64, 69] {
        let mut items = good.clone();
        items[bad].msg = b"another";
        items[(bad + 40) % 70].sig.0[5] ^= 1;
        let mut expected = vec![bad, (bad + 40) % 70];
        expected.sort_unstable();
        assert_eq!(verify_batch(&items, &mut rng()), Err(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Keys, signatures and messages that are partly garbage: the batch never disagrees.
    #[test]
    fn batch_equals_single(
        items in prop::collection::vec((any::<[u8; 32]>(), any::<Vec<u8>>(), 0u8..6, any::<u8>()), 0..80),
        seed: u64,
    ) {
        let items: Vec<([u8; 32], Vec<u8>, Signature)> = items
            .into_iter()
            .map(|(seed, msg, kind, at)| {
                let signer = SigningKey::from_seed(seed);
                let mut key = *signer.verifying_key().as_bytes();
                let mut sig = signer.sign(&msg);
                match kind {
                    0 => key = seed,
                    1 => sig.0[usize::from(at) % 64] ^= 1 << (at % 8),
                    2 => key = [0; 32],
                    _ => {}
                }
                (key, msg, sig)
            })
            .collect();
        let batch: Vec<BatchItem<'_>> = items
            .iter()
            .map(|(key, msg, sig)| BatchItem { key: *key, msg, sig: *sig })
            .collect();
        let bad: Vec<usize> = (0..items.len())
            .filter(|i| !verify_zip215(&items[*i].0, &items[*i].1, &items[*i].2.0))
            .collect();
        let expected = if bad.is_empty() { Ok(()) } else { Err(bad) };
        prop_assert_eq!(verify_batch(&batch, &mut ChaCha20Rng::seed_from_u64(seed)), expected);
    }
}
