//! The points at which the world may change under the flow's feet.
//!
//! Every port call passes a gate before and after its effect. At a gate the task gives way once, so that the scheduler
//! can run another task, cancel this one, or end the whole process: each `await` of the flow is a crash point.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};

#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// The disk has failed: nothing that happens in this process counts any more.
    dead: AtomicBool,
    /// Tasks do not give way: for questions that the checkers ask.
    open: AtomicBool,
}

impl Gate {
    pub(crate) async fn pass(&self) {
        if !self.open.load(Ordering::Relaxed) {
            GiveWay { given: false }.await;
        }
    }

    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }
}

struct GiveWay {
    given: bool,
}

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.given {
            return Poll::Ready(());
        }
        self.given = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Run a future to its end by itself. Every future here gives way a bounded number of times.
pub(crate) fn run_alone<T>(gate: &Gate, future: impl Future<Output = T>) -> T {
    gate.set_open(true);
    let mut future = core::pin::pin!(future);
    let waker = futures::task::noop_waker();
    let result = loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            break result;
        }
    };
    gate.set_open(false);
    result
}
