//! The 518 proofs of transparency-dev, right and wrong.

use base64ct::{Base64, Encoding};
use secnet_crypto::{
    Hash,
    merkle::{
        verify_consistency, verify_inclusion, verify_subtree_consistency, verify_subtree_inclusion,
    },
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::vectors;

/// A hash in a proof; a wrong case may have one of another length, which our types cannot hold.
fn hash(case: &Value) -> Option<Hash> {
    Base64::decode_vec(case.as_str()?).ok()?.try_into().ok().map(Hash)
}

/// A root or leaf hash. Cases that do not look at its content put some text there: its hash stands
/// for it, so that equal texts stay equal. An empty text is no hash at all.
fn opaque(case: &Value) -> Option<Hash> {
    let text = case.as_str().filter(|text| !text.is_empty())?;
    hash(case).or_else(|| Some(Hash(Sha256::digest(text).into())))
}

fn holds(case: &Value) -> Option<bool> {
    let number = |name: &str| case[name].as_u64();
    let proof = match &case["proof"] {
        Value::Null => Vec::new(),
        hashes => hashes.as_array()?.iter().map(hash).collect::<Option<Vec<_>>>()?,
    };
    let one = |name: &str| opaque(&case[name]);
    let verdict = match case["kind"].as_str()? {
        "inclusion" => verify_inclusion(
            &one("leafHash")?,
            number("leafIdx")?,
            number("treeSize")?,
            &proof,
            &one("root")?,
        ),
        "consistency" => verify_consistency(
            number("size1")?,
            number("size2")?,
            &proof,
            &one("root1")?,
            &one("root2")?,
        ),
        "subtreeinclusion" => verify_subtree_inclusion(
            &one("leafHash")?,
            number("leafIdx")?,
            number("start")?,
            number("end")?,
            &proof,
            &one("root")?,
        ),
        "subtreeconsistency" => verify_subtree_consistency(
            number("start")?,
            number("end")?,
            number("size")?,
            &proof,
            &one("root1")?,
            &one("root2")?,
        ),
        other => panic!("unknown kind {other}"),
    };
    Some(verdict.is_ok())
}

#[test]
fn transparency_dev_proofs() {
    let cases: Vec<Value> = vectors(include_bytes!("../vectors/merkle-proofs.json.gz"));
    assert_eq!(cases.len(), 518);
    let mut wrong = Vec::new();
    for case in &cases {
        let expected = !case["wantErr"].as_bool().unwrap();
        // What cannot even be expressed is refused.
        if holds(case).unwrap_or(false) != expected {
            wrong.push(format!("{} (expected {expected})", case["name"]));
        }
    }
    assert!(wrong.is_empty(), "{} of 518 differ: {wrong:#?}", wrong.len());
}
