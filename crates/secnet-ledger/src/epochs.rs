//! Which nodes a network has, and from which block on: its epochs. A solo chain has none.

use minicbor::{Decode, Encode};
use secnet_types::{Effect, Epoch, Genesis, MemberKind, NodeSet, ReleaseMember, limits};

use crate::operations::Context;
use crate::table::Key;
use crate::{Rejection, State};

/// One epoch of a network.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EpochState {
    /// Height of its first block.
    #[n(0)]
    pub first: u64,
    /// Its nodes.
    #[n(1)]
    pub nodes: NodeSet,
    /// Index of the event that set them; 0 for those of the genesis.
    #[n(2)]
    pub event: u64,
}

impl Key for u64 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl State {
    /// The epochs that have been set, the one that has not begun included, in order; none in a solo chain.
    pub fn epochs(&self) -> impl Iterator<Item = (u64, &EpochState)> {
        self.epochs.iter().map(|(number, epoch)| (*number, epoch))
    }

    /// Number of the epoch that the block at this height belongs to; 0 in a solo chain.
    #[must_use]
    pub fn epoch_at(&self, height: u64) -> u64 {
        let begun = self.epochs.iter().filter(|(_, epoch)| epoch.first <= height);
        begun.last().map_or(0, |(number, _)| *number)
    }

    /// Height of the last block before a change of nodes that is set and has not begun above this height.
    #[must_use]
    pub fn boundary_above(&self, height: u64) -> Option<u64> {
        let (_, newest) = self.epochs.iter().last()?;
        (newest.first > height.saturating_add(1)).then(|| newest.first.saturating_sub(1))
    }

    /// The members whose nodes hold shares from the newest epoch on that has begun at this height and names them, and that epoch;
    /// none if they are still those of the genesis.
    #[must_use]
    pub fn release_members(&self, height: u64) -> Option<(u64, &EpochState)> {
        let begun = self.epochs.iter().filter(|(_, epoch)| epoch.first <= height);
        let named = begun.filter(|(_, epoch)| epoch.nodes.release.is_some());
        named.last().map(|(number, epoch)| (*number, epoch))
    }

    /// Nodes of members hold shares, by the keys that the ledger binds to them.
    fn may_release(&self, members: &[ReleaseMember]) -> bool {
        members.iter().all(|named| {
            self.member(named.member).is_some_and(|member| {
                member.kind == MemberKind::Node
                    && !member.suspended
                    && member.sealing_key == named.sealing_key
            })
        })
    }

    pub(crate) fn set_first_epoch(&mut self, genesis: &Genesis) {
        let before: Vec<u64> = self.epochs.iter().map(|(number, _)| *number).collect();
        for number in before {
            self.epochs.remove(&number);
        }
        if let Some(validators) = &genesis.validators {
            let nodes = NodeSet::of(validators);
            self.epochs.put(0, EpochState { first: 1, nodes, event: 0 });
        }
    }

    /// These nodes are the network's, [`limits::EPOCH_DELAY`] blocks after the one that says so.
    pub(crate) fn set_nodes(
        &mut self,
        epoch: u64,
        nodes: &NodeSet,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let Some((newest, before)) = self.epochs.iter().last() else {
            return Err(Rejection::NotANetwork);
        };
        nodes.check().map_err(|_| Rejection::BadNodes)?;
        if !nodes.release.as_deref().is_none_or(|members| self.may_release(members)) {
            return Err(Rejection::BadNodes);
        }
        if before.first > context.height {
            return Err(Rejection::NodesChanging);
        }
        if *newest >= limits::MAX_EPOCHS as u64 {
            return Err(Rejection::LimitReached);
        }
        if epoch != newest.saturating_add(1) {
            return Err(Rejection::OtherEpoch);
        }
        let first = context.height.saturating_add(limits::EPOCH_DELAY).saturating_add(1);
        let nodes = nodes.clone();
        context.tell(Effect::NodesSet { epoch, first, nodes: nodes.clone() });
        self.epochs.put(epoch, EpochState { first, nodes, event: context.event });
        Ok(())
    }
}

impl EpochState {
    /// The same as whoever checks certificates needs it, above this header.
    #[must_use]
    pub fn above(&self, below: secnet_types::Digest) -> Epoch {
        Epoch { first: self.first, below, nodes: self.nodes.clone() }
    }
}
