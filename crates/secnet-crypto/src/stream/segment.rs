//! One segment at a time: where it is and how it is sealed. Stateless, so threads may share it.

use std::{fmt, ops::Range};

use aes_gcm::{
    Aes256Gcm,
    aead::{AeadInOut, KeyInit},
};
use chacha20poly1305::ChaCha20Poly1305;

use super::{HEADER_LEN, NONCE_PREFIX_LEN, StreamError, StreamSuite};

/// Plaintext bytes of every segment but the last.
pub const SEGMENT_LEN: usize = 1 << 16;

/// Length in bytes of the tag behind each segment.
pub const TAG_LEN: usize = 16;

/// Where the segments of an object are. Lengths are in bytes; an object has at least one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    padded_len: u64,
}

impl Layout {
    pub(super) const fn new(padded_len: u64) -> Self {
        Self { padded_len }
    }

    /// Length of the padded plaintext.
    #[must_use]
    pub const fn padded_len(&self) -> u64 {
        self.padded_len
    }

    /// Number of segments.
    #[must_use]
    pub const fn segments(&self) -> u64 {
        self.padded_len.div_ceil(SEGMENT_LEN as u64)
    }

    /// Length of the whole object with header and tags.
    #[must_use]
    pub const fn sealed_len(&self) -> u64 {
        // At most 2^40 bytes and their tags: far from overflow.
        HEADER_LEN as u64 + self.padded_len + self.segments() * TAG_LEN as u64
    }

    /// Plaintext bytes of this segment; 0 behind the end.
    #[must_use]
    pub fn segment_len(&self, segment: u64) -> usize {
        let start = segment.saturating_mul(SEGMENT_LEN as u64);
        let left = self.padded_len.saturating_sub(start);
        usize::try_from(left).map_or(SEGMENT_LEN, |left| left.min(SEGMENT_LEN))
    }

    /// Whether this is the last segment.
    #[must_use]
    pub const fn is_last(&self, segment: u64) -> bool {
        segment.saturating_add(1) == self.segments()
    }

    /// Where these segments are in the object.
    #[must_use]
    pub fn sealed_range(&self, segments: Range<u64>) -> Range<u64> {
        let offset = |segment: u64| {
            let sealed = (SEGMENT_LEN + TAG_LEN) as u64;
            (HEADER_LEN as u64)
                .saturating_add(segment.saturating_mul(sealed))
                .min(self.sealed_len())
        };
        offset(segments.start)..offset(segments.end)
    }
}

enum Cipher {
    // Boxed: the key schedules take 1 KiB.
    Aes256Gcm(Box<Aes256Gcm>),
    ChaCha20Poly1305(ChaCha20Poly1305),
}

/// Seals and opens single segments of one object.
pub struct SegmentCipher {
    cipher: Cipher,
    nonce_prefix: [u8; NONCE_PREFIX_LEN],
    aad: [u8; 32],
}

impl SegmentCipher {
    pub(super) fn new(
        suite: StreamSuite,
        key: &[u8; 32],
        nonce_prefix: [u8; NONCE_PREFIX_LEN],
        aad: [u8; 32],
    ) -> Self {
        let cipher = match suite {
            StreamSuite::Aes256Gcm => Cipher::Aes256Gcm(Box::new(Aes256Gcm::new(key.into()))),
            StreamSuite::ChaCha20Poly1305 => {
                Cipher::ChaCha20Poly1305(ChaCha20Poly1305::new(key.into()))
            }
        };
        Self { cipher, nonce_prefix, aad }
    }

    /// Seals `plaintext` where it is and returns the tag.
    pub fn seal(
        &self,
        segment: u64,
        last: bool,
        plaintext: &mut [u8],
    ) -> Result<[u8; TAG_LEN], StreamError> {
        let nonce = self.nonce(segment, last)?;
        let (nonce, buffer) = (&nonce.into(), plaintext.into());
        match &self.cipher {
            Cipher::Aes256Gcm(aes) => aes.encrypt_inout_detached(nonce, &self.aad, buffer),
            Cipher::ChaCha20Poly1305(chacha) => {
                chacha.encrypt_inout_detached(nonce, &self.aad, buffer)
            }
        }
        .map(Into::into)
        .map_err(|_| StreamError::Cipher)
    }

    /// Opens `ciphertext` where it is. On failure it holds nothing of the plaintext.
    pub fn open(
        &self,
        segment: u64,
        last: bool,
        ciphertext: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), StreamError> {
        let nonce = self.nonce(segment, last)?;
        let (nonce, tag, buffer) = (&nonce.into(), tag.into(), ciphertext.into());
        match &self.cipher {
            Cipher::Aes256Gcm(aes) => aes.decrypt_inout_detached(nonce, &self.aad, buffer, tag),
            Cipher::ChaCha20Poly1305(chacha) => {
                chacha.decrypt_inout_detached(nonce, &self.aad, buffer, tag)
            }
        }
        .map_err(|_| StreamError::Damaged { segment })
    }

    fn nonce(&self, segment: u64, last: bool) -> Result<[u8; 12], StreamError> {
        let counter = u32::try_from(segment).map_err(|_| StreamError::Cipher)?.to_be_bytes();
        let mut nonce = [0u8; 12];
        let bytes = self.nonce_prefix.into_iter().chain(counter).chain([u8::from(last)]);
        for (to, from) in nonce.iter_mut().zip(bytes) {
            *to = from;
        }
        Ok(nonce)
    }
}

impl fmt::Debug for SegmentCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentCipher(..)")
    }
}
