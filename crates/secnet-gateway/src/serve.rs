//! Connections within limits: so many at once, none that does not move, and a graceful end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::auth::Peer;
use crate::metrics::{Closed, Metrics};
use crate::stall::Unstalled;

/// How long a connection may say nothing at all after it was made.
const FIRST_BYTE_TIME: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a request's head may take, and a kept-alive connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long a write may wait for the other side to take something.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Most header fields of a request.
const MAX_HEADERS: usize = 64;
/// Most bytes of a request's head that are kept.
pub(crate) const MAX_HEAD_BYTES: usize = 32 * 1024;
/// How long answers that are under way may take when the node stops.
const GRACE: Duration = Duration::from_secs(20);
/// Pause after the system refused a connection, so that a lack of descriptors is no busy loop.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a door does not open.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener is gone.
    #[error("the listener failed: {0}")]
    Listener(#[from] std::io::Error),
}

/// What TLS is spoken with. Another configuration counts from the next connection on.
pub type Tls = watch::Receiver<Arc<ServerConfig>>;

/// How connections are kept.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Connections at once.
    pub connections: usize,
    /// TLS, and nothing else, if there is a configuration for it.
    pub tls: Option<Tls>,
    /// Where connections that come to nothing are counted.
    pub metrics: Arc<Metrics>,
}

/// Serve connections until `stop` is true, then let answers that are under way end. Without TLS.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections: usize,
    stop: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let serving = Serving { connections, tls: None, metrics: Arc::default() };
    serve_with(listener, router, serving, stop).await
}

/// As [`serve`], with TLS if there is a configuration for it.
///
/// # Errors
/// [`ServeError`].
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    serving: Serving,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let places = Arc::new(Semaphore::new(serving.connections));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some(((stream, peer), place)) = accepted else { continue };
        let (router, serving, stop) = (router.clone(), serving.clone(), stop.clone());
        tokio::spawn(async move {
            connection((stream, peer), router, serving, stop).await;
            drop(place);
        });
    }
    drop(listener);
    let all = u32::try_from(serving.connections).unwrap_or(u32::MAX);
    // Whoever has not ended by then is cut off.
    tokio::time::timeout(GRACE, places.acquire_many(all)).await.ok();
    Ok(())
}

/// The next connection, when there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<((TcpStream, Peer), tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some(((stream, Peer(peer.ip())), place)),
        Err(_) => {
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

async fn connection(
    (stream, peer): (TcpStream, Peer),
    router: Router,
    serving: Serving,
    mut stop: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting for more to send only delays them.
    stream.set_nodelay(true).ok();
    let mut byte = [0];
    let spoke = tokio::select! {
        first = tokio::time::timeout(FIRST_BYTE_TIME, stream.peek(&mut byte)) => first,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    if !matches!(spoke, Ok(Ok(1..))) {
        return serving.metrics.closed(Closed::Silent);
    }
    let metrics = Arc::clone(&serving.metrics);
    let Some(tls) = &serving.tls else { return calls((stream, peer), router, metrics, stop).await };
    let config = Arc::clone(&tls.borrow());
    let shaken = tokio::time::timeout(HANDSHAKE_TIME, TlsAcceptor::from(config).accept(stream));
    match shaken.await {
        Ok(Ok(stream)) => calls((stream, peer), router, metrics, stop).await,
        _ => metrics.closed(Closed::Handshake),
    }
}

/// The calls of one connection.
async fn calls<S>(
    (stream, peer): (S, Peer),
    router: Router,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(Unstalled::new(stream, WRITE_TIME));
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .half_close(false)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // What a client does wrong is its own affair, and counted; what we do wrong is answered as a problem.
    if let Err(error) = ended {
        metrics.closed(why(&error));
    }
}

fn why(error: &hyper::Error) -> Closed {
    if error.is_parse_too_large() {
        Closed::TooLarge
    } else if error.is_parse() {
        Closed::Malformed
    } else if error.is_timeout() {
        Closed::Slow
    } else {
        Closed::Broken
    }
}
