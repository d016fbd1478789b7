//! Our signed objects against an independent implementation of RFC 9052.

use coset::{
    CborSerializable, CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable, iana,
};
use proptest::prelude::*;
use secnet_crypto::{Signature, VerifyingKey};
use secnet_types::*;

use crate::draw::Draw;

fn builder(key: [u8; 32], payload: Vec<u8>) -> CoseSign1Builder {
    let protected =
        HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).key_id(key.to_vec()).build();
    CoseSign1Builder::new().protected(protected).payload(payload)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn both_read_and_verify_each_other(seed: u64) {
        let mut d = Draw(seed);
        let (command, key): (Command, _) = (d.any(), d.key());
        let public = *key.verifying_key().as_bytes();
        let ours = SignedCommand::sign(command.clone(), &key);
        prop_assert_eq!(ours.verify(), Ok(()));
        let bytes = ours.to_bytes();
        let parsed = SignedCommand::parse(&bytes);
        prop_assert_eq!(parsed.as_ref(), Ok(&ours));

        let theirs = CoseSign1::from_tagged_slice(&bytes).unwrap();
        prop_assert_eq!(theirs.payload.as_ref(), Some(&encode(&command)));
        prop_assert_eq!(&theirs.protected.header.key_id, &public);
        prop_assert_eq!(theirs.tbs_data(Namespace::Command.as_bytes()), ours.envelope.message(Namespace::Command));
        theirs.verify_signature(Namespace::Command.as_bytes(), |signature, data| {
            let verifying = VerifyingKey::from_bytes(public).unwrap();
            verifying.verify(data, &Signature(signature.try_into().unwrap()))
        }).unwrap();

        // The same, made by them: byte for byte ours.
        let made = builder(public, encode(&command))
            .create_signature(Namespace::Command.as_bytes(), |data| key.sign(data).0.to_vec())
            .build();
        prop_assert_eq!(made.to_tagged_vec().unwrap(), bytes);
    }
}

#[test]
fn a_signature_holds_in_its_namespace_only() {
    let mut d = Draw(5);
    let signed = SignedBytes::sign(Namespace::Command, vec![1, 2, 3], &d.key());
    let all = [
        Namespace::Command,
        Namespace::Request,
        Namespace::Card,
        Namespace::Rotation,
        Namespace::Governance,
        Namespace::Header,
    ];
    for (n, namespace) in all.into_iter().enumerate() {
        assert_eq!(signed.verify(namespace).is_ok(), namespace == Namespace::Command);
        assert_eq!(all.iter().position(|o| o.as_bytes() == namespace.as_bytes()), Some(n));
    }
}

#[test]
fn every_other_form_of_cose_is_refused() {
    let mut d = Draw(6);
    let key = d.key();
    let public = *key.verifying_key().as_bytes();
    let signed = SignedBytes::sign(Namespace::Command, vec![1, 2, 3], &key);
    let bytes = signed.to_bytes();
    assert_eq!(SignedBytes::parse(&bytes), Ok(signed));
    let refused = |bytes: &[u8], why: &str| {
        assert!(matches!(SignedBytes::parse(bytes), Err(CoseError::Form(_))), "{why}");
    };
    let finish = |b: CoseSign1Builder| {
        b.create_signature(Namespace::Command.as_bytes(), |data| key.sign(data).0.to_vec()).build()
    };
    let sound = finish(builder(public, vec![1, 2, 3]));
    refused(&sound.clone().to_vec().unwrap(), "without the tag");
    let with = |header: coset::Header| {
        finish(CoseSign1Builder::new().protected(header).payload(vec![1, 2, 3]))
            .to_tagged_vec()
            .unwrap()
    };
    let header = || HeaderBuilder::new().key_id(public.to_vec());
    refused(&with(header().build()), "no algorithm");
    refused(&with(header().algorithm(iana::Algorithm::ES256).build()), "another algorithm");
    refused(
        &with(header().algorithm(iana::Algorithm::EdDSA).content_type("x/y".into()).build()),
        "one more protected field",
    );
    refused(&with(HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).build()), "no key");
    refused(
        &with(HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).key_id(vec![1; 31]).build()),
        "a short key",
    );
    let unprotected = HeaderBuilder::new().key_id(vec![1]).build();
    refused(
        &finish(builder(public, vec![1]).unprotected(unprotected)).to_tagged_vec().unwrap(),
        "something unprotected",
    );
    let mut detached = sound.clone();
    detached.payload = None;
    refused(&detached.to_tagged_vec().unwrap(), "no payload");
    let mut short = sound.clone();
    short.signature.pop();
    refused(&short.to_tagged_vec().unwrap(), "a short signature");
    for end in 0..bytes.len() {
        refused(&bytes[..end], "cut");
    }
    refused(&[bytes.as_slice(), &[0]].concat(), "a trailing byte");
    let mut long = bytes.clone();
    long.splice(0..1, [0xd8, 0x12]);
    refused(&long, "a long tag");
    let mut other = bytes.clone();
    other[0] = 0xd1;
    refused(&other, "another tag");
    let mut endless = bytes;
    endless[1] = 0x9f;
    endless.push(0xff);
    refused(&endless, "an indefinite array");
}
