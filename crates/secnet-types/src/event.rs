//! Events: the leaves of the log. Together they tell every change of state.

use minicbor::{Decode, Encode};

use crate::{
    Amount, AskId, CommandId, DatasetId, DecisionId, DenialId, Digest, GrantId, GroupId, MemberId,
    MemberKind, NodeSet, Reason, RequestId, ReviewFinding, RuleId, Timestamp, Verdict,
};

/// What happened, and because of what.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Event {
    /// The block's height.
    #[n(0)]
    pub height: u64,
    /// The block's time.
    #[n(1)]
    pub time: Timestamp,
    /// Its place among the block's events.
    #[n(2)]
    pub position: u32,
    /// Because of what.
    #[n(3)]
    pub cause: Cause,
    /// What changed, in order.
    #[n(4)]
    pub effects: Vec<Effect>,
}

/// Because of what.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Cause {
    /// A deadline passed.
    #[n(0)]
    Clock,
    /// A command was applied.
    #[n(1)]
    Command {
        /// SHA-256 of the signed command.
        #[n(0)]
        digest: Digest,
        /// Its author.
        #[n(1)]
        author: MemberId,
        /// Its id.
        #[n(2)]
        id: CommandId,
    },
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[rustfmt::skip]
#[allow(missing_docs, reason = "each variant is a sentence in itself; docs/spec/events.md lists them")]
pub enum Effect {
    #[n(0)] MemberAdmitted { #[n(0)] member: MemberId, #[n(1)] kind: MemberKind, #[n(2)] voucher: Option<MemberId> },
    #[n(1)] MemberSuspended { #[n(0)] member: MemberId },
    #[n(2)] MemberReinstated { #[n(0)] member: MemberId },
    #[n(3)] KeyRotated { #[n(0)] member: MemberId, #[n(1)] #[cbor(with = "minicbor::bytes")] key: [u8; 32] },
    #[n(4)] GroupCreated { #[n(0)] group: GroupId, #[n(1)] admin: MemberId },
    #[n(5)] GroupChanged { #[n(0)] group: GroupId, #[n(1)] added: u32, #[n(2)] removed: u32 },
    #[n(6)] DatasetRegistered { #[n(0)] dataset: DatasetId, #[n(1)] owner: MemberId, #[n(2)] pdc: MemberId },
    #[n(7)] DatasetUpdated { #[n(0)] dataset: DatasetId },
    #[n(8)] DatasetWithdrawn { #[n(0)] dataset: DatasetId },
    #[n(9)] DatasetOffered { #[n(0)] dataset: DatasetId, #[n(1)] to: Option<MemberId> },
    #[n(10)] DatasetTransferred { #[n(0)] dataset: DatasetId, #[n(1)] from: MemberId, #[n(2)] to: MemberId },
    #[n(11)] AskOpened { #[n(0)] ask: AskId, #[n(1)] dataset: DatasetId, #[n(2)] asker: MemberId },
    #[n(12)] AskCountered { #[n(0)] ask: AskId, #[n(1)] price: Amount },
    #[n(13)] AskAgreed { #[n(0)] ask: AskId },
    #[n(14)] AskApproved { #[n(0)] ask: AskId, #[n(1)] grant: GrantId },
    #[n(15)] AskRefused { #[n(0)] ask: AskId, #[n(1)] reason: Reason },
    #[n(16)] AskWithdrawn { #[n(0)] ask: AskId },
    #[n(17)] AskExpired { #[n(0)] ask: AskId },
    #[n(18)] Granted { #[n(0)] grant: GrantId, #[n(1)] dataset: DatasetId, #[n(2)] by: MemberId },
    #[n(19)] GrantRevoked { #[n(0)] grant: GrantId, #[n(1)] by: MemberId, #[n(2)] reason: Reason },
    #[n(20)] GrantEnded { #[n(0)] grant: GrantId },
    #[n(21)] DenialMade { #[n(0)] denial: DenialId, #[n(1)] owner: MemberId },
    #[n(22)] DenialLifted { #[n(0)] denial: DenialId },
    #[n(23)] Delegated { #[n(0)] owner: MemberId, #[n(1)] delegate: MemberId },
    #[n(24)] DelegationEnded { #[n(0)] owner: MemberId, #[n(1)] delegate: MemberId },
    #[n(25)] SessionOpened { #[n(0)] member: MemberId, #[n(1)] #[cbor(with = "minicbor::bytes")] key: [u8; 32] },
    #[n(26)] SessionEnded { #[n(0)] member: MemberId, #[n(1)] #[cbor(with = "minicbor::bytes")] key: [u8; 32] },
    #[n(27)] Decided { #[n(0)] decision: DecisionId, #[n(1)] dataset: DatasetId, #[n(2)] requester: MemberId, #[n(3)] request: RequestId, #[n(4)] verdict: Verdict },
    #[n(28)] DenialsSummarised { #[n(0)] requester: MemberId, #[n(1)] dataset: DatasetId, #[n(2)] count: u32 },
    #[n(29)] HoldReleased { #[n(0)] decision: DecisionId },
    #[n(30)] HoldRefused { #[n(0)] decision: DecisionId },
    #[n(31)] Charged { #[n(0)] decision: DecisionId, #[n(1)] from: MemberId, #[n(2)] amount: Amount, #[n(3)] escrow: Option<GrantId> },
    #[n(32)] Paid { #[n(0)] decision: DecisionId, #[n(1)] to: MemberId, #[n(2)] amount: Amount },
    #[n(33)] FeeTaken { #[n(0)] amount: Amount },
    #[n(34)] Refunded { #[n(0)] decision: DecisionId, #[n(1)] to: MemberId, #[n(2)] amount: Amount },
    #[n(35)] Transferred { #[n(0)] from: MemberId, #[n(1)] to: MemberId, #[n(2)] amount: Amount },
    #[n(36)] Issued { #[n(0)] to: MemberId, #[n(1)] amount: Amount },
    #[n(37)] Redeemed { #[n(0)] from: MemberId, #[n(1)] amount: Amount },
    #[n(38)] TreasuryPaid { #[n(0)] to: MemberId, #[n(1)] amount: Amount },
    #[n(39)] Escrowed { #[n(0)] grant: GrantId, #[n(1)] from: MemberId, #[n(2)] amount: Amount },
    #[n(40)] EscrowReturned { #[n(0)] grant: GrantId, #[n(1)] to: MemberId, #[n(2)] amount: Amount },
    #[n(41)] ReviewDue { #[n(0)] requester: MemberId, #[n(1)] request: RequestId, #[n(2)] by: Timestamp },
    #[n(42)] Reviewed { #[n(0)] requester: MemberId, #[n(1)] request: RequestId, #[n(2)] finding: ReviewFinding },
    #[n(43)] ReviewOverdue { #[n(0)] requester: MemberId, #[n(1)] request: RequestId },
    #[n(44)] RulePublished { #[n(0)] rule: RuleId, #[n(1)] author: MemberId, #[n(2)] price: Amount },
    #[n(45)] RuleBought { #[n(0)] rule: RuleId, #[n(1)] buyer: MemberId, #[n(2)] seller: MemberId, #[n(3)] price: Amount, #[n(4)] fee: Amount },
    #[n(46)] RuleInstalled { #[n(0)] rule: RuleId, #[n(1)] by: MemberId, #[n(2)] simulate: bool },
    #[n(47)] RuleRemoved { #[n(0)] rule: RuleId, #[n(1)] by: MemberId },
    #[n(48)] Erased { #[n(0)] dataset: DatasetId, #[n(1)] items: u32, #[n(2)] last_backup_dies: Timestamp },
    #[n(49)] ParametersSet,
    #[n(50)] GovernorsSet,
    #[n(51)] Closed { #[n(0)] successor: Digest },
    #[n(52)] HoldExpired { #[n(0)] decision: DecisionId },
    #[n(53)] AskLapsed { #[n(0)] ask: AskId, #[n(1)] dataset: DatasetId },
    #[n(54)] HoldLapsed { #[n(0)] decision: DecisionId, #[n(1)] dataset: DatasetId },
    #[n(55)] ReviewAbandoned { #[n(0)] requester: MemberId, #[n(1)] request: RequestId },
    #[n(56)] NodesSet { #[n(0)] epoch: u64, #[n(1)] first: u64, #[n(2)] nodes: NodeSet },
    #[n(57)] DatasetMoved { #[n(0)] dataset: DatasetId, #[n(1)] from: MemberId, #[n(2)] to: MemberId },
}
