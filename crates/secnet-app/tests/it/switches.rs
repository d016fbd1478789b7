//! The real ledger and the real release node, with switches to make them fail. Blocks are made without the sequencer's
//! threads, which would not believe a clock that these tests turn forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use secnet_app::ports::*;
use secnet_app::{Granted, HandoverFailed, Release, ReleaseFailed, Wanted};
use secnet_crypto::SealPublicKey;
use secnet_ledger::{Agreement, Candidate, Outcome, Rejection, Verified, VerifyingPool};
use secnet_lock::{HandoverPacket, HandoverProof, HandoverTerms, ReleasePacket, ReleasedShares};
use secnet_node::{Processed, Solo};
use secnet_types::*;
use tokio::sync::watch;

use crate::world::ManualClock;

/// Which commands the ledger cannot write.
type Fails = fn(&Operation) -> bool;

pub(crate) struct Switched {
    inner: Solo,
    clock: Arc<ManualClock>,
    pub(crate) age_ms: AtomicU64,
    fails: Mutex<Fails>,
    /// The disk is full.
    pub(crate) no_room: AtomicBool,
    before: Mutex<Vec<(Fails, SignedCommand)>>,
    /// How often a command lets others go on before it is ordered.
    pub(crate) pauses: AtomicU64,
    grew: watch::Sender<u64>,
}

impl Switched {
    pub(crate) fn new(inner: Solo, clock: Arc<ManualClock>) -> Self {
        let fails: Fails = |_| false;
        let (age_ms, before) = (AtomicU64::new(0), Mutex::default());
        let pauses = AtomicU64::new(0);
        let grew = watch::Sender::new(inner.chain().executor().log_size());
        let (fails, no_room) = (Mutex::new(fails), AtomicBool::new(false));
        Self { inner, clock, age_ms, fails, no_room, before, pauses, grew }
    }

    /// One block of one command, and the header that covers it.
    pub(crate) fn order(&self, command: Vec<u8>) -> Result<Committed, SubmitError> {
        let mut weights = ChaCha20Rng::seed_from_u64(0);
        let verified = VerifyingPool::verify(vec![command], &mut weights).remove(0);
        let verified = verified.map_err(|invalid| SubmitError::Invalid(invalid.to_string()))?;
        let done = match self.inner.genesis().validators {
            None => self.inner.chain().process(self.clock.now(), &[verified], true).unwrap(),
            Some(_) => {
                let done = self.agree(&[verified]);
                self.wait(u64::from(done.wrote));
                done
            }
        };
        let height = done.height;
        self.grew.send_replace(self.inner.chain().executor().log_size());
        match done.outcomes.into_iter().next().unwrap() {
            Outcome::Applied { event } => Ok(Committed { event, height, repeated: false }),
            Outcome::Repeated { event } => Ok(Committed { event, height, repeated: true }),
            Outcome::Rejected(rejection) => Err(SubmitError::Rejected(rejection)),
        }
    }

    /// A block that validators would have agreed on, if its commands are applied.
    fn agree(&self, commands: &[Verified]) -> Processed {
        let chain = self.inner.chain();
        let height = chain.executor().height();
        let agreement = Agreement { context: Vec::new() };
        let block = Candidate { time: self.clock.now(), agreement, commands };
        let tried = chain.trial(height, &[], &block).unwrap();
        let applied = tried.outcomes.iter().all(|it| matches!(it, Outcome::Applied { .. }));
        if applied {
            let certificate = Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes: Vec::new() };
            chain.append(&tried.block.header, commands, Some(certificate)).unwrap();
        }
        Processed { outcomes: tried.outcomes, height: height + 1, wrote: applied }
    }

    /// So many blocks without commands.
    pub(crate) fn wait(&self, blocks: u64) {
        (0..blocks).for_each(|_| drop(self.agree(&[])));
    }

    pub(crate) fn fail(&self, fails: Fails) {
        *self.fails.lock() = fails;
    }

    /// Right before the first command of this kind, somebody else's is ordered.
    pub(crate) fn slip_in(&self, before: Fails, command: SignedCommand) {
        self.before.lock().push((before, command));
    }
}

#[async_trait]
impl Log for Switched {
    async fn submit(&self, command: Vec<u8>) -> Result<Committed, SubmitError> {
        let operation = SignedCommand::parse(&command).unwrap().value.operation;
        for _ in 0..self.pauses.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        let fails = *self.fails.lock();
        if fails(&operation) {
            return Err(SubmitError::Unavailable("the disk is broken".into()));
        }
        if self.no_room.load(Ordering::Relaxed) && !operation.takes_away() {
            return Err(SubmitError::NoRoom);
        }
        let first = {
            let mut waiting = self.before.lock();
            let at = waiting.iter().position(|(before, _)| before(&operation));
            at.map(|at| waiting.remove(at))
        };
        if let Some((_, first)) = first {
            self.order(first.to_bytes()).unwrap();
        }
        self.order(command)
    }

    fn read(&self, reader: &mut dyn FnMut(&View<'_>)) {
        let age_ms = self.age_ms.load(Ordering::Relaxed);
        let full = self.no_room.load(Ordering::Relaxed);
        let why = if full { Unaged::NoRoom } else { Unaged::Failing };
        let unaged = (age_ms == u64::MAX).then_some(why);
        self.inner.read(&mut |view| reader(&View { age_ms, unaged, ..*view }));
    }

    fn standing(&self) -> Standing {
        let trouble = self.no_room.load(Ordering::Relaxed).then_some(Trouble::NoRoom);
        Standing { trouble, ..Standing::default() }
    }

    fn forecast(&self, command: &Verified, now: Timestamp) -> Result<Vec<Effect>, Rejection> {
        self.inner.forecast(command, now)
    }

    async fn receipt(&self, event: u64) -> Result<Receipt, LogError> {
        Ok(self.inner.chain().receipt(event).unwrap())
    }

    async fn cose_receipt(&self, event: u64) -> Result<Vec<u8>, LogError> {
        Ok(self.inner.chain().cose_receipt(event).unwrap())
    }

    async fn events(&self, first: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
        self.inner.events(first, limit).await
    }

    async fn grown(&self, size: u64) -> Result<u64, LogError> {
        Ok(*self.grew.subscribe().wait_for(|now| *now > size).await.unwrap())
    }

    async fn command_of(&self, event: u64) -> Result<Option<Vec<u8>>, LogError> {
        self.inner.command_of(event).await
    }

    fn genesis(&self) -> &Genesis {
        self.inner.genesis()
    }
}

pub(crate) struct Breakable {
    pub(crate) inner: Arc<dyn Release>,
    pub(crate) broken: AtomicBool,
    /// Happens right before the next release.
    pub(crate) before: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[async_trait]
impl Release for Breakable {
    async fn nodes(&self) -> Result<Vec<SealPublicKey>, ReleaseFailed> {
        self.inner.nodes().await
    }

    fn here(&self) -> SealPublicKey {
        self.inner.here()
    }

    fn threshold(&self) -> u8 {
        self.inner.threshold()
    }

    async fn release(
        &self,
        granted: &Granted,
        wanted: &[Wanted],
    ) -> Result<Vec<ReleasedShares>, ReleaseFailed> {
        let before = self.before.lock().take();
        if let Some(happens) = before {
            happens();
        }
        if self.broken.load(Ordering::Relaxed) {
            return Err(ReleaseFailed("the node does not answer".into()));
        }
        self.inner.release(granted, wanted).await
    }

    async fn forget(
        &self,
        packet: &ReleasePacket,
        records: &std::collections::BTreeSet<RecordId>,
    ) -> Result<Option<ReleasePacket>, ReleaseFailed> {
        self.inner.forget(packet, records).await
    }

    fn hands_over(&self, holder: secnet_types::Digest) -> bool {
        self.inner.hands_over(holder)
    }

    async fn deal(
        &self,
        packets: &[ReleasePacket],
        terms: &HandoverTerms,
        node: u8,
    ) -> Result<(HandoverPacket, HandoverProof), HandoverFailed> {
        self.inner.deal(packets, terms, node).await
    }

    async fn adopt(
        &self,
        packet: &HandoverPacket,
        proof: &HandoverProof,
        terms: &HandoverTerms,
    ) -> Result<ReleasePacket, HandoverFailed> {
        self.inner.adopt(packet, proof, terms).await
    }
}
