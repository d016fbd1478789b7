//! A backend that remembers in which way it failed. After a write or a growth that found no room, what is on the disk is
//! known and the database can be opened again. After anything else, a failed sync above all, it is not: the operating
//! system may then hold pages for written that no disk has, and would show them to whoever opens the file again.

use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{BackendError, StorageBackend};

/// How a backend has failed so far.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    no_room: AtomicBool,
    worse: AtomicBool,
}

impl Failures {
    /// Was a lack of room all that happened?
    pub(crate) fn only_room(&self) -> bool {
        self.no_room.load(Ordering::Acquire) && !self.worse.load(Ordering::Acquire)
    }

    /// The backend is another one from now on.
    pub(crate) fn forget(&self) {
        self.no_room.store(false, Ordering::Release);
        self.worse.store(false, Ordering::Release);
    }

    fn seen<T>(&self, done: io::Result<T>, could_lack_room: bool) -> io::Result<T> {
        if let Err(error) = &done {
            let flag =
                if could_lack_room && lacks_room(error) { &self.no_room } else { &self.worse };
            flag.store(true, Ordering::Release);
        }
        done
    }
}

/// Does the error say that there is no room left?
pub(crate) fn lacks_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A backend under watch.
#[derive(Debug)]
pub(crate) struct Watched<B> {
    inner: B,
    failures: Arc<Failures>,
}

impl<B> Watched<B> {
    pub(crate) fn new(inner: B, failures: Arc<Failures>) -> Self {
        Self { inner, failures }
    }
}

impl<B: StorageBackend> StorageBackend for Watched<B> {
    fn len(&self) -> io::Result<u64> {
        self.failures.seen(self.inner.len(), false)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.failures.seen(self.inner.read(offset, out), false)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.failures.seen(self.inner.set_len(len), true)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.failures.seen(self.inner.sync_data(), false)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.failures.seen(self.inner.write(offset, data), true)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
