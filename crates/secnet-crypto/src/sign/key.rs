//! Public keys and their `did:key` names.

use std::{fmt, str::FromStr};

use curve25519_dalek::edwards::CompressedEdwardsY;

use super::{Signature, SignatureError, verify_zip215};

/// What every Ed25519 `did:key` starts with: the method and the multibase letter of base58btc.
const DID_KEY_PREFIX: &str = "did:key:z";

/// The multicodec of an Ed25519 public key (0xed) as a varint.
const MULTICODEC_ED25519: [u8; 2] = [0xed, 0x01];

/// Longest `did:key` looked at; an Ed25519 one has 56 characters.
const MAX_DID_KEY_LEN: usize = 64;

/// Why 32 bytes, or a text, are not a public key that may belong to a member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No point of the curve has this encoding.
    #[error("the key is not a point of the curve")]
    NotOnCurve,
    /// The point has a shorter encoding; two spellings of one key would be two members.
    #[error("the key is not in its canonical encoding")]
    NotCanonical,
    /// One of the eight points under which anybody can make a signature.
    #[error("the key has a small order: anybody could sign for it")]
    SmallOrder,
    /// Not the `did:key` form of an Ed25519 key.
    #[error("`{0}` is not the did:key of an Ed25519 key: such a name starts with `did:key:z6Mk`")]
    NotDidKey(String),
}

/// An Ed25519 public key in its canonical encoding and not of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// Takes the 32 bytes of RFC 8032, refusing keys with a second spelling or without a secret.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let point = CompressedEdwardsY(bytes).decompress().ok_or(KeyError::NotOnCurve)?;
        if point.compress().to_bytes() != bytes {
            return Err(KeyError::NotCanonical);
        }
        if point.is_small_order() {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self(bytes))
    }

    /// A key computed from a secret: a multiple of the base point, hence canonical.
    pub(super) const fn from_own(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks a signature by the rule of ZIP-215.
    pub fn verify(&self, msg: &[u8], sig: &Signature) -> Result<(), SignatureError> {
        if verify_zip215(&self.0, msg, &sig.0) { Ok(()) } else { Err(SignatureError) }
    }

    /// The key as `did:key:z6Mk...` (multicodec 0xed01, base58btc).
    #[must_use]
    pub fn to_did_key(&self) -> String {
        let mut bytes = [0u8; 34];
        for (to, from) in bytes.iter_mut().zip(MULTICODEC_ED25519.iter().chain(&self.0)) {
            *to = *from;
        }
        format!("{DID_KEY_PREFIX}{}", bs58::encode(bytes).into_string())
    }

    /// Reads `did:key:z6Mk...`, with the same refusals as [`Self::from_bytes`].
    pub fn from_did_key(text: &str) -> Result<Self, KeyError> {
        let refuse = || KeyError::NotDidKey(text.chars().take(MAX_DID_KEY_LEN).collect());
        if text.len() > MAX_DID_KEY_LEN {
            return Err(refuse());
        }
        let encoded = text.strip_prefix(DID_KEY_PREFIX).ok_or_else(refuse)?;
        let decoded = bs58::decode(encoded).into_vec().map_err(|_| refuse())?;
        let key = decoded.strip_prefix(&MULTICODEC_ED25519).ok_or_else(refuse)?;
        Self::from_bytes(key.try_into().map_err(|_| refuse())?)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_did_key())
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_did_key())
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_did_key(text)
    }
}
