//! One use of data: what the requester signs (it goes on the ledger) and what it tells the PDC (it does not).

use minicbor::{Decode, Encode};

use crate::cose::Payload;
use crate::{
    Action, Amount, DatasetId, DecisionId, Digest, MemberId, Namespace, NetworkId, Purpose,
    RequestId, Scope, Timestamp, encode, limits,
};

/// An access request, signed by the requester or by a session key it delegated. It names nothing personal: what
/// is asked for, and why, is behind [`AccessRequest::detail`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AccessRequest {
    /// The network it is meant for.
    #[n(0)]
    pub network: NetworkId,
    /// Who asks.
    #[n(1)]
    pub requester: MemberId,
    /// The dataset.
    #[n(2)]
    pub dataset: DatasetId,
    /// Its id; a retry carries the same and is charged once.
    #[n(3)]
    pub id: RequestId,
    /// After this block time no decision on it is valid.
    #[n(4)]
    pub expires: Timestamp,
    /// The most that may be charged.
    #[n(5)]
    pub max_price: Amount,
    /// Digest of the X-Wing public key that key parts are to be sealed to.
    #[n(6)]
    pub receiving_key: Digest,
    /// Salted commitment to the [`RequestDetail`].
    #[n(7)]
    pub detail: Digest,
}

impl Payload for AccessRequest {
    const WHAT: &'static str = "access request";
    const NAMESPACE: Namespace = Namespace::Request;
    const LIMIT: usize = limits::MAX_REQUEST_BYTES;
}

/// What only the PDC is told.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RequestDetail {
    /// What is to be done.
    #[n(0)]
    pub action: Action,
    /// What for.
    #[n(1)]
    pub purpose: Purpose,
    /// With which records.
    #[n(2)]
    pub scope: Scope,
    /// Random; without it the commitment tells nothing.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: [u8; 32],
    /// The decision that asked for a fresh proof, if this request is to be that proof. Its id is then
    /// [`RequestId::proving`] that decision.
    #[n(4)]
    pub proof_for: Option<DecisionId>,
}

impl RequestDetail {
    /// The commitment that the signed request carries.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        Digest::commit(&self.salt, &encode(self))
    }
}
