//! Writes that wait for the disk together: each is whole or not at all, and one fsync serves all that came meanwhile.
//! When writes come together, whoever leads waits a moment for as many as came the last time: a transaction costs about the
//! same for one as for twenty. A write that comes alone is never kept waiting.

use std::time::{Duration, Instant};

use futures::channel::oneshot;
use parking_lot::Mutex;
use secnet_app::ports::{ArchiveError, Change};

use crate::archive::failed;

/// Largest entry, in bytes.
const MAX_ENTRY_BYTES: usize = 16 * 1024 * 1024;
/// Most writes in one transaction: whoever waits is not kept waiting by a crowd without end.
const MAX_TOGETHER: usize = 256;

/// How long a transaction waits for company at most.
const COMPANY_TIME: Duration = Duration::from_millis(5);
/// Pause between two looks whether it has come.
const COMPANY_LOOK: Duration = Duration::from_micros(250);

/// What one caller wants written.
#[derive(Debug)]
pub(crate) struct Write {
    pub changes: Vec<Change>,
    /// Under new erasure tags.
    pub fresh_tags: bool,
}

impl Write {
    /// What would fail is refused alone, before others share its fate.
    pub(crate) fn check(&self) -> Result<(), ArchiveError> {
        let lengths = self.changes.iter().filter_map(|change| Some(change.value.as_ref()?.len()));
        match lengths.max().filter(|len| *len > MAX_ENTRY_BYTES) {
            Some(len) => Err(failed(format!("an entry has `{len}` bytes, more than it may"))),
            None => Ok(()),
        }
    }
}

type Answer = oneshot::Sender<Result<(), ArchiveError>>;

/// The writes that wait, and whether somebody is at work.
#[derive(Debug, Default)]
pub(crate) struct WriteQueue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    writes: Vec<Write>,
    answers: Vec<Answer>,
    led: bool,
    /// How many more than one came together the last time.
    expected: usize,
}

impl WriteQueue {
    /// Wait with the others. Whoever is told to must [lead](Self::lead).
    pub(crate) fn join(&self, write: Write) -> (oneshot::Receiver<Result<(), ArchiveError>>, bool) {
        let (answer, done) = oneshot::channel();
        let mut waiting = self.0.lock();
        waiting.writes.push(write);
        waiting.answers.push(answer);
        let leads = !std::mem::replace(&mut waiting.led, true);
        (done, leads)
    }

    /// Make everything durable that waits, in the order in which it came, until nothing does.
    pub(crate) fn lead(&self, mut commit: impl FnMut(&[Write]) -> Result<(), ArchiveError>) {
        let _leading = Leading(self);
        loop {
            self.wait_for_company();
            let (writes, answers) = {
                let mut waiting = self.0.lock();
                if waiting.writes.is_empty() {
                    waiting.led = false;
                    return;
                }
                waiting.expected = waiting.writes.len().saturating_sub(1);
                let together = waiting.writes.len().min(MAX_TOGETHER);
                let writes: Vec<Write> = waiting.writes.drain(..together).collect();
                let answers: Vec<Answer> = waiting.answers.drain(..together).collect();
                (writes, answers)
            };
            let done = commit(&writes);
            for answer in answers {
                // Whoever has gone away needs no answer.
                drop(answer.send(done.clone()));
            }
        }
    }
}

impl WriteQueue {
    /// Returns when as many wait as the last time, or have not come in time.
    fn wait_for_company(&self) {
        let start = Instant::now();
        loop {
            let waiting = self.0.lock();
            let complete = waiting.writes.is_empty() || waiting.writes.len() > waiting.expected;
            drop(waiting);
            if complete || start.elapsed() >= COMPANY_TIME {
                return;
            }
            std::thread::sleep(COMPANY_LOOK);
        }
    }
}

/// If the engine panics, nobody waits for ever: what waits fails, and the next write leads.
struct Leading<'a>(&'a WriteQueue);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0.0.lock() = Waiting::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt as _;
    use secnet_app::ports::{EntryKind, EntryName};

    use super::*;

    fn write(len: usize) -> Write {
        let name = EntryName::new(EntryKind::Guard, &[], &[]);
        Write { changes: vec![Change { name, value: Some(vec![0; len]) }], fresh_tags: false }
    }

    #[test]
    fn writes_that_come_during_a_commit_share_the_next_one() {
        let queue = WriteQueue::default();
        let (first, leads) = queue.join(write(1));
        assert!(leads);
        let (commits, mut later) = (AtomicUsize::new(0), Vec::new());
        queue.lead(|writes| {
            if commits.fetch_add(1, Ordering::Relaxed) == 0 {
                later.extend((0..3).map(|_| queue.join(write(1))));
            } else {
                assert_eq!(writes.len(), 3);
            }
            Ok(())
        });
        assert_eq!(commits.load(Ordering::Relaxed), 2);
        assert_eq!(first.now_or_never(), Some(Ok(Ok(()))));
        for (done, leads) in later {
            assert!(!leads);
            assert_eq!(done.now_or_never(), Some(Ok(Ok(()))));
        }
        assert!(queue.join(write(1)).1, "the next one leads again");
    }

    #[test]
    fn only_who_came_together_is_waited_for() {
        let queue = WriteQueue::default();
        let together: Vec<_> = (0..3).map(|_| queue.join(write(1))).collect();
        queue.lead(|_| Ok(()));
        assert_eq!(queue.0.lock().expected, 2, "as many may come together again");
        let alone = queue.join(write(1));
        queue.lead(|_| Ok(()));
        assert_eq!(queue.0.lock().expected, 0, "the next one that is alone need not wait");
        assert!(together.into_iter().chain([alone]).all(|(done, _)| done.now_or_never().is_some()));
    }

    #[test]
    fn a_failed_commit_fails_for_everybody_in_it() {
        let queue = WriteQueue::default();
        let waiting: Vec<_> = (0..3).map(|_| queue.join(write(1)).0).collect();
        queue.lead(|_| Err(failed("the disk is full")));
        for done in waiting {
            assert!(matches!(done.now_or_never(), Some(Ok(Err(ArchiveError::Storage(_))))));
        }
    }

    #[test]
    fn after_a_panic_nobody_waits_for_ever() {
        let queue = WriteQueue::default();
        let (first, _) = queue.join(write(1));
        let (second, _) = queue.join(write(1));
        let lead = || queue.lead(|_| panic!("the engine"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(lead)).is_err());
        assert!(first.now_or_never().is_some_and(|done| done.is_err()));
        assert!(second.now_or_never().is_some_and(|done| done.is_err()));
        assert!(queue.join(write(1)).1);
    }

    #[test]
    fn what_is_too_long_is_refused_alone() {
        assert!(write(MAX_ENTRY_BYTES).check().is_ok());
        assert!(write(MAX_ENTRY_BYTES + 1).check().is_err());
    }

    #[test]
    fn a_crowd_is_served_in_parts() {
        let queue = WriteQueue::default();
        let waiting: Vec<_> = (0..MAX_TOGETHER + 1).map(|_| queue.join(write(1)).0).collect();
        let mut sizes = Vec::new();
        queue.lead(|writes| {
            sizes.push(writes.len());
            Ok(())
        });
        assert_eq!(sizes, [MAX_TOGETHER, 1]);
        assert!(waiting.into_iter().all(|done| done.now_or_never() == Some(Ok(Ok(())))));
    }
}
