//! Handing over: those that hold the shares of an upload share them anew among others, and nobody has the secret meanwhile.
//!
//! Each former holder splits its share of each record into *sub-shares* under fresh randomness, one for each new node; any
//! `threshold` of the new nodes can put that share together again, fewer learn nothing of it. What a former holder
//! deals out to one new node is a column: a [`HandoverPacket`]. A [`HandoverProof`] shows every receiver that all columns of one
//! dealer lie on polynomials of the right degree, so that it does not matter which of the new nodes answer later; that the
//! polynomials have the dealer's own share at 0 is seen when a record opens ([`crate::RecordKey`]).
//!
//! ```text
//! terms  = [version, dataset, upload, epoch, threshold, [key digest of new node 1, ...], [former column, ...]]
//! packet = [[version, suite, digest of terms, dealer, of, node, key digest], envelope of: table | masks]
//!          table: record (16) -> share (32) | salt (32)        masks: 16 rows of 64 bytes
//! proof  = [digest of the records, [digest of each column, node 1 first], sums: 16 rows of 64 bytes for each node]
//! ```
//!
//! The share and its salt are dealt together, as one row of 64 bytes over GF(256): who puts them together has what the entry's
//! commitment is checked with.

mod proof;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use secnet_crypto::{
    CryptoRng, SealError, SealPublicKey, SharesError, Zeroizing, derive,
    shares::{evaluate, scale_add, weights},
};
use secnet_types::{DatasetId, DecodeError, Digest, RecordId, decode, encode};

use crate::{
    Dealt, HeldShares, Known, Packet, PacketError, PacketHeader, ReleaseHeader, ReleaseNode,
    ReleasePacket, UploadId, limits,
    table::{Rows, Table},
};

pub use proof::HandoverProof;
use proof::{CHECKS, MASK_BYTES, Masks};

/// A share and the salt of its commitment.
pub(crate) type Row = [u8; 64];

/// What an upload's nodes hand over, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HandoverTerms {
    /// Format version.
    #[n(0)]
    pub version: Known<1>,
    /// The dataset.
    #[n(1)]
    pub dataset: DatasetId,
    /// The upload.
    #[n(2)]
    pub upload: UploadId,
    /// The epoch that names the new nodes.
    #[n(3)]
    pub epoch: u64,
    /// How many of the new nodes it takes.
    #[n(4)]
    pub threshold: u8,
    /// Digests of their X-Wing keys, node 1 first.
    #[n(5)]
    pub nodes: Vec<Digest>,
    /// The columns that a former holder puts its share together from; none if it is as the owner dealt it.
    #[n(6)]
    pub former: Vec<u8>,
}

impl HandoverTerms {
    /// SHA-256 of the canonical bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(self)
    }

    /// Can anything be dealt like this?
    fn check(&self) -> Result<(), DealError> {
        let nodes = self.nodes.len();
        let each_once = self.nodes.iter().collect::<BTreeSet<_>>().len() == nodes;
        let fits = self.threshold > 0 && usize::from(self.threshold) <= nodes;
        if fits && each_once && nodes <= limits::MAX_RELEASE_NODES {
            Ok(())
        } else {
            Err(DealError::Terms)
        }
    }
}

/// What is readable of a [`HandoverPacket`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HandoverHeader {
    /// Format version.
    #[n(0)]
    pub version: Known<1>,
    /// HPKE suite: X-Wing.
    #[n(1)]
    pub suite: Known<0x647a>,
    /// Digest of the [`HandoverTerms`].
    #[n(2)]
    pub terms: Digest,
    /// Which of the former nodes dealt it: the index of its share.
    #[n(3)]
    pub dealer: u8,
    /// As in [`Dealt::of`].
    #[n(4)]
    pub of: u8,
    /// Which of the new nodes it is for, from 1.
    #[n(5)]
    pub node: u8,
    /// Digest of that node's key.
    #[n(6)]
    pub key: Digest,
}

impl PacketHeader for HandoverHeader {
    const INFO: &'static [u8] = b"secnet/lock/handover-packet/v1";
    const WHAT: &'static str = "handover packet";
    const LIMIT: usize = limits::MAX_HANDOVER_PACKET_BYTES;
    const MAX_ROWS: usize = limits::MAX_UPLOAD_RECORDS;
}

/// The sub-shares that one former node deals to one new node.
pub type HandoverPacket = Packet<HandoverHeader>;

/// Why nothing was dealt or taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DealError {
    /// No upload could be handed over like this.
    #[error("the handover's nodes or threshold are none that an upload could have")]
    Terms,
    /// The shares are of another upload, or not those that the terms name.
    #[error("the shares are not those that the terms speak of")]
    OtherShares,
    /// A packet does not open.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The sub-shares are not what the dealer's proof says.
    #[error("former node `{dealer}` dealt sub-shares that do not fit together")]
    Wrong {
        /// Who dealt them.
        dealer: u8,
    },
    /// A packet could not be sealed.
    #[error("the sub-shares cannot be sealed: {0}")]
    Seal(#[from] SealError),
    /// The same column twice, or none.
    #[error(transparent)]
    Shares(#[from] SharesError),
}

impl ReleaseNode {
    /// Deals the shares in these packets to one of the new nodes, and proves that what all of them get fits together. `held` is this
    /// node's packet of the upload, or its columns. That the new nodes are the network's, and this is one of their keys, is the
    /// caller's duty, from its own view of the ledger.
    ///
    /// What is dealt follows from this node's key, the terms and the shares: dealt again, to the same or the other nodes, it is the
    /// same.
    ///
    /// # Errors
    /// [`DealError`].
    pub fn deal(
        &self,
        held: &[&HeldShares],
        terms: &HandoverTerms,
        (node, key): (u8, &SealPublicKey),
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(HandoverPacket, HandoverProof), DealError> {
        terms.check()?;
        let at = node.checked_sub(1).map(usize::from).ok_or(DealError::Terms)?;
        let digest = Digest(key.digest());
        if terms.nodes.get(at) != Some(&digest) {
            return Err(DealError::Terms);
        }
        let (dealer, of, own) = own_rows(held, terms)?;
        let columns = self.columns(&own, terms)?;
        let proof = HandoverProof::of(&columns, terms, dealer)?;
        let column = columns.get(at).ok_or(DealError::Terms)?;
        let (version, suite, terms) = (Known, Known, terms.digest());
        let header = HandoverHeader { version, suite, terms, dealer, of, node, key: digest };
        let packet = Packet::seal_bytes(header, key, &column.to_bytes(), rng)?;
        Ok((packet, proof))
    }

    /// Each new node's column.
    fn columns(&self, own: &Rows<16, 64>, terms: &HandoverTerms) -> Result<Vec<Column>, DealError> {
        let count = u8::try_from(terms.nodes.len()).map_err(|_| DealError::Terms)?;
        let mut columns: Vec<Column> = (0..count).map(|_| Column::default()).collect();
        let (seed, named) = (self.seed(), terms.digest());
        let further = usize::from(terms.threshold.saturating_sub(1));
        for (record, row) in own {
            let source = derive(ROW_CONTEXT, &[seed, &named.0, record, row.as_slice()]);
            let random: Vec<Zeroizing<Row>> = (0..further).map(|at| drawn(&source, at)).collect();
            let polynomial: Vec<&Row> =
                std::iter::once(&**row).chain(random.iter().map(|row| &**row)).collect();
            for (column, x) in columns.iter_mut().zip(1..) {
                column.rows.insert(*record, evaluate(&polynomial, x));
            }
        }
        let all = Table::of(own);
        let source = derive(MASK_CONTEXT, &[seed, &named.0, all.as_bytes()]);
        for check in 0..CHECKS {
            let width = further.saturating_add(1);
            let first = check.saturating_mul(width);
            let random: Vec<Zeroizing<Row>> =
                (0..width).map(|at| drawn(&source, first.saturating_add(at))).collect();
            let polynomial: Vec<&Row> = random.iter().map(|row| &**row).collect();
            for (column, x) in columns.iter_mut().zip(1..) {
                column.masks.push(evaluate(&polynomial, x));
            }
        }
        Ok(columns)
    }

    /// Checks what a former node dealt to this one, and seals it anew as this node keeps it.
    ///
    /// # Errors
    /// [`DealError::Wrong`] names a dealer whose sub-shares do not fit together; [`DealError`].
    pub fn adopt(
        &self,
        packet: &HandoverPacket,
        proof: &HandoverProof,
        terms: &HandoverTerms,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<ReleasePacket, DealError> {
        terms.check()?;
        let HandoverHeader { dealer, of, node, key, .. } = packet.header;
        let here = Digest(self.public().digest());
        let at = node.checked_sub(1).map(usize::from).ok_or(DealError::Terms)?;
        if key != here || terms.nodes.get(at) != Some(&here) || dealer == 0 {
            return Err(DealError::Terms);
        }
        if packet.header.terms != terms.digest() {
            return Err(DealError::OtherShares);
        }
        let opened = packet.open_bytes(self.secret());
        let opened = opened.map_err(|_| DealError::Wrong { dealer })?;
        let column = Column::parse(&opened).ok_or(DealError::Wrong { dealer })?;
        if !proof.holds(&column, terms, (dealer, node)) {
            return Err(DealError::Wrong { dealer });
        }
        let (epoch, threshold, proof) = (terms.epoch, terms.threshold, proof.digest());
        let header = ReleaseHeader {
            version: Known,
            suite: Known,
            dataset: terms.dataset,
            upload: terms.upload,
            node,
            key,
            dealt: Some(Dealt { dealer, threshold, of, epoch, proof }),
        };
        Ok(Packet::seal(header, self.public(), &Table::of(&column.rows), rng)?)
    }
}

/// HKDF `info` of what a record's further coefficients follow from.
const ROW_CONTEXT: &str = "secnet/lock/handover-row/v1";
/// HKDF `info` of what the masks follow from.
const MASK_CONTEXT: &str = "secnet/lock/handover-masks/v1";
/// HKDF `info` of each half of a coefficient.
const COEFFICIENT_CONTEXT: &str = "secnet/lock/handover-coefficient/v1";

/// A coefficient, by its number.
fn drawn(source: &[u8; 32], at: usize) -> Zeroizing<Row> {
    let mut row = Zeroizing::new([0; 64]);
    let at = u64::try_from(at).unwrap_or(u64::MAX).to_be_bytes();
    let (halves, _) = row.as_chunks_mut::<32>();
    for (half, which) in halves.iter_mut().zip(0u8..) {
        *half = *derive(COEFFICIENT_CONTEXT, &[source, &at, &[which]]);
    }
    row
}

/// What a new node gets of one dealer.
#[derive(Default)]
pub(crate) struct Column {
    rows: Rows<16, 64>,
    masks: Masks,
}

impl Column {
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let table = Table::of(&self.rows);
        let mut bytes = Vec::with_capacity(table.as_bytes().len().saturating_add(MASK_BYTES));
        bytes.extend_from_slice(table.as_bytes());
        for mask in &self.masks {
            bytes.extend_from_slice(mask.as_slice());
        }
        Zeroizing::new(bytes)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (table, masks) = bytes.split_at_checked(bytes.len().checked_sub(MASK_BYTES)?)?;
        let table: Table<16, 64> =
            Table::parse(Zeroizing::new(table.to_vec()), limits::MAX_UPLOAD_RECORDS)?;
        let (masks, _) = masks.as_chunks::<64>();
        let masks = masks.iter().map(|mask| Zeroizing::new(*mask)).collect();
        let rows = table.iter().map(|(record, row)| (*record, Zeroizing::new(*row))).collect();
        Some(Self { rows, masks })
    }
}

/// This node's own shares of an upload, put together if they came by an earlier handover: its index, as [`Dealt::of`] of what it
/// deals, and the rows.
fn own_rows(
    held: &[&HeldShares],
    terms: &HandoverTerms,
) -> Result<(u8, u8, Rows<16, 64>), DealError> {
    let first = held.first().ok_or(DealError::OtherShares)?.header();
    let same = |header: &ReleaseHeader| {
        let own = header.dataset == terms.dataset && header.upload == terms.upload;
        let kind = |dealt: &Dealt| (dealt.threshold, dealt.of, dealt.epoch);
        own && header.node == first.node
            && header.dealt.as_ref().map(kind) == first.dealt.as_ref().map(kind)
    };
    if !held.iter().all(|held| same(held.header())) {
        return Err(DealError::OtherShares);
    }
    let columns: Vec<u8> =
        held.iter().filter_map(|held| held.header().dealt.as_ref().map(|it| it.dealer)).collect();
    if columns != terms.former {
        return Err(DealError::OtherShares);
    }
    let Some(dealt) = &first.dealt else {
        let [only] = held else { return Err(DealError::OtherShares) };
        let rows = only.rows().map(|(record, row)| (*record, Zeroizing::new(*row)));
        return Ok((first.node, 0, rows.collect()));
    };
    let mut rows: Rows<16, 64> = Rows::new();
    for (held, weight) in held.iter().zip(weights(&columns, 0)?) {
        for (record, row) in held.rows() {
            let sum = rows.entry(*record).or_insert_with(|| Zeroizing::new([0; 64]));
            scale_add(sum, row, weight);
        }
    }
    // A record that one of the columns lacks would come out wrong.
    let whole = |record: &[u8; 16]| held.iter().all(|held| held.has(RecordId(*record)));
    if !rows.keys().all(whole) {
        return Err(DealError::OtherShares);
    }
    Ok((first.node, dealt.threshold, rows))
}

impl HandoverTerms {
    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("terms of a handover", bytes, limits::MAX_HANDOVER_TERMS_BYTES)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }
}
