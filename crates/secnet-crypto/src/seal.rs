//! Envelopes to a public key: HPKE (RFC 9180) base mode with X-Wing, secure against a quantum computer.
//!
//! One suite: X-Wing (KEM 0x647a: X25519 with ML-KEM-768, draft-connolly-cfrg-xwing-kem), HKDF-SHA256,
//! ChaCha20-Poly1305. Base mode does not say who sealed: sign what needs an author.
//!
//! # Byte format
//!
//! ```text
//! envelope: suite (2, big-endian, 0x647a) | encapsulation (1120) | ciphertext | tag (16)
//! opening of a session: suite (2) | encapsulation (1120); each message: ciphertext | tag (16)
//! agreed envelope: suite (2) | encapsulation (1120) | salt (16) | ciphertext | tag (16)
//! ```
//!
//! A key encapsulation costs about 0.4 ms, so several messages to one key share a [`SealSession`], if they are opened in
//! the order they were sealed, or else an [`Agreement`]. An agreed envelope is encrypted with ChaCha20-Poly1305, nonce
//! zero, under a key that is used once: `Export("secnet/seal/one-message/v1" | salt, 32)` of the HPKE context.

mod agreement;
mod session;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use hpke::{Deserializable, Kem as _, Serializable, aead, kdf, kem};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use agreement::{Agreement, open_agreed};
pub use session::{OpenSession, SealSession};

use crate::{CryptoRng, text::write_hex};

/// The one suite: X-Wing, HKDF-SHA256, ChaCha20-Poly1305 (named after the KEM).
pub const SEAL_SUITE: u16 = 0x647a;

/// Length in bytes of a public key.
pub const SEAL_PUBLIC_KEY_LEN: usize = 1216;

/// Length in bytes of an encapsulation.
pub const ENCAPSULATION_LEN: usize = 1120;

/// Length in bytes of what opens a session: suite and encapsulation.
pub const SESSION_OPENING_LEN: usize = 2 + ENCAPSULATION_LEN;

/// What an envelope is longer than its plaintext, in bytes.
pub const SEAL_OVERHEAD: usize = SESSION_OPENING_LEN + 16;

/// What an agreed envelope is longer than its plaintext, in bytes.
pub const AGREED_OVERHEAD: usize = SESSION_OPENING_LEN + 16 + 16;

type Kem = kem::XWing;
type Kdf = kdf::HkdfSha256;
type Aead = aead::ChaCha20Poly1305;

/// Why something could not be sealed, or bytes are not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// Not 1216 bytes, or not a valid X-Wing key.
    #[error("not a valid X-Wing public key: it has 1216 bytes with reduced coefficients")]
    PublicKey,
    /// The plaintext is too long or the session has sealed too many messages.
    #[error("the message cannot be sealed: it is too long or the session is used up")]
    Limit,
}

/// Why an envelope did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another suite than ours.
    #[error("the envelope has the unknown suite `{0:#06x}`; only `0x647a` (X-Wing) is known")]
    UnknownSuite(u16),
    /// Shorter than suite, encapsulation and tag.
    #[error("the envelope is cut off: it has `{0}` bytes")]
    TooShort(usize),
    /// Wrong key, wrong `info` or associated data, or altered bytes.
    #[error("the envelope does not open with this key and context")]
    Rejected,
}

/// The public key others seal to. The library's form of it has its matrix expanded, some 6 KiB, so copies share it.
#[derive(Clone)]
pub struct SealPublicKey(Arc<Expanded>);

struct Expanded {
    key: <Kem as hpke::Kem>::PublicKey,
    /// SHA-256 of the bytes.
    digest: [u8; 32],
}

impl SealPublicKey {
    /// Reads 1216 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        let key = <Kem as hpke::Kem>::PublicKey::from_bytes(bytes);
        key.map(Self::new).map_err(|_| SealError::PublicKey)
    }

    fn new(key: <Kem as hpke::Kem>::PublicKey) -> Self {
        let digest = Sha256::digest(key.to_bytes()).into();
        Self(Arc::new(Expanded { key, digest }))
    }

    /// The 1216 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SEAL_PUBLIC_KEY_LEN] {
        let mut bytes = [0u8; SEAL_PUBLIC_KEY_LEN];
        self.0.key.write_exact(&mut bytes);
        bytes
    }

    /// SHA-256 of the 1216 bytes, to name the key where it does not fit.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.0.digest
    }

    fn expanded(&self) -> &<Kem as hpke::Kem>::PublicKey {
        &self.0.key
    }
}

impl PartialEq for SealPublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Eq for SealPublicKey {}

impl fmt::Debug for SealPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealPublicKey(sha256:")?;
        write_hex(f, &self.digest())?;
        f.write_str(")")
    }
}

/// The secret key that opens: a 32-byte seed. Wiped when dropped, never printed.
pub struct SealSecretKey {
    seed: Zeroizing<[u8; 32]>,
    /// The library's form of the seed, which wipes itself.
    expanded: <Kem as hpke::Kem>::PrivateKey,
}

impl SealSecretKey {
    /// A new random key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut seed = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::expand(seed)
    }

    /// The key with this seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self::expand(Zeroizing::new(seed))
    }

    /// The seed, for writing into a key file.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> SealPublicKey {
        SealPublicKey::new(Kem::sk_to_pk(&self.expanded))
    }

    fn expand(seed: Zeroizing<[u8; 32]>) -> Self {
        #[expect(clippy::expect_used, reason = "X-Wing takes every 32-byte seed")]
        let expanded = <Kem as hpke::Kem>::PrivateKey::from_bytes(seed.as_slice())
            .expect("32 bytes are an X-Wing seed");
        Self { seed, expanded }
    }
}

impl fmt::Debug for SealSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealSecretKey(..)")
    }
}

/// Both halves.
#[derive(Debug)]
pub struct SealKeyPair {
    /// The secret half.
    pub secret: SealSecretKey,
    /// The public half.
    pub public: SealPublicKey,
}

impl SealKeyPair {
    /// A new random pair.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_secret(SealSecretKey::generate(rng))
    }

    /// The pair with this seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self::from_secret(SealSecretKey::from_seed(seed))
    }

    fn from_secret(secret: SealSecretKey) -> Self {
        let public = secret.public_key();
        Self { secret, public }
    }
}

/// Seals `plaintext` so that only the holder of the secret key opens it, and only with the same
/// `info` and `aad`.
pub fn seal(
    to: &SealPublicKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, SealError> {
    let (mut envelope, mut session) = SealSession::new(to, info, rng)?;
    envelope.append(&mut session.seal(aad, plaintext)?);
    Ok(envelope)
}

/// Opens what [`seal`] made.
pub fn open(
    key: &SealSecretKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (opening, message) =
        sealed.split_at_checked(SESSION_OPENING_LEN).ok_or_else(|| too_short_or_unknown(sealed))?;
    OpenSession::new(key, info, opening)?.open(aad, message)
}

/// A short envelope of an unknown suite is named as unknown first.
fn too_short_or_unknown(sealed: &[u8]) -> OpenError {
    match sealed.first_chunk::<2>().map(|id| u16::from_be_bytes(*id)) {
        Some(suite) if suite != SEAL_SUITE => OpenError::UnknownSuite(suite),
        _ => OpenError::TooShort(sealed.len()),
    }
}
