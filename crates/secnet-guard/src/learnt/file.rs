//! The file of a learnt model (docs/spec/models.md).

use secnet_types::{DecodeError, Digest, decode, encode};

use super::{Learnt, LearntParts};

/// The first bytes: what it is, and the version of its form.
const MAGIC: &[u8; 8] = b"SNLEARN\x01";
/// Largest file.
pub const MAX_LEARNT_BYTES: usize = 1024 * 1024;

/// Why bytes, or parts, are not a learnt model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LearntError {
    /// Not one of our files.
    #[error("this is not a learnt model; `secnet guard train --out FILE` writes one")]
    NotOne,
    /// Of another version.
    #[error("the model has form {0}, this program reads form 1; update the program or train again")]
    Version(u8),
    /// Not canonical bytes of one.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Decodes, but is no model that may judge.
    #[error("the model is not usable: {0}; train again")]
    Content(&'static str),
}

impl Learnt {
    /// The file: magic and version, canonical CBOR.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [MAGIC.as_slice(), &encode(self.parts())].concat()
    }

    /// Read a file. A model that is returned judges every request, in bounded time.
    ///
    /// # Errors
    /// [`LearntError`]: anything but the bytes of a usable model.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearntError> {
        let (magic, body) = bytes.split_at_checked(MAGIC.len()).ok_or(LearntError::NotOne)?;
        match (magic.split_last(), MAGIC.split_last()) {
            (Some((version, name)), Some((ours, expected))) if name == expected => {
                if version != ours {
                    return Err(LearntError::Version(*version));
                }
            }
            _ => return Err(LearntError::NotOne),
        }
        let limit = MAX_LEARNT_BYTES.saturating_sub(MAGIC.len());
        Self::new(decode("learnt model", body, limit)?)
    }
}

/// The address of a model.
pub(super) fn digest(parts: &LearntParts) -> Digest {
    Digest::of_parts("secnet/guard/learnt/v1", &[&encode(parts)])
}
