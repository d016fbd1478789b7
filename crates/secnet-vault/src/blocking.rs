//! Work that would hold an async thread up.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs `work` on the blocking pool, or here if there is no runtime of several threads.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, tokio::task::JoinError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() != RuntimeFlavor::CurrentThread => {
            handle.spawn_blocking(work).await
        }
        _ => Ok(work()),
    }
}

/// As [`blocking`], without waiting for the end; whoever needs it learns of it otherwise.
pub(crate) fn in_background(work: impl FnOnce() + Send + 'static) {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() != RuntimeFlavor::CurrentThread => {
            drop(handle.spawn_blocking(work));
        }
        _ => work(),
    }
}
