//! RFC 9180 with X25519 for the construction, the drafts' vectors for X-Wing and for our very suite.

use hpke::{
    Deserializable, OpModeR, OpModeS, PskBundle, Serializable,
    aead::{Aead, AesGcm128, AesGcm256, ChaCha20Poly1305, ExportOnlyAead},
    kdf::HkdfSha256,
    kem::{Kem, X25519HkdfSha256, XWing},
    setup_receiver, setup_sender_with_rng,
};
use secnet_crypto::{OpenSession, SealPublicKey, SealSecretKey, SealSession, open, seal};
use serde_json::Value;

use crate::support::{KnownRng, field, vectors};

type X25519 = X25519HkdfSha256;

/// Both sides, from the case's randomness: the encapsulation, every message in turn and every export.
fn rfc_9180_case<A: Aead>(case: &Value) -> usize {
    let secret = |name| <X25519 as Kem>::PrivateKey::from_bytes(&field(case, name)).unwrap();
    let public = |name| <X25519 as Kem>::PublicKey::from_bytes(&field(case, name)).unwrap();
    let (psk, psk_id) = match case["mode"].as_u64().unwrap() {
        1 | 3 => (field(case, "psk"), field(case, "psk_id")),
        _ => (Vec::new(), Vec::new()),
    };
    let psk = PskBundle::new(&psk, &psk_id).unwrap();
    let (to_send, to_receive) = match case["mode"].as_u64().unwrap() {
        0 => (OpModeS::Base, OpModeR::Base),
        1 => (OpModeS::Psk(psk), OpModeR::Psk(psk)),
        2 => (OpModeS::Auth((secret("skSm"), public("pkSm"))), OpModeR::Auth(public("pkSm"))),
        3 => (
            OpModeS::AuthPsk((secret("skSm"), public("pkSm")), psk),
            OpModeR::AuthPsk(public("pkSm"), psk),
        ),
        other => panic!("unexpected mode {other}"),
    };
    let (_, derived_public) = X25519::derive_keypair(&field(case, "ikmR"));
    assert_eq!(derived_public.to_bytes().as_slice(), field(case, "pkRm"));
    let info = field(case, "info");
    let (enc, mut sender) = setup_sender_with_rng::<A, HkdfSha256, X25519>(
        &to_send,
        &public("pkRm"),
        &info,
        &mut KnownRng(field(case, "ikmE")),
    )
    .unwrap();
    assert_eq!(enc.to_bytes().as_slice(), field(case, "enc"));
    let mut receiver =
        setup_receiver::<A, HkdfSha256, X25519>(&to_receive, &secret("skRm"), &enc, &info).unwrap();
    let messages = case["encryptions"].as_array().unwrap();
    for message in messages {
        let (aad, pt, ct) = (field(message, "aad"), field(message, "pt"), field(message, "ct"));
        assert_eq!(sender.seal(&pt, &aad).unwrap(), ct);
        assert_eq!(receiver.open(&ct, &aad).unwrap(), pt);
    }
    for export in case["exports"].as_array().unwrap() {
        let expected = field(export, "exported_value");
        let context = field(export, "exporter_context");
        let mut value = vec![0; expected.len()];
        receiver.export(&context, &mut value).unwrap();
        assert_eq!(value, expected);
        sender.export(&context, &mut value).unwrap();
        assert_eq!(value, expected);
    }
    messages.len()
}

/// All four modes with all four AEADs.
#[test]
fn rfc_9180_vectors() {
    let cases: Vec<Value> = vectors(include_bytes!("../vectors/hpke-rfc9180-x25519.json.gz"));
    assert_eq!(cases.len(), 16);
    let messages = cases.iter().map(|case| match case["aead_id"].as_u64().unwrap() {
        1 => rfc_9180_case::<AesGcm128>(case),
        2 => rfc_9180_case::<AesGcm256>(case),
        3 => rfc_9180_case::<ChaCha20Poly1305>(case),
        0xffff => rfc_9180_case::<ExportOnlyAead>(case),
        other => panic!("unexpected AEAD {other}"),
    });
    assert_eq!(messages.sum::<usize>(), 12 * 257);
}

#[test]
fn xwing_draft_vectors() {
    let cases: Vec<Value> = vectors(include_bytes!("../vectors/xwing.json.gz"));
    assert_eq!(cases.len(), 3);
    for case in &cases {
        let seed: [u8; 32] = field(case, "seed").try_into().unwrap();
        let secret = SealSecretKey::from_seed(seed);
        assert_eq!(secret.public_key().to_bytes().as_slice(), field(case, "pk"));
        let public = SealPublicKey::from_bytes(&field(case, "pk")).unwrap();
        let (opening, _) =
            SealSession::new(&public, b"", &mut KnownRng(field(case, "eseed"))).unwrap();
        assert_eq!(opening[2..], field(case, "ct"));
        let library_secret = <XWing as Kem>::PrivateKey::from_bytes(&seed).unwrap();
        let enc = <XWing as Kem>::EncappedKey::from_bytes(&field(case, "ct")).unwrap();
        let shared = XWing::decap(&library_secret, None, &enc).unwrap();
        assert_eq!(shared.0.as_slice(), field(case, "ss"));
    }
}

#[test]
fn our_suite_as_in_the_hpke_pq_draft() {
    let cases: Vec<Value> = vectors(include_bytes!("../vectors/hpke-pq-xwing.json.gz"));
    assert_eq!(cases.len(), 1);
    for case in &cases {
        let secret = SealSecretKey::from_seed(field(case, "skRm").try_into().unwrap());
        let public = SealPublicKey::from_bytes(&field(case, "pkRm")).unwrap();
        assert_eq!(secret.public_key(), public);
        let info = field(case, "info");
        let randomness = || KnownRng(field(case, "ikmE"));
        let (opening, mut sender) = SealSession::new(&public, &info, &mut randomness()).unwrap();
        assert_eq!(opening, [&[0x64, 0x7a], field(case, "enc").as_slice()].concat());
        let mut receiver = OpenSession::new(&secret, &info, &opening).unwrap();
        let messages = case["encryptions"].as_array().unwrap();
        for message in messages {
            let (aad, pt, ct) = (field(message, "aad"), field(message, "pt"), field(message, "ct"));
            assert_eq!(sender.seal(&aad, &pt).unwrap(), ct);
            assert_eq!(receiver.open(&aad, &ct).unwrap().as_slice(), pt);
        }
        // One-shot is a session of one message.
        let first = &messages[0];
        let (aad, pt) = (field(first, "aad"), field(first, "pt"));
        let envelope = seal(&public, &info, &aad, &pt, &mut randomness()).unwrap();
        assert_eq!(envelope, [opening.as_slice(), &field(first, "ct")].concat());
        assert_eq!(open(&secret, &info, &aad, &envelope).unwrap().as_slice(), pt);
    }
}
