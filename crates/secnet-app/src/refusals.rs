//! Refusals beyond a quota: counted together instead of recorded one by one, and committed before any of them is answered.
//! Whoever is refused decides at its own pace how often it asks; what that costs the ledger is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minicbor::{Decode, Encode};
use parking_lot::Mutex;
use secnet_ledger::Rejection;
use secnet_types::{
    CommandId, DatasetId, DecodeError, DenialSummary, Digest, MemberId, Operation, ReasonClass,
    SignedCommand, Timestamp, decode, encode, limits,
};

use crate::AccessError;
use crate::call::Authenticated;
use crate::pdc::Pdc;
use crate::ports::{Change, Committed, EntryKind, EntryName, SubmitError};

/// How long a quota is for, in milliseconds.
pub const QUOTA_WINDOW_MS: u64 = 60_000;
/// Requests that are counted in one summary.
const MAX_REQUESTS_IN_SUMMARY: usize = 4096;
/// Requesters and datasets that are counted at a time.
const MAX_COUNTED: usize = 16_384;
/// Longest record of a summary, in bytes.
const MAX_SUMMARY_BYTES: usize = 1024 * 1024;

/// What the denials of one member's requests for one dataset may cost the ledger within [`QUOTA_WINDOW_MS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenialQuota {
    /// Denials that are recorded one by one.
    pub recorded: u32,
    /// Summaries of those beyond. When they are used up as well, the requester has to try again later; what it asked is
    /// in the next summary.
    pub summaries: u32,
}

impl Default for DenialQuota {
    fn default() -> Self {
        Self { recorded: 32, summaries: 32 }
    }
}

/// What a summary counts, as the data centre keeps it: the ledger has the number, and a salted digest of the requests.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SummaryRecord {
    /// Random.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: [u8; 32],
    /// When the first of them was refused.
    #[n(1)]
    pub from: Timestamp,
    /// When the last of them was.
    #[n(2)]
    pub until: Timestamp,
    /// The digests of the signed requests.
    #[n(3)]
    pub requests: BTreeSet<Digest>,
    /// How many were refused for what kind of reason.
    #[n(4)]
    pub classes: BTreeMap<ReasonClass, u32>,
}

impl SummaryRecord {
    fn of(salt: [u8; 32], refused: &BTreeMap<Digest, (Timestamp, ReasonClass)>) -> Self {
        let mut record = Self {
            salt,
            from: Timestamp::MAX,
            until: Timestamp(0),
            requests: refused.keys().copied().collect(),
            classes: BTreeMap::new(),
        };
        for (at, class) in refused.values() {
            record.from = record.from.min(*at);
            record.until = record.until.max(*at);
            let count = record.classes.entry(*class).or_default();
            *count = count.saturating_add(1);
        }
        record
    }

    /// The salted digest that the ledger has.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        Digest::commit(&self.salt, &encode(&self.requests))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("summary of denials", bytes, MAX_SUMMARY_BYTES)
    }
}

/// Where the record of a summary is kept, by the id of the command that stated it.
pub(crate) fn summary_name(dataset: DatasetId, command: CommandId) -> EntryName {
    EntryName::new(EntryKind::DenialSummary, &dataset.0, &command.0)
}

type Key = (MemberId, DatasetId);

/// Everybody's refusals of late.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    quota: DenialQuota,
    pairs: Mutex<BTreeMap<Key, Arc<Pair>>>,
}

/// Those of one member's requests for one dataset.
#[derive(Debug)]
struct Pair {
    counts: Mutex<Counts>,
    /// Held by whoever commits a summary; others meanwhile collect the next one.
    turn: futures::lock::Mutex<()>,
}

#[derive(Debug)]
struct Counts {
    /// When the quota was last whole.
    since: Timestamp,
    used: DenialQuota,
    /// What the next summary counts.
    open: Arc<Batch>,
}

/// The refusals of one summary.
#[derive(Debug, Default)]
struct Batch(Mutex<Stage>);

#[derive(Debug, Clone)]
enum Stage {
    Open(BTreeMap<Digest, (Timestamp, ReasonClass)>),
    /// Signed, perhaps sent; whoever goes on sends the same command again.
    Signed(Box<(SignedCommand, SummaryRecord)>),
    Done(Result<Committed, AccessError>),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Open(BTreeMap::new())
    }
}

impl Pair {
    fn new(now: Timestamp) -> Self {
        let used = DenialQuota { recorded: 0, summaries: 0 };
        let counts = Counts { since: now, used, open: Arc::default() };
        Self { counts: Mutex::new(counts), turn: futures::lock::Mutex::new(()) }
    }

    /// Take one of what the quota leaves, if it leaves any.
    fn spend(&self, now: Timestamp, of: impl Fn(&mut DenialQuota) -> &mut u32, most: u32) -> bool {
        let mut counts = self.counts.lock();
        // A clock that was put back must not leave the quota used up until it has caught up.
        if counts.since > now || now.since_ms(counts.since) >= QUOTA_WINDOW_MS {
            counts.since = now;
            counts.used = DenialQuota { recorded: 0, summaries: 0 };
        }
        let used = of(&mut counts.used);
        let left = *used < most;
        *used = used.saturating_add(u32::from(left));
        left
    }

    /// The batch that this refusal is counted in; none if it is full.
    fn collect(&self, request: Digest, at: Timestamp, class: ReasonClass) -> Option<Arc<Batch>> {
        let counts = self.counts.lock();
        let batch = Arc::clone(&counts.open);
        if let Stage::Open(refused) = &mut *batch.0.lock() {
            // Whoever was told to wait and did not come back was never answered; a count does not reach back for ever.
            refused.retain(|_, (then, _)| {
                *then <= at && at.since_ms(*then) < limits::MAX_REQUEST_LIFETIME_MS
            });
            let known = refused.contains_key(&request);
            if !known && refused.len() >= MAX_REQUESTS_IN_SUMMARY {
                return None;
            }
            refused.entry(request).or_insert((at, class));
        }
        drop(counts);
        Some(batch)
    }
}

impl Refusals {
    pub(crate) fn with(quota: DenialQuota) -> Self {
        Self { quota, pairs: Mutex::default() }
    }

    /// Where this member's refusals on this dataset are counted; none if too many are under way at once.
    fn pair(&self, key: Key, now: Timestamp) -> Option<Arc<Pair>> {
        let mut pairs = self.pairs.lock();
        if let Some(pair) = pairs.get(&key) {
            return Some(Arc::clone(pair));
        }
        if pairs.len() >= MAX_COUNTED {
            // Whose window is over has its whole quota again anyway. Of the others nobody waits for, the oldest gives way.
            let idle = |pair: &Arc<Pair>| Arc::strong_count(pair) == 1;
            let since = |pair: &Arc<Pair>| pair.counts.lock().since;
            pairs.retain(|_, pair| !idle(pair) || now.since_ms(since(pair)) < QUOTA_WINDOW_MS);
            if pairs.len() >= MAX_COUNTED {
                let oldest = pairs.iter().filter(|(_, pair)| idle(pair));
                let oldest = oldest.min_by_key(|(_, pair)| since(pair)).map(|(key, _)| *key)?;
                pairs.remove(&oldest);
            }
        }
        let pair = Arc::new(Pair::new(now));
        pairs.insert(key, Arc::clone(&pair));
        Some(pair)
    }

    /// May one more denial be recorded by itself?
    pub(crate) fn may_record(&self, key: Key, now: Timestamp) -> bool {
        let pair = self.pair(key, now);
        pair.is_some_and(|pair| pair.spend(now, |used| &mut used.recorded, self.quota.recorded))
    }
}

impl Pdc {
    /// With another quota for denials, for programs that try out what happens beyond it.
    #[must_use]
    pub fn with_denial_quota(self, quota: DenialQuota) -> Self {
        Self { refusals: Refusals::with(quota), ..self }
    }

    /// Count a denial with others, and commit the summary. The first whose turn it is commits for all that were refused
    /// until then; who is refused meanwhile waits for the next. A caller that goes away leaves its turn to the next one,
    /// who goes on with the very same command.
    pub(crate) async fn count_denial(
        &self,
        caller: &Authenticated,
        class: ReasonClass,
    ) -> Result<Committed, AccessError> {
        let busy = || AccessError::Ledger(SubmitError::Busy);
        let request = &caller.request.value;
        let key = (request.requester, request.dataset);
        let pair = self.refusals.pair(key, self.clock.now()).ok_or_else(busy)?;
        // Another call with the same request may have been decided since.
        if self.decided_before(caller).is_some() {
            return Err(Rejection::AlreadyDecided.into());
        }
        let batch = pair.collect(caller.request.digest(), self.clock.now(), class);
        let batch = batch.ok_or_else(busy)?;
        let turn = pair.turn.lock().await;
        let signed = match self.close(key, &pair, &batch) {
            Some(Stage::Signed(signed)) => signed,
            Some(Stage::Done(done)) => return done,
            // It is counted all the same, in the next summary.
            Some(Stage::Open(_)) | None => return Err(busy()),
        };
        let done = self.commit_summary(key.1, &signed).await;
        if matches!(done, Ok(_) | Err(AccessError::Rejected(_))) {
            *batch.0.lock() = Stage::Done(done.clone());
        }
        drop(turn);
        done
    }

    /// Close the batch, if nobody did, and sign what it comes to. None if the quota has no summary left in this window.
    fn close(&self, (requester, dataset): Key, pair: &Pair, batch: &Batch) -> Option<Stage> {
        let stage = batch.0.lock().clone();
        if !matches!(stage, Stage::Open(_)) {
            return Some(stage);
        }
        let most = self.refusals.quota.summaries;
        if !pair.spend(self.clock.now(), |used| &mut used.summaries, most) {
            return None;
        }
        // From here on nobody adds to this one.
        pair.counts.lock().open = Arc::default();
        let mut stage = batch.0.lock();
        let Stage::Open(refused) = &*stage else { return Some(stage.clone()) };
        let record = SummaryRecord::of(self.random(), refused);
        let summary = DenialSummary {
            requester,
            from: record.from,
            until: record.until,
            count: u32::try_from(record.requests.len()).unwrap_or(u32::MAX),
            requests: record.commitment(),
            dataset,
        };
        let operation = Operation::SummariseDenials { summary };
        let command = self.sign(self.member, operation, self.signer.as_ref());
        *stage = Stage::Signed(Box::new((command, record)));
        Some(stage.clone())
    }

    /// What is counted is durable before the ledger has the count.
    async fn commit_summary(
        &self,
        dataset: DatasetId,
        signed: &(SignedCommand, SummaryRecord),
    ) -> Result<Committed, AccessError> {
        let (command, record) = signed;
        let name = summary_name(dataset, command.value.id);
        let change = Change { name: name.clone(), value: Some(encode(record)) };
        self.archive.write(vec![change]).await?;
        match self.log.submit(command.to_bytes()).await {
            Err(SubmitError::Rejected(rejection)) => {
                self.archive.write(vec![Change { name, value: None }]).await?;
                Err(rejection.into())
            }
            ordered => Ok(ordered?),
        }
    }
}
