//! Sealed objects: content of any length under one key, in 64 KiB segments that are opened alone.
//!
//! The construction is STREAM (Hoang, Reyhanitabar, Rogaway and Vizar, "Online Authenticated-Encryption
//! and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015): a counter and a last-segment flag in the nonce,
//! so that segments cannot be reordered, dropped or appended. Around it: a header bound to every
//! segment, a commitment to the key, and padding to size buckets.
//!
//! # Byte format
//!
//! ```text
//! object:  header (54) | sealed segment 0 | sealed segment 1 | ...
//! header:  magic "SOBJ" (4) | version = 1 (1) | suite (1) | segment exponent = 16 (1)
//!          | nonce prefix (7) | padded length (8, little-endian) | key commitment (32)
//! suite:   1 = AES-256-GCM, 2 = ChaCha20-Poly1305
//! sealed segment i: ciphertext (2^16 bytes; the last one 1 to 2^16) | tag (16)
//! nonce:   nonce prefix (7) | i (4, big-endian) | 1 for the last segment, else 0 (1)
//! associated data of every segment (32): BLAKE3 derive_key("sealed object v1 associated data",
//!          header | caller's associated data)
//! plaintext, `padded length` bytes: content length (8, little-endian) | content | zeros
//! segment key    = BLAKE3 derive_key("sealed object v1 segment key",    object key | suite | nonce prefix)
//! key commitment = BLAKE3 derive_key("sealed object v1 key commitment", object key | suite | nonce prefix)
//! ```
//!
//! The padded length is [`bucket`] of the content length; readers refuse any other. The padding
//! scheme is Padme with a floor of 256 bytes (Nikitin et al., "Reducing Metadata Leakage from
//! Encrypted Files and Communication with PURBs", PoPETS 2019): at most 12 % longer, and only
//! O(log log n) bits of the length remain visible.
//!
//! A wrong key is noticed by the commitment before any segment is touched, and no object opens under
//! two keys. Plaintext is handed out only after its segment's tag has been checked.

mod decrypt;
mod encrypt;
mod header;
mod padding;
mod range;
mod segment;
#[cfg(test)]
mod tests;

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use decrypt::Decryptor;
pub use encrypt::{Encryptor, SegmentSealer};
pub use header::{HEADER_LEN, Header, NONCE_PREFIX_LEN, StreamSuite};
pub use padding::{MIN_BUCKET, bucket};
pub use range::RangeReader;
pub use segment::{Layout, SEGMENT_LEN, SegmentCipher, TAG_LEN};

use crate::CryptoRng;

/// Longest content of one object: 1 TiB.
pub const MAX_CONTENT_LEN: u64 = 1 << 40;

/// Why an object could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The first bytes are not those of a sealed object.
    #[error("these bytes are not a sealed object")]
    NotAnObject,
    /// A format version other than 1.
    #[error("the object has the unknown format version `{0}`; only `1` is known")]
    UnknownVersion(u8),
    /// A suite other than 1 and 2.
    #[error("the object has the unknown suite `{0}`")]
    UnknownSuite(u8),
    /// Another segment size than 64 KiB.
    #[error("the object has the segment exponent `{0}`; only `16` (64 KiB) is known")]
    UnknownSegmentSize(u8),
    /// The padded length is no bucket, or does not belong to the content length inside.
    #[error("the padded length `{0}` is not one that a sealed object can have")]
    PaddedLength(u64),
    /// The key is not the one the object was sealed with.
    #[error("the key is not the one this object was sealed with")]
    WrongKey,
    /// This segment, the header or the associated data have been altered.
    #[error("segment `{segment}` is damaged or does not belong to this object")]
    Damaged {
        /// Number of the segment, from 0.
        segment: u64,
    },
    /// The bytes end before the object does.
    #[error("the object is cut off in segment `{segment}`")]
    Truncated {
        /// Number of the first segment that is not complete.
        segment: u64,
    },
    /// The bytes go on after the object's end.
    #[error("there are bytes after the object's end")]
    TrailingBytes,
    /// The padding holds something else than zeros.
    #[error("the padding of the object is not empty")]
    Padding,
    /// The content is longer than [`MAX_CONTENT_LEN`].
    #[error("the content has `{0}` bytes, more than one object may have")]
    ContentTooLong(u64),
    /// The content given is not as long as announced.
    #[error("the content is not as long as was announced: `{announced}` bytes")]
    ContentLength {
        /// What was announced when sealing began.
        announced: u64,
    },
    /// The range ends behind the content.
    #[error("the range `{start}..{end}` is not inside the content of `{len}` bytes")]
    OutOfRange {
        /// Start of the range.
        start: u64,
        /// End of the range.
        end: u64,
        /// Length of the content.
        len: u64,
    },
    /// The cipher refused; not reachable with segments of legal length.
    #[error("the cipher refused a segment")]
    Cipher,
}

/// The key of one object: 32 random bytes. Wiped when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ObjectKey([u8; 32]);

impl ObjectKey {
    /// A new random key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }

    /// A key derived or unwrapped elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for wrapping.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for ObjectKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ObjectKey {}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectKey(..)")
    }
}

/// Seals content in memory with the suite this processor is fastest at.
///
/// `aad` is bound to the object and has to be given again to open it.
pub fn seal_object(
    key: &ObjectKey,
    aad: &[u8],
    content: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, StreamError> {
    let mut nonce_prefix = [0u8; NONCE_PREFIX_LEN];
    rng.fill_bytes(&mut nonce_prefix);
    let (header, mut encryptor) =
        Encryptor::new(key, StreamSuite::preferred(), nonce_prefix, aad, content.len() as u64)?;
    let mut object = Vec::with_capacity(usize::try_from(encryptor.sealed_len()).unwrap_or(0));
    object.extend_from_slice(&header);
    encryptor.push(content, &mut object)?;
    encryptor.finish(&mut object)?;
    Ok(object)
}

/// Opens an object in memory.
pub fn open_object(
    key: &ObjectKey,
    aad: &[u8],
    object: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StreamError> {
    let (header, segments) =
        object.split_first_chunk::<HEADER_LEN>().ok_or(StreamError::NotAnObject)?;
    let mut decryptor = Decryptor::new(key, aad, header)?;
    // Room for one segment more than needed: no reallocation leaves plaintext behind.
    let mut content = Zeroizing::new(Vec::with_capacity(segments.len()));
    decryptor.push(segments, &mut content)?;
    decryptor.finish()?;
    Ok(content)
}
