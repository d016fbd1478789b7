//! Which nodes this one meets: those of the newest epoch and of the coming one, and nobody else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{AddressableManager, AddressableTrackedPeers};
use commonware_utils::ordered::Map;
use secnet_types::{NetworkNode, ValidatorKey};

use crate::apart::Apart;
use crate::epochs::{KnownEpochs, public};

/// What it takes to meet them.
pub(crate) struct Meeting<O> {
    pub(crate) epochs: KnownEpochs,
    /// Where nodes are reached, as far as this one was told.
    pub(crate) known: BTreeMap<ValidatorKey, SocketAddr>,
    pub(crate) oracle: O,
    pub(crate) apart: Apart<PublicKey>,
    /// How many there is room for, this one included.
    pub(crate) most: NonZeroUsize,
}

impl<O: AddressableManager<PublicKey = PublicKey>> Meeting<O> {
    /// For as long as the node runs.
    pub(crate) async fn run(mut self) {
        let mut changes = self.epochs.changes();
        let mut number = 0;
        loop {
            changes.mark_unchanged();
            self.meet(number);
            number += 1;
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn meet(&mut self, number: u64) {
        let (validators, followers) = self.epochs.nodes();
        let (mut primary, mut secondary) = (self.reached(&validators), self.reached(&followers));
        let room = self.most.get().saturating_sub(1);
        let others = primary.len().saturating_add(secondary.len());
        if others > room {
            tracing::warn!(
                others,
                room,
                "the network has grown: some nodes are met after a restart"
            );
            primary.truncate(room);
            secondary.truncate(room.saturating_sub(primary.len()));
        }
        let mut all = primary.iter().chain(&secondary);
        // Only nodes of one machine can be kept apart.
        let here = all.all(|(_, address)| address.ip().is_loopback());
        let keys = primary.iter().chain(&secondary).map(|(key, _)| key.clone());
        self.apart.set_all(if here { keys.collect() } else { Vec::new() });
        let map = |peers: Vec<(PublicKey, SocketAddr)>| {
            Map::from_iter_dedup(peers.into_iter().map(|(key, address)| (key, address.into())))
        };
        let peers = AddressableTrackedPeers::new(map(primary), map(secondary));
        self.oracle.track(number, peers);
    }

    fn reached(&self, nodes: &[NetworkNode]) -> Vec<(PublicKey, SocketAddr)> {
        let mut reached = Vec::with_capacity(nodes.len());
        for node in nodes {
            let told = || node.address.map(SocketAddr::from);
            match (public(&node.key), self.known.get(&node.key).copied().or_else(told)) {
                (Some(key), Some(address)) => reached.push((key, address)),
                _ => tracing::warn!(node = ?node.key, "nobody has said where this node is reached"),
            }
        }
        reached
    }
}
