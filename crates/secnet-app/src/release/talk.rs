//! What data centres and release nodes say to each other. Nothing in it is secret: shares are sealed to the requester, packets
//! to the node. Whoever carries it may read it, and can only lose it.
//!
//! ```text
//! question = [0] whose node are you
//!          | [1, [ask, [part, ...], height]] release      part = [digest of a packet, [record, ...]]
//!          | [2, [packet]] keep this packet ready
//!          | [3, [packet, [record, ...]]] give it back without these records
//!          | [4] which doors do you know
//!          | [5, [[digest, ...], terms, node, X-Wing key]] deal what these packets hold to that new node
//!          | [6, [handover packet, proof, terms]] take over what a former node dealt
//! answer   = [0, [signed node card, X-Wing key]] | [1, [released shares]] | [2, [[digest, ...]]] missing packets
//!          | [3] kept ready | [4, [packet or null]] what is left | [5, [height]] not there yet | [6, [reason]] refused
//!          | [7, [[signed door, ...]]] | [8, [handover packet, proof]] dealt | [9, [packet]] taken over
//! ```

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use secnet_crypto::SealPublicKey;
use secnet_lock::{
    HandoverPacket, HandoverProof, HandoverTerms, ReleasePacket, ReleasedShares,
    limits::{MAX_HANDOVER_PACKET_BYTES, MAX_RELEASED_BYTES},
};
use secnet_types::{DecodeError, Digest, RecordId, decode, encode};

use super::card::SignedNodeCard;
use crate::doors::SignedDoor;
use crate::granted::{ReleaseAsk, sealing_key};

/// Longest question or answer, in bytes.
pub const MAX_RELEASE_MESSAGE_BYTES: usize = 2 * 1024 * 1024;
/// What is around a packet or shares takes less than this.
const MAX_AROUND_BYTES: usize = 64 * 1024;
/// A proof and terms take less than this.
const MAX_PROOF_BYTES: usize = 128 * 1024;
const _: () = assert!(MAX_HANDOVER_PACKET_BYTES + MAX_PROOF_BYTES <= MAX_RELEASE_MESSAGE_BYTES);
const _: () = assert!(MAX_RELEASED_BYTES + MAX_AROUND_BYTES <= MAX_RELEASE_MESSAGE_BYTES);

/// Which records of an upload, by the packet that has the node's shares of them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PacketPart {
    /// Digest of the release packet.
    #[n(0)]
    pub packet: Digest,
    /// The records.
    #[n(1)]
    pub records: BTreeSet<RecordId>,
}

/// What a release node is asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum NodeQuestion {
    /// Whose node is it, and what is sealed to it with?
    #[n(0)]
    Who,
    /// Shares of these parts, of records that a committed decision names.
    #[n(1)]
    Release {
        /// What the decision is said to allow.
        #[n(0)]
        ask: ReleaseAsk,
        /// Which of it.
        #[n(1)]
        parts: Vec<PacketPart>,
        /// The asker saw the decision at this height.
        #[n(2)]
        height: u64,
    },
    /// Keep a packet ready that is asked for next.
    #[n(2)]
    Hold {
        /// The node's packet of an upload.
        #[n(0)]
        packet: ReleasePacket,
    },
    /// What remains of a packet after an erasure.
    #[n(3)]
    Forget {
        /// The node's packet of an upload.
        #[n(0)]
        packet: ReleasePacket,
        /// The records that are erased.
        #[n(1)]
        records: BTreeSet<RecordId>,
    },
    /// Where are the doors of data centres, as they say themselves?
    #[n(4)]
    Doors,
    /// Share what these packets hold anew, for a node that is to hold shares from now on.
    #[n(5)]
    Deal {
        /// Digests of the node's own packets of an upload.
        #[n(0)]
        packets: Vec<Digest>,
        /// Among whom.
        #[n(1)]
        terms: HandoverTerms,
        /// For which of them, from 1.
        #[n(2)]
        node: u8,
        /// Its key.
        #[n(3)]
        #[cbor(with = "sealing_key")]
        key: SealPublicKey,
    },
    /// Check what a former node dealt, and keep it.
    #[n(6)]
    Adopt {
        /// What it dealt.
        #[n(0)]
        packet: HandoverPacket,
        /// What it showed of all that it dealt.
        #[n(1)]
        proof: HandoverProof,
        /// Among whom.
        #[n(2)]
        terms: HandoverTerms,
    },
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum NodeAnswer {
    /// Who it is.
    #[n(0)]
    Node {
        /// Its member's word for it.
        #[n(0)]
        card: SignedNodeCard,
        /// The member's X-Wing key.
        #[n(1)]
        #[cbor(with = "sealing_key")]
        key: SealPublicKey,
    },
    /// Its shares.
    #[n(1)]
    Shares {
        /// Sealed to the key in the ask.
        #[n(0)]
        shares: ReleasedShares,
    },
    /// It has these packets not at hand: send them, then ask again.
    #[n(2)]
    Missing {
        /// Their digests.
        #[n(0)]
        packets: Vec<Digest>,
    },
    /// The packet is at hand.
    #[n(3)]
    Held,
    /// The packet, sealed anew without the erased records; none if nothing is left.
    #[n(4)]
    Left {
        /// What is left.
        #[n(0)]
        packet: Option<ReleasePacket>,
    },
    /// Its ledger is not there yet.
    #[n(5)]
    Behind {
        /// Where it is.
        #[n(0)]
        height: u64,
    },
    /// Nothing.
    #[n(6)]
    Refused {
        /// Why.
        #[n(0)]
        why: Refused,
    },
    /// The doors that it knows of.
    #[n(7)]
    Doors {
        /// What each data centre said.
        #[n(0)]
        doors: Vec<SignedDoor>,
    },
    /// What it deals.
    #[n(8)]
    Dealt {
        /// Sealed to the new node.
        #[n(0)]
        packet: HandoverPacket,
        /// That all new nodes' parts fit together.
        #[n(1)]
        proof: HandoverProof,
    },
    /// What it has taken over.
    #[n(9)]
    Adopted {
        /// Sealed to itself.
        #[n(0)]
        packet: ReleasePacket,
    },
}

/// Why a node released nothing. Only a word: what nodes of others say is shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, thiserror::Error)]
#[cbor(index_only)]
pub enum Refused {
    /// Its ledger does not permit it, or not any more.
    #[n(0)]
    #[error("its ledger does not permit it, or not any more")]
    NotPermitted,
    /// It has not heard of the network for too long.
    #[n(1)]
    #[error("it has not heard of the network lately")]
    Stale,
    /// A packet has no share of a record, or is not its own.
    #[n(2)]
    #[error("the packet is not its own, or has no share of a record")]
    NotHere,
    /// It does not understand the question.
    #[n(3)]
    #[error("it does not understand the question")]
    Malformed,
    /// What a former node dealt to it does not fit together.
    #[n(4)]
    #[error("what the former node dealt to it does not fit together")]
    Misdealt,
}

impl NodeQuestion {
    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Parse.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("question to a release node", bytes, MAX_RELEASE_MESSAGE_BYTES)
    }
}

impl NodeAnswer {
    /// Canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Parse.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("answer of a release node", bytes, MAX_RELEASE_MESSAGE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in the specification, so that nodes of other versions understand each other.
    #[test]
    fn what_is_said_is_a_number_and_its_fields() {
        assert_eq!(NodeQuestion::Who.to_bytes(), [0x82, 0, 0x80]);
        assert_eq!(NodeQuestion::Doors.to_bytes(), [0x82, 4, 0x80]);
        assert_eq!(NodeAnswer::Held.to_bytes(), [0x82, 3, 0x80]);
        assert_eq!(NodeAnswer::Doors { doors: vec![] }.to_bytes(), [0x82, 7, 0x81, 0x80]);
        assert_eq!(NodeAnswer::Behind { height: 7 }.to_bytes(), [0x82, 5, 0x81, 7]);
        let refused = NodeAnswer::Refused { why: Refused::Stale };
        assert_eq!(refused.to_bytes(), [0x82, 6, 0x81, 1]);
        assert_eq!(NodeAnswer::from_bytes(&refused.to_bytes()), Ok(refused));
        assert!(NodeQuestion::from_bytes(&[0x82, 0, 0x80, 0]).is_err());
        assert!(NodeAnswer::from_bytes(&[0x82, 6, 0x81, 5]).is_err());
    }
}
