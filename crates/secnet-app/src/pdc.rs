//! The Private Data Centre: what a request meets.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_crypto::rand_core::{TryCryptoRng, TryRng};
use secnet_crypto::{CryptoRng, SealKeyPair};
use secnet_guard::Model;
use secnet_lock::{Host, RecordEntry};
use secnet_policy::{ConsentCache, RecordIndex};
use secnet_types::{
    Command, CommandId, DatasetId, MemberId, NetworkId, Operation, RecordId, SignedCommand, Signer,
    Timestamp, encode, limits,
};

use crate::AccessError;
use crate::call::ReceivingKeys;
use crate::doors::Doors;
use crate::history::Timeline;
use crate::incidents::IncidentsHere;
use crate::learning::Learning;
use crate::moving::{Moves, moves_kept};
use crate::opening::Openings;
use crate::ports::{
    Archive, ArchiveError, Change, Clock, Committed, Entropy, EntryKind, EntryName, Log,
    SubmitError, Vault, View,
};
use crate::previews::PreviewCounts;
use crate::refusals::Refusals;
use crate::relations::relations_kept;
use crate::release::Release;
use crate::rules::RulesHere;
use crate::sparing::Sparing;

/// Datasets whose records are kept in memory at once.
const MAX_INDEXED_DATASETS: usize = 4096;

/// One data centre and its surroundings.
pub struct Pdc {
    /// The ledger.
    pub log: Arc<dyn Log>,
    /// The segments.
    pub vault: Arc<dyn Vault>,
    /// Everything else that is kept.
    pub archive: Arc<dyn Archive>,
    /// Who hands out the second half of the lock.
    pub release: Arc<dyn Release>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The key that decisions are signed with.
    pub signer: Arc<dyn Signer + Send + Sync>,
    /// Whose key that is.
    pub member: MemberId,
    /// Where data centres' doors are.
    pub doors: Arc<Doors>,
    /// Opens what owners let it open.
    pub(crate) host: Host,
    pub(crate) network: NetworkId,
    pub(crate) receiving_keys: ReceivingKeys,
    pub(crate) learning: Mutex<Learning>,
    /// Held by whoever keeps what the guard has learnt.
    pub(crate) keeping: futures::lock::Mutex<()>,
    pub(crate) rules: Mutex<Option<Arc<RulesHere>>>,
    pub(crate) consents: Mutex<ConsentCache>,
    pub(crate) records: Mutex<RecordsKept>,
    pub(crate) openings: Mutex<Openings>,
    pub(crate) timeline: Mutex<Timeline>,
    pub(crate) incidents: Mutex<IncidentsHere>,
    /// Held by whoever reads manifests and packets in order to rewrite them: two erasures in one upload would otherwise
    /// each bring back what the other destroyed.
    pub(crate) rewriting: futures::lock::Mutex<()>,
    /// How often something was destroyed since the start: what was read before may hold what is not to come back.
    pub(crate) destroyed: std::sync::atomic::AtomicU64,
    pub(crate) handed_over: Mutex<crate::handover::HandedOver>,
    pub(crate) moves: Mutex<Moves>,
    /// Held by whoever notes that a dataset comes or leaves, or removes what is left of one.
    pub(crate) moving: futures::lock::Mutex<()>,
    /// Held by whoever takes a copy.
    pub(crate) taking_over: futures::lock::Mutex<()>,
    /// Held from the statement of an erasure until it is carried out: no copy is listed in between.
    pub(crate) erasing: futures::lock::Mutex<()>,
    /// Held by whoever brings records in.
    pub(crate) taking_in: futures::lock::Mutex<()>,
    /// Held by whoever hands in what a command commits to.
    pub(crate) enclosing: futures::lock::Mutex<()>,
    pub(crate) refusals: Refusals,
    pub(crate) previews: PreviewCounts,
    /// Held by whoever notes what was tried out.
    pub(crate) noting: futures::lock::Mutex<()>,
    /// Held by whoever says what decisions were, or puts a notice aside: of two at once one is first, and neither's word is lost.
    pub(crate) saying: futures::lock::Mutex<()>,
    pub(crate) ahead: futures::lock::Mutex<crate::ahead::Ahead>,
}

/// The records in memory, and how often something was forgotten.
#[derive(Debug, Default)]
pub(crate) struct RecordsKept {
    datasets: BTreeMap<DatasetId, Arc<DatasetRecords>>,
    forgotten: u64,
}

impl core::fmt::Debug for Pdc {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pdc").field("member", &self.member).finish_non_exhaustive()
    }
}

/// What a data centre is made of.
#[expect(missing_debug_implementations, reason = "ports have none")]
pub struct Parts {
    /// The ledger.
    pub log: Arc<dyn Log>,
    /// The segments.
    pub vault: Arc<dyn Vault>,
    /// Everything else that is kept.
    pub archive: Arc<dyn Archive>,
    /// Who hands out the second half of the lock.
    pub release: Arc<dyn Release>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The key that decisions are signed with.
    pub signer: Arc<dyn Signer + Send + Sync>,
    /// Whose key that is.
    pub member: MemberId,
    /// Where data centres' doors are, as nodes tell each other.
    pub doors: Arc<Doors>,
    /// The key pair that owners seal to what this data centre may open.
    pub sealing: Box<SealKeyPair>,
}

/// The records of one dataset, ready for questions.
#[derive(Debug, Default)]
pub(crate) struct DatasetRecords {
    /// Whose they are; none if the ledger does not know the dataset yet.
    pub owner: Option<MemberId>,
    pub index: RecordIndex,
    pub entries: BTreeMap<RecordId, RecordEntry>,
}

impl Pdc {
    /// Put a data centre together; the guard goes on with what it had learnt.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn new(parts: Parts) -> Result<Self, ArchiveError> {
        Self::with_model(parts, Model::default()).await
    }

    /// As [`Pdc::new`], with a model of the guard's that is not the default one.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn with_model(parts: Parts, model: Model) -> Result<Self, ArchiveError> {
        let Parts { log, vault, archive, release, clock, entropy, signer, member, doors, sealing } =
            parts;
        let mut learning = Learning::load(archive.as_ref(), model, clock.now()).await?;
        learning.guard.set_relations(relations_kept(archive.as_ref()).await?);
        let learning = Mutex::new(learning);
        let moves = Mutex::new(moves_kept(archive.as_ref()).await?);
        let archive: Arc<dyn Archive> = Arc::new(Sparing::new(archive, &log));
        let vault: Arc<dyn Vault> = Arc::new(Sparing::new(vault, &log));
        let pdc = Self {
            network: log.genesis().network(),
            log,
            vault,
            archive,
            release,
            clock,
            entropy,
            signer,
            member,
            doors,
            host: Host::new(sealing),
            receiving_keys: ReceivingKeys::new(),
            learning,
            keeping: futures::lock::Mutex::new(()),
            rules: Mutex::default(),
            consents: Mutex::new(ConsentCache::new()),
            records: Mutex::default(),
            openings: Mutex::default(),
            rewriting: futures::lock::Mutex::new(()),
            destroyed: std::sync::atomic::AtomicU64::new(0),
            handed_over: Mutex::default(),
            moves,
            moving: futures::lock::Mutex::new(()),
            taking_over: futures::lock::Mutex::new(()),
            erasing: futures::lock::Mutex::new(()),
            taking_in: futures::lock::Mutex::new(()),
            enclosing: futures::lock::Mutex::new(()),
            refusals: Refusals::default(),
            previews: PreviewCounts::default(),
            noting: futures::lock::Mutex::new(()),
            saying: futures::lock::Mutex::new(()),
            ahead: futures::lock::Mutex::default(),
            timeline: Mutex::default(),
            incidents: Mutex::default(),
        };
        // What cannot be finished now is finished at another start: nothing meets it until then.
        let _finished = pdc.finish_interrupted().await;
        Ok(pdc)
    }

    /// Read from one snapshot of the ledger.
    pub fn view<T>(&self, reader: impl FnOnce(&View<'_>) -> T) -> Option<T> {
        let mut reader = Some(reader);
        let mut result = None;
        self.log.read(&mut |view| result = reader.take().map(|read| read(view)));
        result
    }

    /// The time by the clock, or of the last block if that is later: block time never falls, so what is signed by a clock that
    /// is right again after it was ahead would else be over when it comes.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.view(|view| view.time).unwrap_or_default().max(self.clock.now())
    }

    /// Randomness for the cryptography.
    pub fn rng(&self) -> impl CryptoRng + '_ {
        port_rng(self.entropy.as_ref())
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// A command in `author`'s name, signed, to be submitted now.
    pub fn sign(
        &self,
        author: MemberId,
        operation: Operation,
        signer: &dyn Signer,
    ) -> SignedCommand {
        let mut id = [0; 16];
        self.entropy.fill(&mut id);
        let command = Command {
            network: self.network(),
            author,
            id: CommandId(id),
            expires: self.now().plus_ms(COMMAND_LIFETIME_MS),
            operation,
        };
        SignedCommand::sign(command, signer)
    }

    /// Is the command signed by a current key of an active member? Asked before anything is stored for it: the ledger asks
    /// again, but later than the disk is full.
    pub(crate) fn signed_by_member(&self, command: &SignedCommand) -> Result<(), AccessError> {
        let key = command.envelope.key;
        let current = |view: &View<'_>| {
            let member = view.state.member(command.value.author);
            member.is_some_and(|member| member.key == key && !member.suspended)
        };
        let known =
            |view: &View<'_>| view.state.applied(command.value.author, command.value.id).is_some();
        let active = self.view(|view| current(view) || known(view)).unwrap_or(false);
        if active && command.verify().is_ok() { Ok(()) } else { Err(AccessError::Unauthenticated) }
    }

    pub(crate) async fn submit_own(
        &self,
        operation: Operation,
    ) -> Result<(SignedCommand, Committed), SubmitError> {
        let command = self.sign(self.member, operation, self.signer.as_ref());
        let committed = self.log.submit(command.to_bytes()).await?;
        Ok((command, committed))
    }

    /// The records of a dataset, from memory or the archive.
    pub(crate) async fn records_of(
        &self,
        dataset: DatasetId,
    ) -> Result<Arc<DatasetRecords>, ArchiveError> {
        let owner =
            self.view(|view| view.state.dataset(dataset).map(|entry| entry.owner)).flatten();
        self.records_under(dataset, owner).await
    }

    /// As [`Pdc::records_of`], for whoever has just seen whose the dataset is.
    pub(crate) async fn records_under(
        &self,
        dataset: DatasetId,
        owner: Option<MemberId>,
    ) -> Result<Arc<DatasetRecords>, ArchiveError> {
        let forgotten = {
            let kept = self.records.lock();
            if let Some(records) =
                kept.datasets.get(&dataset).filter(|records| records.owner == owner)
            {
                return Ok(Arc::clone(records));
            }
            kept.forgotten
        };
        let mut records = DatasetRecords { owner, ..DatasetRecords::default() };
        for (name, bytes) in self.archive.list(EntryKind::Manifest, &dataset.0).await? {
            let catalogue = crate::upload::Catalogue::from_bytes(&bytes)
                .map_err(|e| ArchiveError::Damaged(format!("manifest {:?}: {e}", name.key)))?;
            if Some(catalogue.owner) != owner {
                continue;
            }
            for item in catalogue.items {
                records.entries.insert(item.meta.id, item.entry);
                records.index.insert(item.meta);
            }
        }
        let records = Arc::new(records);
        let mut kept = self.records.lock();
        // Something changed while the archive was read: what was read may be old already, and is not kept.
        if kept.forgotten == forgotten && !self.openings.lock().is_rewritten(dataset) {
            if kept.datasets.len() >= MAX_INDEXED_DATASETS {
                kept.datasets.pop_first();
            }
            kept.datasets.insert(dataset, Arc::clone(&records));
        }
        drop(kept);
        Ok(records)
    }

    /// Something of this dataset is about to be rewritten in the archive: until [`Pdc::rewritten`] nothing of it is answered
    /// from memory, neither its records nor what opens them.
    pub(crate) fn about_to_rewrite(&self, dataset: DatasetId) {
        self.openings.lock().begin_rewriting(dataset);
        self.forget_records(dataset);
    }

    /// How often something was destroyed. To be read and changed by whoever holds `rewriting`.
    pub(crate) fn rewrites(&self) -> u64 {
        self.destroyed.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Something is about to be destroyed.
    pub(crate) fn about_to_destroy(&self) {
        self.destroyed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// It has been rewritten.
    pub(crate) fn rewritten(&self, dataset: DatasetId) {
        self.forget_records(dataset);
        self.openings.lock().end_rewriting(dataset);
    }

    fn forget_records(&self, dataset: DatasetId) {
        let mut kept = self.records.lock();
        kept.datasets.remove(&dataset);
        kept.forgotten = kept.forgotten.wrapping_add(1);
        drop(kept);
        self.consents.lock().forget(dataset);
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}

/// Commands made here wait at most this long for the ledger.
const COMMAND_LIFETIME_MS: u64 = 60_000;
const _: () = assert!(COMMAND_LIFETIME_MS <= limits::MAX_COMMAND_LIFETIME_MS);

/// One entry to write.
pub(crate) fn put<T: minicbor::Encode<()>>(
    kind: EntryKind,
    group: &[u8],
    key: &[u8],
    value: &T,
) -> Change {
    Change { name: EntryName::new(kind, group, key), value: Some(encode(value)) }
}

/// The entropy port as a random generator.
pub fn port_rng(entropy: &dyn Entropy) -> impl CryptoRng + '_ {
    PortRng(entropy)
}

struct PortRng<'a>(&'a dyn Entropy);

impl TryRng for PortRng<'_> {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for PortRng<'_> {}
