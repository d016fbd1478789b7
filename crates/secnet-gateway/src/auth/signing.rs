//! Signing a call, for clients: the other side of the profile that the door accepts.

use base64ct::{Base64, Encoding as _};
use secnet_types::{MemberId, Signer, Timestamp};
use sha2::{Digest as _, Sha256};

use super::signature::TAG;

/// What of a call is signed.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// Host and port as the `Host` header has them.
    pub authority: &'a str,
    /// The path.
    pub path: &'a str,
    /// What stands after the question mark; empty if there is none.
    pub query: &'a str,
    /// The body, if there is one.
    pub body: Option<&'a [u8]>,
}

/// The headers that carry a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSignature {
    /// `Content-Digest`, for calls with a body.
    pub content_digest: Option<String>,
    /// `Signature-Input`.
    pub input: String,
    /// `Signature`.
    pub signature: String,
}

/// Sign a call as `member`, with its own key or with a session key that it has opened on the ledger. The nonce must never
/// be used again.
#[must_use]
pub fn sign_call(
    call: &Call<'_>,
    member: MemberId,
    own_key: bool,
    signer: &dyn Signer,
    (created, nonce): (Timestamp, [u8; 16]),
) -> CallSignature {
    let content_digest =
        call.body.map(|body| format!("sha-256=:{}:", Base64::encode_string(&Sha256::digest(body))));
    let did = || {
        let key = secnet_crypto::VerifyingKey::from_bytes(signer.public_key());
        key.map(|key| format!("#{}", key.to_did_key())).unwrap_or_default()
    };
    let keyid = format!("{member}{}", if own_key { String::new() } else { did() });
    let covered = match &content_digest {
        Some(_) => r#"("@method" "@authority" "@path" "@query" "content-digest")"#,
        None => r#"("@method" "@authority" "@path" "@query")"#,
    };
    let params = format!(
        "{covered};created={};nonce=\"{}\";keyid=\"{keyid}\";tag=\"{TAG}\"",
        created.0 / 1000,
        crate::base64::encode(&nonce),
    );
    let digest_line = content_digest.as_ref().map(|d| format!("\"content-digest\": {d}\n"));
    let base = format!(
        "\"@method\": {}\n\"@authority\": {}\n\"@path\": {}\n\"@query\": ?{}\n{}\"@signature-params\": {params}",
        call.method,
        call.authority.to_ascii_lowercase(),
        call.path,
        call.query,
        digest_line.unwrap_or_default(),
    );
    let signature = Base64::encode_string(&signer.sign(base.as_bytes()));
    CallSignature {
        content_digest,
        input: format!("secnet={params}"),
        signature: format!("secnet=:{signature}:"),
    }
}
