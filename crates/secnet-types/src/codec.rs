//! Strict, canonical CBOR: one value, one byte string.

use minicbor::{Decode, Decoder, Encode};

/// Why bytes were not accepted as a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than the limit for this type.
    #[error("`{what}` is {len} bytes long, the limit is {limit}")]
    TooLong {
        /// What was being decoded.
        what: &'static str,
        /// Its length.
        len: usize,
        /// The named limit.
        limit: usize,
    },
    /// Not CBOR of this shape.
    #[error("`{what}` is malformed: {message}")]
    Malformed {
        /// What was being decoded.
        what: &'static str,
        /// The decoder's complaint.
        message: String,
    },
    /// Decodes, but not to these bytes: unknown fields, unsorted or repeated keys, long integers, trailing bytes.
    #[error("`{what}` is not in canonical form (RFC 8949 section 4.2, no unknown fields)")]
    NotCanonical {
        /// What was being decoded.
        what: &'static str,
    },
}

impl DecodeError {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too-large",
            Self::Malformed { .. } => "malformed",
            Self::NotCanonical { .. } => "not-canonical",
        }
    }
}

/// The canonical bytes of a value.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    // INVARIANT: writing to a Vec cannot fail and our Encode impls raise no errors of their own.
    let written = minicbor::encode(value, &mut bytes);
    debug_assert!(written.is_ok());
    bytes
}

/// Parse bytes of at most `limit` bytes; refuse anything that is not the canonical form of some value.
///
/// # Errors
/// [`DecodeError`], naming `what` was refused.
pub fn decode<'b, T>(what: &'static str, bytes: &'b [u8], limit: usize) -> Result<T, DecodeError>
where
    T: Decode<'b, ()> + Encode<()>,
{
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { what, len: bytes.len(), limit });
    }
    let mut decoder = Decoder::new(bytes);
    let value: T =
        decoder.decode().map_err(|e| DecodeError::Malformed { what, message: e.to_string() })?;
    if decoder.position() != bytes.len() || encode(&value) != bytes {
        return Err(DecodeError::NotCanonical { what });
    }
    Ok(value)
}
