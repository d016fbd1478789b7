//! Receipts: a decision, where it is in the log, and who certified that log. Checked offline, from the genesis alone.

use minicbor::{Decode, Encode};
use secnet_crypto::{Hash, leaf_hash, verify_inclusion};

use crate::{
    Cause, CoseError, DecodeError, Digest, Effect, Event, Genesis, Header, MemberId, Operation,
    SealedHeader, SignedCommand, Verdict, decode, encode, limits,
};

/// The receipt of one command.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// Format version: 1.
    #[n(0)]
    pub version: u8,
    /// The signed command, such as a decision with the request inside.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub command: Vec<u8>,
    /// The event it caused: the leaf, canonically encoded.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub event: Vec<u8>,
    /// The leaf's place in the log.
    #[n(3)]
    pub index: u64,
    /// RFC 9162 inclusion proof, from the leaf up, for the log size in the header; at most
    /// [`limits::MAX_PROOF_NODES`] hashes.
    #[n(4)]
    #[cbor(decode_with = "crate::epoch::decode_path")]
    pub path: Vec<Digest>,
    /// A certified header whose log contains the event.
    #[n(5)]
    pub header: SealedHeader,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not a receipt.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The command in it is not well-formed, or not signed by the key it names.
    #[error("the command in the receipt is not valid: {0}")]
    Command(#[from] CoseError),
    /// A version this program does not know.
    #[error("the receipt has format version {0}; this program knows version 1")]
    Version(u8),
    /// For another network.
    #[error("the receipt belongs to another network than the genesis describes")]
    Network,
    /// The event is not about the command.
    #[error("the event in the receipt was caused by another command")]
    Event,
    /// The event is not in the log.
    #[error("the event is not in the log that the header commits to: the inclusion proof fails")]
    Inclusion,
    /// Nobody entitled certified the header.
    #[error("the header is not certified by the network's sequencer or a quorum of its validators")]
    Certificate,
}

impl ReceiptError {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Decode(error) => error.code(),
            Self::Command(error) => error.code(),
            Self::Version(_) => "unknown-version",
            Self::Network => "other-network",
            Self::Event => "other-command",
            Self::Inclusion => "not-in-log",
            Self::Certificate => "not-certified",
        }
    }
}

/// A receipt that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    /// The command.
    pub command: SignedCommand,
    /// What it changed.
    pub event: Event,
    /// The log size of the certified header.
    pub log_size: u64,
    /// The log root of the certified header.
    pub log_root: Digest,
}

impl Receipt {
    /// The only format version.
    pub const VERSION: u8 = 1;

    /// Parse.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("receipt", bytes, limits::MAX_RECEIPT_BYTES)
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Check everything: signatures of the command and of a request inside, the link from command to event, the
    /// event's inclusion in the log, and the certificate of the header, from the genesis alone.
    ///
    /// Whether the signing keys belonged to the members at that height was judged by the ledger before the event
    /// could enter the log; the receipt proves that it did.
    ///
    /// # Errors
    /// [`ReceiptError`], the first thing that fails.
    pub fn verify(&self, genesis: &Genesis) -> Result<VerifiedReceipt, ReceiptError> {
        if self.version != Self::VERSION {
            return Err(ReceiptError::Version(self.version));
        }
        let command = SignedCommand::parse(&self.command)?;
        command.verify()?;
        if let Operation::RecordDecision { decision } = &command.value.operation {
            decision.request.verify()?;
        }
        let header = &self.header.header;
        if header.version != Header::VERSION {
            return Err(ReceiptError::Version(header.version));
        }
        if header.network != genesis.network() || command.value.network != header.network {
            return Err(ReceiptError::Network);
        }
        let event: Event = decode("event", &self.event, limits::MAX_EVENT_BYTES)?;
        let cause = Cause::Command {
            digest: Digest::of(&self.command),
            author: command.value.author,
            id: command.value.id,
        };
        if event.cause != cause || event.height >= header.height {
            return Err(ReceiptError::Event);
        }
        let path: Vec<Hash> = self.path.iter().map(|d| Hash(d.0)).collect();
        verify_inclusion(
            &leaf_hash(&self.event),
            self.index,
            header.log_size,
            &path,
            &Hash(header.log_root.0),
        )
        .map_err(|_| ReceiptError::Inclusion)?;
        if !genesis.certifies(&self.header) {
            return Err(ReceiptError::Certificate);
        }
        Ok(VerifiedReceipt { command, event, log_size: header.log_size, log_root: header.log_root })
    }
}

impl VerifiedReceipt {
    /// The verdict, if the receipt is of a decision.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.event.effects.iter().find_map(|effect| match effect {
            Effect::Decided { verdict, .. } => Some(*verdict),
            _ => None,
        })
    }

    /// Who asked, if the receipt is of a decision.
    #[must_use]
    pub fn requester(&self) -> Option<MemberId> {
        self.event.effects.iter().find_map(|effect| match effect {
            Effect::Decided { requester, .. } => Some(*requester),
            _ => None,
        })
    }
}
