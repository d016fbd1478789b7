//! What the tables hold. Every type here has one byte form, which is what the state digest covers.

use minicbor::{Decode, Encode};
use secnet_types::{
    Amount, Ask, Bargain, Beneficiary, CommandId, DatasetId, DecisionId, Denial, Digest, Founder,
    Genesis, Grant, GrantId, GroupId, HoldAnswer, MemberId, MemberKind, Parameters, Powers,
    RequestId, RuleId, RuleListing, Terms, Timestamp, Verdict, Window, limits,
};

use crate::table::Key;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Member {
    /// What kind.
    #[n(0)]
    pub kind: MemberKind,
    /// The organisation that vouches for it; none for organisations and founders.
    #[n(1)]
    pub voucher: Option<MemberId>,
    /// The key it signs with now.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// Digest of its X-Wing key.
    #[n(3)]
    pub sealing_key: Digest,
    /// Suspended members can neither sign nor use grants.
    #[n(4)]
    pub suspended: bool,
}

impl From<&Founder> for Member {
    fn from(founder: &Founder) -> Self {
        Self {
            kind: founder.kind,
            voucher: None,
            key: founder.member.0,
            sealing_key: founder.sealing_key,
            suspended: false,
        }
    }
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Group {
    /// Who runs it.
    #[n(0)]
    pub admin: MemberId,
    /// How many are in it.
    #[n(1)]
    pub members: u32,
}

/// What becomes of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum DatasetStatus {
    /// In use.
    #[n(0)]
    Active,
    /// Withdrawn by its owner.
    #[n(1)]
    Withdrawn,
    /// Its keys are destroyed.
    #[n(2)]
    Erased,
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Dataset {
    /// Whose it is.
    #[n(0)]
    pub owner: MemberId,
    /// Whose decisions on it count.
    #[n(1)]
    pub pdc: MemberId,
    /// Its terms.
    #[n(2)]
    pub terms: Terms,
    /// Commitment to its records.
    #[n(3)]
    pub manifest: Digest,
    /// What has become of it.
    #[n(4)]
    pub status: DatasetStatus,
    /// Grows whenever all grants end at once; a grant of an older tenure is dead.
    #[n(5)]
    pub tenure: u32,
    /// Who may accept it as new owner.
    #[n(6)]
    pub offered_to: Option<MemberId>,
}

/// What becomes of an ask.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AskStatus {
    /// Waits for the owner.
    #[n(0)]
    Open,
    /// Waits for the asker.
    #[n(1)]
    Countered(#[n(0)] Bargain),
    /// Waits for the owner's grant on agreed conditions.
    #[n(2)]
    Agreed(#[n(0)] Bargain),
    /// Granted.
    #[n(3)]
    Approved(#[n(0)] GrantId),
    /// Refused.
    #[n(4)]
    Refused,
}

/// An ask with its state.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AskState {
    /// What is wished for.
    #[n(0)]
    pub ask: Ask,
    /// Who asks.
    #[n(1)]
    pub asker: MemberId,
    /// Who is to answer.
    #[n(2)]
    pub owner: MemberId,
    /// Where it stands.
    #[n(3)]
    pub status: AskStatus,
}

impl AskState {
    /// Has everything been said about it?
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.status, AskStatus::Approved(_) | AskStatus::Refused)
    }
}

/// What becomes of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum GrantStatus {
    /// Good, if its window, count and tenure are.
    #[n(0)]
    Active,
    /// Ended by either side.
    #[n(1)]
    Revoked,
    /// Its window is over.
    #[n(2)]
    Ended,
}

/// A grant with its state.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GrantState {
    /// What was granted.
    #[n(0)]
    pub grant: Grant,
    /// Whose data it is.
    #[n(1)]
    pub owner: MemberId,
    /// Uses so far.
    #[n(2)]
    pub used: u32,
    /// Where it stands.
    #[n(3)]
    pub status: GrantStatus,
}

/// Money set aside for a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Escrow {
    /// Who gets the rest back.
    #[n(0)]
    pub funder: MemberId,
    /// What is left.
    #[n(1)]
    pub amount: Amount,
}

/// A denial with its owner.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DenialState {
    /// What is denied.
    #[n(0)]
    pub denial: Denial,
    /// By whom.
    #[n(1)]
    pub owner: MemberId,
}

/// What a delegate may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DelegationState {
    /// What.
    #[n(0)]
    pub powers: Powers,
    /// When.
    #[n(1)]
    pub window: Window,
}

/// A session key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SessionState {
    /// Until when.
    #[n(0)]
    pub until: Timestamp,
    /// The most it may spend.
    #[n(1)]
    pub limit: Amount,
    /// What it has spent.
    #[n(2)]
    pub spent: Amount,
}

/// Where a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ChargeStatus {
    /// Taken from the payer, not yet paid out.
    #[n(0)]
    Held,
    /// Paid out.
    #[n(1)]
    Paid,
    /// Given back.
    #[n(2)]
    Refunded,
}

/// What was charged for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Charge {
    /// Who gets it back if need be.
    #[n(0)]
    pub payer: MemberId,
    /// How much.
    #[n(1)]
    pub amount: Amount,
    /// Where it stands.
    #[n(2)]
    pub status: ChargeStatus,
}

/// A decision, kept while anything can still come of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DecisionState {
    /// Its id.
    #[n(0)]
    pub id: DecisionId,
    /// The dataset.
    #[n(1)]
    pub dataset: DatasetId,
    /// Digest of the signed request.
    #[n(2)]
    pub request: Digest,
    /// When the request expires.
    #[n(3)]
    pub expires: Timestamp,
    /// Digest of the receiving key.
    #[n(4)]
    pub receiving_key: Digest,
    /// The verdict.
    #[n(5)]
    pub verdict: Verdict,
    /// Whose it is to answer a hold.
    #[n(6)]
    pub owner: MemberId,
    /// The owner's answer to a hold.
    #[n(7)]
    pub answer: Option<HoldAnswer>,
    /// What it cost.
    #[n(8)]
    pub charge: Option<Charge>,
    /// Index of its event in the log.
    #[n(9)]
    pub event: u64,
    /// It took the place of a hold.
    #[n(10)]
    pub lifted: bool,
    /// The PDC that decided: it hands over, so it says what became of the charge.
    #[n(11)]
    pub pdc: MemberId,
    /// Who shares in the charge, by the terms at the time; empty without a charge.
    #[n(12)]
    pub beneficiaries: Vec<Beneficiary>,
}

impl DecisionState {
    /// Is it a hold that the owner has not refused?
    #[must_use]
    pub fn is_open_hold(&self) -> bool {
        matches!(self.verdict, Verdict::Hold { .. }) && self.answer != Some(HoldAnswer::Refuse)
    }

    /// Whose money is held for it, if any is.
    #[must_use]
    pub fn held_from(&self) -> Option<MemberId> {
        self.charge.filter(|charge| charge.status == ChargeStatus::Held).map(|charge| charge.payer)
    }
}

/// An emergency use that must be reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReviewState {
    /// The dataset.
    #[n(0)]
    pub dataset: DatasetId,
    /// By when.
    #[n(1)]
    pub due: Timestamp,
    /// Not done in time.
    #[n(2)]
    pub overdue: bool,
    /// Whose data was used, and who therefore reviews.
    #[n(3)]
    pub owner: MemberId,
}

impl ReviewState {
    /// When the next thing happens to it by itself.
    pub(crate) fn deadline(&self) -> Timestamp {
        if self.overdue { self.due.plus_ms(limits::MAX_REVIEW_OVERDUE_MS) } else { self.due }
    }
}

/// A command that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AppliedState {
    /// Digest of the signed command.
    #[n(0)]
    pub digest: Digest,
    /// When the id may be forgotten.
    #[n(1)]
    pub expires: Timestamp,
    /// Index of its event in the log.
    #[n(2)]
    pub event: u64,
}

/// A rule on offer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RuleState {
    /// The offer.
    #[n(0)]
    pub listing: RuleListing,
    /// By whom.
    #[n(1)]
    pub author: MemberId,
}

/// A rule in force at a PDC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InstallState {
    /// Until when.
    #[n(0)]
    pub until: Timestamp,
    /// Only watched.
    #[n(1)]
    pub simulate: bool,
}

/// Who governs, and how.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Governance {
    /// The governors, ascending.
    #[n(0)]
    pub governors: Vec<MemberId>,
    /// How many must agree.
    #[n(1)]
    pub threshold: u32,
    /// The parameters.
    #[n(2)]
    pub parameters: Parameters,
    /// The successor, once the chain is closed.
    #[n(3)]
    pub closed: Option<Digest>,
}

impl Governance {
    pub(crate) fn of(genesis: &Genesis) -> Self {
        Self {
            governors: genesis.governors.clone(),
            threshold: genesis.threshold,
            parameters: genesis.parameters.clone(),
            closed: None,
        }
    }
}

/// Sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Totals {
    /// All money there is.
    #[n(0)]
    pub supply: Amount,
    /// Fees not yet paid out.
    #[n(1)]
    pub treasury: Amount,
}

/// The only key of a table with one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Only;

impl Key for Only {
    fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(Self)
    }
}

macro_rules! plain_keys {
    ($($name:ident),*) => {$(
        impl Key for $name {
            fn to_bytes(&self) -> Vec<u8> {
                self.0.to_vec()
            }
            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }
    )*};
}
plain_keys!(MemberId, GroupId, DatasetId, GrantId, RuleId, CommandId, RequestId);
plain_keys!(AskId, DenialId);

use secnet_types::{AskId, DenialId};

impl Key for [u8; 32] {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

/// Two keys side by side. The first has a fixed length per table, so the bytes keep the order.
impl<A: Key + FixedLen, B: Key> Key for (A, B) {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.to_bytes();
        bytes.extend_from_slice(&self.1.to_bytes());
        bytes
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_at_checked(A::BYTES)?;
        Some((A::from_bytes(first)?, B::from_bytes(second)?))
    }
}

/// Keys of one length.
pub(crate) trait FixedLen {
    /// That length in bytes.
    const BYTES: usize;
}

impl FixedLen for MemberId {
    const BYTES: usize = Self::LEN;
}
impl FixedLen for GroupId {
    const BYTES: usize = Self::LEN;
}
impl FixedLen for RuleId {
    const BYTES: usize = Self::LEN;
}
impl FixedLen for (MemberId, MemberId) {
    const BYTES: usize = 2 * MemberId::LEN;
}

/// A dataset, or all of an owner's: a delegation's reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reach(pub(crate) Option<DatasetId>);

impl Key for Reach {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.map(|id| id.0.to_vec()).unwrap_or_default()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            Some(Self(None))
        } else {
            DatasetId::from_bytes(bytes).map(|id| Self(Some(id)))
        }
    }
}

/// Presence in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Present;
