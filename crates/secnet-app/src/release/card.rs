//! Whose node a validator is.
//!
//! A genesis names validators and members, and not which of them belong together. Without a member's word for it, one validator
//! could claim to be the release node of another, and have its shares missed.

use minicbor::{Decode, Encode};
use secnet_crypto::SealPublicKey;
use secnet_types::{
    Digest, Genesis, MemberId, MemberKind, Namespace, NetworkId, Payload, ReleaseMember, Signed,
    Signer, ValidatorKey,
};

use crate::ports::View;

/// A member says of a validator that it is its node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NodeCard {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// The member.
    #[n(1)]
    pub member: MemberId,
    /// The validator.
    #[n(2)]
    pub validator: ValidatorKey,
}

impl Payload for NodeCard {
    const WHAT: &'static str = "node card";
    const NAMESPACE: Namespace = Namespace::Node;
    const LIMIT: usize = 512;
}

/// Signed with the member's key.
pub type SignedNodeCard = Signed<NodeCard>;

impl NodeCard {
    /// The member signs.
    #[must_use]
    pub fn sign(
        network: NetworkId,
        member: MemberId,
        validator: ValidatorKey,
        signer: &dyn Signer,
    ) -> SignedNodeCard {
        Signed::sign(Self { network, member, validator }, signer)
    }
}

/// Does the ledger know the member behind this card by the key that signed it, and by this X-Wing key? `validator` is who
/// showed the card.
#[must_use]
pub fn card_holds(
    card: &SignedNodeCard,
    key: &SealPublicKey,
    validator: ValidatorKey,
    view: &View<'_>,
) -> bool {
    let said = &card.value;
    let named = said.network == view.network() && said.validator == validator;
    named
        && view.state.member(said.member).is_some_and(|member| {
            member.kind == MemberKind::Node
                && member.key == card.envelope.key
                && member.sealing_key == Digest(key.digest())
        })
        && card.verify().is_ok()
}

/// The members whose nodes hold shares of what is uploaded now, by id, and the epoch that named them: what the governors said last and
/// has begun, or those that the network began with.
#[must_use]
pub fn release_members(genesis: &Genesis, view: &View<'_>) -> (u64, Vec<ReleaseMember>) {
    let named = view.state.release_members(view.height);
    let named = named.and_then(|(epoch, set)| Some((epoch, set.nodes.release.clone()?)));
    named.unwrap_or_else(|| (0, genesis.release_members()))
}
