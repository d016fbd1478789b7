//! The 54 bytes in front of every object.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    MAX_CONTENT_LEN, ObjectKey, StreamError, bucket,
    padding::is_bucket,
    segment::{Layout, SegmentCipher},
};

/// Length in bytes of the header.
pub const HEADER_LEN: usize = 54;

/// Length in bytes of the nonce prefix.
pub const NONCE_PREFIX_LEN: usize = 7;

const MAGIC: [u8; 4] = *b"SOBJ";
const VERSION: u8 = 1;
const SEGMENT_EXPONENT: u8 = 16;

const KEY_CONTEXT: &str = "sealed object v1 segment key";
const COMMITMENT_CONTEXT: &str = "sealed object v1 key commitment";
const AAD_CONTEXT: &str = "sealed object v1 associated data";

/// The cipher of the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamSuite {
    /// AES-256-GCM (NIST SP 800-38D), suite 1.
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439), suite 2.
    ChaCha20Poly1305,
}

impl StreamSuite {
    /// AES-256-GCM where the processor has AES instructions, which also makes it constant-time and
    /// fast; ChaCha20-Poly1305 elsewhere.
    #[must_use]
    pub fn preferred() -> Self {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let has_aes = std::arch::is_x86_feature_detected!("aes")
            && std::arch::is_x86_feature_detected!("pclmulqdq");
        #[cfg(target_arch = "aarch64")]
        let has_aes = std::arch::is_aarch64_feature_detected!("aes");
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
        let has_aes = false;
        if has_aes { Self::Aes256Gcm } else { Self::ChaCha20Poly1305 }
    }

    /// The id in the header.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::ChaCha20Poly1305 => 2,
        }
    }

    fn from_id(id: u8) -> Result<Self, StreamError> {
        match id {
            1 => Ok(Self::Aes256Gcm),
            2 => Ok(Self::ChaCha20Poly1305),
            _ => Err(StreamError::UnknownSuite(id)),
        }
    }
}

/// What an object says about itself before a key is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    suite: StreamSuite,
    nonce_prefix: [u8; NONCE_PREFIX_LEN],
    padded_len: u64,
    commitment: [u8; 32],
}

impl Header {
    /// The header of an object that will hold `content_len` bytes.
    pub fn new(
        key: &ObjectKey,
        suite: StreamSuite,
        nonce_prefix: [u8; NONCE_PREFIX_LEN],
        content_len: u64,
    ) -> Result<Self, StreamError> {
        if content_len > MAX_CONTENT_LEN {
            return Err(StreamError::ContentTooLong(content_len));
        }
        let commitment = *derive(COMMITMENT_CONTEXT, key, suite, nonce_prefix);
        Ok(Self { suite, nonce_prefix, padded_len: bucket(content_len), commitment })
    }

    /// Reads the header of an object.
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, StreamError> {
        let (magic, rest) = take::<4>(bytes)?;
        let ([version, suite, exponent], rest) = take::<3>(rest)?;
        let (nonce_prefix, rest) = take::<NONCE_PREFIX_LEN>(rest)?;
        let (padded_len, rest) = take::<8>(rest)?;
        let (commitment, _) = take::<32>(rest)?;
        if *magic != MAGIC {
            return Err(StreamError::NotAnObject);
        }
        if *version != VERSION {
            return Err(StreamError::UnknownVersion(*version));
        }
        let suite = StreamSuite::from_id(*suite)?;
        if *exponent != SEGMENT_EXPONENT {
            return Err(StreamError::UnknownSegmentSize(*exponent));
        }
        let padded_len = u64::from_le_bytes(*padded_len);
        if !is_bucket(padded_len) || padded_len > bucket(MAX_CONTENT_LEN) {
            return Err(StreamError::PaddedLength(padded_len));
        }
        Ok(Self { suite, nonce_prefix: *nonce_prefix, padded_len, commitment: *commitment })
    }

    /// The 54 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let fixed = [VERSION, self.suite.id(), SEGMENT_EXPONENT];
        let parts: [&[u8]; 5] =
            [&MAGIC, &fixed, &self.nonce_prefix, &self.padded_len.to_le_bytes(), &self.commitment];
        let mut bytes = [0u8; HEADER_LEN];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> StreamSuite {
        self.suite
    }

    /// Where the segments are.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        Layout::new(self.padded_len)
    }

    /// The cipher of this object's segments; refuses another key than the one committed to.
    pub fn cipher(&self, key: &ObjectKey, aad: &[u8]) -> Result<SegmentCipher, StreamError> {
        let commitment = derive(COMMITMENT_CONTEXT, key, self.suite, self.nonce_prefix);
        if !bool::from(commitment.ct_eq(&self.commitment)) {
            return Err(StreamError::WrongKey);
        }
        let segment_key = derive(KEY_CONTEXT, key, self.suite, self.nonce_prefix);
        let mut bound = blake3::Hasher::new_derive_key(AAD_CONTEXT);
        bound.update(&self.to_bytes()).update(aad);
        Ok(SegmentCipher::new(
            self.suite,
            &segment_key,
            self.nonce_prefix,
            *bound.finalize().as_bytes(),
        ))
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), StreamError> {
    bytes.split_first_chunk::<N>().ok_or(StreamError::NotAnObject)
}

fn derive(
    context: &'static str,
    key: &ObjectKey,
    suite: StreamSuite,
    nonce_prefix: [u8; NONCE_PREFIX_LEN],
) -> Zeroizing<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    hasher.update(key.as_bytes()).update(&[suite.id()]).update(&nonce_prefix);
    Zeroizing::new(*hasher.finalize().as_bytes())
}
