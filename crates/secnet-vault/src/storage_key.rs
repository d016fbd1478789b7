//! The key that the vault's own files are sealed with.

use std::fmt;

use secnet_crypto::{CryptoRng, ObjectKey, StreamError, Zeroizing, open_object, seal_object};

/// 32 random bytes that the operator's keystore holds; seals the archive's key file and the backup epochs. Wiped when
/// dropped, never printed.
#[derive(Clone)]
pub struct StorageKey(ObjectKey);

impl StorageKey {
    /// A new random key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(ObjectKey::generate(rng))
    }

    /// A key kept elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(ObjectKey::from_bytes(bytes))
    }

    /// The 32 bytes, for the keystore.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    pub(crate) fn seal(
        &self,
        what: &[u8],
        bytes: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, StreamError> {
        seal_object(&self.0, what, bytes, rng)
    }

    pub(crate) fn open(
        &self,
        what: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StreamError> {
        open_object(&self.0, what, sealed)
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(..)")
    }
}
