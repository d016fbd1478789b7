//! The ports: everything the flow needs from outside. Each has at least two implementations, one of them the
//! simulator's.

mod standing;

pub use standing::{Standing, Trouble, Unaged};

use async_trait::async_trait;
use bytes::Bytes;
use secnet_crypto::Address;
use secnet_ledger::{Rejection, State, Verified};
use secnet_types::{Effect, Genesis, NetworkId, Receipt, Timestamp};

/// The ledger as the flow sees it.
#[async_trait]
pub trait Log: Send + Sync {
    /// Order a signed command. Returns when its block is durable; the same command again returns the same.
    ///
    /// # Errors
    /// [`SubmitError`]; only [`SubmitError::Unavailable`] leaves open whether the command will be applied. In a network,
    /// a command can be rejected after other validators have heard of it; a faulty one could then have it ordered before
    /// it expires.
    async fn submit(&self, command: Vec<u8>) -> Result<Committed, SubmitError>;

    /// Show one consistent snapshot, that of the last durable block. `reader` must be quick: blocks wait for it.
    fn read(&self, reader: &mut dyn FnMut(&View<'_>));

    /// Can it write, and where?
    fn standing(&self) -> Standing;

    /// What a command would change if it were ordered now, alone. It leaves no trace.
    ///
    /// # Errors
    /// The [`Rejection`] that it would meet.
    fn forecast(&self, command: &Verified, now: Timestamp) -> Result<Vec<Effect>, Rejection>;

    /// The receipt of an event that a command caused.
    ///
    /// # Errors
    /// [`LogError`].
    async fn receipt(&self, event: u64) -> Result<Receipt, LogError>;

    /// The same receipt as a COSE Receipt (RFC 9942), for programs of others.
    ///
    /// # Errors
    /// [`LogError`].
    async fn cose_receipt(&self, event: u64) -> Result<Vec<u8>, LogError>;

    /// Up to `limit` events from index `first` on, in order, canonically encoded, each with its index.
    ///
    /// # Errors
    /// [`LogError`].
    async fn events(&self, first: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, LogError>;

    /// Wait until the log has more events than this; how many it has then.
    ///
    /// # Errors
    /// [`LogError::Unavailable`]: it will not grow any more.
    async fn grown(&self, size: u64) -> Result<u64, LogError>;

    /// The signed command that caused the event at this index; none if a deadline did.
    ///
    /// # Errors
    /// [`LogError`].
    async fn command_of(&self, event: u64) -> Result<Option<Vec<u8>>, LogError>;

    /// How the network began.
    fn genesis(&self) -> &Genesis;
}

/// A snapshot of the ledger.
#[derive(Debug)]
pub struct View<'a> {
    /// The state.
    pub state: &'a State,
    /// Height of the block it is after.
    pub height: u64,
    /// That block's time.
    pub time: Timestamp,
    /// Events in the log.
    pub log_size: u64,
    /// How long ago, in milliseconds of this machine's monotonic clock, the ledger last showed that it is alive. A solo
    /// ledger that can still write is always 0; a follower of a network reports its distance to the last block.
    pub age_ms: u64,
    /// Why it counts as older than anything, if it does: `age_ms` is the largest number then.
    pub unaged: Option<Unaged>,
}

impl View<'_> {
    /// The network.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.state.network()
    }
}

/// Where a command ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Index of its event in the log.
    pub event: u64,
    /// Height of the ledger when it was known to be durable.
    pub height: u64,
    /// It had been applied before.
    pub repeated: bool,
}

/// Why a command was not ordered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The state machine refuses it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It is not a properly signed command.
    #[error("the command is not valid: {0}")]
    Invalid(String),
    /// More commands wait than may.
    #[error("the ledger is busy; try again in a moment")]
    Busy,
    /// There is room only for what takes something away. Nothing is released while this lasts.
    #[error(
        "the disk is full: only what ends rights or destroys data is taken until there is room"
    )]
    NoRoom,
    /// The ledger cannot write. Nothing is released while this lasts.
    #[error("the ledger cannot write: {0}")]
    Unavailable(String),
}

/// Why something could not be read from the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// There is no such event.
    #[error("there is no event {0} in the log")]
    NoSuchEvent(u64),
    /// The event was not caused by a command.
    #[error("event {0} was caused by a deadline, not by a command; it has no receipt")]
    NotACommand(u64),
    /// What is stored is damaged; the message names it.
    #[error("{0}")]
    Damaged(String),
    /// The ledger cannot read or write.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
}

/// Encrypted segments, addressed by the BLAKE3 of their bytes.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Store a segment. Returns when it is durable.
    ///
    /// # Errors
    /// [`VaultError`].
    async fn put_segment(&self, bytes: Bytes) -> Result<Address, VaultError>;

    /// Begin a segment that comes piece by piece; memory stays flat, whatever its length.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    async fn begin_segment(&self) -> Result<Box<dyn SegmentSink>, VaultError>;

    /// Bytes `range` of a segment, verified against its address. A segment that does not match is quarantined.
    ///
    /// # Errors
    /// [`VaultError`].
    async fn get_segment(
        &self,
        address: Address,
        range: core::ops::Range<u64>,
    ) -> Result<Bytes, VaultError>;

    /// How long a segment is, in bytes.
    ///
    /// # Errors
    /// [`VaultError`].
    async fn segment_length(&self, address: Address) -> Result<u64, VaultError>;

    /// Remove a segment. Its bytes are unreadable anyway once the keys are gone; this frees the space.
    ///
    /// # Errors
    /// [`VaultError`].
    async fn remove_segment(&self, address: Address) -> Result<(), VaultError>;
}

/// A segment under way. Nothing of it can be read before it is finished; a dropped one leaves nothing that could be.
#[async_trait]
pub trait SegmentSink: Send {
    /// Take the next bytes.
    ///
    /// # Errors
    /// [`VaultError::Storage`]; give it up.
    async fn write(&mut self, bytes: Bytes) -> Result<(), VaultError>;

    /// End it. Returns when it is durable under its address.
    ///
    /// # Errors
    /// [`VaultError::Mismatch`] if the bytes are others than those: nothing is stored then; [`VaultError::Storage`].
    async fn finish(self: Box<Self>, address: Address) -> Result<(), VaultError>;

    /// Give it up and remove what was sent.
    ///
    /// # Errors
    /// [`VaultError::Storage`].
    async fn abort(self: Box<Self>) -> Result<(), VaultError>;
}

/// Why the vault did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// There is no such segment.
    #[error("segment {0} is not in the vault")]
    Missing(Address),
    /// Its bytes are not those it was addressed by. It has been moved aside.
    #[error(
        "segment {0} does not match its address and has been quarantined; restore it from a backup"
    )]
    Quarantined(Address),
    /// What was written is not what the address says.
    #[error("the bytes are not those of segment {0}; nothing was stored")]
    Mismatch(Address),
    /// The disk is full, and what is left is for the ledger.
    #[error("the disk is full: no segment is stored until there is room")]
    NoRoom,
    /// The range is outside of the segment.
    #[error("the range lies outside of segment {0}")]
    Range(Address),
    /// The storage failed.
    #[error("the vault's storage failed: {0}")]
    Storage(String),
}

/// What the PDC keeps beside the ledger: details behind commitments, facts, packets, manifests. Encrypted at rest.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Write and delete entries, all or none. Returns when it is durable.
    ///
    /// # Errors
    /// [`ArchiveError`].
    async fn write(&self, changes: Vec<Change>) -> Result<(), ArchiveError>;

    /// One entry.
    ///
    /// # Errors
    /// [`ArchiveError`].
    async fn get(&self, name: &EntryName) -> Result<Option<Vec<u8>>, ArchiveError>;

    /// Several entries, each as [`Archive::get`] gives it, in the order of their names.
    async fn get_each(&self, names: &[EntryName]) -> Vec<Result<Option<Vec<u8>>, ArchiveError>> {
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            found.push(self.get(name).await);
        }
        found
    }

    /// All entries of one kind and group, in no particular order.
    ///
    /// # Errors
    /// [`ArchiveError`].
    async fn list(
        &self,
        kind: EntryKind,
        group: &[u8],
    ) -> Result<Vec<(EntryName, Vec<u8>)>, ArchiveError>;
}

/// One change to the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which entry.
    pub name: EntryName,
    /// Its new value; none deletes it.
    pub value: Option<Vec<u8>>,
}

/// What an entry is called. Neither kind nor name is visible in storage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryName {
    /// What it is.
    pub kind: EntryKind,
    /// What it is listed under, such as a dataset's id; may be empty.
    pub group: Vec<u8>,
    /// Its key within the group.
    pub key: Vec<u8>,
}

impl EntryName {
    /// A name.
    #[must_use]
    pub fn new(kind: EntryKind, group: &[u8], key: &[u8]) -> Self {
        Self { kind, group: group.to_vec(), key: key.to_vec() }
    }
}

/// What an entry of the archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum EntryKind {
    /// The detail behind a grant's or a denial's commitment; key: commitment.
    ConsentDetail = 0,
    /// The detail behind an ask's commitment; key: commitment.
    AskDetail = 1,
    /// A grant's sealed packets; key: digest.
    Wraps = 2,
    /// A dataset's detailed terms; key: commitment.
    TermsDetail = 3,
    /// One upload's record entries; group: dataset, or digest of the command that is to list it; key: upload.
    Manifest = 4,
    /// One upload's packet for a compartment; group: upload, key: compartment.
    CompartmentPacket = 5,
    /// One upload's packet for a release node; group: upload, key: node's public key digest.
    ReleasePacket = 6,
    /// What a decision was a function of; group: dataset, key: decision.
    Facts = 7,
    /// The body of a rule; key: rule id.
    Rule = 8,
    /// A snapshot of the guard; key: empty.
    Guard = 9,
    /// A member's X-Wing public key; key: its digest.
    SealingKey = 10,
    /// A plain statement of what was erased; group: dataset, key: commitment.
    Erasure = 11,
    /// Something an owner is to be told of; group: owner, key: decision.
    Notice = 12,
    /// Which dataset's records are in a segment; key: segment.
    SegmentOwner = 13,
    /// What was stored for a command that the ledger has not accepted yet; key: digest of the command.
    Staged = 14,
    /// The list of a dataset's uploads; group: dataset, key: commitment.
    DatasetManifest = 15,
    /// What a summary of denials counts; group: dataset, key: id of the command that stated it.
    DenialSummary = 16,
    /// A segment that came ahead of its command; key: member, segment.
    Ahead = 17,
    /// What a member tried out on a day; group: dataset, key: day, member.
    Previews = 18,
    /// One upload's packet for the data centre that hosts it; group: upload, key: digest of that data centre's public key.
    HostingPacket = 19,
    /// What somebody said of a decision, signed; group: dataset, key: decision, who said it.
    Feedback = 20,
    /// The evidence for a rule that was learnt here; key: rule id.
    RuleCard = 21,
    /// A model that was learnt here; key: its digest.
    LearntModel = 22,
    /// What is known of such a model without reading it; key: the model's digest.
    ModelStanding = 23,
    /// What the hospital says of who looks after whom, signed; key: empty.
    Relations = 24,
    /// What people did about an incident; group: network, key: the incident's number.
    Incident = 25,
    /// What a new release node has taken over of a former one, while not all have; group: upload, key: dealer, node's public key
    /// digest.
    TakenOver = 26,
    /// A dataset that another data centre has, and that is to move here; key: dataset.
    Coming = 30,
    /// A dataset that was here, or is about to leave, and whoever may take a copy; key: dataset.
    Leaving = 31,
}

/// Why the archive did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// An entry is damaged.
    #[error("an entry of the archive is damaged ({0}); restore a backup")]
    Damaged(String),
    /// The disk is full, and what is left is for what ends rights or destroys data.
    #[error("the disk is full: nothing is put into the archive until there is room")]
    NoRoom,
    /// The storage failed.
    #[error("the archive's storage failed: {0}")]
    Storage(String),
}

/// What time it is.
pub trait Clock: Send + Sync {
    /// Wall-clock time.
    fn now(&self) -> Timestamp;
}

/// Randomness.
pub trait Entropy: Send + Sync {
    /// Fill with bytes nobody can predict.
    fn fill(&self, bytes: &mut [u8]);
}
