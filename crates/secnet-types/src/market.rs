//! Terms that money depends on: they are on the ledger and judged by `apply`.

use minicbor::{Decode, Encode};

use crate::{Amount, BasisPoints, Digest, MemberId, RuleId, ServiceLevel, Timestamp};

/// Who is paid besides the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Beneficiary {
    /// Whose account.
    #[n(0)]
    pub member: MemberId,
    /// Its share of each payment, after the fee.
    #[n(1)]
    pub share: BasisPoints,
}

/// The typed terms of a dataset. What the data is, and who may do what for which purpose, is behind `detail`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Terms {
    /// List price of one use.
    #[n(0)]
    pub price: Amount,
    /// Sealed or hosted.
    #[n(1)]
    pub level: ServiceLevel,
    /// No use after this block time.
    #[n(2)]
    pub expires: Timestamp,
    /// Most uses of one grant, if limited.
    #[n(3)]
    pub max_uses: Option<u32>,
    /// Who shares in payments; the owner gets what is left.
    #[n(4)]
    pub beneficiaries: Vec<Beneficiary>,
    /// Salted commitment to the detailed terms kept in the PDC.
    #[n(5)]
    pub detail: Digest,
}

/// A security rule offered to others. Its body stays off the ledger: it may name addresses.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RuleListing {
    /// Digest of the rule's canonical form.
    #[n(0)]
    pub rule: RuleId,
    /// Price of one licence.
    #[n(1)]
    pub price: Amount,
    /// Digest of the evidence card.
    #[n(2)]
    pub evidence: Digest,
    /// When the rule ends.
    #[n(3)]
    pub expires: Timestamp,
}
