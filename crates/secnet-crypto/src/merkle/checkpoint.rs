//! The C2SP `tlog-checkpoint` text: what a log's signer vouches for.
//!
//! ```text
//! <origin>
//! <size, decimal>
//! <base64: root>
//! ```
//!
//! Source: <https://c2sp.org/tlog-checkpoint>. Extension lines are refused: we write none, and a text
//! has one reading only.

use std::fmt;

use base64ct::{Base64, Encoding};

use super::{
    Hash,
    note::{NoteError, SignedNote},
};
use crate::{SigningKey, VerifyingKey};

/// Longest origin in bytes.
pub const MAX_ORIGIN_LEN: usize = 256;

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not the three lines.
    #[error("this is not a checkpoint: expected the lines origin, size and root, and no others")]
    NotACheckpoint,
    /// The checkpoint of another log.
    #[error("the checkpoint is of the log `{0}`, not of this one")]
    Origin(String),
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Size and root of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

impl Checkpoint {
    /// A checkpoint; the origin names the log, has 1 to 256 bytes and no line breaks.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        let origin = origin.into();
        let legal = !origin.is_empty()
            && origin.len() <= MAX_ORIGIN_LEN
            && !origin.contains(|c: char| c.is_control());
        if legal { Ok(Self { origin, size, root }) } else { Err(CheckpointError::NotACheckpoint) }
    }

    /// Reads exactly what `Display` writes.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let refuse = || CheckpointError::NotACheckpoint;
        let mut lines = text.strip_suffix('\n').ok_or_else(refuse)?.split('\n');
        let (origin, size, root, None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(refuse());
        };
        let size = size.and_then(|size| size.parse().ok()).ok_or_else(refuse)?;
        let root = root
            .and_then(|root| Base64::decode_vec(root).ok())
            .and_then(|root| <[u8; 32]>::try_from(root).ok())
            .ok_or_else(refuse)?;
        let checkpoint = Self::new(origin.unwrap_or_default(), size, Hash(root))?;
        // Sizes such as `+7` or `007` parse but have another spelling.
        if checkpoint.to_string() == text { Ok(checkpoint) } else { Err(refuse()) }
    }

    /// Signs the checkpoint. By convention the key has the origin's name.
    pub fn sign(&self, name: &str, key: &SigningKey) -> Result<SignedNote, CheckpointError> {
        Ok(SignedNote::sign(self.to_string(), name, key)?)
    }

    /// Reads a signed checkpoint of the log `origin` and checks its signature by `key`.
    pub fn open(
        note: &str,
        origin: &str,
        name: &str,
        key: &VerifyingKey,
    ) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(note)?;
        let checkpoint = Self::parse(note.verify(name, key)?)?;
        if checkpoint.origin == origin {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Origin(checkpoint.origin))
        }
    }

    /// Name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root over them.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = Base64::encode_string(self.root.as_bytes());
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}
