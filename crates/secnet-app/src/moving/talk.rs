//! What the data centre that a dataset moves to asks the one where it is. Nothing in an answer is believed: the asker checks it
//! against the ledger.
//!
//! ```text
//! call     = [signed statement of the move, height, question]
//! question = [0, [kind, ? upload / null, ? after]] names    kind = number of an entry's kind in docs/spec/vault.md
//!          | [1, [kind, upload / null, key]] an entry
//!          | [2, [segment]] how long is it
//!          | [3, [segment, from, to]] bytes of it
//!          | [4, [upload, X-Wing key]] what opens an upload of a hosted dataset, for that key
//!          | [5] everything is here: the copy may go
//! answer   = [0, [[[key, digest], ...], more]] | [1, [? bytes]] | [2, [? length]] | [3, [bytes]]
//!          | [4, [? hosting packet]] | [5] noted | [6, [reason]] refused | [7, [height]] not there yet
//! ```

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use secnet_crypto::SealPublicKey;
use secnet_lock::{HostingPacket, UploadId};
use secnet_types::{DecodeError, Digest, SignedMove, decode, encode};

use crate::granted::sealing_key;
use crate::ports::EntryKind;

/// Longest call, in bytes.
pub const MAX_COPY_CALL_BYTES: usize = 4096;
/// Longest answer, in bytes: an entry of the archive, and what is around it.
pub const MAX_COPY_ANSWER_BYTES: usize = 16 * 1024 * 1024 + 64 * 1024;
/// Bytes of a segment in one answer.
pub(crate) const MAX_PART_BYTES: u64 = 4 * 1024 * 1024;
/// Names in one answer.
pub(crate) const MAX_NAMES: usize = 4096;
/// Longest key of an entry, in bytes.
const MAX_KEY_BYTES: usize = 64;
/// What is asked for one by one and not copied from a list: there is more of it than of this dataset.
const BY_NAME: [EntryKind; 5] = [
    EntryKind::ConsentDetail,
    EntryKind::AskDetail,
    EntryKind::Wraps,
    EntryKind::TermsDetail,
    EntryKind::DatasetManifest,
];
/// What is listed.
const LISTED: [EntryKind; 6] = [
    EntryKind::Manifest,
    EntryKind::CompartmentPacket,
    EntryKind::ReleasePacket,
    EntryKind::Facts,
    EntryKind::Notice,
    EntryKind::Feedback,
];

/// A question, and what lets it be asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct CopyCall {
    /// The owner's word.
    #[n(0)]
    pub statement: SignedMove,
    /// The asker has seen the ledger at this height.
    #[n(1)]
    pub height: u64,
    #[n(2)]
    pub question: CopyQuestion,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum CopyQuestion {
    #[n(0)]
    Names {
        #[n(0)]
        kind: u8,
        #[n(1)]
        upload: Option<UploadId>,
        #[n(2)]
        after: Option<ByteVec>,
    },
    #[n(1)]
    Value {
        #[n(0)]
        kind: u8,
        #[n(1)]
        upload: Option<UploadId>,
        #[n(2)]
        key: ByteVec,
    },
    #[n(2)]
    Length {
        #[n(0)]
        segment: Digest,
    },
    #[n(3)]
    Part {
        #[n(0)]
        segment: Digest,
        #[n(1)]
        from: u64,
        #[n(2)]
        to: u64,
    },
    #[n(4)]
    Hosting {
        #[n(0)]
        upload: UploadId,
        #[n(1)]
        #[cbor(with = "sealing_key")]
        key: SealPublicKey,
    },
    #[n(5)]
    Done,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum CopyAnswer {
    #[n(0)]
    Names {
        /// Ascending keys, each with the SHA-256 of its entry.
        #[n(0)]
        names: Vec<(ByteVec, Digest)>,
        #[n(1)]
        more: bool,
    },
    #[n(1)]
    Value {
        #[n(0)]
        value: Option<ByteVec>,
    },
    #[n(2)]
    Length {
        #[n(0)]
        length: Option<u64>,
    },
    #[n(3)]
    Part {
        #[n(0)]
        bytes: ByteVec,
    },
    #[n(4)]
    Hosting {
        #[n(0)]
        packet: Option<HostingPacket>,
    },
    #[n(5)]
    Noted,
    #[n(6)]
    Refused {
        #[n(0)]
        why: NotCopied,
    },
    #[n(7)]
    Behind {
        #[n(0)]
        height: u64,
    },
}

/// Why nothing is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum NotCopied {
    /// The statement is not the owner's of today, for the caller, on a dataset that is here; or not any more.
    #[n(0)]
    NotPermitted,
    /// The ledger here has not been heard of lately.
    #[n(1)]
    Stale,
    /// There is no such thing to ask.
    #[n(2)]
    Malformed,
    /// It is damaged here.
    #[n(3)]
    Damaged,
}

impl core::fmt::Display for NotCopied {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotPermitted => "it does not count the owner's statement, or not any more",
            Self::Stale => "it has not heard of the ledger lately",
            Self::Malformed => "it does not understand the question",
            Self::Damaged => "what it keeps is damaged",
        })
    }
}

impl CopyCall {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("question for a copy", bytes, MAX_COPY_CALL_BYTES)
    }
}

impl CopyAnswer {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("answer about a copy", bytes, MAX_COPY_ANSWER_BYTES)
    }
}

/// The kind with this number, if it is one that is listed.
pub(crate) fn listed(kind: u8) -> Option<EntryKind> {
    LISTED.into_iter().find(|listed| *listed as u8 == kind)
}

/// The kind with this number, if it is one that is copied at all.
pub(crate) fn copied(kind: u8, key: &[u8]) -> Option<EntryKind> {
    let all = LISTED.into_iter().chain(BY_NAME);
    all.filter(|_| key.len() <= MAX_KEY_BYTES).find(|copied| *copied as u8 == kind)
}

/// Is this a call, or an answer, of the one form? For whoever tries what readers do with bytes from outside.
#[must_use]
pub fn reads_copy_talk(bytes: &[u8]) -> (bool, bool) {
    let call = CopyCall::from_bytes(bytes);
    let answer = CopyAnswer::from_bytes(bytes);
    debug_assert!(call.as_ref().is_ok_and(|it| it.to_bytes() == bytes) || call.is_err());
    debug_assert!(answer.as_ref().is_ok_and(|it| it.to_bytes() == bytes) || answer.is_err());
    (call.is_ok(), answer.is_ok())
}
