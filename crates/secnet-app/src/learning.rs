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
#[derive(Debug, Default)]
struct Kept {
    /// How far that is known to reach.
    tick: u64,
    /// Bytes of the last whole.
    whole: usize,
    /// Bytes of the changes after it, together.
    after: usize,
    /// What these are called, those among them whose writing was cut off.
    changes: Vec<EntryName>,
    /// Something between them is missing: the next time, the whole is kept.
    gap: bool,
}

/// What is known to be kept once it is durable.
#[derive(Debug, Clone, Copy)]
enum Step {
    Whole { tick: u64, bytes: usize },
    Changes { tick: u64 },
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
            kept.gap |= !guard.catch_up(&bytes).map_err(damaged)?;
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

    /// What to write, and what that comes to.
    fn unkept(&mut self, now: Timestamp) -> (Vec<Change>, Step) {
        (self.unsaved, self.saved_at) = (0, now);
        self.kept.next(&self.guard)
    }
}

impl Kept {
    fn next(&mut self, guard: &Guard) -> (Vec<Change>, Step) {
        let tick = guard.tick();
        let is_full = self.after >= self.whole.max(LEAST_FOLDED_BYTES);
        if self.whole == 0 || self.gap || is_full || self.changes.len() >= MAX_CHANGES {
            let whole = guard.snapshot();
            let step = Step::Whole { tick, bytes: whole.len() };
            let gone = self.changes.iter().map(|name| Change { name: name.clone(), value: None });
            let whole = Change { name: guard_name(), value: Some(whole) };
            return (std::iter::once(whole).chain(gone).collect(), step);
        }
        let bytes = guard.changes_since(self.tick);
        // In the order of the names is in the order of time.
        let name = EntryName::new(EntryKind::Guard, CHANGES, &tick.to_be_bytes());
        // It counts from now on, for nobody may come back to tell whether it became durable. Until that is known the next changes
        // have these again.
        self.after = self.after.saturating_add(bytes.len());
        self.changes.push(name.clone());
        (vec![Change { name, value: Some(bytes) }], Step::Changes { tick })
    }

    fn is_durable(&mut self, step: Step) {
        match step {
            Step::Whole { tick, bytes } => *self = Self { tick, whole: bytes, ..Self::default() },
            Step::Changes { tick } => self.tick = tick,
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
            learning.guard.conclude(&judgement.event, &judgement.features, observed);
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
            learning.kept.tick == learning.guard.tick() && !learning.kept.gap
        };
        if is_kept { Ok(()) } else { self.keep_learnt().await }
    }

    /// Nobody else may do it meanwhile.
    async fn keep_learnt(&self) -> Result<(), ArchiveError> {
        let (changes, step) = self.learning.lock().unkept(self.clock.now());
        self.archive.write(changes).await?;
        self.learning.lock().kept.is_durable(step);
        Ok(())
    }
}

fn guard_name() -> EntryName {
    EntryName::new(EntryKind::Guard, &[], &[])
}

#[cfg(test)]
mod tests;
