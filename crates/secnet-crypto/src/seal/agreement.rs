//! Many messages to one key under one key encapsulation, in any order: each under a key of its own.

use std::fmt;

use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{AeadInOut, KeyInit},
};
use hpke::{
    Deserializable, OpModeR, OpModeS, Serializable, aead::AeadCtxS, setup_receiver,
    setup_sender_with_rng,
};
use zeroize::Zeroizing;

use super::{
    AGREED_OVERHEAD, Aead, ENCAPSULATION_LEN, Kdf, Kem, OpenError, SEAL_SUITE, SESSION_OPENING_LEN,
    SealError, SealPublicKey, SealSecretKey, too_short_or_unknown,
};
use crate::CryptoRng;

const SALT_LEN: usize = 16;
const TAG_LEN: usize = 16;
/// Each message key is this, with the message's salt, exported from the HPKE context (RFC 9180 section 5.3).
const LABEL: &[u8] = b"secnet/seal/one-message/v1";
/// A key is used once, so its nonce need not differ.
const NONCE: [u8; 12] = [0; 12];

/// The sending side. Keep it to seal many messages to one key: only the first pays for the encapsulation.
pub struct Agreement {
    opening: Vec<u8>,
    context: AeadCtxS<Aead, Kdf, Kem>,
}

impl Agreement {
    /// Agrees with the holder of the secret key.
    pub fn new(
        to: &SealPublicKey,
        info: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, SealError> {
        let mut rng = rng;
        let (encapsulation, context) =
            setup_sender_with_rng::<Aead, Kdf, Kem>(&OpModeS::Base, to.expanded(), info, &mut rng)
                .map_err(|_| SealError::PublicKey)?;
        let mut opening = Vec::with_capacity(SESSION_OPENING_LEN);
        opening.extend_from_slice(&SEAL_SUITE.to_be_bytes());
        opening.extend_from_slice(&encapsulation.to_bytes());
        Ok(Self { opening, context })
    }

    /// Seals one message; [`open_agreed`] opens it without any other.
    pub fn seal(
        &self,
        aad: &[u8],
        plaintext: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, SealError> {
        let mut salt = [0; SALT_LEN];
        rng.fill_bytes(&mut salt);
        let cipher = cipher(&salt, |label, key| self.context.export(label, key).is_ok());
        let cipher = cipher.ok_or(SealError::Limit)?;
        let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(AGREED_OVERHEAD));
        sealed.extend_from_slice(&self.opening);
        sealed.extend_from_slice(&salt);
        let start = sealed.len();
        sealed.extend_from_slice(plaintext);
        let text = sealed.get_mut(start..).unwrap_or_default();
        let tag = cipher
            .encrypt_inout_detached(&NONCE.into(), aad, text.into())
            .map_err(|_| SealError::Limit)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }
}

impl fmt::Debug for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Agreement(..)")
    }
}

/// Opens what [`Agreement::seal`] made.
pub fn open_agreed(
    key: &SealSecretKey,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (opening, rest) =
        sealed.split_at_checked(SESSION_OPENING_LEN).ok_or_else(|| too_short_or_unknown(sealed))?;
    let (suite, encapsulation) =
        opening.split_first_chunk::<2>().ok_or(OpenError::TooShort(sealed.len()))?;
    let suite = u16::from_be_bytes(*suite);
    if suite != SEAL_SUITE {
        return Err(OpenError::UnknownSuite(suite));
    }
    debug_assert_eq!(encapsulation.len(), ENCAPSULATION_LEN);
    let (salt, text) =
        rest.split_first_chunk::<SALT_LEN>().ok_or(OpenError::TooShort(sealed.len()))?;
    let (text, tag) =
        text.split_last_chunk::<TAG_LEN>().ok_or(OpenError::TooShort(sealed.len()))?;
    let encapsulation = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulation)
        .map_err(|_| OpenError::Rejected)?;
    let context =
        setup_receiver::<Aead, Kdf, Kem>(&OpModeR::Base, &key.expanded, &encapsulation, info)
            .map_err(|_| OpenError::Rejected)?;
    let cipher = cipher(salt, |label, key| context.export(label, key).is_ok());
    let cipher = cipher.ok_or(OpenError::Rejected)?;
    let mut plain = Zeroizing::new(text.to_vec());
    cipher
        .decrypt_inout_detached(&NONCE.into(), aad, plain.as_mut_slice().into(), &(*tag).into())
        .map_err(|_| OpenError::Rejected)?;
    Ok(plain)
}

/// The cipher of the message with this salt.
fn cipher(
    salt: &[u8; SALT_LEN],
    export: impl FnOnce(&[u8], &mut [u8]) -> bool,
) -> Option<ChaCha20Poly1305> {
    let mut key = Zeroizing::new([0; 32]);
    let label = [LABEL, salt].concat();
    export(&label, key.as_mut_slice())
        .then(|| ChaCha20Poly1305::new(&chacha20poly1305::Key::from(*key)))
}
