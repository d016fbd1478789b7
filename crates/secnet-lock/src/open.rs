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
    regained::{Column, Regained, columns, search},
    release::Received,
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
    /// When it handed over, a former node dealt another share than its own, and without it there are too few.
    #[error(
        "former release node `{dealer}` handed over another share than its own, or too many of those that answered sent something else"
    )]
    Misdealt {
        /// Its index.
        dealer: u8,
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
    let received = shares.of(entry.upload(), entry.record());
    let Sifted { good, mut faulty, mut misdealt, columns } = sift(entry, received);
    let needed = entry.threshold();
    let refused = UnlockError::Refused(entry.record());
    let key = if good.len() >= usize::from(needed) {
        let b = combine(needed, &good).map_err(|_| refused.clone())?;
        unwrap_key(entry, a, &b).ok_or(refused)?
    } else if columns.is_empty() {
        return Err(too_few((good.len(), needed), &faulty, &misdealt));
    } else {
        // After a second handover no commitment says which share is right: only together they open, or do not.
        let opens = |shares: &[Share]| {
            let count = u8::try_from(shares.len()).ok()?;
            let b = combine(count, shares).ok()?;
            unwrap_key(entry, a, &b)
        };
        match search(&columns, opens) {
            Some(opened) => {
                faulty.extend(opened.faulty.into_iter().map(|node| (0, node)));
                misdealt.extend(opened.misdealt);
                opened.value
            }
            None => return Err(none_opens(&columns, &faulty, refused)),
        }
    };
    let aad = object_binding(entry.dataset(), entry.upload(), entry.record());
    let faulty: BTreeSet<Digest> = faulty.into_iter().map(|(_, node)| node).collect();
    Ok(RecordKey { key, aad, faulty: faulty.into_iter().collect(), misdealt })
}

/// Why there are too few good shares: somebody is named if somebody sent or dealt something else.
fn too_few((got, needed): (usize, u8), faulty: &[(u8, Digest)], misdealt: &[u8]) -> UnlockError {
    match (faulty.first(), misdealt.first()) {
        (Some((index, node)), _) => UnlockError::WrongShare { index: *index, node: *node },
        (None, Some(dealer)) => UnlockError::Misdealt { dealer: *dealer },
        (None, None) => UnlockError::TooFewShares { got, needed },
    }
}

fn none_opens(
    columns: &[Column<'_>],
    faulty: &[(u8, Digest)],
    refused: UnlockError,
) -> UnlockError {
    let short = columns.iter().find(|column| !column.is_enough());
    match short {
        Some(column) => too_few(column.tally(), faulty, &[]),
        None => refused,
    }
}

/// What came for one record.
struct Sifted<'r> {
    /// Shares that the entry commits to, one for each index.
    good: Vec<Share>,
    /// Who sent wrong ones.
    faulty: Vec<(u8, Digest)>,
    /// Former nodes of whose share no answers give what the entry commits to.
    misdealt: Vec<u8>,
    /// What no commitment says anything about; or else too few to say.
    columns: Vec<Column<'r>>,
}

fn sift<'r>(entry: &RecordEntry, received: &'r [Received]) -> Sifted<'r> {
    let (mut good, mut faulty, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for received in received.iter().filter(|received| received.dealt.is_none()) {
        if !is_committed(entry, &received.share, &received.salt) {
            faulty.push((received.share.index, received.node));
        } else if seen.insert(received.share.index) {
            good.push(received.share.clone());
        }
    }
    let (columns, others) = columns(received);
    faulty.extend(others.into_iter().map(|node| (0, node)));
    let (mut misdealt, mut rest) = (Vec::new(), Vec::new());
    for column in columns {
        if column.of > 0 || !column.is_enough() {
            rest.push(column);
            continue;
        }
        let is_right = |it: &Regained| is_committed(entry, &it.share, &it.salt);
        match column.regain(is_right) {
            Some((regained, beside)) => {
                faulty.extend(beside.into_iter().map(|node| (column.dealer, node)));
                if seen.insert(column.dealer) {
                    good.push(regained.share);
                }
            }
            None => misdealt.push(column.dealer),
        }
    }
    Sifted { good, faulty, misdealt, columns: rest }
}

/// Does the entry commit to this share?
fn is_committed(entry: &RecordEntry, share: &Share, salt: &[u8; 32]) -> bool {
    let at = share.index.checked_sub(1).map(usize::from);
    let commitment = at.and_then(|at| entry.binding.commitments.get(at));
    commitment
        .is_some_and(|commitment| verify_share(share, salt, &ShareCommitment(commitment.0)).is_ok())
}

/// The key of one record, with what its ciphertext is bound to. Wiped when dropped, never printed.
pub struct RecordKey {
    key: ObjectKey,
    aad: Vec<u8>,
    faulty: Vec<Digest>,
    misdealt: Vec<u8>,
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

    /// Indices of former nodes that, when they handed over, dealt another share than theirs, though enough others dealt right.
    #[must_use]
    pub fn misdealt(&self) -> &[u8] {
        &self.misdealt
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
