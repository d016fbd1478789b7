//! Several messages to one key under one key encapsulation.

use std::fmt;

use hpke::{
    Deserializable, OpModeR, OpModeS, Serializable,
    aead::{AeadCtxR, AeadCtxS},
    setup_receiver, setup_sender_with_rng,
};
use zeroize::Zeroizing;

use super::{
    Aead, ENCAPSULATION_LEN, Kdf, Kem, OpenError, SEAL_SUITE, SESSION_OPENING_LEN, SealError,
    SealPublicKey, SealSecretKey, too_short_or_unknown,
};
use crate::CryptoRng;

/// The sending side. Messages are numbered: the receiver opens them in the order they were sealed.
pub struct SealSession(AeadCtxS<Aead, Kdf, Kem>);

impl SealSession {
    /// Starts a session to `to`; the bytes returned are what [`OpenSession::new`] needs.
    pub fn new(
        to: &SealPublicKey,
        info: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Vec<u8>, Self), SealError> {
        let mut rng = rng;
        let (encapsulation, context) =
            setup_sender_with_rng::<Aead, Kdf, Kem>(&OpModeS::Base, to.expanded(), info, &mut rng)
                .map_err(|_| SealError::PublicKey)?;
        let mut opening = Vec::with_capacity(SESSION_OPENING_LEN);
        opening.extend_from_slice(&SEAL_SUITE.to_be_bytes());
        opening.extend_from_slice(&encapsulation.to_bytes());
        Ok((opening, Self(context)))
    }

    /// Seals the next message.
    pub fn seal(&mut self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        self.0.seal(plaintext, aad).map_err(|_| SealError::Limit)
    }
}

impl fmt::Debug for SealSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealSession(..)")
    }
}

/// The receiving side.
pub struct OpenSession(AeadCtxR<Aead, Kdf, Kem>);

impl OpenSession {
    /// Takes the session up with the opening that [`SealSession::new`] returned.
    pub fn new(key: &SealSecretKey, info: &[u8], opening: &[u8]) -> Result<Self, OpenError> {
        let (suite, encapsulation) =
            opening.split_first_chunk::<2>().ok_or(OpenError::TooShort(opening.len()))?;
        let suite = u16::from_be_bytes(*suite);
        if suite != SEAL_SUITE {
            return Err(OpenError::UnknownSuite(suite));
        }
        if encapsulation.len() < ENCAPSULATION_LEN {
            return Err(too_short_or_unknown(opening));
        }
        let encapsulation = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulation)
            .map_err(|_| OpenError::Rejected)?;
        setup_receiver::<Aead, Kdf, Kem>(&OpModeR::Base, &key.expanded, &encapsulation, info)
            .map(Self)
            .map_err(|_| OpenError::Rejected)
    }

    /// Opens the next message; a refused one may be tried again.
    pub fn open(&mut self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.0.open(sealed, aad).map(Zeroizing::new).map_err(|_| OpenError::Rejected)
    }
}

impl fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenSession(..)")
    }
}
