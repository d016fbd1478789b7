//! Crypto-shredding: what has to be destroyed so that nobody opens a record any more, and how that is stated.
//!
//! A record needs its entry (which holds the wrapped key), a compartment secret with the compartment packet, and shares
//! from `t` release packets. Destroying the entry everywhere is enough; the plan names the rest as well, so that one
//! forgotten copy of one thing opens nothing. Ciphertext segments are named when every record in them goes: their
//! removal saves space, secrecy does not depend on it.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use secnet_crypto::Address;
use secnet_types::{DatasetId, DecodeError, Digest, RecordId, decode, encode};

use crate::{CompartmentId, Known, RecordEntry, ReleasePacket, UploadId, limits};

/// One thing to destroy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Destroyable {
    /// A record's entry in the catalogue, with its wrapped key.
    #[n(0)]
    Entry(#[n(0)] UploadId, #[n(1)] RecordId),
    /// A record's share in the packet of this release node; see [`crate::ReleaseNode::forget`].
    #[n(1)]
    Share(#[n(0)] UploadId, #[n(1)] RecordId, #[n(2)] u8),
    /// A whole compartment packet.
    #[n(2)]
    CompartmentPacket(#[n(0)] UploadId, #[n(1)] CompartmentId),
    /// A whole release packet of this node.
    #[n(3)]
    ReleasePacket(#[n(0)] UploadId, #[n(1)] u8),
    /// The wraps of a grant, by digest.
    #[n(4)]
    Wraps(#[n(0)] Digest),
    /// The owner's secret of a compartment; only when no other dataset of hers uses it.
    #[n(5)]
    CompartmentSecret(#[n(0)] CompartmentId),
    /// The salt behind a commitment on the ledger, by that commitment.
    #[n(6)]
    Salt(#[n(0)] Digest),
    /// A ciphertext segment, by address.
    #[n(7)]
    Segment(#[n(0)] Digest),
}

/// What an erasure destroys; `[version, dataset, [item, ...]]` with items in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ShredPlan {
    #[n(0)]
    version: Known<1>,
    #[n(1)]
    dataset: DatasetId,
    #[n(2)]
    items: BTreeSet<Destroyable>,
}

impl ShredPlan {
    /// Nothing yet.
    #[must_use]
    pub const fn new(dataset: DatasetId) -> Self {
        Self { version: Known, dataset, items: BTreeSet::new() }
    }

    /// Everything that must go so that `erased` cannot be opened. `kept` are all other entries of the dataset: a packet
    /// or segment goes whole only if nothing kept is in it.
    #[must_use]
    pub fn for_records<'a>(
        dataset: DatasetId,
        erased: impl IntoIterator<Item = &'a RecordEntry>,
        kept: impl IntoIterator<Item = &'a RecordEntry>,
    ) -> Self {
        let (mut uploads, mut compartments, mut segments) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for entry in kept {
            uploads.insert(entry.upload());
            compartments.insert((entry.upload(), entry.compartment()));
            segments.insert(entry.location().segment);
        }
        let mut plan = Self::new(dataset);
        for entry in erased {
            let (upload, record) = (entry.upload(), entry.record());
            plan.add(Destroyable::Entry(upload, record));
            for node in (1u8..).take(entry.nodes()) {
                plan.add(if uploads.contains(&upload) {
                    Destroyable::Share(upload, record, node)
                } else {
                    Destroyable::ReleasePacket(upload, node)
                });
            }
            if !compartments.contains(&(upload, entry.compartment())) {
                plan.add(Destroyable::CompartmentPacket(upload, entry.compartment()));
            }
            if !segments.contains(&entry.location().segment) {
                plan.add(Destroyable::Segment(Digest(*entry.location().segment.as_bytes())));
            }
        }
        plan
    }

    /// Adds an item: wraps, salts and compartment secrets, which entries do not know.
    pub fn add(&mut self, item: Destroyable) {
        self.items.insert(item);
    }

    /// The dataset.
    #[must_use]
    pub const fn dataset(&self) -> DatasetId {
        self.dataset
    }

    /// What goes, in order.
    pub fn items(&self) -> impl Iterator<Item = &Destroyable> {
        self.items.iter()
    }

    /// The segments that go.
    pub fn segments(&self) -> impl Iterator<Item = Address> {
        self.items.iter().filter_map(|item| match item {
            Destroyable::Segment(address) => Some(Address::from_bytes(address.0)),
            _ => None,
        })
    }

    /// The records whose shares go out of a packet that stays.
    #[must_use]
    pub fn forgotten(&self, packet: &ReleasePacket) -> BTreeSet<RecordId> {
        let of = |item: &Destroyable| match item {
            Destroyable::Share(upload, record, node)
                if (*upload, *node) == (packet.header.upload, packet.header.node) =>
            {
                Some(*record)
            }
            _ => None,
        };
        self.items.iter().filter_map(of).collect()
    }

    /// A salted commitment to the plan, for the ledger's erasure event: it says when something was erased, not what.
    #[must_use]
    pub fn commitment(&self, salt: &[u8; 32]) -> Digest {
        Digest::commit(salt, &encode(self))
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("shredding plan", bytes, limits::MAX_SHRED_PLAN_BYTES)
    }
}
