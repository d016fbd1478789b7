//! Packets: a header that everybody may read and an envelope that one key opens, bound to each other.
//!
//! ```text
//! packet = [header, envelope]                   deterministic CBOR; envelope is a byte string
//! envelope = HPKE seal (X-Wing) of a table, info = the packet kind's context string, aad = the header's CBOR;
//!            of released shares an agreed envelope, so that many answers to one key share an encapsulation
//! ```

use core::fmt;

use minicbor::{Decode, Encode};
use secnet_crypto::{
    Agreement, CryptoRng, OpenError, SealError, SealPublicKey, SealSecretKey, Zeroizing, open,
    open_agreed, seal,
};
use secnet_types::{DecodeError, Digest, decode, encode};

use crate::table::Table;

/// What distinguishes one kind of packet from another.
pub trait PacketHeader: Encode<()> + for<'b> Decode<'b, ()> + fmt::Debug + Clone + Eq {
    /// HPKE `info`: the kind and version.
    const INFO: &'static [u8];
    /// What it is called in errors.
    const WHAT: &'static str;
    /// Most bytes of a packet.
    const LIMIT: usize;
    /// Most rows in the envelope's table.
    const MAX_ROWS: usize;
}

/// Why a packet did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The envelope was refused: another key, or altered bytes in header or envelope.
    #[error("the {what} does not open: {source}")]
    Envelope {
        /// The kind of packet.
        what: &'static str,
        /// Why.
        source: OpenError,
    },
    /// The envelope opened, and holds something else than a table of its kind.
    #[error("the {what} holds no table of its kind: whoever sealed it did not follow the format")]
    Table {
        /// The kind of packet.
        what: &'static str,
    },
    /// The packet says it is for another dataset, upload, request, grant or key.
    #[error("the {what} belongs to something else: its {field} is not the one expected here")]
    Elsewhere {
        /// The kind of packet.
        what: &'static str,
        /// What differs.
        field: &'static str,
    },
}

/// A header and an envelope bound to it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Packet<H> {
    /// What can be read without a key.
    #[n(0)]
    pub header: H,
    /// What cannot.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
}

impl<H: PacketHeader> Packet<H> {
    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other form, version or suite, and above the kind's limit.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(H::WHAT, bytes, H::LIMIT)
    }

    /// SHA-256 of the canonical bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(self)
    }

    pub(crate) fn seal<const K: usize, const V: usize>(
        header: H,
        to: &SealPublicKey,
        table: &Table<K, V>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, SealError> {
        Self::seal_bytes(header, to, table.as_bytes(), rng)
    }

    /// As [`Self::seal`], of a kind of packet that holds more than a table.
    pub(crate) fn seal_bytes(
        header: H,
        to: &SealPublicKey,
        content: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, SealError> {
        let envelope = seal(to, H::INFO, &encode(&header), content, rng)?;
        Ok(Self { header, envelope })
    }

    pub(crate) fn open_bytes(
        &self,
        key: &SealSecretKey,
    ) -> Result<Zeroizing<Vec<u8>>, PacketError> {
        let opened = open(key, H::INFO, &encode(&self.header), &self.envelope);
        opened.map_err(|source| PacketError::Envelope { what: H::WHAT, source })
    }

    /// As [`Self::seal`], within an agreement with the key's holder under [`PacketHeader::INFO`].
    pub(crate) fn seal_agreed<const K: usize, const V: usize>(
        header: H,
        to: &Agreement,
        table: &Table<K, V>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, SealError> {
        let envelope = to.seal(&encode(&header), table.as_bytes(), rng)?;
        Ok(Self { header, envelope })
    }

    pub(crate) fn open<const K: usize, const V: usize>(
        &self,
        key: &SealSecretKey,
    ) -> Result<Table<K, V>, PacketError> {
        Self::table(open(key, H::INFO, &encode(&self.header), &self.envelope))
    }

    pub(crate) fn open_agreed<const K: usize, const V: usize>(
        &self,
        key: &SealSecretKey,
    ) -> Result<Table<K, V>, PacketError> {
        Self::table(open_agreed(key, H::INFO, &encode(&self.header), &self.envelope))
    }

    fn table<const K: usize, const V: usize>(
        opened: Result<Zeroizing<Vec<u8>>, OpenError>,
    ) -> Result<Table<K, V>, PacketError> {
        let bytes = opened.map_err(|source| PacketError::Envelope { what: H::WHAT, source })?;
        Table::parse(bytes, H::MAX_ROWS).ok_or(PacketError::Table { what: H::WHAT })
    }
}
