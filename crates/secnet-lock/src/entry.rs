//! One record as it is stored: where its ciphertext is, and its key under the double lock.

use std::fmt;

use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{AeadInOut, KeyInit},
};
use minicbor::{Decode, Encode};
use secnet_crypto::{Address, CryptoRng, ObjectKey, Zeroizing, derive};
use secnet_types::{DatasetId, DecodeError, Digest, RecordId, decode, encode};

use crate::{CompartmentId, Known, limits};

/// HKDF `info` of the key that wraps a record key.
const WRAP_CONTEXT: &str = "secnet/lock/record-key/v1";
/// What the associated data of a sealed record starts with.
const OBJECT_CONTEXT: &[u8] = b"secnet/lock/record/v1\0";
/// A wrapped key: 32 bytes and the tag.
const WRAPPED_LEN: usize = 48;

/// One upload: random, chosen by the writer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct UploadId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl UploadId {
    /// A new random id.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        Self(id)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadId({self})")
    }
}

/// Where a sealed record is: a part of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Location {
    /// BLAKE3 of the segment's bytes.
    #[n(0)]
    #[cbor(with = "address")]
    pub segment: Address,
    /// Where the sealed record starts in it, in bytes.
    #[n(1)]
    pub offset: u64,
    /// How long the sealed record is, in bytes.
    #[n(2)]
    pub length: u64,
}

/// What a record's key is bound to; the associated data of the wrap. A repacked segment changes only the
/// [`Location`], which is not part of it: content is bound by its own key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Binding {
    /// Format version.
    #[n(0)]
    pub(crate) version: Known<1>,
    /// Wrap suite 1: HKDF-SHA256, ChaCha20-Poly1305.
    #[n(1)]
    pub(crate) suite: Known<1>,
    #[n(2)]
    pub(crate) dataset: DatasetId,
    #[n(3)]
    pub(crate) upload: UploadId,
    #[n(4)]
    pub(crate) record: RecordId,
    #[n(5)]
    pub(crate) compartment: CompartmentId,
    #[n(6)]
    pub(crate) threshold: u8,
    /// Salted commitment to each node's share of `b`, node 1 first.
    #[n(7)]
    pub(crate) commitments: Vec<Digest>,
}

/// A record's entry: location, and the record key wrapped under both halves. Destroying it shreds the record.
///
/// ```text
/// entry   = [binding, wrapped key (48 bytes), location]                      deterministic CBOR
/// binding = [version = 1, suite = 1, dataset, upload, record, compartment, threshold, [commitment, ...]]
/// location = [segment address, offset, length]
/// wrapped key = ChaCha20-Poly1305(key = secnet_crypto::derive("secnet/lock/record-key/v1", [a, b]),
///               nonce = 12 zero bytes, aad = CBOR of binding, plaintext = record key)
/// ```
///
/// The wrapping key is random and used once, which is why the nonce can be fixed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RecordEntry {
    #[n(0)]
    pub(crate) binding: Binding,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) wrapped: [u8; WRAPPED_LEN],
    #[n(2)]
    pub(crate) location: Location,
}

impl RecordEntry {
    /// The dataset.
    #[must_use]
    pub const fn dataset(&self) -> DatasetId {
        self.binding.dataset
    }

    /// The upload the record came with.
    #[must_use]
    pub const fn upload(&self) -> UploadId {
        self.binding.upload
    }

    /// The record.
    #[must_use]
    pub const fn record(&self) -> RecordId {
        self.binding.record
    }

    /// Whose secret opens the `a` half.
    #[must_use]
    pub const fn compartment(&self) -> CompartmentId {
        self.binding.compartment
    }

    /// Release nodes needed.
    #[must_use]
    pub const fn threshold(&self) -> u8 {
        self.binding.threshold
    }

    /// Release nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.binding.commitments.len()
    }

    /// Where the sealed record is.
    #[must_use]
    pub const fn location(&self) -> Location {
        self.location
    }

    /// The same record after its segment was packed anew.
    #[must_use]
    pub fn moved_to(mut self, location: Location) -> Self {
        self.location = location;
        self
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`], also for a threshold that the number of nodes does not allow and a location that overflows.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "record entry";
        let entry: Self = decode(WHAT, bytes, limits::MAX_ENTRY_BYTES)?;
        let refuse = |message: &str| DecodeError::Malformed { what: WHAT, message: message.into() };
        let nodes = entry.nodes();
        if nodes > limits::MAX_RELEASE_NODES {
            return Err(refuse("more release nodes than an upload can have"));
        }
        if entry.threshold() == 0 || usize::from(entry.threshold()) > nodes {
            return Err(refuse("the threshold does not fit the number of release nodes"));
        }
        let Location { offset, length, .. } = entry.location;
        if offset.checked_add(length).is_none() {
            return Err(refuse("the location ends beyond what can be addressed"));
        }
        Ok(entry)
    }
}

/// The associated data of a sealed record (and of each of its stream segments): context, dataset, upload, record.
#[must_use]
pub fn object_binding(dataset: DatasetId, upload: UploadId, record: RecordId) -> Vec<u8> {
    [OBJECT_CONTEXT, dataset.as_bytes(), &upload.0, record.as_bytes()].concat()
}

/// Wraps a record key under both halves.
pub(crate) fn wrap_key(
    key: &ObjectKey,
    a: &[u8; 32],
    b: &[u8; 32],
    binding: &Binding,
) -> Option<[u8; WRAPPED_LEN]> {
    let mut wrapped = [0u8; WRAPPED_LEN];
    let (text, tag) = wrapped.split_first_chunk_mut::<32>()?;
    text.copy_from_slice(key.as_bytes());
    let made = wrapping_cipher(a, b)
        .encrypt_inout_detached(&Default::default(), &encode(binding), text.as_mut_slice().into())
        .ok()?;
    tag.copy_from_slice(&made);
    Some(wrapped)
}

/// Unwraps a record key; `None` if a half or the binding is another one.
pub(crate) fn unwrap_key(entry: &RecordEntry, a: &[u8; 32], b: &[u8; 32]) -> Option<ObjectKey> {
    let (text, tag) = entry.wrapped.split_first_chunk::<32>()?;
    let tag: &[u8; 16] = tag.first_chunk()?;
    let mut key = Zeroizing::new(*text);
    wrapping_cipher(a, b)
        .decrypt_inout_detached(
            &Default::default(),
            &encode(&entry.binding),
            key.as_mut_slice().into(),
            tag.into(),
        )
        .ok()?;
    Some(ObjectKey::from_bytes(*key))
}

fn wrapping_cipher(a: &[u8; 32], b: &[u8; 32]) -> ChaCha20Poly1305 {
    let key = derive(WRAP_CONTEXT, &[a, b]);
    ChaCha20Poly1305::new((&*key).into())
}

/// Addresses as 32-byte strings.
mod address {
    use minicbor::{
        Decoder, Encoder,
        decode::Error as DecodeError,
        encode::{Error as EncodeError, Write},
    };
    use secnet_crypto::Address;

    pub(super) fn encode<C, W: Write>(
        address: &Address,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.bytes(address.as_bytes())?.ok()
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Address, DecodeError> {
        let bytes = d.bytes()?;
        let bytes =
            bytes.try_into().map_err(|_| DecodeError::message("an address has 32 bytes"))?;
        Ok(Address::from_bytes(bytes))
    }
}
