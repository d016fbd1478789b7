//! A connection that does not move is closed: whoever neither sends nor takes keeps nobody else out. One that is closed before
//! everything that was sent has been read is closed gently, or the answer would be lost with it.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long, after the last answer, what the other side still sends is read away. To close at once what has not been read
/// resets the connection, and the other side may never see why (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);
/// Most bytes that are read away.
const MAX_LINGER_BYTES: usize = 64 * 1024 * 1024;

/// A stream whose writes fail if the other side takes nothing for too long.
#[derive(Debug)]
pub(crate) struct Unstalled<S> {
    stream: S,
    patience: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
    closing: Closing,
}

/// How far a stream is closed.
#[derive(Debug)]
enum Closing {
    /// Not at all.
    Open,
    /// Nothing is written any more; what comes is read away until then, so many bytes of it.
    Lingering(Pin<Box<Sleep>>, usize),
}

impl<S> Unstalled<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, waiting: None, closing: Closing::Open }
    }

    /// Watch one attempt to write.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.waiting = None;
            return attempt;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> Unstalled<S> {
    /// Read away what still comes, as long as it does and within limits.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Closing::Lingering(until, left) = &mut self.closing else { return Poll::Ready(()) };
        let mut away = [0; 16 * 1024];
        loop {
            if *left == 0 || until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut away);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *left = left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstalled<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Unstalled<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, attempt)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, attempt)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Closing::Open = self.closing {
            let attempt = Pin::new(&mut self.stream).poll_shutdown(cx);
            match self.watch(cx, attempt) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
            self.closing = Closing::Lingering(Box::pin(sleep(LINGER)), MAX_LINGER_BYTES);
        }
        self.linger(cx).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.watch(cx, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_given_up() {
        let (ours, theirs) = tokio::io::duplex(8);
        let mut stream = Unstalled::new(ours, Duration::from_secs(5));
        let start = Instant::now();
        let error = stream.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn what_still_comes_is_read_away_but_not_for_ever() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut stream = Unstalled::new(ours, Duration::from_secs(5));
        let sender = tokio::spawn(async move {
            // More than fits into what lies between.
            theirs.write_all(&[0; 64]).await.unwrap();
            theirs
        });
        let start = Instant::now();
        stream.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), LINGER, "the other side does not close");
        let theirs = sender.await.unwrap();
        drop(theirs);
        stream.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), LINGER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_goes_on_is_served() {
        use tokio::io::AsyncReadExt as _;
        let (ours, mut theirs) = tokio::io::duplex(8);
        let reader = tokio::spawn(async move {
            let mut taken = 0;
            while taken < 64 {
                tokio::time::sleep(Duration::from_secs(4)).await;
                taken += theirs.read(&mut [0; 8]).await.unwrap();
            }
        });
        let mut stream = Unstalled::new(ours, Duration::from_secs(5));
        stream.write_all(&[0; 64]).await.unwrap();
        reader.await.unwrap();
    }
}
