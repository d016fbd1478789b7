//! What no single member may do: admit, suspend, issue money, change parameters, close the chain.

use minicbor::{Decode, Encode};

use crate::{
    Amount, CommandId, Digest, MemberCard, MemberId, Namespace, NetworkId, NodeSet, Parameters,
    Signed, SignedBytes, Signer, Timestamp, encode,
};

/// A change that needs the governors' quorum.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Change {
    /// Admit an organisation or a node.
    #[n(0)]
    Admit(#[n(0)] Signed<MemberCard>),
    /// Suspend a member: it can neither sign nor be granted until reinstated.
    #[n(1)]
    Suspend(#[n(0)] MemberId),
    /// End a suspension.
    #[n(2)]
    Reinstate(#[n(0)] MemberId),
    /// Issue money to an account.
    #[n(3)]
    Issue {
        /// To whom.
        #[n(0)]
        to: MemberId,
        /// How much.
        #[n(1)]
        amount: Amount,
    },
    /// Pay out of the treasury, where fees go.
    #[n(4)]
    Pay {
        /// To whom.
        #[n(0)]
        to: MemberId,
        /// How much.
        #[n(1)]
        amount: Amount,
    },
    /// Set the parameters.
    #[n(5)]
    SetParameters(#[n(0)] Parameters),
    /// Set the governors and how many of them must agree.
    #[n(6)]
    SetGovernors {
        /// The governors.
        #[n(0)]
        governors: Vec<MemberId>,
        /// How many must agree.
        #[n(1)]
        threshold: u32,
    },
    /// Close this chain; the network with this configuration goes on from its last block.
    #[n(7)]
    Close {
        /// The successor's [`Genesis::configuration`](crate::Genesis::configuration).
        #[n(0)]
        successor: Digest,
    },
    /// Set the network's nodes: its validators, and those that follow. They begin with an epoch of their own.
    #[n(8)]
    SetNodes {
        /// Number of that epoch: the next one, so that of two changes that were made at a time the second is refused.
        #[n(0)]
        epoch: u64,
        /// The nodes.
        #[n(1)]
        nodes: NodeSet,
    },
}

/// A proposed change, as governors sign it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Proposal {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// Its id; a proposal takes effect once.
    #[n(1)]
    pub id: CommandId,
    /// When it lapses.
    #[n(2)]
    pub expires: Timestamp,
    /// The change.
    #[n(3)]
    pub change: Change,
}

/// One governor's signature over a proposal, under [`Namespace::Governance`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GovernorApproval {
    /// The governor.
    #[n(0)]
    pub governor: MemberId,
    /// The key it signed with.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// The signature.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

impl GovernorApproval {
    /// Approve a proposal.
    #[must_use]
    pub fn sign(governor: MemberId, proposal: &Proposal, signer: &dyn Signer) -> Self {
        let signed = SignedBytes::sign(Namespace::Governance, encode(proposal), signer);
        Self { governor, key: signed.key, signature: signed.signature }
    }

    /// What was signed, for checking.
    #[must_use]
    pub fn over(&self, proposal: &Proposal) -> SignedBytes {
        SignedBytes { key: self.key, payload: encode(proposal), signature: self.signature }
    }
}
