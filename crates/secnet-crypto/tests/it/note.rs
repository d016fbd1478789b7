//! The signed note of Go's `golang.org/x/mod/sumdb/note` documentation (BSD-3-Clause).

use base64ct::{Base64, Encoding};
use secnet_crypto::{
    Checkpoint, SignedNote, SigningKey,
    merkle::note::{parse_verifier_key, verifier_key},
};

const VERIFIER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn reads_and_writes_the_note_of_the_go_documentation() {
    let (name, key) = parse_verifier_key(VERIFIER_KEY).unwrap();
    assert_eq!(verifier_key(&name, &key).unwrap(), VERIFIER_KEY);
    let note = SignedNote::parse(NOTE).unwrap();
    assert_eq!(note.verify(&name, &key).unwrap(), TEXT);
    assert_eq!(note.to_text(), NOTE);
    let secret = Base64::decode_vec(SECRET).unwrap();
    let secret = SigningKey::from_seed(secret[1..].try_into().unwrap());
    assert_eq!(SignedNote::sign(TEXT, &name, &secret).unwrap().to_text(), NOTE);
}

#[test]
fn reads_the_checkpoint_of_the_c2sp_specification() {
    let text =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let checkpoint = Checkpoint::parse(text).unwrap();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert_eq!(checkpoint.to_string(), text);
}
