//! Moving a dataset to another data centre: what its owner and that data centre sign.

use minicbor::{Decode, Encode};

use crate::{DatasetId, Digest, MemberId, Namespace, NetworkId, Payload, Signed, Timestamp};

/// The owner lets a data centre take a copy of all that another one keeps of a dataset. It moves nothing: that takes a command.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MoveStatement {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// The dataset.
    #[n(1)]
    pub dataset: DatasetId,
    /// At whose data centre it is.
    #[n(2)]
    pub from: MemberId,
    /// To whose it is to move.
    #[n(3)]
    pub to: MemberId,
    /// When the owner said so.
    #[n(4)]
    pub said: Timestamp,
    /// From then on it counts no more.
    #[n(5)]
    pub until: Timestamp,
}

impl Payload for MoveStatement {
    const WHAT: &'static str = "statement of a move";
    const NAMESPACE: Namespace = Namespace::Move;
    const LIMIT: usize = 512;
}

/// Signed with the owner's current key.
pub type SignedMove = Signed<MoveStatement>;

/// A data centre has all of a dataset that another one keeps, checked against the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Arrival {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// The dataset.
    #[n(1)]
    pub dataset: DatasetId,
    /// Where it still is.
    #[n(2)]
    pub from: MemberId,
    /// Whose data centre says so.
    #[n(3)]
    pub to: MemberId,
    /// The commitment to its records then.
    #[n(4)]
    pub manifest: Digest,
    /// When.
    #[n(5)]
    pub said: Timestamp,
}

impl Payload for Arrival {
    const WHAT: &'static str = "statement of an arrival";
    const NAMESPACE: Namespace = Namespace::Arrival;
    const LIMIT: usize = 512;
}

/// Signed with the data centre's current key.
pub type SignedArrival = Signed<Arrival>;
