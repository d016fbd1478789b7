//! The hosting data centre: one more holder of `a`, for the records of one dataset that its owner lets it open.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use secnet_crypto::{CryptoRng, SealError, SealKeyPair, SealPublicKey, Zeroizing};
use secnet_types::{DatasetId, Digest, RecordId};

use crate::{
    CompartmentId, CompartmentKeys, CompartmentPacket, Known, Packet, PacketError, PacketHeader,
    ReceivedShares, RecordEntry, RecordKey, UnlockError, UploadId, limits,
    open::unlock,
    table::{Rows, Table},
};

/// What is readable of a [`HostingPacket`]: `[version, suite, dataset, upload, key]`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HostingHeader {
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
    /// Digest of the data centre's key.
    #[n(4)]
    pub key: Digest,
}

impl PacketHeader for HostingHeader {
    const INFO: &'static [u8] = b"secnet/lock/hosting-packet/v1";
    const WHAT: &'static str = "hosting packet";
    const LIMIT: usize = limits::MAX_HOSTING_PACKET_BYTES;
    const MAX_ROWS: usize = limits::MAX_UPLOAD_RECORDS;
}

/// The `a` halves of an upload's records for the data centre that hosts them; table: record (16) -> a (32).
pub type HostingPacket = Packet<HostingHeader>;

/// Why an upload cannot be handed to the data centre.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The owner does not hold the key of a compartment (any more).
    #[error("the owner holds no key for the compartment `{}` of this upload", .0.0)]
    NoKey(CompartmentId),
    /// No compartment packet holds this record.
    #[error("no compartment packet holds the record `{0}`")]
    NoHalf(RecordId),
    /// A compartment packet does not open.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The packet could not be sealed.
    #[error("the hosting packet cannot be sealed: {0}")]
    Seal(#[from] SealError),
}

/// What the owner does: opens an upload's compartment packets and seals the halves of these records, and of no others, to
/// the data centre.
///
/// # Errors
/// [`HostError`].
pub fn host_upload(
    (dataset, upload): (DatasetId, UploadId),
    records: &BTreeSet<RecordId>,
    packets: &[CompartmentPacket],
    keys: &CompartmentKeys,
    host: &SealPublicKey,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<HostingPacket, HostError> {
    let mut rows: Rows<16, 32> = Rows::new();
    for packet in packets {
        let elsewhere = |field| PacketError::Elsewhere { what: "compartment packet", field };
        if packet.header.dataset != dataset {
            return Err(elsewhere("dataset").into());
        }
        if packet.header.upload != upload {
            return Err(elsewhere("upload").into());
        }
        let compartment = packet.header.compartment;
        let known = keys.compartments().find(|known| known.id() == compartment);
        let secret = known.and_then(|known| keys.secret(known));
        let table: Table<16, 32> = packet.open(&secret.ok_or(HostError::NoKey(compartment))?)?;
        let wanted = table.iter().filter(|(record, _)| records.contains(&RecordId(**record)));
        rows.extend(wanted.map(|(record, a)| (*record, Zeroizing::new(*a))));
    }
    if let Some(missing) = records.iter().find(|record| !rows.contains_key(&record.0)) {
        return Err(HostError::NoHalf(*missing));
    }
    let key = Digest(host.digest());
    let header = HostingHeader { version: Known, suite: Known, dataset, upload, key };
    Ok(Packet::seal(header, host, &Table::of(&rows), rng)?)
}

/// The halves of one upload, opened.
#[derive(Debug)]
pub struct HostedHalves {
    upload: UploadId,
    table: Table<16, 32>,
}

impl HostedHalves {
    /// The records that can be opened with them, once release nodes have answered.
    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        self.table.iter().map(|(record, _)| RecordId(*record))
    }

    /// Puts both halves together: as [`crate::Grantee::unlock`].
    ///
    /// # Errors
    /// [`UnlockError`].
    pub fn unlock(
        &self,
        entry: &RecordEntry,
        shares: &ReceivedShares,
    ) -> Result<RecordKey, UnlockError> {
        if entry.upload() != self.upload {
            return Err(UnlockError::NoPacket(entry.upload()));
        }
        let a = self.table.get(&entry.record().0).ok_or(UnlockError::NoHalf(entry.record()))?;
        unlock(entry, a, shares)
    }
}

/// A data centre that hosts.
#[derive(Debug)]
pub struct Host {
    pair: Box<SealKeyPair>,
}

impl Host {
    /// The data centre with this key pair.
    #[must_use]
    pub fn new(pair: impl Into<Box<SealKeyPair>>) -> Self {
        Self { pair: pair.into() }
    }

    /// The key pair that hosting packets, and the shares for what it opens itself, are sealed to.
    #[must_use]
    pub fn pair(&self) -> &SealKeyPair {
        &self.pair
    }

    /// Opens the packet of this upload.
    ///
    /// # Errors
    /// [`PacketError`]: it is of another upload, for another data centre, or altered.
    pub fn open(
        &self,
        (dataset, upload): (DatasetId, UploadId),
        packet: &HostingPacket,
    ) -> Result<HostedHalves, PacketError> {
        let header = &packet.header;
        let fields = [
            ("dataset", header.dataset == dataset),
            ("upload", header.upload == upload),
            ("data centre", header.key == Digest(self.pair.public.digest())),
        ];
        if let Some((field, _)) = fields.iter().find(|(_, same)| !same) {
            return Err(PacketError::Elsewhere { what: HostingHeader::WHAT, field });
        }
        Ok(HostedHalves { upload, table: packet.open(&self.pair.secret)? })
    }

    /// The same halves for another data centre, to which the dataset moves.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn hand_on(
        &self,
        packet: &HostingPacket,
        to: &SealPublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<HostingPacket, HostError> {
        let held = self.open((packet.header.dataset, packet.header.upload), packet)?;
        let header = HostingHeader { key: Digest(to.digest()), ..packet.header.clone() };
        Ok(Packet::seal(header, to, &held.table, rng)?)
    }

    /// The packet without the halves of `records`, sealed anew: what is kept after an erasure. `None` if nothing is left.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn forget(
        &self,
        packet: &HostingPacket,
        records: &BTreeSet<RecordId>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Option<HostingPacket>, HostError> {
        let header = packet.header.clone();
        let held = self.open((header.dataset, header.upload), packet)?;
        let kept = held.table.iter().filter(|(record, _)| !records.contains(&RecordId(**record)));
        let rows: Rows<16, 32> = kept.map(|(id, a)| (*id, Zeroizing::new(*a))).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(Packet::seal(header, &self.pair.public, &Table::of(&rows), rng)?))
    }
}
