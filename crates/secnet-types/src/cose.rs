//! COSE_Sign1 (RFC 9052) with Ed25519, in exactly one form.
//!
//! Tagged (18), protected header `{1: -8, 4: key}` where `key` is the signer's 32-byte Ed25519 public key, empty
//! unprotected header, attached payload, and the [`Namespace`] as external associated data.

use core::marker::PhantomData;

use minicbor::{Decode, Decoder, Encode, Encoder};
use secnet_crypto::{Signature, SigningKey, verify_zip215};

use crate::{DecodeError, Digest, Namespace, decode};

/// `{1: -8, 4: h'` + key + `'}`: map of two, alg EdDSA, kid of 32 bytes.
const PROTECTED_PREFIX: [u8; 6] = [0xa2, 0x01, 0x27, 0x04, 0x58, 0x20];
const PROTECTED_LEN: usize = PROTECTED_PREFIX.len() + 32;
const TAG_COSE_SIGN1: u64 = 18;

/// Why a signed object is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// The bytes are not the one form of COSE_Sign1 used here.
    #[error("not a COSE_Sign1 of the form used here: {0}")]
    Form(&'static str),
    /// The payload was refused.
    #[error(transparent)]
    Payload(#[from] DecodeError),
    /// The signature does not match.
    #[error("the signature does not verify under the key that the object names")]
    Signature,
}

impl CoseError {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "not-signed",
            Self::Payload(error) => error.code(),
            Self::Signature => "bad-signature",
        }
    }
}

/// Whatever can sign: a key in memory, or a device that keeps it.
pub trait Signer {
    /// The public key that will verify.
    fn public_key(&self) -> [u8; 32];
    /// The signature over `message`.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

impl Signer for SigningKey {
    fn public_key(&self) -> [u8; 32] {
        *self.verifying_key().as_bytes()
    }
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.sign(message).0
    }
}

/// A COSE_Sign1 taken apart; its signature not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBytes {
    /// The signer's public key, from the protected header.
    pub key: [u8; 32],
    /// The payload.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: [u8; 64],
}

impl SignedBytes {
    /// Sign a payload.
    #[must_use]
    pub fn sign(namespace: Namespace, payload: Vec<u8>, signer: &dyn Signer) -> Self {
        let key = signer.public_key();
        let signature = signer.sign(&message(namespace, &key, &payload));
        Self { key, payload, signature }
    }

    /// Take apart; anything but the one accepted form is refused.
    ///
    /// # Errors
    /// [`CoseError::Form`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CoseError> {
        let form = |_| CoseError::Form("it is not an array of four parts under tag 18");
        let mut d = Decoder::new(bytes);
        if d.tag().map_err(form)?.as_u64() != TAG_COSE_SIGN1 || d.array().map_err(form)? != Some(4)
        {
            return Err(CoseError::Form("it is not an array of four parts under tag 18"));
        }
        let protected = d.bytes().map_err(form)?;
        let key = protected
            .strip_prefix(&PROTECTED_PREFIX)
            .and_then(|key| <[u8; 32]>::try_from(key).ok())
            .ok_or(CoseError::Form("its protected header is not {1: -8, 4: 32-byte key}"))?;
        if d.map().map_err(form)? != Some(0) {
            return Err(CoseError::Form("its unprotected header is not empty"));
        }
        let payload = d.bytes().map_err(form)?.to_vec();
        let signature = <[u8; 64]>::try_from(d.bytes().map_err(form)?)
            .map_err(|_| CoseError::Form("its signature is not 64 bytes long"))?;
        let parsed = Self { key, payload, signature };
        // Long length forms and trailing bytes do not come back the same.
        if parsed.to_bytes() != bytes {
            return Err(CoseError::Form("it is not canonically encoded"));
        }
        Ok(parsed)
    }

    /// The one encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.payload.len() + 128);
        let mut e = Encoder::new(&mut bytes);
        let written = e
            .tag(minicbor::data::Tag::new(TAG_COSE_SIGN1))
            .and_then(|e| e.array(4))
            .and_then(|e| e.bytes(&protected(&self.key)))
            .and_then(|e| e.map(0))
            .and_then(|e| e.bytes(&self.payload))
            .and_then(|e| e.bytes(&self.signature));
        // INVARIANT: writing to a Vec cannot fail.
        debug_assert!(written.is_ok());
        bytes
    }

    /// What the signature covers: the `Sig_structure` of RFC 9052 section 4.4.
    #[must_use]
    pub fn message(&self, namespace: Namespace) -> Vec<u8> {
        message(namespace, &self.key, &self.payload)
    }

    /// Check the signature by the ZIP-215 rule.
    ///
    /// # Errors
    /// [`CoseError::Signature`].
    pub fn verify(&self, namespace: Namespace) -> Result<(), CoseError> {
        if verify_zip215(&self.key, &self.message(namespace), &self.signature) {
            Ok(())
        } else {
            Err(CoseError::Signature)
        }
    }
}

/// A typed value together with the exact bytes that were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    /// The signed form.
    pub envelope: SignedBytes,
    /// Its payload, parsed.
    pub value: T,
    kind: PhantomData<T>,
}

/// A payload that is signed under one namespace with one limit.
pub trait Payload: Sized + for<'b> Decode<'b, ()> + Encode<()> {
    /// What it is called in errors.
    const WHAT: &'static str;
    /// The namespace of its signatures.
    const NAMESPACE: Namespace;
    /// Largest signed form, in bytes.
    const LIMIT: usize;
}

impl<T: Payload> Signed<T> {
    /// Sign a value.
    pub fn sign(value: T, signer: &dyn Signer) -> Self {
        let envelope = SignedBytes::sign(T::NAMESPACE, crate::encode(&value), signer);
        Self { envelope, value, kind: PhantomData }
    }

    /// Parse; the signature is NOT checked, so that many can be checked at once. See [`Signed::verify`].
    ///
    /// # Errors
    /// Too long, not the one COSE form, or a payload that is not canonical.
    pub fn parse(bytes: &[u8]) -> Result<Self, CoseError> {
        if bytes.len() > T::LIMIT {
            return Err(
                DecodeError::TooLong { what: T::WHAT, len: bytes.len(), limit: T::LIMIT }.into()
            );
        }
        let envelope = SignedBytes::parse(bytes)?;
        let value = decode(T::WHAT, &envelope.payload, T::LIMIT)?;
        Ok(Self { envelope, value, kind: PhantomData })
    }

    /// Check the signature.
    ///
    /// # Errors
    /// [`CoseError::Signature`].
    pub fn verify(&self) -> Result<(), CoseError> {
        self.envelope.verify(T::NAMESPACE)
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.envelope.to_bytes()
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// For [`secnet_crypto::verify_batch`]: key, message, signature.
    #[must_use]
    pub fn to_check(&self) -> ([u8; 32], Vec<u8>, Signature) {
        (self.envelope.key, self.envelope.message(T::NAMESPACE), Signature(self.envelope.signature))
    }
}

fn protected(key: &[u8; 32]) -> [u8; PROTECTED_LEN] {
    let mut header = [0; PROTECTED_LEN];
    for (to, from) in header.iter_mut().zip(PROTECTED_PREFIX.iter().chain(key)) {
        *to = *from;
    }
    header
}

fn message(namespace: Namespace, key: &[u8; 32], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 96);
    let mut e = Encoder::new(&mut bytes);
    let written = e
        .array(4)
        .and_then(|e| e.str("Signature1"))
        .and_then(|e| e.bytes(&protected(key)))
        .and_then(|e| e.bytes(namespace.as_bytes()))
        .and_then(|e| e.bytes(payload));
    // INVARIANT: writing to a Vec cannot fail.
    debug_assert!(written.is_ok());
    bytes
}

// Inside another value, a signed object travels as a byte string holding its COSE form.
impl<C, T> Encode<C> for Signed<T> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.envelope.to_bytes())?.ok()
    }
}

impl<'b, C, T: Payload> Decode<'b, C> for Signed<T> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(d.bytes()?).map_err(|e| minicbor::decode::Error::message(e.to_string()))
    }
}
