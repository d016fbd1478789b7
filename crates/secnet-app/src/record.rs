//! The facts of a decision as the PDC keeps them: everything the decision was a function of, for the owner to read and
//! to replay.

use minicbor::{Decode, Encode};
use secnet_types::{
    Amount, DatasetId, DecisionId, DecodeError, Digest, GrantId, MemberId, Obligation, ReasonClass,
    RecordId, RequestDetail, RequestId, Timestamp, decode, encode,
};
use std::collections::BTreeSet;

use crate::models::LearntRecord;

/// Longest facts record, in bytes.
const MAX_FACTS_BYTES: usize = 16 * 1024 * 1024;

/// The facts of one decision. Its salted digest is in the decision; destroying it leaves a digest of nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FactsRecord {
    /// Random.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: [u8; 32],
    /// Who asked.
    #[n(1)]
    pub requester: MemberId,
    /// The request.
    #[n(2)]
    pub request: RequestId,
    /// For what dataset.
    #[n(3)]
    pub dataset: DatasetId,
    /// What was asked for, and why.
    #[n(4)]
    pub detail: RequestDetail,
    /// Ledger height of the snapshot.
    #[n(5)]
    pub height: u64,
    /// Its block time, or this data centre's clock if that is later.
    #[n(6)]
    pub time: Timestamp,
    /// The door.
    #[n(7)]
    pub door: String,
    /// How many records the request covered.
    #[n(8)]
    pub asked: u32,
    /// The records that are released, if any.
    #[n(9)]
    pub released: Vec<RecordId>,
    /// Salt of the commitment to them.
    #[n(10)]
    #[cbor(with = "minicbor::bytes")]
    pub scope_salt: [u8; 32],
    /// Under which grant.
    #[n(11)]
    pub grant: Option<GrantId>,
    /// Why, in sentences for the owner; the first is the main one.
    #[n(12)]
    pub reasons: Vec<String>,
    /// What the requester was told to do.
    #[n(13)]
    pub remedy: String,
    /// The features that guard and rules looked at, as canonical CBOR.
    #[n(14)]
    #[cbor(with = "minicbor::bytes")]
    pub features: Vec<u8>,
    /// The hold this decision lifts.
    #[n(15)]
    pub lifts: Option<DecisionId>,
    /// May the requester know that the dataset exists?
    #[n(16)]
    pub discoverable: bool,
    /// Digest of the compiled policies. On the ledger it stands salted: their text could be guessed.
    #[n(17)]
    pub policy: Digest,
    /// What rules that only watch would have done, in sentences for the owner.
    #[n(18)]
    pub watched: Vec<String>,
    /// What the release has to do besides handing over.
    #[n(19)]
    pub obligations: BTreeSet<Obligation>,
    /// The most that the requester would have paid.
    #[n(20)]
    pub max_price: Amount,
    /// Only these fields of the records are released; absent for whole records.
    #[n(21)]
    pub fields: Option<BTreeSet<String>>,
    /// What learnt models said, those that only watch too; absent if none was asked.
    #[n(22)]
    pub learnt: Option<Vec<LearntRecord>>,
    /// Digest of the facts of relations, if those name requester and dataset.
    #[n(23)]
    pub relations: Option<Digest>,
    /// The decision that asked for a fresh proof, which this request is; absent if it is none, or one that does not count.
    #[n(24)]
    pub proves: Option<DecisionId>,
}

impl FactsRecord {
    /// The salted digest that the decision carries.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        Digest::commit(&self.salt, &encode(self))
    }

    /// What the decision says of the policies: nothing to whoever lacks the salt.
    #[must_use]
    pub fn policy_commitment(&self) -> Digest {
        Digest::commit(&self.salt, &self.policy.0)
    }

    /// Seconds that a throttled requester still has to wait; none if it is not that, or it has.
    pub(crate) fn wait_left(&self, class: ReasonClass, now: Timestamp) -> Option<u32> {
        let features = decode("features", &self.features, MAX_FACTS_BYTES);
        let features = features.ok().filter(|_| class == ReasonClass::Throttle)?;
        let until = self.time.plus_ms(u64::from(secnet_guard::wait_from(&features)) * 1000);
        let left = until.since_ms(now).div_ceil(1000);
        u32::try_from(left).ok().filter(|left| *left > 0)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("facts", bytes, MAX_FACTS_BYTES)
    }
}
