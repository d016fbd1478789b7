//! What the guard is told, and when what it has learnt is kept.

use secnet_guard::{Guard, Observed};
use secnet_types::{Timestamp, Verdict};

use crate::access::Concluded;
use crate::call::Authenticated;
use crate::pdc::Pdc;
use crate::ports::{ArchiveError, Change, EntryKind, EntryName};
use crate::vetting::Judgement;

/// Requests after which what was learnt is kept at the latest.
const MAX_UNSAVED: u32 = 256;
/// Time after which it is kept with the next request, in milliseconds.
const SAVE_EVERY_MS: u64 = 60_000;

/// The guard, and how much of what it knows a crash would take.
#[derive(Debug)]
pub(crate) struct Learning {
    pub guard: Guard,
    unsaved: u32,
    saved_at: Timestamp,
}

impl Learning {
    pub(crate) fn new(guard: Guard, now: Timestamp) -> Self {
        Self { guard, unsaved: 0, saved_at: now }
    }

    /// The bytes to keep, if it is time.
    fn due(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        self.unsaved = self.unsaved.saturating_add(1);
        let due = self.unsaved >= MAX_UNSAVED || now.since_ms(self.saved_at) >= SAVE_EVERY_MS;
        due.then(|| self.snapshot(now))
    }

    fn snapshot(&mut self, now: Timestamp) -> Vec<u8> {
        (self.unsaved, self.saved_at) = (0, now);
        self.guard.snapshot()
    }
}

impl Pdc {
    /// The guard learns from the outcome, after it has scored.
    pub(crate) async fn learn(&self, judgement: &Judgement, concluded: &Concluded) {
        let observed = match concluded.decision.verdict {
            Verdict::Allow { .. } => Observed::Allowed,
            Verdict::Hold { .. } => Observed::Held,
            Verdict::Deny { .. } => Observed::Denied,
        };
        let due = {
            let mut learning = self.learning.lock();
            learning.guard.conclude(&judgement.event, observed);
            learning.due(self.clock.now())
        };
        if let Some(bytes) = due {
            // What cannot be kept now is kept the next time; the decision stands either way.
            let _kept = self.keep_learnt(bytes).await;
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
    /// The archive cannot be read or written.
    pub async fn save_guard(&self) -> Result<(), ArchiveError> {
        let bytes = self.learning.lock().snapshot(self.clock.now());
        if self.archive.get(&guard_name()).await?.as_ref() == Some(&bytes) {
            return Ok(());
        }
        self.keep_learnt(bytes).await
    }

    async fn keep_learnt(&self, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        self.archive.write(vec![Change { name: guard_name(), value: Some(bytes) }]).await
    }
}

pub(crate) fn guard_name() -> EntryName {
    EntryName::new(EntryKind::Guard, &[], &[])
}
