//! What was decided on a request, as it is committed.

use minicbor::{Decode, Encode};

use crate::{
    AccessRequest, Amount, DatasetId, DecisionId, Digest, GrantId, MemberId, RequestId, Signed,
    Timestamp,
};

/// What kind of reason; the sentence behind it is in the PDC, for those entitled to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum ReasonClass {
    /// No consent covers the request, or a denial forbids it.
    #[n(0)]
    Consent,
    /// Price, count or time.
    #[n(1)]
    Terms,
    /// A security rule.
    #[n(2)]
    Rule,
    /// The guard.
    #[n(3)]
    Guard,
    /// Something needed to decide was missing or broken; never an allow.
    #[n(4)]
    Fault,
    /// The requester's money does not suffice.
    #[n(5)]
    Funds,
    /// The requester is to prove anew who it is.
    #[n(6)]
    StepUp,
    /// The requester is to wait a while.
    #[n(7)]
    Throttle,
}

impl ReasonClass {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Terms => "terms",
            Self::Rule => "rule",
            Self::Guard => "guard",
            Self::Fault => "fault",
            Self::Funds => "funds",
            Self::StepUp => "step-up",
            Self::Throttle => "throttle",
        }
    }

    /// Was it guard or rules that stopped the request?
    #[must_use]
    pub const fn is_behaviour(self) -> bool {
        matches!(self, Self::Rule | Self::Guard | Self::StepUp | Self::Throttle)
    }
}

/// Allow, hold or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Verdict {
    /// The records behind `scope` may be released.
    #[n(0)]
    Allow {
        /// Under this grant.
        #[n(0)]
        grant: GrantId,
        /// For this price.
        #[n(1)]
        price: Amount,
        /// Salted commitment to the released record ids.
        #[n(2)]
        scope: Digest,
        /// How many records.
        #[n(3)]
        records: u32,
        /// Until this block time the key parts can be collected.
        #[n(4)]
        collect_by: Timestamp,
    },
    /// Nothing is released until the owner has answered.
    #[n(1)]
    Hold {
        /// What kind of reason.
        #[n(0)]
        reason: ReasonClass,
        /// Without an answer by then it is a denial.
        #[n(1)]
        answer_by: Timestamp,
    },
    /// Nothing is released.
    #[n(2)]
    Deny {
        /// What kind of reason.
        #[n(0)]
        reason: ReasonClass,
    },
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow { .. } => "allow",
            Self::Hold { .. } => "hold",
            Self::Deny { .. } => "deny",
        }
    }
}

/// What a release must do besides handing over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Obligation {
    /// The owner is told at once.
    #[n(0)]
    NotifyOwner,
    /// A review must follow.
    #[n(1)]
    Review,
    /// Only the fields that the grant names are handed over.
    #[n(2)]
    OnlyGrantedFields,
}

/// A decision on one signed request. Signed by the key of the PDC that the owner named in the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Decision {
    /// The request, as its author signed it.
    #[n(0)]
    pub request: Signed<AccessRequest>,
    /// The ledger height whose state the facts were gathered at.
    #[n(1)]
    pub height: u64,
    /// Salted digest of all facts.
    #[n(2)]
    pub facts: Digest,
    /// Salted digest of the compiled policies that decided: their text could be guessed.
    #[n(3)]
    pub policy: Digest,
    /// Digest of the installed rules that were matched.
    #[n(4)]
    pub rules: Digest,
    /// Digest of the guard's model.
    #[n(5)]
    pub model: Digest,
    /// The guard's score in basis points: 0 ordinary, 10,000 as wrong as can be.
    #[n(6)]
    pub score: u16,
    /// The verdict.
    #[n(7)]
    pub verdict: Verdict,
    /// The held decision that this one takes the place of.
    #[n(8)]
    pub lifts: Option<DecisionId>,
}

/// Denials beyond a member's quota, counted instead of listed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DenialSummary {
    /// Who was denied.
    #[n(0)]
    pub requester: MemberId,
    /// First request of the window, in the PDC's time.
    #[n(1)]
    pub from: Timestamp,
    /// Last request of the window.
    #[n(2)]
    pub until: Timestamp,
    /// How many.
    #[n(3)]
    pub count: u32,
    /// Salted digest of the denied requests, kept in the PDC.
    #[n(4)]
    pub requests: Digest,
    /// On which dataset; its PDC alone can say so.
    #[n(5)]
    pub dataset: DatasetId,
}

/// The owner's answer to a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum HoldAnswer {
    /// Decide again, this hold notwithstanding.
    #[n(0)]
    Release,
    /// It stays refused.
    #[n(1)]
    Refuse,
}

/// What the review of an emergency use found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ReviewFinding {
    /// It was an emergency.
    #[n(0)]
    Justified,
    /// It was not.
    #[n(1)]
    Unjustified,
}

/// The mandatory review of an emergency use.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Review {
    /// Who used it.
    #[n(0)]
    pub requester: MemberId,
    /// The request.
    #[n(1)]
    pub request: RequestId,
    /// What was found.
    #[n(2)]
    pub finding: ReviewFinding,
}
