//! Commands: the only way to change the ledger.

use minicbor::{Decode, Encode};

use crate::cose::Payload;
use crate::{
    Amount, Answer, Ask, AskId, Bargain, Change, CommandId, DatasetId, Decision, DecisionId,
    Delegation, Denial, DenialId, DenialSummary, Digest, GovernorApproval, Grant, GrantId, GroupId,
    HoldAnswer, MemberId, Namespace, NetworkId, Proposal, Reason, RequestId, Review, RuleId,
    RuleListing, Session, Signed, SignedArrival, Terms, Timestamp, limits,
};

/// A command with its author's signature.
pub type SignedCommand = Signed<Command>;

/// What an author wants to change.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Command {
    /// The network it is meant for.
    #[n(0)]
    pub network: NetworkId,
    /// Who wants it; the signature must be by a key of this member.
    #[n(1)]
    pub author: MemberId,
    /// Unique per author until `expires`; the same command sent again changes nothing and gets the first outcome.
    #[n(2)]
    pub id: CommandId,
    /// After this block time it is refused. At most [`limits::MAX_COMMAND_LIFETIME_MS`] ahead.
    #[n(3)]
    pub expires: Timestamp,
    /// What is to be done.
    #[n(4)]
    pub operation: Operation,
}

impl Payload for Command {
    const WHAT: &'static str = "command";
    const NAMESPACE: Namespace = Namespace::Command;
    const LIMIT: usize = limits::MAX_COMMAND_BYTES;
}

/// What kind of member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum MemberKind {
    /// A natural person, under a pseudonym.
    #[n(0)]
    Person,
    /// An organisation, under its public id.
    #[n(1)]
    Organisation,
    /// A Private Data Centre or another node.
    #[n(2)]
    Node,
    /// A device.
    #[n(3)]
    Device,
}

impl MemberKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Organisation => "organisation",
            Self::Node => "node",
            Self::Device => "device",
        }
    }
}

/// A member's own statement of its keys, signed with the first of them: nobody can be admitted without wanting it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MemberCard {
    /// The network it wants to join.
    #[n(0)]
    pub network: NetworkId,
    /// What kind of member.
    #[n(1)]
    pub kind: MemberKind,
    /// Digest of its X-Wing public key.
    #[n(2)]
    pub sealing_key: Digest,
    /// The organisation that it lets vouch for it, and so suspend it; none if the governors are to admit it.
    #[n(3)]
    pub voucher: Option<MemberId>,
}

impl Payload for MemberCard {
    const WHAT: &'static str = "member card";
    const NAMESPACE: Namespace = Namespace::Card;
    const LIMIT: usize = 512;
}

/// A member's wish to sign with another key from now on; signed with the new key, inside a command by the old one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Rotation {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// Whose key.
    #[n(1)]
    pub member: MemberId,
    /// Digest of the new X-Wing public key.
    #[n(2)]
    pub sealing_key: Digest,
}

impl Payload for Rotation {
    const WHAT: &'static str = "key rotation";
    const NAMESPACE: Namespace = Namespace::Rotation;
    const LIMIT: usize = 512;
}

/// Everything that can be done. The numbers are the byte form and never change meaning.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[expect(clippy::large_enum_variant, reason = "decisions, the largest, are also the most frequent")]
pub enum Operation {
    /// A change that the governors have approved.
    #[n(0)]
    Govern {
        /// The proposal.
        #[n(0)]
        proposal: Proposal,
        /// Enough approvals, each by another governor.
        #[n(1)]
        approvals: Vec<GovernorApproval>,
    },
    /// An organisation admits a person, node or device that it vouches for.
    #[n(1)]
    Vouch {
        /// The new member's own card.
        #[n(0)]
        card: Signed<MemberCard>,
    },
    /// An organisation no longer vouches for a member, which is suspended.
    #[n(2)]
    Disown {
        /// Which member.
        #[n(0)]
        member: MemberId,
    },
    /// The author signs with another key from now on.
    #[n(3)]
    RotateKey {
        /// Signed with the new key.
        #[n(0)]
        rotation: Signed<Rotation>,
    },
    /// The author opens a group that it runs.
    #[n(4)]
    CreateGroup,
    /// Its admin changes who is in a group.
    #[n(5)]
    ChangeGroup {
        /// The group.
        #[n(0)]
        group: GroupId,
        /// Who joins.
        #[n(1)]
        add: Vec<MemberId>,
        /// Who leaves.
        #[n(2)]
        remove: Vec<MemberId>,
    },
    /// The author registers a dataset that it owns.
    #[n(6)]
    RegisterDataset {
        /// The PDC whose decisions on it count.
        #[n(0)]
        pdc: MemberId,
        /// The terms.
        #[n(1)]
        terms: Terms,
        /// Salted commitment to the manifest of its records.
        #[n(2)]
        manifest: Digest,
    },
    /// The owner adds records, sets other terms or names another PDC; a delegate for prices sets the price alone.
    #[n(7)]
    UpdateDataset {
        /// The dataset.
        #[n(0)]
        dataset: DatasetId,
        /// The PDC.
        #[n(1)]
        pdc: MemberId,
        /// The terms.
        #[n(2)]
        terms: Terms,
        /// Salted commitment to the manifest of its records.
        #[n(3)]
        manifest: Digest,
    },
    /// The owner withdraws a dataset; every grant on it ends.
    #[n(8)]
    WithdrawDataset {
        /// The dataset.
        #[n(0)]
        dataset: DatasetId,
    },
    /// The owner offers a dataset to a new owner; absent takes the offer back.
    #[n(9)]
    OfferDataset {
        /// The dataset.
        #[n(0)]
        dataset: DatasetId,
        /// The new owner.
        #[n(1)]
        to: Option<MemberId>,
    },
    /// The new owner accepts; every grant ends and it starts with its own PDC, terms and manifest.
    #[n(10)]
    AcceptDataset {
        /// The dataset.
        #[n(0)]
        dataset: DatasetId,
        /// The new owner's PDC.
        #[n(1)]
        pdc: MemberId,
        /// The new owner's terms.
        #[n(2)]
        terms: Terms,
        /// Commitment to the re-keyed manifest.
        #[n(3)]
        manifest: Digest,
    },
    /// The author asks for a grant.
    #[n(11)]
    OpenAsk {
        /// The wish.
        #[n(0)]
        ask: Ask,
    },
    /// The owner answers.
    #[n(12)]
    AnswerAsk {
        /// The ask.
        #[n(0)]
        ask: AskId,
        /// The answer.
        #[n(1)]
        answer: Answer,
    },
    /// The asker accepts the owner's counter-offer; the owner can now approve at that price.
    #[n(13)]
    AcceptCounter {
        /// The ask.
        #[n(0)]
        ask: AskId,
        /// The counter-offer it saw; another is refused.
        #[n(1)]
        bargain: Bargain,
    },
    /// The asker no longer asks.
    #[n(14)]
    WithdrawAsk {
        /// The ask.
        #[n(0)]
        ask: AskId,
    },
    /// The owner grants without having been asked.
    #[n(15)]
    Grant {
        /// The grant.
        #[n(0)]
        grant: Grant,
    },
    /// Either side ends a grant; unspent escrow goes back at once.
    #[n(16)]
    Revoke {
        /// The grant.
        #[n(0)]
        grant: GrantId,
        /// Why.
        #[n(1)]
        reason: Reason,
    },
    /// The owner denies.
    #[n(17)]
    Deny {
        /// The denial.
        #[n(0)]
        denial: Denial,
    },
    /// The owner lifts a denial.
    #[n(18)]
    LiftDenial {
        /// The denial.
        #[n(0)]
        denial: DenialId,
    },
    /// The author lets somebody act in its name.
    #[n(19)]
    Delegate {
        /// What and whom.
        #[n(0)]
        delegation: Delegation,
    },
    /// The author, or the delegate, ends that.
    #[n(20)]
    EndDelegation {
        /// Who delegated.
        #[n(0)]
        owner: MemberId,
        /// To whom.
        #[n(1)]
        delegate: MemberId,
        /// On which dataset, as delegated.
        #[n(2)]
        dataset: Option<DatasetId>,
    },
    /// The author lets a session key sign access requests.
    #[n(21)]
    OpenSession {
        /// Which key, how long, how much.
        #[n(0)]
        session: Session,
    },
    /// The author ends a session key.
    #[n(22)]
    EndSession {
        /// The key.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        key: [u8; 32],
    },
    /// A PDC records a decision: allow, hold or deny.
    #[n(23)]
    RecordDecision {
        /// The decision.
        #[n(0)]
        decision: Decision,
    },
    /// A PDC records denials beyond a quota as a count.
    #[n(24)]
    SummariseDenials {
        /// The summary.
        #[n(0)]
        summary: DenialSummary,
    },
    /// The owner answers a hold.
    #[n(25)]
    AnswerHold {
        /// The held decision.
        #[n(0)]
        decision: DecisionId,
        /// The answer.
        #[n(1)]
        answer: HoldAnswer,
    },
    /// A PDC states that these requests' key parts were handed over: their charges are paid out.
    #[n(26)]
    ConfirmCollection {
        /// Requester and request id of each.
        #[n(0)]
        collected: Vec<(MemberId, RequestId)>,
    },
    /// A PDC states that it could not hand over: the charge goes back.
    #[n(27)]
    ReportFailure {
        /// Who asked.
        #[n(0)]
        requester: MemberId,
        /// The request.
        #[n(1)]
        request: RequestId,
    },
    /// The owner, or its delegate, reviews an emergency use.
    #[n(28)]
    ReviewEmergency {
        /// The review.
        #[n(0)]
        review: Review,
    },
    /// The author pays somebody.
    #[n(29)]
    Transfer {
        /// To whom.
        #[n(0)]
        to: MemberId,
        /// How much.
        #[n(1)]
        amount: Amount,
    },
    /// The author takes money out of the network, which is destroyed here.
    #[n(30)]
    Redeem {
        /// How much.
        #[n(0)]
        amount: Amount,
    },
    /// The author sets money aside for uses under a grant.
    #[n(31)]
    FundGrant {
        /// The grant.
        #[n(0)]
        grant: GrantId,
        /// How much.
        #[n(1)]
        amount: Amount,
    },
    /// The author offers a security rule.
    #[n(32)]
    PublishRule {
        /// The listing.
        #[n(0)]
        listing: RuleListing,
    },
    /// The author buys a licence of a rule.
    #[n(33)]
    BuyRule {
        /// The rule.
        #[n(0)]
        rule: RuleId,
        /// The price it saw; another is refused.
        #[n(1)]
        price: Amount,
    },
    /// The author's PDC enforces a rule from now on.
    #[n(34)]
    InstallRule {
        /// The rule.
        #[n(0)]
        rule: RuleId,
        /// Until when.
        #[n(1)]
        until: Timestamp,
        /// Only watch what it would do.
        #[n(2)]
        simulate: bool,
    },
    /// The author's PDC no longer enforces it.
    #[n(35)]
    RemoveRule {
        /// The rule.
        #[n(0)]
        rule: RuleId,
    },
    /// The owner's keys to these things are destroyed.
    #[n(36)]
    RecordErasure {
        /// The dataset.
        #[n(0)]
        dataset: DatasetId,
        /// Salted commitments to what was destroyed.
        #[n(1)]
        erased: Vec<Digest>,
        /// The day on which the last backup of the keys dies.
        #[n(2)]
        last_backup_dies: Timestamp,
        /// The whole dataset: every grant on it ends.
        #[n(3)]
        whole: bool,
    },
    /// The owner moves a dataset to another PDC, which has said that it has all of it.
    #[n(37)]
    MoveDataset {
        /// What that PDC said.
        #[n(0)]
        arrival: SignedArrival,
    },
}

impl Operation {
    /// Does it only take something away: a right, a key, data? When there is no room for anything else, such commands are
    /// still ordered.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        match self {
            Self::Disown { .. }
            | Self::RotateKey { .. }
            | Self::WithdrawDataset { .. }
            | Self::OfferDataset { to: None, .. }
            | Self::AnswerAsk { answer: Answer::Refuse(_), .. }
            | Self::Revoke { .. }
            | Self::Deny { .. }
            | Self::EndDelegation { .. }
            | Self::EndSession { .. }
            | Self::AnswerHold { answer: HoldAnswer::Refuse, .. }
            | Self::RecordErasure { .. } => true,
            Self::Govern { proposal, .. } => matches!(proposal.change, Change::Suspend(_)),
            Self::ChangeGroup { add, .. } => add.is_empty(),
            Self::Vouch { .. }
            | Self::CreateGroup
            | Self::RegisterDataset { .. }
            | Self::UpdateDataset { .. }
            | Self::OfferDataset { to: Some(_), .. }
            | Self::AcceptDataset { .. }
            | Self::OpenAsk { .. }
            | Self::AnswerAsk { answer: Answer::Approve(_) | Answer::Counter { .. }, .. }
            | Self::AcceptCounter { .. }
            | Self::WithdrawAsk { .. }
            | Self::Grant { .. }
            | Self::LiftDenial { .. }
            | Self::Delegate { .. }
            | Self::OpenSession { .. }
            | Self::RecordDecision { .. }
            | Self::SummariseDenials { .. }
            | Self::AnswerHold { answer: HoldAnswer::Release, .. }
            | Self::ConfirmCollection { .. }
            | Self::ReportFailure { .. }
            | Self::ReviewEmergency { .. }
            | Self::Transfer { .. }
            | Self::Redeem { .. }
            | Self::FundGrant { .. }
            | Self::PublishRule { .. }
            | Self::BuyRule { .. }
            | Self::InstallRule { .. }
            | Self::RemoveRule { .. }
            | Self::MoveDataset { .. } => false,
        }
    }
}
