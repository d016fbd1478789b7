//! Ed25519 (RFC 8032) with one acceptance rule, ZIP-215, for single and batch checks.
//!
//! Libraries disagree on signatures at the edges of the curve (small-order and non-canonical points),
//! and within one library single and batch checks may disagree too. Where every node must reach the
//! same verdict that would split them, so both paths here accept exactly what
//! [ZIP-215](https://zips.z.cash/zip-0215) accepts. Keys that could exploit the freedom of the rule
//! are refused earlier, when a [`VerifyingKey`] is made.

mod batch;
mod key;
#[cfg(test)]
mod tests;

use std::fmt;

use ed25519_zebra as zebra;
use zeroize::Zeroize;

pub use batch::{BatchItem, verify_batch};
pub use key::{KeyError, VerifyingKey};

use crate::{CryptoRng, text::write_hex};

/// Length in bytes of a signature.
pub const SIGNATURE_LEN: usize = 64;

/// An Ed25519 signature: R (32 bytes) followed by s (32 bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; SIGNATURE_LEN]);

impl Signature {
    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SIGNATURE_LEN] {
        &self.0
    }
}

impl From<[u8; SIGNATURE_LEN]> for Signature {
    fn from(bytes: [u8; SIGNATURE_LEN]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = SignatureError;

    fn try_from(bytes: &[u8]) -> Result<Self, SignatureError> {
        bytes.try_into().map(Self).map_err(|_| SignatureError)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// A signature that does not hold for this key and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not valid for this key and message")]
pub struct SignatureError;

/// An Ed25519 secret key. Wiped when dropped; neither `Clone` nor printed.
pub struct SigningKey(zebra::SigningKey);

impl SigningKey {
    /// A new random key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(zebra::SigningKey::new(rng))
    }

    /// The key with this 32-byte seed (the private key of RFC 8032).
    #[must_use]
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = Self(zebra::SigningKey::from(seed));
        seed.zeroize();
        key
    }

    /// The seed, for writing into a key file.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::from_own(self.0.verification_key().into())
    }

    /// Signs `msg`, deterministically as RFC 8032 says.
    #[must_use]
    pub fn sign(&self, msg: &[u8]) -> Signature {
        Signature(self.0.sign(msg).to_bytes())
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.verifying_key()).finish()
    }
}

/// Checks a signature by the rule of ZIP-215 under any 32 bytes.
///
/// This is the rule alone: [`VerifyingKey::verify`] and [`verify_batch`] give the same answer for
/// every key they are given.
#[must_use]
pub fn verify_zip215(key: &[u8; 32], msg: &[u8], sig: &[u8; SIGNATURE_LEN]) -> bool {
    zebra::VerificationKey::try_from(*key)
        .is_ok_and(|key| key.verify(&zebra::Signature::from_bytes(sig), msg).is_ok())
}
