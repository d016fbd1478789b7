//! What the guard is told, and when what it has learnt is kept.
//!
//! All of it is kept at times, and in between what has changed: the whole of a large data centre takes longer to write than
//! the requests take that change a little of it. When the changes together are as large as the whole, they become part of it.

use secnet_guard::{Guard, Model, Observed};
use secnet_types::{ReasonClass, Timestamp, Verdict};

use crate::access::Concluded;
use crate::call::Authenticated;
use crate::pdc::Pdc;
use crate::ports::{Archive, ArchiveError, Change, EntryKind, EntryName};
use crate::vetting::Judgement;

/// Requests after which what was learnt is kept at the latest.
const MAX_UNSAVED: u32 = 256;
/// Time after which it is kept with the next request, in milliseconds.
const SAVE_EVERY_MS: u64 = 60_000;
/// Changes stay by themselves until they have so many bytes together, however small the whole is.
const LEAST_FOLDED_BYTES: usize = 1 << 20;
/// Changes that stay by themselves.
const MAX_CHANGES: usize = 4_096;
/// What changes are listed under in the archive.
const CHANGES: &[u8] = b"changes";

/// The guard, and how much of what it knows a crash would take.
#[derive(Debug)]
pub(crate) struct Learning {
    pub guard: Guard,
    unsaved: u32,
    saved_at: Timestamp,
    kept: Kept,
}

/// What of the guard is in the archive.
#[derive(Debug, Clone, Default)]
struct Kept {
    /// How far it had come.
    tick: u64,
    /// Bytes of the last whole.
    whole: usize,
    /// Bytes of the changes after it, together.
    after: usize,
    /// What these are called.
    changes: Vec<EntryName>,
    /// A write has failed, or something is missing: the next time, the whole is kept.
    unsure: bool,
}

impl Learning {
    /// The guard as it was kept, or one that knows nobody.
    pub(crate) async fn load(
        archive: &dyn Archive,
        model: Model,
        now: Timestamp,
    ) -> Result<Self, ArchiveError> {
        let damaged = |error: secnet_guard::SnapshotError| ArchiveError::Damaged(error.to_string());
        let mut kept = Kept::default();
        let mut guard = match archive.get(&guard_name()).await? {
            Some(bytes) => {
                kept.whole = bytes.len();
                Guard::restore(model, &bytes).map_err(damaged)?
            }
            None => Guard::new(model),
        };
        let mut changes = archive.list(EntryKind::Guard, CHANGES).await?;
        changes.sort_unstable();
        for (name, bytes) in changes {
            kept.unsure |= !guard.catch_up(&bytes).map_err(damaged)?;
            kept.after += bytes.len();
            kept.changes.push(name);
        }
        kept.tick = guard.tick();
        Ok(Self { guard, unsaved: 0, saved_at: now, kept })
    }

    /// Is it time to keep what was learnt? Asked once for each request.
    fn is_due(&mut self, now: Timestamp) -> bool {
        self.unsaved = self.unsaved.saturating_add(1);
        self.unsaved >= MAX_UNSAVED || now.since_ms(self.saved_at) >= SAVE_EVERY_MS
    }

    /// What to write, and what is kept once that is durable.
    fn unkept(&mut self, now: Timestamp) -> (Vec<Change>, Kept) {
        (self.unsaved, self.saved_at) = (0, now);
        self.kept.next(&self.guard)
    }
}

impl Kept {
    fn next(&self, guard: &Guard) -> (Vec<Change>, Self) {
        let tick = guard.tick();
        let is_full = self.after >= self.whole.max(LEAST_FOLDED_BYTES);
        if self.whole == 0 || self.unsure || is_full || self.changes.len() >= MAX_CHANGES {
            let bytes = guard.snapshot();
            let kept = Self { tick, whole: bytes.len(), ..Self::default() };
            let gone = self.changes.iter().map(|name| Change { name: name.clone(), value: None });
            let whole = Change { name: guard_name(), value: Some(bytes) };
            return (std::iter::once(whole).chain(gone).collect(), kept);
        }
        let bytes = guard.changes_since(self.tick);
        // In the order of the names is in the order of time.
        let name = EntryName::new(EntryKind::Guard, CHANGES, &tick.to_be_bytes());
        let mut kept = Self { tick, after: self.after + bytes.len(), ..self.clone() };
        kept.changes.push(name.clone());
        (vec![Change { name, value: Some(bytes) }], kept)
    }

    /// It is not known whether what was tried has become durable: both must go when the whole is kept.
    fn failed(&mut self, tried: Self) {
        self.unsure = true;
        if tried.changes.len() > self.changes.len() {
            self.changes = tried.changes;
        }
    }
}

impl Pdc {
    /// The guard learns from the outcome, after it has scored.
    pub(crate) async fn learn(&self, judgement: &Judgement, concluded: &Concluded) {
        let observed = match concluded.decision.verdict {
            Verdict::Allow { .. } => Observed::Allowed,
            Verdict::Hold { .. }
            | Verdict::Deny { reason: ReasonClass::StepUp | ReasonClass::Throttle } => {
                Observed::Held
            }
            Verdict::Deny { .. } => Observed::Denied,
        };
        let due = {
            let mut learning = self.learning.lock();
            learning.guard.conclude(&judgement.event, observed);
            learning.is_due(self.clock.now())
        };
        // While somebody keeps it, the next request will do.
        if due && let Some(_alone) = self.keeping.try_lock() {
            // What cannot be kept now is kept the next time; the decision stands either way.
            let _kept = self.keep_learnt().await;
        }
    }

    /// Somebody asked for what is not here. That is how one probes, so it counts.
    pub(crate) fn note_stray(&self, caller: &Authenticated) {
        let request = &caller.request.value;
        let now = self.clock.now();
        self.learning.lock().guard.stray(request.requester, request.dataset, now);
    }

    /// Keep what the guard has learnt, if it has learnt anything since.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub async fn save_guard(&self) -> Result<(), ArchiveError> {
        let _alone = self.keeping.lock().await;
        let is_kept = {
            let learning = self.learning.lock();
            learning.kept.tick == learning.guard.tick() && !learning.kept.unsure
        };
        if is_kept { Ok(()) } else { self.keep_learnt().await }
    }

    /// Nobody else may do it meanwhile.
    async fn keep_learnt(&self) -> Result<(), ArchiveError> {
        let (changes, kept) = self.learning.lock().unkept(self.clock.now());
        let written = self.archive.write(changes).await;
        let mut learning = self.learning.lock();
        match written {
            Ok(()) => learning.kept = kept,
            Err(_) => learning.kept.failed(kept),
        }
        written
    }
}

fn guard_name() -> EntryName {
    EntryName::new(EntryKind::Guard, &[], &[])
}

#[cfg(test)]
mod tests;
