//! Blocks: commands in order, under a header that commits to all before it.

use minicbor::{Decode, Decoder, Encode};
use secnet_crypto::verify_zip215;

use crate::epoch::decode_handovers;
use crate::{
    Digest, Handover, Namespace, NetworkId, SignedBytes, Signer, Timestamp, encode, limits,
};

/// What is certified. Header `h` carries the log and the state as they were after block `h - 1`, so that execution
/// is outside the vote; a receipt for an event of block `h` therefore cites the certificate of a later header.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Header {
    /// Format version: 1.
    #[n(0)]
    pub version: u8,
    /// The network.
    #[n(1)]
    pub network: NetworkId,
    /// 1 for the first block.
    #[n(2)]
    pub height: u64,
    /// Digest of the header before; all zero for the first.
    #[n(3)]
    pub parent: Digest,
    /// Never falls.
    #[n(4)]
    pub time: Timestamp,
    /// The validator set's number; 0 in solo mode.
    #[n(5)]
    pub epoch: u64,
    /// The consensus engine's own context, at most [`limits::MAX_CONTEXT_BYTES`]; empty in solo mode.
    #[n(6)]
    #[cbor(encode_with = "minicbor::bytes::encode", decode_with = "decode_context")]
    pub context: Vec<u8>,
    /// How many commands.
    #[n(7)]
    pub commands: u32,
    /// RFC 9162 root over the signed commands.
    #[n(8)]
    pub commands_root: Digest,
    /// Size of the event log after the block before.
    #[n(9)]
    pub log_size: u64,
    /// RFC 9162 root of the event log after the block before.
    #[n(10)]
    pub log_root: Digest,
    /// Digest of the state after the block before.
    #[n(11)]
    pub state: Digest,
}

fn decode_context<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Vec<u8>, minicbor::decode::Error> {
    let context = d.bytes()?;
    if context.len() > limits::MAX_CONTEXT_BYTES {
        return Err(minicbor::decode::Error::message("the engine's context is too long"));
    }
    Ok(context.to_vec())
}

impl Header {
    /// The only format version.
    pub const VERSION: u8 = 1;

    /// SHA-256 of its canonical form.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(self)
    }
}

/// The commands of a block, each a signed command's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The signed commands, in order.
    pub commands: Vec<Vec<u8>>,
}

/// Proof that a header is final.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Certificate {
    /// By the solo sequencer: an Ed25519 signature over the COSE `Sig_structure` of the header's bytes.
    #[n(0)]
    Solo {
        /// The sequencer's key.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        key: [u8; 32],
        /// The signature.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        signature: [u8; 64],
    },
    /// By a quorum of validators, in the engine's own form.
    #[n(1)]
    Quorum {
        /// Which form.
        #[n(0)]
        scheme: u16,
        /// The form.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
}

impl Certificate {
    /// The solo sequencer's certificate.
    #[must_use]
    pub fn solo(header: &Header, signer: &dyn Signer) -> Self {
        let signed = SignedBytes::sign(Namespace::Header, encode(header), signer);
        Self::Solo { key: signed.key, signature: signed.signature }
    }

    /// Does this certify the header, in a network whose sequencer has this key?
    #[must_use]
    pub fn certifies_solo(&self, header: &Header, sequencer: &[u8; 32]) -> bool {
        let Self::Solo { key, signature } = self else { return false };
        let signed = SignedBytes { key: *key, payload: encode(header), signature: *signature };
        key == sequencer && verify_zip215(key, &signed.message(Namespace::Header), signature)
    }
}

/// A header with its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealedHeader {
    /// The header.
    #[n(0)]
    pub header: Header,
    /// Its certificate.
    #[n(1)]
    pub certificate: Certificate,
    /// What leads from the genesis' validators to those of its epoch, unless they are the genesis' own.
    #[cbor(n(2), decode_with = "decode_handovers")]
    pub handovers: Option<Vec<Handover>>,
}
