//! Release nodes: they keep shares of `b` and hand out exactly those of the records that a decision names.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use secnet_crypto::{
    Agreement, CryptoRng, SealError, SealKeyPair, SealPublicKey, SealSecretKey, Share, Zeroizing,
};
use secnet_types::{DatasetId, DecisionId, Digest, RecordId, RequestId};

use crate::{
    Known, Packet, PacketError, PacketHeader, UploadId, limits,
    table::{Rows, Table, cut},
};

/// How a former node's share came to its new holders, and is put together again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Dealt {
    /// The index of the share that was dealt.
    #[n(0)]
    pub dealer: u8,
    /// How many of the new nodes put it together.
    #[n(1)]
    pub threshold: u8,
    /// How many such shares make `b`, if no commitment says which they are; 0 if they are those that the entry commits to.
    #[n(2)]
    pub of: u8,
    /// The epoch that names the new nodes.
    #[n(3)]
    pub epoch: u64,
    /// Digest of the dealer's proof, as the node that keeps the packet has checked it.
    #[n(4)]
    pub proof: Digest,
}

/// What is readable of a [`ReleasePacket`]: `[version, suite, dataset, upload, node, key]`, after a handover
/// `[version, suite, dataset, upload, node, key, [dealer, threshold, of, epoch, proof]]`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ReleaseHeader {
    /// Format version.
    #[n(0)]
    pub version: Known<1>,
    /// HPKE suite: X-Wing.
    #[n(1)]
    pub suite: Known<0x647a>,
    /// The dataset.
    #[n(2)]
    pub dataset: DatasetId,
    /// The upload.
    #[n(3)]
    pub upload: UploadId,
    /// Which of the upload's nodes, from 1; also the index of its shares.
    #[n(4)]
    pub node: u8,
    /// Digest of the node's key.
    #[n(5)]
    pub key: Digest,
    /// Of which former node's shares it has sub-shares, if it came by a handover.
    #[n(6)]
    pub dealt: Option<Dealt>,
}

impl PacketHeader for ReleaseHeader {
    const INFO: &'static [u8] = b"secnet/lock/release-packet/v1";
    const WHAT: &'static str = "release packet";
    const LIMIT: usize = limits::MAX_RELEASE_PACKET_BYTES;
    const MAX_ROWS: usize = limits::MAX_UPLOAD_RECORDS;
}

/// One node's shares of an upload; table: record (16) -> share (32) | salt of its commitment (32).
pub type ReleasePacket = Packet<ReleaseHeader>;

/// The committed decision that a release answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct ReleaseContext {
    /// The request.
    #[n(0)]
    pub request: RequestId,
    /// The decision on it.
    #[n(1)]
    pub decision: DecisionId,
    /// The dataset.
    #[n(2)]
    pub dataset: DatasetId,
}

/// What is readable of [`ReleasedShares`]: `[version, suite, [request, decision, dataset], node, recipient, records]`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ReleasedHeader {
    /// Format version.
    #[n(0)]
    pub version: Known<3>,
    /// HPKE suite: X-Wing.
    #[n(1)]
    pub suite: Known<0x647a>,
    /// Which decision it answers.
    #[n(2)]
    pub context: ReleaseContext,
    /// Digest of the answering node's key.
    #[n(3)]
    pub node: Digest,
    /// Digest of the receiving key.
    #[n(4)]
    pub recipient: Digest,
    /// Digest of the table's keys in order: `Digest::of_parts("secnet/lock/released-records/v2", keys)`.
    #[n(5)]
    pub records: Digest,
}

impl ReleasedHeader {
    /// Does it say that the answer has shares of exactly these records of these uploads, and of these former nodes' shares, 0
    /// for what was not handed over?
    #[must_use]
    pub fn covers(&self, records: &BTreeSet<(UploadId, RecordId, u8)>) -> bool {
        let keys: Vec<[u8; KEY]> = records
            .iter()
            .map(|(upload, record, dealer)| row_key(*upload, *record, *dealer))
            .collect();
        self.records == digest_of_names(keys.iter())
    }
}

/// A row's key: upload, record, and whose share it is a sub-share of.
const KEY: usize = 33;
/// A row's value: index, threshold and kind of a sub-share, share, salt.
const VALUE: usize = 67;

impl PacketHeader for ReleasedHeader {
    const INFO: &'static [u8] = b"secnet/lock/released-shares/v3";
    const WHAT: &'static str = "released shares";
    const LIMIT: usize = limits::MAX_RELEASED_BYTES;
    const MAX_ROWS: usize = limits::MAX_RELEASED_SHARES;
}

/// One node's answer; table: upload (16) | record (16) | dealer (1) -> index (1) | threshold (1) | of (1) | share (32) | salt (32).
/// Dealer, threshold and of are 0 if the share is as the owner dealt it, else as in [`Dealt`].
pub type ReleasedShares = Packet<ReleasedHeader>;

/// Why a node released nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// A packet does not open, or is for another dataset or node.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The decision names a record that none of the packets has a share of.
    #[error(
        "this node has no share of the record `{0}`: it was erased, or belongs to another dataset"
    )]
    NotHere(RecordId),
    /// The decision names no record.
    #[error("the decision names no record")]
    Empty,
    /// More than [`limits::MAX_RELEASED_SHARES`].
    #[error("one answer can carry at most `{0}` shares: split the request")]
    TooMany(usize),
    /// The answer could not be sealed.
    #[error("the answer cannot be sealed: {0}")]
    Seal(#[from] SealError),
}

/// A release packet that its node has opened; keep it to answer many requests with one key decapsulation.
#[derive(Debug)]
pub struct HeldShares {
    header: ReleaseHeader,
    table: Table<16, 64>,
}

impl HeldShares {
    /// What the packet says about itself.
    #[must_use]
    pub const fn header(&self) -> &ReleaseHeader {
        &self.header
    }

    /// Number of records.
    #[must_use]
    pub fn records(&self) -> usize {
        self.table.len()
    }

    /// Has it a share of this record?
    pub(crate) fn has(&self, record: RecordId) -> bool {
        self.table.get(&record.0).is_some()
    }

    /// Record, and share with salt.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[u8; 16], &[u8; 64])> {
        self.table.iter()
    }

    /// Which of these records it has shares of.
    fn among(&self, records: &BTreeSet<RecordId>) -> BTreeSet<RecordId> {
        records.iter().copied().filter(|record| self.has(*record)).collect()
    }
}

/// Whom answers are sealed to. Keep it to answer many requests that name one receiving key with one key encapsulation.
#[derive(Debug)]
pub struct Recipient {
    key: Digest,
    agreement: Agreement,
}

impl Recipient {
    /// Agree with the holder of the receiving key.
    ///
    /// # Errors
    /// [`SealError::PublicKey`].
    pub fn new(
        receiving: &SealPublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, SealError> {
        let agreement = Agreement::new(receiving, ReleasedHeader::INFO, rng)?;
        Ok(Self { key: Digest(receiving.digest()), agreement })
    }
}

/// A holder of shares.
#[derive(Debug)]
pub struct ReleaseNode {
    pair: SealKeyPair,
}

impl ReleaseNode {
    /// The node with this key pair.
    #[must_use]
    pub const fn new(pair: SealKeyPair) -> Self {
        Self { pair }
    }

    /// The public half, for writers.
    #[must_use]
    pub const fn public(&self) -> &SealPublicKey {
        &self.pair.public
    }

    pub(crate) const fn secret(&self) -> &SealSecretKey {
        &self.pair.secret
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.pair.secret.seed()
    }

    /// Opens a packet of this node.
    ///
    /// # Errors
    /// [`PacketError`].
    pub fn hold(&self, packet: &ReleasePacket) -> Result<HeldShares, PacketError> {
        if packet.header.key != Digest(self.pair.public.digest()) {
            return Err(PacketError::Elsewhere { what: ReleaseHeader::WHAT, field: "node" });
        }
        let table = packet.open(&self.pair.secret)?;
        Ok(HeldShares { header: packet.header.clone(), table })
    }

    /// Re-seals the shares of exactly `records` to the receiving key. That the decision is committed, in force, and
    /// names these records and this key is the caller's duty, from its own view of the ledger.
    ///
    /// # Errors
    /// [`ReleaseError`]; nothing is released unless every record is found.
    pub fn release(
        &self,
        packets: &[ReleasePacket],
        records: &BTreeSet<RecordId>,
        context: ReleaseContext,
        receiving: &SealPublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<ReleasedShares, ReleaseError> {
        let held = packets.iter().map(|p| self.hold(p)).collect::<Result<Vec<_>, _>>()?;
        let parts: Vec<(&HeldShares, BTreeSet<RecordId>)> =
            held.iter().map(|held| (held, held.among(records))).collect();
        if let Some(lost) = records.iter().find(|r| !parts.iter().any(|(_, of)| of.contains(r))) {
            return Err(ReleaseError::NotHere(*lost));
        }
        let parts: Vec<_> = parts.iter().map(|(held, of)| (*held, of)).collect();
        self.release_held(&parts, context, &Recipient::new(receiving, rng)?, rng)
    }

    /// Like [`Self::release`], from packets opened before, exactly these records of each, to somebody agreed with before.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub fn release_held(
        &self,
        parts: &[(&HeldShares, &BTreeSet<RecordId>)],
        context: ReleaseContext,
        to: &Recipient,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<ReleasedShares, ReleaseError> {
        if parts.iter().all(|(_, records)| records.is_empty()) {
            return Err(ReleaseError::Empty);
        }
        if parts.iter().any(|(packet, _)| packet.header.dataset != context.dataset) {
            let (what, field) = (ReleaseHeader::WHAT, "dataset");
            return Err(PacketError::Elsewhere { what, field }.into());
        }
        let mut rows: Rows<KEY, VALUE> = Rows::new();
        for (packet, records) in parts {
            for record in *records {
                let share = packet.table.get(&record.0).ok_or(ReleaseError::NotHere(*record))?;
                let dealt = packet.header.dealt.as_ref();
                let dealer = dealt.map_or(0, |dealt| dealt.dealer);
                let (threshold, of) = dealt.map_or((0, 0), |dealt| (dealt.threshold, dealt.of));
                let key = row_key(packet.header.upload, *record, dealer);
                rows.insert(key, row_value([packet.header.node, threshold, of], share));
            }
        }
        if rows.len() > limits::MAX_RELEASED_SHARES {
            return Err(ReleaseError::TooMany(limits::MAX_RELEASED_SHARES));
        }
        let table = Table::of(&rows);
        let header = ReleasedHeader {
            version: Known,
            suite: Known,
            context,
            node: Digest(self.pair.public.digest()),
            recipient: to.key,
            records: names(&table),
        };
        Ok(Packet::seal_agreed(header, &to.agreement, &table, rng)?)
    }

    /// The packet without the shares of `records`, sealed anew: what this node keeps after an erasure. `None` if
    /// nothing is left.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub fn forget(
        &self,
        packet: &ReleasePacket,
        records: &BTreeSet<RecordId>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Option<ReleasePacket>, ReleaseError> {
        let held = self.hold(packet)?;
        let kept = held.table.iter().filter(|(record, _)| !records.contains(&RecordId(**record)));
        let rows: Rows<16, 64> = kept.map(|(id, row)| (*id, Zeroizing::new(*row))).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let table = Table::of(&rows);
        Ok(Some(Packet::seal(held.header, &self.pair.public, &table, rng)?))
    }
}

/// Shares that a requester has received, from any number of nodes.
#[derive(Debug, Default)]
pub struct ReceivedShares {
    shares: BTreeMap<(UploadId, RecordId), Vec<Received>>,
}

/// One share with what is needed to check it.
#[derive(Debug)]
pub(crate) struct Received {
    /// Digest of the key of the node that says it sent it.
    pub(crate) node: Digest,
    pub(crate) share: Share,
    pub(crate) salt: [u8; 32],
    /// Of a sub-share: of whose share, how many put that together, and [`Dealt::of`].
    pub(crate) dealt: Option<(u8, u8, u8)>,
}

impl ReceivedShares {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a node's answer with the receiving key and keeps its shares.
    ///
    /// # Errors
    /// [`PacketError`]: another decision, another key, or altered bytes.
    pub fn open(
        &mut self,
        receiving: &SealKeyPair,
        context: &ReleaseContext,
        released: &ReleasedShares,
    ) -> Result<(), PacketError> {
        let what = ReleasedHeader::WHAT;
        let header = &released.header;
        let fields = [
            ("request", header.context.request == context.request),
            ("decision", header.context.decision == context.decision),
            ("dataset", header.context.dataset == context.dataset),
            ("recipient", header.recipient == Digest(receiving.public.digest())),
        ];
        if let Some((field, _)) = fields.iter().find(|(_, same)| !same) {
            return Err(PacketError::Elsewhere { what, field });
        }
        let table: Table<KEY, VALUE> = released.open_agreed(&receiving.secret)?;
        if names(&table) != header.records {
            return Err(PacketError::Elsewhere { what, field: "list of records" });
        }
        for (key, value) in table.iter() {
            let (key, received) =
                received(header.node, key, value).ok_or(PacketError::Table { what })?;
            self.shares.entry(key).or_default().push(received);
        }
        Ok(())
    }

    /// Opens what several nodes answered. One that does not open is left out, as if its node had not answered, so that a
    /// faulty node keeps nothing shut that the others can open; whose they are is returned.
    ///
    /// # Errors
    /// [`PacketError`], the first, if none opens.
    pub fn open_each(
        &mut self,
        receiving: &SealKeyPair,
        context: &ReleaseContext,
        answers: &[ReleasedShares],
    ) -> Result<BTreeSet<Digest>, PacketError> {
        let (mut faulty, mut first) = (BTreeSet::new(), None);
        for released in answers {
            if let Err(error) = self.open(receiving, context, released) {
                faulty.insert(released.header.node);
                first.get_or_insert(error);
            }
        }
        match first {
            Some(error) if self.shares.is_empty() => Err(error),
            _ => Ok(faulty),
        }
    }

    /// The records with at least one share.
    pub fn records(&self) -> impl Iterator<Item = (UploadId, RecordId)> {
        self.shares.keys().copied()
    }

    pub(crate) fn of(&self, upload: UploadId, record: RecordId) -> &[Received] {
        self.shares.get(&(upload, record)).map_or(&[], Vec::as_slice)
    }
}

fn names(table: &Table<KEY, VALUE>) -> Digest {
    digest_of_names(table.iter().map(|(key, _)| key))
}

fn digest_of_names<'k>(keys: impl Iterator<Item = &'k [u8; KEY]>) -> Digest {
    let keys: Vec<&[u8]> = keys.map(<[u8; KEY]>::as_slice).collect();
    Digest::of_parts("secnet/lock/released-records/v2", &keys)
}

fn row_key(upload: UploadId, record: RecordId, dealer: u8) -> [u8; KEY] {
    let mut key = [0u8; KEY];
    let parts = upload.0.iter().chain(&record.0).chain(std::iter::once(&dealer));
    for (to, from) in key.iter_mut().zip(parts) {
        *to = *from;
    }
    key
}

fn row_value(said: [u8; 3], share: &[u8; 64]) -> Zeroizing<[u8; VALUE]> {
    let mut value = Zeroizing::new([0u8; VALUE]);
    for (to, from) in value.iter_mut().zip(said.iter().chain(share)) {
        *to = *from;
    }
    value
}

fn received(
    node: Digest,
    key: &[u8; KEY],
    value: &[u8; VALUE],
) -> Option<((UploadId, RecordId), Received)> {
    let (upload, key) = cut::<16>(key)?;
    let (record, key) = key.split_first_chunk::<16>()?;
    let [dealer] = *key.first_chunk::<1>()?;
    let ([index, threshold, of], value) = cut::<3>(value)?;
    let (share, salt) = cut::<32>(value)?;
    let share = Share { index: *index, value: *share };
    let salt = *salt.first_chunk::<32>()?;
    let dealt = (dealer != 0).then_some((dealer, *threshold, *of));
    Some(((UploadId(*upload), RecordId(*record)), Received { node, share, salt, dealt }))
}
