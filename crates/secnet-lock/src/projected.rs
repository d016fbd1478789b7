//! Projections: parts of records that a data centre has cut out, each sealed under a key of its own, and those keys sealed
//! to the requester.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use secnet_crypto::{
    CryptoRng, ObjectKey, SealError, SealKeyPair, SealPublicKey, StreamError, Zeroizing,
    open_object, seal_object,
};
use secnet_types::{Digest, RecordId};

use crate::{
    Known, Packet, PacketError, PacketHeader, ReleaseContext, limits,
    table::{Rows, Table},
};

/// What the associated data of a sealed projection starts with.
const PROJECTION_CONTEXT: &[u8] = b"secnet/lock/projection/v1\0";

/// What is readable of [`ProjectedKeys`]: `[version, suite, [request, decision, dataset], host, recipient]`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ProjectedHeader {
    /// Format version.
    #[n(0)]
    pub version: Known<1>,
    /// HPKE suite: X-Wing.
    #[n(1)]
    pub suite: Known<0x647a>,
    /// Which decision it answers.
    #[n(2)]
    pub context: ReleaseContext,
    /// Digest of the key of the data centre that made the projections.
    #[n(3)]
    pub host: Digest,
    /// Digest of the receiving key.
    #[n(4)]
    pub recipient: Digest,
}

impl PacketHeader for ProjectedHeader {
    const INFO: &'static [u8] = b"secnet/lock/projected-keys/v1";
    const WHAT: &'static str = "keys of the projections";
    const LIMIT: usize = limits::MAX_PROJECTED_KEYS_BYTES;
    const MAX_ROWS: usize = limits::MAX_PROJECTIONS;
}

/// The keys of the projections in one release; table: record (16) -> key (32).
pub type ProjectedKeys = Packet<ProjectedHeader>;

/// Why a projection could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectedError {
    /// More than [`limits::MAX_PROJECTIONS`].
    #[error("one release can carry at most `{0}` projections: split the request")]
    TooMany(usize),
    /// The content could not be sealed.
    #[error("the projection cannot be sealed: {0}")]
    Stream(#[from] StreamError),
    /// The keys could not be sealed.
    #[error("the keys of the projections cannot be sealed: {0}")]
    Seal(#[from] SealError),
}

/// Seals the projections of one release.
#[derive(Debug)]
pub struct ProjectionSealer {
    context: ReleaseContext,
    keys: Rows<16, 32>,
}

impl ProjectionSealer {
    /// For the answer to this decision.
    #[must_use]
    pub const fn new(context: ReleaseContext) -> Self {
        Self { context, keys: Rows::new() }
    }

    /// Seals one projection under a fresh key, padded to a size bucket.
    ///
    /// # Errors
    /// [`ProjectedError`].
    pub fn add(
        &mut self,
        record: RecordId,
        projection: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, ProjectedError> {
        if self.keys.len() >= limits::MAX_PROJECTIONS {
            return Err(ProjectedError::TooMany(limits::MAX_PROJECTIONS));
        }
        let mut key = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(key.as_mut_slice());
        let object = ObjectKey::from_bytes(*key);
        let sealed = seal_object(&object, &binding(&self.context, record), projection, rng)?;
        self.keys.insert(record.0, key);
        Ok(sealed)
    }

    /// The keys, for the requester.
    ///
    /// # Errors
    /// [`ProjectedError::Seal`].
    pub fn finish(
        self,
        host: &SealPublicKey,
        receiving: &SealPublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<ProjectedKeys, ProjectedError> {
        let header = ProjectedHeader {
            version: Known,
            suite: Known,
            context: self.context,
            host: Digest(host.digest()),
            recipient: Digest(receiving.digest()),
        };
        Ok(Packet::seal(header, receiving, &Table::of(&self.keys), rng)?)
    }
}

/// Why a projection does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionError {
    /// The keys do not open, or are of another release.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The release has no projection of this record.
    #[error("the release has no key for a projection of the record `{0}`")]
    NoKey(RecordId),
    /// The sealed projection was refused.
    #[error("the projection does not open: {0}")]
    Stream(#[from] StreamError),
}

/// The projections that a requester has received.
pub struct ReceivedProjections {
    context: ReleaseContext,
    keys: BTreeMap<RecordId, Zeroizing<[u8; 32]>>,
}

impl ReceivedProjections {
    /// Opens the keys with the receiving key.
    ///
    /// # Errors
    /// [`PacketError`]: another decision, another key, or altered bytes.
    pub fn open(
        receiving: &SealKeyPair,
        context: ReleaseContext,
        keys: &ProjectedKeys,
    ) -> Result<Self, PacketError> {
        let header = &keys.header;
        let fields = [
            ("request", header.context.request == context.request),
            ("decision", header.context.decision == context.decision),
            ("dataset", header.context.dataset == context.dataset),
            ("recipient", header.recipient == Digest(receiving.public.digest())),
        ];
        if let Some((field, _)) = fields.iter().find(|(_, same)| !same) {
            return Err(PacketError::Elsewhere { what: ProjectedHeader::WHAT, field });
        }
        let table: Table<16, 32> = keys.open(&receiving.secret)?;
        let keys = table.iter().map(|(id, key)| (RecordId(*id), Zeroizing::new(*key)));
        Ok(Self { context, keys: keys.collect() })
    }

    /// Opens one projection.
    ///
    /// # Errors
    /// [`ProjectionError`].
    pub fn record(
        &self,
        record: RecordId,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ProjectionError> {
        let key = self.keys.get(&record).ok_or(ProjectionError::NoKey(record))?;
        let key = ObjectKey::from_bytes(**key);
        Ok(open_object(&key, &binding(&self.context, record), sealed)?)
    }
}

impl core::fmt::Debug for ReceivedProjections {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ReceivedProjections({} records)", self.keys.len())
    }
}

/// The associated data of a sealed projection: context, dataset, request, decision, record.
fn binding(context: &ReleaseContext, record: RecordId) -> Vec<u8> {
    let ReleaseContext { request, decision, dataset } = context;
    [PROJECTION_CONTEXT, &dataset.0, &request.0, &decision.0, &record.0].concat()
}
