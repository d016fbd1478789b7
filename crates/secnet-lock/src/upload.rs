//! Sealing an upload: records in, segments, entries and packets out.

use std::{collections::BTreeMap, fmt};

use minicbor::{Decode, Encode};
use secnet_crypto::{
    Address, CryptoRng, Encryptor, Header, ObjectKey, SealError, SealPublicKey, SharesError,
    StreamError, StreamSuite, Zeroizing, shares::split, stream::NONCE_PREFIX_LEN,
};
use secnet_types::{
    Category, DatasetId, DecodeError, Digest, MemberId, RecordId, RecordMeta, decode, encode,
};

use crate::{
    CompartmentDirectory, CompartmentId, Known, LargeEntry, LargeSealer, Location, Packet,
    PacketHeader, PartSealer, RecordEntry, ReleaseHeader, ReleasePacket, UploadId,
    entry::{Binding, object_binding, wrap_key},
    limits,
    table::{Rows, Table},
};

/// What is readable of a [`CompartmentPacket`]: `[version, suite, dataset, upload, compartment]`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CompartmentHeader {
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
    /// Whose key opens it.
    #[n(4)]
    pub compartment: CompartmentId,
}

impl PacketHeader for CompartmentHeader {
    const INFO: &'static [u8] = b"secnet/lock/compartment-packet/v1";
    const WHAT: &'static str = "compartment packet";
    const LIMIT: usize = limits::MAX_COMPARTMENT_PACKET_BYTES;
    const MAX_ROWS: usize = limits::MAX_UPLOAD_RECORDS;
}

/// The `a` halves of an upload's records in one compartment; table: record (16) -> a (32).
pub type CompartmentPacket = Packet<CompartmentHeader>;

/// Why an upload cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// No release node, too many, or a threshold that does not fit.
    #[error(
        "an upload cannot need `{threshold}` of `{nodes}` release nodes: use 1 <= threshold <= nodes <= 64"
    )]
    Threshold {
        /// Nodes needed.
        threshold: u8,
        /// Nodes given.
        nodes: usize,
    },
    /// The same release node twice: one machine would hold two shares.
    #[error("the release node with key digest `{0}` is named twice")]
    SameNode(Digest),
    /// The owner has no compartment for such records yet.
    #[error(
        "there is no compartment for {category} with labels `{labels:#x}`: the owner makes one first"
    )]
    NoCompartment {
        /// What the record is about.
        category: Category,
        /// Bits of its labels.
        labels: u32,
    },
    /// The record was in this upload before.
    #[error("the record `{0}` is in this upload twice")]
    Duplicate(RecordId),
    /// More than [`limits::MAX_UPLOAD_RECORDS`].
    #[error("an upload can have at most `{0}` records: start another one")]
    TooMany(usize),
    /// Nothing was added.
    #[error("an upload needs at least one record")]
    Empty,
    /// A large record was begun and another upload was asked to take it.
    #[error("the large record `{0}` belongs to another upload")]
    Foreign(RecordId),
    /// A large record was begun and not ended.
    #[error("the large record `{0}` was begun and not ended")]
    Unfinished(RecordId),
    /// A part of a large record was sealed twice, is missing, or does not exist.
    #[error("stream segment `{segment}` of a large record is missing or was sealed twice")]
    Part {
        /// Number of the stream segment, from 0.
        segment: u64,
    },
    /// The content could not be sealed.
    #[error("the record cannot be sealed: {0}")]
    Stream(#[from] StreamError),
    /// The key could not be shared.
    #[error("the record key cannot be shared: {0}")]
    Shares(#[from] SharesError),
    /// A packet could not be sealed.
    #[error("a packet cannot be sealed: {0}")]
    Seal(#[from] SealError),
    /// The cipher refused to wrap a key; not reachable.
    #[error("the record key could not be wrapped")]
    Wrap,
    /// Reading content or writing ciphertext of a large record failed.
    #[error("a large record could not be read or written: {0}")]
    Io(std::io::ErrorKind),
}

/// What an upload is sealed for.
#[derive(Debug, Clone, Copy)]
pub struct UploadSpec<'a> {
    /// The dataset.
    pub dataset: DatasetId,
    /// Whose compartments.
    pub owner: MemberId,
    /// Public halves of those compartments.
    pub compartments: &'a CompartmentDirectory,
    /// The release nodes; the first is node 1.
    pub release_nodes: &'a [SealPublicKey],
    /// How many of them are needed to open a record.
    pub threshold: u8,
    /// Cipher of the records.
    pub suite: StreamSuite,
}

/// Sealed records, to be stored under their address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// BLAKE3 of the bytes.
    pub address: Address,
    /// Sealed objects one after the other.
    pub bytes: Vec<u8>,
}

/// What an upload consists of, to be committed to: `[version, dataset, upload, threshold, [node key digest, ...],
/// [packet digest, ...], [entry digest, ...]]`. Packets in the order compartment packets, release packets; entries by
/// record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct UploadManifest {
    /// Format version.
    #[n(0)]
    pub version: Known<1>,
    /// The dataset.
    #[n(1)]
    pub dataset: DatasetId,
    /// The upload.
    #[n(2)]
    pub upload: UploadId,
    /// Release nodes needed.
    #[n(3)]
    pub threshold: u8,
    /// Key digests of the release nodes, node 1 first.
    #[n(4)]
    pub nodes: Vec<Digest>,
    /// Digests of the packets.
    #[n(5)]
    pub packets: Vec<Digest>,
    /// SHA-256 over the entries' canonical bytes, each with its length in front (`Digest::of_parts`).
    #[n(6)]
    pub entries: Digest,
}

impl UploadManifest {
    /// SHA-256 of the canonical bytes. Everything in it is random or sealed, so it can be published.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(self)
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
        decode("upload manifest", bytes, limits::MAX_MANIFEST_BYTES)
    }
}

/// A sealed upload: everything that has to be stored.
#[derive(Debug, Clone)]
pub struct SealedUpload {
    /// The upload.
    pub upload: UploadId,
    /// Segments not handed out before.
    pub segments: Vec<Segment>,
    /// One entry for each record, by record id.
    pub entries: Vec<RecordEntry>,
    /// One for each compartment.
    pub compartment_packets: Vec<CompartmentPacket>,
    /// One for each release node, node 1 first.
    pub release_packets: Vec<ReleasePacket>,
    /// What was made.
    pub manifest: UploadManifest,
}

/// Seals a batch of records held in memory.
///
/// # Errors
/// [`UploadError`].
pub fn seal_upload<'c>(
    spec: UploadSpec<'_>,
    records: impl IntoIterator<Item = (&'c RecordMeta, &'c [u8])>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<SealedUpload, UploadError> {
    let mut sealer = UploadSealer::new(spec, rng)?;
    let mut segments = Vec::new();
    for (meta, content) in records {
        segments.extend(sealer.add(meta, content, rng)?);
    }
    let mut sealed = sealer.finish(rng)?;
    segments.append(&mut sealed.segments);
    sealed.segments = segments;
    Ok(sealed)
}

/// Seals an upload record by record, handing out segments as they fill, so that memory stays bounded.
pub struct UploadSealer<'a> {
    spec: UploadSpec<'a>,
    upload: UploadId,
    nodes: Vec<Digest>,
    /// Sealed objects of the segment under way.
    segment: Vec<u8>,
    /// Entries in the segment under way, whose address is not known yet.
    waiting: Vec<Unplaced>,
    entries: BTreeMap<RecordId, Option<RecordEntry>>,
    halves: BTreeMap<CompartmentId, (SealPublicKey, Rows<16, 32>)>,
    /// For each node: record -> share | salt.
    shares: Vec<Rows<16, 64>>,
}

/// An entry without its segment.
pub(crate) struct Unplaced {
    pub(crate) binding: Binding,
    wrapped: [u8; 48],
    offset: u64,
    pub(crate) length: u64,
}

/// A record whose key is locked and whose content is still to be sealed.
pub(crate) struct Locked {
    pub(crate) key: ObjectKey,
    pub(crate) suite: StreamSuite,
    pub(crate) nonce_prefix: [u8; NONCE_PREFIX_LEN],
    pub(crate) aad: Vec<u8>,
    pub(crate) entry: Unplaced,
}

impl Unplaced {
    fn place(self, segment: Address) -> RecordEntry {
        let location = Location { segment, offset: self.offset, length: self.length };
        RecordEntry { binding: self.binding, wrapped: self.wrapped, location }
    }
}

impl<'a> UploadSealer<'a> {
    /// Starts an upload.
    ///
    /// # Errors
    /// [`UploadError::Threshold`], [`UploadError::SameNode`].
    pub fn new(
        spec: UploadSpec<'a>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, UploadError> {
        let nodes: Vec<Digest> =
            spec.release_nodes.iter().map(|key| Digest(key.digest())).collect();
        let threshold = spec.threshold;
        if threshold == 0
            || usize::from(threshold) > nodes.len()
            || nodes.len() > limits::MAX_RELEASE_NODES
        {
            return Err(UploadError::Threshold { threshold, nodes: nodes.len() });
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = nodes.iter().find(|node| !seen.insert(**node)) {
            return Err(UploadError::SameNode(*twice));
        }
        let shares = nodes.iter().map(|_| Rows::new()).collect();
        Ok(Self {
            spec,
            upload: UploadId::generate(rng),
            nodes,
            segment: Vec::new(),
            waiting: Vec::new(),
            entries: BTreeMap::new(),
            halves: BTreeMap::new(),
            shares,
        })
    }

    /// The upload's id.
    #[must_use]
    pub const fn upload(&self) -> UploadId {
        self.upload
    }

    /// Seals one record and returns the segments that became full: none, one, or two around a record that is a
    /// segment of its own.
    ///
    /// # Errors
    /// [`UploadError`]; the upload is as before.
    pub fn add(
        &mut self,
        meta: &RecordMeta,
        content: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<Segment>, UploadError> {
        let content_len = content.len() as u64;
        let Locked { key, suite, nonce_prefix, aad, mut entry } =
            self.lock(meta, content_len, rng)?;
        let (header, mut encryptor) = Encryptor::new(&key, suite, nonce_prefix, &aad, content_len)?;
        let sealed_len = usize::try_from(encryptor.sealed_len()).unwrap_or(usize::MAX);
        let mut full = Vec::new();
        if self.segment.len().saturating_add(sealed_len) > limits::MAX_SEGMENT_BYTES {
            full.extend(self.flush());
        }
        entry.offset = self.segment.len() as u64;
        self.segment.reserve(sealed_len);
        self.segment.extend_from_slice(&header);
        encryptor.push(content, &mut self.segment)?;
        encryptor.finish(&mut self.segment)?;
        self.waiting.push(entry);
        if self.segment.len() >= limits::MAX_SEGMENT_BYTES {
            full.extend(self.flush());
        }
        Ok(full)
    }

    /// Starts a record whose content does not have to be in memory at once; it becomes a segment of its own. Give the
    /// finished sealer back to [`Self::end_large`].
    ///
    /// # Errors
    /// [`UploadError`].
    pub fn begin_large(
        &mut self,
        meta: &RecordMeta,
        content_len: u64,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<LargeSealer, UploadError> {
        LargeSealer::new(self.lock(meta, content_len, rng)?, content_len)
    }

    /// Like [`Self::begin_large`], for sealing in parts from several threads.
    ///
    /// # Errors
    /// [`UploadError`].
    pub fn begin_parts(
        &mut self,
        meta: &RecordMeta,
        content_len: u64,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<PartSealer, UploadError> {
        PartSealer::new(self.lock(meta, content_len, rng)?, content_len)
    }

    /// Takes a large record that was written as the segment with this address.
    ///
    /// # Errors
    /// [`UploadError::Foreign`].
    pub fn end_large(&mut self, large: LargeEntry, segment: Address) -> Result<(), UploadError> {
        let entry = large.0;
        let record = entry.binding.record;
        if entry.binding.upload != self.upload {
            return Err(UploadError::Foreign(record));
        }
        self.entries.insert(record, Some(entry.place(segment)));
        Ok(())
    }

    /// Ends the upload: the last segment, the entries and the packets.
    ///
    /// # Errors
    /// [`UploadError`]; a large record that was begun and not ended is an error too.
    pub fn finish(
        mut self,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<SealedUpload, UploadError> {
        let segments = self.flush();
        if self.entries.is_empty() {
            return Err(UploadError::Empty);
        }
        let entries = self
            .entries
            .iter()
            .map(|(record, entry)| entry.clone().ok_or(UploadError::Unfinished(*record)))
            .collect::<Result<Vec<_>, _>>()?;
        let (dataset, upload) = (self.spec.dataset, self.upload);
        let mut compartment_packets = Vec::new();
        for (compartment, (key, rows)) in &self.halves {
            let header = CompartmentHeader {
                version: Known,
                suite: Known,
                dataset,
                upload,
                compartment: *compartment,
            };
            compartment_packets.push(Packet::seal(header, key, &Table::of(rows), rng)?);
        }
        let mut release_packets = Vec::new();
        let nodes = self.spec.release_nodes.iter().zip(&self.nodes).zip(&self.shares).zip(1u8..);
        for (((key, digest), rows), node) in nodes {
            let (version, suite, key_digest) = (Known, Known, *digest);
            let header = ReleaseHeader {
                version,
                suite,
                dataset,
                upload,
                node,
                key: key_digest,
                dealt: None,
            };
            release_packets.push(Packet::seal(header, key, &Table::of(rows), rng)?);
        }
        let packets = compartment_packets.iter().map(Packet::digest);
        let packets = packets.chain(release_packets.iter().map(Packet::digest)).collect();
        let bytes: Vec<Vec<u8>> = entries.iter().map(RecordEntry::to_bytes).collect();
        let parts: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        let manifest = UploadManifest {
            version: Known,
            dataset,
            upload,
            threshold: self.spec.threshold,
            nodes: self.nodes,
            packets,
            entries: Digest::of_parts("secnet/lock/entries/v1", &parts),
        };
        Ok(SealedUpload {
            upload,
            segments: segments.into_iter().collect(),
            entries,
            compartment_packets,
            release_packets,
            manifest,
        })
    }

    /// Draws key and halves of a record and starts its object.
    fn lock(
        &mut self,
        meta: &RecordMeta,
        content_len: u64,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Locked, UploadError> {
        let record = meta.id;
        if self.entries.contains_key(&record) {
            return Err(UploadError::Duplicate(record));
        }
        if self.entries.len() >= limits::MAX_UPLOAD_RECORDS {
            return Err(UploadError::TooMany(limits::MAX_UPLOAD_RECORDS));
        }
        let (category, labels) = (meta.category, meta.labels);
        let (compartment, compartment_key) = self
            .spec
            .compartments
            .current(self.spec.owner, category, labels)
            .ok_or(UploadError::NoCompartment { category, labels: labels.bits() })?;
        let compartment = compartment.id();

        let key = ObjectKey::generate(rng);
        let mut nonce_prefix = [0u8; NONCE_PREFIX_LEN];
        rng.fill_bytes(&mut nonce_prefix);
        let aad = object_binding(self.spec.dataset, self.upload, record);
        let length = Header::new(&key, self.spec.suite, nonce_prefix, content_len)?;
        let length = length.layout().sealed_len();

        let a = random(rng);
        let b = random(rng);
        let nodes = u8::try_from(self.nodes.len()).unwrap_or(u8::MAX);
        let shares = split(&b, self.spec.threshold, nodes, rng)?;
        let salts: Vec<_> = shares.iter().map(|_| random(rng)).collect();
        let commitments = shares.iter().zip(&salts);
        let commitments = commitments.map(|(share, salt)| Digest(share.commitment(salt).0));
        let binding = Binding {
            version: Known,
            suite: Known,
            dataset: self.spec.dataset,
            upload: self.upload,
            record,
            compartment,
            threshold: self.spec.threshold,
            commitments: commitments.collect(),
        };
        let wrapped = wrap_key(&key, &a, &b, &binding).ok_or(UploadError::Wrap)?;

        // Nothing was changed until here, and nothing fails from here.
        for ((rows, share), salt) in self.shares.iter_mut().zip(&shares).zip(&salts) {
            let mut row = Zeroizing::new([0u8; 64]);
            for (to, from) in row.iter_mut().zip(share.value.iter().chain(salt.iter())) {
                *to = *from;
            }
            rows.insert(record.0, row);
        }
        self.halves
            .entry(compartment)
            .or_insert_with(|| (compartment_key.clone(), Rows::new()))
            .1
            .insert(record.0, a);
        self.entries.insert(record, None);
        let entry = Unplaced { binding, wrapped, offset: 0, length };
        Ok(Locked { key, suite: self.spec.suite, nonce_prefix, aad, entry })
    }

    /// Closes the segment under way.
    fn flush(&mut self) -> Option<Segment> {
        if self.segment.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.segment);
        let address = Address::of(&bytes);
        for entry in self.waiting.drain(..) {
            self.entries.insert(entry.binding.record, Some(entry.place(address)));
        }
        Some(Segment { address, bytes })
    }
}

impl fmt::Debug for UploadSealer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadSealer({}, {} records)", self.upload, self.entries.len())
    }
}

fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    rng.fill_bytes(bytes.as_mut_slice());
    bytes
}
