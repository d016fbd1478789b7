//! Who orders a network's blocks, epoch by epoch, and how that is proved from its genesis.
//!
//! Each epoch has one set of validators. Governors set the next one; the ledger names the block that it begins with, and the
//! last block of the epoch before, which its own validators certify, commits to that: a [`Handover`]. A chain of handovers
//! leads from the genesis to every later set. Layout and reasons are in `docs/spec/blocks.md`, sections 7 and 8.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::collections::BTreeSet;

use minicbor::{Decode, Decoder, Encode};
use secnet_crypto::{Hash, VerifyingKey, leaf_hash, verify_inclusion};

use crate::{
    Certificate, DecodeError, Digest, Effect, Event, Genesis, Header, MemberId, NetworkId,
    SIMPLEX_ED25519, SealedHeader, ValidatorKey, decode, finality, limits,
};

/// A node of a network.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NetworkNode {
    /// Its key on the network; a validator votes with it.
    #[n(0)]
    pub key: ValidatorKey,
    /// Where other nodes reach it. Whoever runs one of these may know better.
    #[n(1)]
    pub address: Option<NodeAddress>,
}

/// Where a node is reached: of fixed length, so that nothing else can be written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct NodeAddress {
    /// An IPv6 address, or an IPv4 address mapped into one (RFC 4291, section 2.5.5.2).
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub ip: [u8; 16],
    /// The TCP port.
    #[n(1)]
    pub port: u16,
}

impl From<SocketAddr> for NodeAddress {
    fn from(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self { ip: ip.octets(), port: address.port() }
    }
}

impl From<NodeAddress> for SocketAddr {
    fn from(address: NodeAddress) -> Self {
        Self::new(Ipv6Addr::from(address.ip).to_canonical(), address.port)
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::from(*self).fmt(f)
    }
}

/// The nodes of a network during one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct NodeSet {
    /// Those that agree on blocks, by key, ascending.
    #[n(0)]
    pub validators: Vec<NetworkNode>,
    /// Those that follow and serve without a vote, by key, ascending.
    #[n(1)]
    pub followers: Vec<NetworkNode>,
    /// The members whose nodes hold the shares of records' keys from then on, by id, ascending; none if they are those of the
    /// epoch before.
    #[n(2)]
    pub release: Option<Vec<ReleaseMember>>,
}

/// A member whose node holds shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct ReleaseMember {
    /// The member.
    #[n(0)]
    pub member: MemberId,
    /// Digest of the X-Wing key that the ledger binds to it.
    #[n(1)]
    pub sealing_key: Digest,
}

impl NodeSet {
    /// The nodes that a genesis names: its validators, wherever they are reached.
    #[must_use]
    pub fn of(validators: &[ValidatorKey]) -> Self {
        let node = |key: &ValidatorKey| NetworkNode { key: *key, address: None };
        Self {
            validators: validators.iter().map(node).collect(),
            followers: Vec::new(),
            release: None,
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &NetworkNode> {
        self.validators.iter().chain(&self.followers)
    }

    /// The validators' keys, ascending.
    #[must_use]
    pub fn validator_keys(&self) -> Vec<ValidatorKey> {
        self.validators.iter().map(|node| node.key).collect()
    }

    /// Could a network have these nodes?
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.validators.is_empty() || self.validators.len() > limits::MAX_VALIDATORS {
            return Err("there are no validators, or too many");
        }
        if self.followers.len() > limits::MAX_FOLLOWERS {
            return Err("there are too many followers");
        }
        let ascending = |nodes: &[NetworkNode]| nodes.is_sorted_by(|a, b| a.key < b.key);
        if !ascending(&self.validators) || !ascending(&self.followers) {
            return Err("nodes are not listed by key in ascending order, each once");
        }
        if self.followers.iter().any(|node| self.validators.iter().any(|v| v.key == node.key)) {
            return Err("a node is listed as a validator and as a follower");
        }
        if self.all().any(|node| VerifyingKey::from_bytes(node.key.0).is_err()) {
            return Err("a node's key is of small order or not canonical");
        }
        if let Some(members) = &self.release {
            if members.is_empty() || members.len() > limits::MAX_RELEASE_MEMBERS {
                return Err("there are no members that hold shares, or too many");
            }
            let keys: BTreeSet<Digest> = members.iter().map(|it| it.sealing_key).collect();
            let ascending = members.is_sorted_by(|a, b| a.member < b.member);
            if !ascending || keys.len() != members.len() {
                return Err(
                    "members that hold shares are not listed by id in ascending order, each and each key once",
                );
            }
        }
        let is_none = |address: SocketAddr| address.port() == 0 || address.ip().is_unspecified();
        if self.all().filter_map(|node| node.address).any(|address| is_none(address.into())) {
            return Err("an address has no port, or stands for any");
        }
        Ok(())
    }
}

/// Proof, by the validators of one epoch, of who they hand over to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Handover {
    /// The event that set the nodes of the next epoch, canonically encoded.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub event: Vec<u8>,
    /// Its place in the log.
    #[n(1)]
    pub index: u64,
    /// RFC 9162 inclusion proof, for the log size in the header; at most [`limits::MAX_PROOF_NODES`] hashes.
    #[n(2)]
    #[cbor(decode_with = "decode_path")]
    pub path: Vec<Digest>,
    /// The header of the epoch's last block.
    #[n(3)]
    pub header: Header,
    /// Its certificate.
    #[n(4)]
    pub certificate: Certificate,
}

/// A proof's hashes, no more than any tree has levels.
pub(crate) fn decode_path<C>(
    d: &mut Decoder<'_>,
    ctx: &mut C,
) -> Result<Vec<Digest>, minicbor::decode::Error> {
    let path: Vec<Digest> = d.decode_with(ctx)?;
    if path.len() > limits::MAX_PROOF_NODES {
        return Err(minicbor::decode::Error::message("the inclusion proof is too long"));
    }
    Ok(path)
}

/// Handovers after a certificate: at least one, at most [`limits::MAX_EPOCHS`].
pub(crate) fn decode_handovers<C>(
    d: &mut Decoder<'_>,
    ctx: &mut C,
) -> Result<Option<Vec<Handover>>, minicbor::decode::Error> {
    let handovers: Vec<Handover> = d.decode_with(ctx)?;
    if handovers.is_empty() || handovers.len() > limits::MAX_EPOCHS {
        return Err(minicbor::decode::Error::message("there are no handovers, or too many"));
    }
    Ok(Some(handovers))
}

/// Why a handover proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandoverError {
    /// Its event is not one.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is not the next one.
    #[error("the handover is not that of epoch {0} to the next one")]
    Epoch(u64),
    /// The header is not that of the epoch's last block.
    #[error("the handover's header is not that of the last block before the next validators")]
    Boundary,
    /// The event is not in the log.
    #[error(
        "the validators were not set in the log that the handover's header commits to: the inclusion proof fails"
    )]
    Inclusion,
    /// The epoch's validators did not certify it.
    #[error("the handover is not certified by a quorum of the validators that hand over")]
    Certificate,
}

/// One epoch of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Height of its first block.
    pub first: u64,
    /// Digest of the header below that; zero for the first epoch.
    pub below: Digest,
    /// Its nodes.
    pub nodes: NodeSet,
}

/// The epochs of a chain as far as they are known: at least the first, which the genesis names. A solo chain has one, without
/// validators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epochs {
    network: NetworkId,
    sequencer: Option<[u8; 32]>,
    epochs: Vec<Epoch>,
}

impl Epochs {
    /// What the genesis alone says.
    #[must_use]
    pub fn of(genesis: &Genesis) -> Self {
        let nodes = genesis.validators.as_deref().map(NodeSet::of);
        let sequencer = if nodes.is_none() { Some(genesis.sequencer) } else { None };
        let first = Epoch { first: 1, below: Digest::ZERO, nodes: nodes.unwrap_or_default() };
        Self { network: genesis.network(), sequencer, epochs: vec![first] }
    }

    /// Number of the newest one that is known.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.epochs.len().saturating_sub(1) as u64
    }

    /// An epoch, if it is known.
    #[must_use]
    pub fn get(&self, epoch: u64) -> Option<&Epoch> {
        self.epochs.get(usize::try_from(epoch).ok()?)
    }

    /// Height of an epoch's last block, if it is known to end.
    #[must_use]
    pub fn last(&self, epoch: u64) -> Option<u64> {
        self.get(epoch.checked_add(1)?).map(|next| next.first.saturating_sub(1))
    }

    /// Number of the epoch that a height belongs to, as far as is known.
    #[must_use]
    pub fn containing(&self, height: u64) -> u64 {
        let begun = self.epochs.partition_point(|epoch| epoch.first <= height);
        begun.saturating_sub(1) as u64
    }

    /// Take in what the validators of the newest epoch say of the next one.
    ///
    /// # Errors
    /// [`HandoverError`]; nothing is taken in.
    pub fn extend(&mut self, handover: &Handover) -> Result<(), HandoverError> {
        let now = self.newest();
        let (first, nodes) = self.check(now, handover)?;
        self.epochs.push(Epoch { first, below: handover.header.digest(), nodes });
        Ok(())
    }

    /// Take in the next epoch as one's own ledger has it, whose blocks were certified and executed.
    pub fn extend_executed(&mut self, epoch: Epoch) {
        self.epochs.push(epoch);
    }

    fn check(&self, now: u64, handover: &Handover) -> Result<(u64, NodeSet), HandoverError> {
        let header = &handover.header;
        let event: Event = decode("event", &handover.event, limits::MAX_EVENT_BYTES)?;
        let next = now.saturating_add(1);
        let set = event.effects.into_iter().find_map(|effect| match effect {
            Effect::NodesSet { epoch, first, nodes } if epoch == next => Some((first, nodes)),
            _ => None,
        });
        let (first, nodes) = set.ok_or(HandoverError::Epoch(now))?;
        let is_last = header.height.checked_add(1) == Some(first)
            && event.height.checked_add(limits::EPOCH_DELAY) == Some(header.height);
        if header.version != Header::VERSION || header.epoch != now || !is_last {
            return Err(HandoverError::Boundary);
        }
        let path: Vec<Hash> = handover.path.iter().map(|digest| Hash(digest.0)).collect();
        let (leaf, root) = (leaf_hash(&handover.event), Hash(header.log_root.0));
        verify_inclusion(&leaf, handover.index, header.log_size, &path, &root)
            .map_err(|_| HandoverError::Inclusion)?;
        // What honest validators have let into the log is well-formed; that they have is what is checked here.
        if nodes.check().is_err() || !self.certifies(header, &handover.certificate) {
            return Err(HandoverError::Certificate);
        }
        Ok((first, nodes))
    }

    /// Is this header certified, by the sequencer or by a quorum of its epoch's validators, as far as they are known?
    #[must_use]
    pub fn certifies(&self, header: &Header, certificate: &Certificate) -> bool {
        if header.network != self.network {
            return false;
        }
        match (&self.sequencer, certificate) {
            (Some(sequencer), Certificate::Solo { .. }) => {
                certificate.certifies_solo(header, sequencer)
            }
            (None, Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes }) => {
                let Some(epoch) = self.get(header.epoch) else { return false };
                let is_over = self.last(header.epoch).is_some_and(|last| header.height > last);
                !is_over
                    && header.height >= epoch.first
                    && finality::certifies(header, bytes, &epoch.nodes.validator_keys())
            }
            _ => false,
        }
    }

    /// Is this header certified, with the handovers that come with it?
    #[must_use]
    pub fn certify(mut self, sealed: &SealedHeader) -> bool {
        let handovers = sealed.handovers.as_deref().unwrap_or_default();
        handovers.iter().all(|handover| self.extend(handover).is_ok())
            && self.certifies(&sealed.header, &sealed.certificate)
    }
}

#[cfg(test)]
mod tests;
