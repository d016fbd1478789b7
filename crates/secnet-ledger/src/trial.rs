//! What blocks would be, without making them: validators vote on blocks that may never become final, and nobody may see one
//! that is not durable yet.

use core::mem;

use secnet_crypto::Frontier;
use secnet_types::{Digest, Timestamp};

use crate::executor::Agreement;
use crate::state::Untold;
use crate::{Executor, StateDigest, Verified};

/// A block that is not agreed on yet.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// Its proposed time.
    pub time: Timestamp,
    /// What the engine says of it.
    pub agreement: Agreement,
    /// Its commands, in order.
    pub commands: &'a [Verified],
}

/// Where an executor comes to by blocks that were executed and taken back. Whoever makes them durable lets the executor
/// go there.
#[derive(Debug)]
pub struct Prepared {
    /// Height and header from which it goes on, and from nowhere else.
    from: (u64, Digest),
    changes: Option<(Untold, Stand)>,
}

impl Executor {
    /// Let `make` make blocks, and take all of it back. [`Self::adopt`] puts it in again, at a fraction of the cost.
    pub fn prepare<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> (T, Prepared) {
        let from = (self.height, self.parent);
        let mut trial = Trial::begin(self);
        let made = make(trial.executor);
        let changes = trial.take_back();
        drop(trial);
        (made, Prepared { from, changes })
    }

    /// As [`Self::prepare`], on top of blocks that were prepared one on the other, the first of them here. They are as they
    /// were afterwards. None, and nothing is made, if they do not follow one another.
    pub fn prepare_on<T>(
        &mut self,
        below: &mut [&mut Prepared],
        make: impl FnOnce(&mut Self) -> T,
    ) -> Option<(T, Prepared)> {
        let mut climb = Climb { executor: self, below, height: 0 };
        climb.up()?;
        Some(climb.executor.prepare(make))
    }

    /// Go where these blocks lead. False, and nothing is changed, if other blocks were made since they were prepared.
    #[must_use]
    pub fn adopt(&mut self, prepared: Prepared) -> bool {
        if prepared.from != (self.height, self.parent) {
            return false;
        }
        if let Some((untold, to)) = prepared.changes {
            self.state.redo(untold, to.height);
            self.exchange(to);
        }
        true
    }

    /// Everything besides the state; returns what it was.
    fn exchange(&mut self, stand: Stand) -> Stand {
        Stand {
            digest: mem::replace(&mut self.digest, stand.digest),
            log: mem::replace(&mut self.log, stand.log),
            height: mem::replace(&mut self.height, stand.height),
            parent: mem::replace(&mut self.parent, stand.parent),
            time: mem::replace(&mut self.time, stand.time),
        }
    }
}

/// All of an executor but its state.
#[derive(Debug, Clone)]
struct Stand {
    digest: StateDigest,
    log: Frontier,
    height: u64,
    parent: Digest,
    time: Timestamp,
}

/// On top of prepared blocks, for as long as it lives: whatever happens, the executor is as it was.
struct Climb<'a, 'b, 'p> {
    executor: &'a mut Executor,
    below: &'b mut [&'p mut Prepared],
    /// How many of them the executor is above.
    height: usize,
}

impl Climb<'_, '_, '_> {
    /// Up to the last one. None if one does not follow where the executor is.
    fn up(&mut self) -> Option<()> {
        for prepared in self.below.iter_mut() {
            if prepared.from != (self.executor.height, self.executor.parent) {
                return None;
            }
            prepared.exchange(self.executor)?;
            self.height = self.height.saturating_add(1);
        }
        Some(())
    }
}

impl Drop for Climb<'_, '_, '_> {
    fn drop(&mut self) {
        for prepared in self.below.iter_mut().take(self.height).rev() {
            // INVARIANT: it has been exchanged once.
            let back = prepared.exchange(self.executor);
            debug_assert!(back.is_some(), "there is no way back");
        }
    }
}

impl Prepared {
    /// Go there, or back again. None if it leads nowhere.
    fn exchange(&mut self, executor: &mut Executor) -> Option<()> {
        let (untold, to) = self.changes.take()?;
        let back = executor.state.exchange(untold);
        self.changes = Some((back, executor.exchange(to)));
        Some(())
    }
}

/// Whatever happens to it, the executor is as it was.
struct Trial<'a> {
    executor: &'a mut Executor,
    from: Option<Stand>,
}

impl<'a> Trial<'a> {
    fn begin(executor: &'a mut Executor) -> Self {
        executor.state.try_out();
        let from = Stand {
            digest: executor.digest.clone(),
            log: executor.log.clone(),
            height: executor.height,
            parent: executor.parent,
            time: executor.time,
        };
        Self { executor, from: Some(from) }
    }

    /// Back to where it began, once: what was tried, and where that had led.
    fn take_back(&mut self) -> Option<(Untold, Stand)> {
        let from = self.from.take()?;
        Some((self.executor.state.take_back(), self.executor.exchange(from)))
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        drop(self.take_back());
    }
}
