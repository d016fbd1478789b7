//! Opening: both halves together give the record key.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use secnet_crypto::{
    Decryptor, ObjectKey, RangeReader, SealSecretKey, Share, ShareCommitment, StreamError,
    Zeroizing, open_object, shares::combine, verify_share,
};
use secnet_types::{Digest, RecordId};

use crate::{
    CompartmentHeader, CompartmentId, CompartmentKeys, CompartmentPacket, GrantBinding, GrantWraps,
    PacketError, PacketHeader, ReceivedShares, RecordEntry, UploadId,
    entry::{object_binding, unwrap_key},
    table::Table,
};

/// Why a record did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// No grant gave the secret of the record's compartment.
    #[error(
        "no grant gave the key of this record's compartment: ask the owner for a grant that covers it"
    )]
    NoCompartment(CompartmentId),
    /// The packet with the record's `a` half has not been opened.
    #[error("the compartment packet of upload `{0}` has not been opened")]
    NoPacket(UploadId),
    /// The packet has no half for this record.
    #[error("the compartment packet has no half for the record `{0}`")]
    NoHalf(RecordId),
    /// Not enough release nodes have answered.
    #[error("`{got}` release nodes have answered, `{needed}` are needed")]
    TooFewShares {
        /// Good shares at hand.
        got: usize,
        /// Shares needed.
        needed: u8,
    },
    /// A release node sent something else than the share that was committed to, and without it there are too few.
    #[error("release node `{index}` (key digest `{node}`) sent a wrong share")]
    WrongShare {
        /// The index in the share.
        index: u8,
        /// Digest of the key of the node that sent it.
        node: Digest,
    },
    /// The wrapped key was refused: a half, or something that the entry states, is not what was sealed.
    #[error("the entry of record `{0}` is damaged or belongs to other keys")]
    Refused(RecordId),
    /// The compartment packet was refused.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The ciphertext was refused.
    #[error("the record does not open: {0}")]
    Stream(#[from] StreamError),
}

/// What a grantee has: compartment secrets from grants, and the `a` halves opened with them. Kept for a session, so that
/// a record costs no public-key operation.
#[derive(Default)]
pub struct Grantee {
    compartments: BTreeMap<CompartmentId, Zeroizing<[u8; 32]>>,
    halves: BTreeMap<(UploadId, CompartmentId), Table<16, 32>>,
}

impl Grantee {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The owner's own view: every compartment. Records still need the release nodes.
    #[must_use]
    pub fn owner(keys: &CompartmentKeys) -> Self {
        let seeds = keys.compartments().filter_map(|c| Some((c.id(), keys.seed(c)?.clone())));
        Self { compartments: seeds.collect(), halves: BTreeMap::new() }
    }

    /// Takes the compartment secrets out of a grant's wraps.
    ///
    /// # Errors
    /// [`PacketError`].
    pub fn accept(
        &mut self,
        key: &SealSecretKey,
        binding: &GrantBinding,
        wraps: &GrantWraps,
    ) -> Result<(), PacketError> {
        self.compartments.extend(wraps.secrets(binding, key)?);
        Ok(())
    }

    /// Does a grant cover this compartment?
    #[must_use]
    pub fn holds(&self, compartment: CompartmentId) -> bool {
        self.compartments.contains_key(&compartment)
    }

    /// Has the packet for this entry been opened?
    #[must_use]
    pub fn is_ready(&self, entry: &RecordEntry) -> bool {
        self.halves.contains_key(&(entry.upload(), entry.compartment()))
    }

    /// Opens a compartment packet; a second time costs nothing.
    ///
    /// # Errors
    /// [`UnlockError::NoCompartment`], [`UnlockError::Packet`].
    pub fn open_packet(&mut self, packet: &CompartmentPacket) -> Result<(), UnlockError> {
        let CompartmentHeader { upload, compartment, .. } = packet.header;
        if self.halves.contains_key(&(upload, compartment)) {
            return Ok(());
        }
        let seed = self.compartments.get(&compartment);
        let seed = seed.ok_or(UnlockError::NoCompartment(compartment))?;
        let table = packet.open(&SealSecretKey::from_seed(**seed))?;
        self.halves.insert((upload, compartment), table);
        Ok(())
    }

    /// Puts both halves together and unwraps the record key.
    ///
    /// Shares beyond the threshold make up for wrong ones; [`RecordKey::faulty`] names their senders.
    ///
    /// # Errors
    /// [`UnlockError`].
    pub fn unlock(
        &self,
        entry: &RecordEntry,
        shares: &ReceivedShares,
    ) -> Result<RecordKey, UnlockError> {
        if !self.holds(entry.compartment()) {
            return Err(UnlockError::NoCompartment(entry.compartment()));
        }
        let halves = self.halves.get(&(entry.upload(), entry.compartment()));
        let halves = halves.ok_or(UnlockError::NoPacket(entry.upload()))?;
        let a = halves.get(&entry.record().0).ok_or(UnlockError::NoHalf(entry.record()))?;
        unlock(entry, a, shares)
    }
}

impl fmt::Debug for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grantee")
            .field("compartments", &self.compartments.len())
            .field("packets", &self.halves.len())
            .finish()
    }
}

/// Both halves of one record, put together.
pub(crate) fn unlock(
    entry: &RecordEntry,
    a: &[u8; 32],
    shares: &ReceivedShares,
) -> Result<RecordKey, UnlockError> {
    let (good, faulty) = sift(entry, shares);
    let needed = entry.threshold();
    if good.len() < usize::from(needed) {
        return Err(match faulty.first() {
            Some((index, node)) => UnlockError::WrongShare { index: *index, node: *node },
            None => UnlockError::TooFewShares { got: good.len(), needed },
        });
    }
    let refused = UnlockError::Refused(entry.record());
    let b = combine(needed, &good).map_err(|_| refused.clone())?;
    let key = unwrap_key(entry, a, &b).ok_or(refused)?;
    let aad = object_binding(entry.dataset(), entry.upload(), entry.record());
    Ok(RecordKey { key, aad, faulty: faulty.into_iter().map(|(_, node)| node).collect() })
}

/// Good shares, one for each index, and who sent wrong ones.
fn sift(entry: &RecordEntry, shares: &ReceivedShares) -> (Vec<Share>, Vec<(u8, Digest)>) {
    let (mut good, mut faulty, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for received in shares.of(entry.upload(), entry.record()) {
        let index = received.share.index;
        let commitment =
            index.checked_sub(1).and_then(|at| entry.binding.commitments.get(usize::from(at)));
        let right = commitment.is_some_and(|commitment| {
            verify_share(&received.share, &received.salt, &ShareCommitment(commitment.0)).is_ok()
        });
        if !right {
            faulty.push((index, received.node));
        } else if seen.insert(index) {
            good.push(received.share.clone());
        }
    }
    (good, faulty)
}

/// The key of one record, with what its ciphertext is bound to. Wiped when dropped, never printed.
pub struct RecordKey {
    key: ObjectKey,
    aad: Vec<u8>,
    faulty: Vec<Digest>,
}

impl RecordKey {
    /// Opens the whole sealed record.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StreamError> {
        open_object(&self.key, &self.aad, sealed)
    }

    /// Opens front to back with flat memory; `header` is what the sealed record starts with.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn decryptor(
        &self,
        header: &[u8; secnet_crypto::HEADER_LEN],
    ) -> Result<Decryptor, StreamError> {
        Decryptor::new(&self.key, &self.aad, header)
    }

    /// Opens ranges; `head` is the front of the sealed record, [`RangeReader::HEAD_LEN`] bytes or all of it.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn range_reader(&self, head: &[u8]) -> Result<RangeReader, StreamError> {
        RangeReader::new(&self.key, &self.aad, head)
    }

    /// Key digests of release nodes that sent a wrong share, though enough others sent right ones.
    #[must_use]
    pub fn faulty(&self) -> &[Digest] {
        &self.faulty
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey(..)")
    }
}

/// Opens one record in one go: packet, shares, key, ciphertext.
///
/// # Errors
/// [`UnlockError`].
pub fn open_record(
    grantee: &mut Grantee,
    packet: &CompartmentPacket,
    entry: &RecordEntry,
    shares: &ReceivedShares,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, UnlockError> {
    let header = &packet.header;
    let fields = [
        ("dataset", header.dataset == entry.dataset()),
        ("upload", header.upload == entry.upload()),
        ("compartment", header.compartment == entry.compartment()),
    ];
    if let Some((field, _)) = fields.iter().find(|(_, same)| !same) {
        return Err(PacketError::Elsewhere { what: CompartmentHeader::WHAT, field }.into());
    }
    grantee.open_packet(packet)?;
    Ok(grantee.unlock(entry, shares)?.open(sealed)?)
}
