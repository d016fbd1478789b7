//! A folder that serves until it is told to stop.

mod administrators;
mod alerts;
mod chores;
mod doors;
mod expiry;
mod handing;
mod irregular;
pub(crate) mod log;
mod moving;
mod standing;
pub(crate) mod tls;
pub(crate) mod watching;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alerts::Alerts;
use secnet_app::{AccessError, CanaryError, MAX_VIEW_AGE_MS};
use secnet_gateway::{Gateway, Serving, Tls, metrics_router, router, serve_with};
use secnet_ledger::Rejection;
use secnet_node::Reserve;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Settings;
use crate::failure::{Exit, Failure};
use crate::node::{LEDGER, Node};

/// Connections at once to where the metrics are.
const METRICS_CONNECTIONS: usize = 64;

/// How often it is looked whether the validators agree again.
const LOOK_FOR_QUORUM: Duration = Duration::from_millis(100);

/// Listeners that nobody is served on yet.
pub(crate) struct Service {
    /// Of the door, if it is served.
    listener: Option<TcpListener>,
    address: SocketAddr,
    metrics: Option<TcpListener>,
    tls: Option<tls::Files>,
    settings: Settings,
    /// Reads the settings again.
    reread: Reread,
}

/// Reads the settings again, from where they were read first.
pub(crate) type Reread = Box<dyn Fn() -> Result<Settings, Failure> + Send + Sync>;

impl Service {
    /// Take the addresses and read the certificates.
    pub(crate) async fn bind(settings: Settings, reread: Reread) -> Result<Self, Failure> {
        let files = crate::system::raise_open_files();
        if files < settings.limits.connections as u64 {
            tracing::warn!(
                files,
                connections = settings.limits.connections,
                "this process may open fewer files than it has places for connections"
            );
        }
        let tls = settings.tls.clone().map(tls::Files::open).transpose()?;
        let listener = if settings.door { Some(bind(settings.listen).await?) } else { None };
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let address = address.unwrap_or(settings.listen);
        let metrics = match settings.metrics {
            Some(metrics) => Some(bind(metrics).await?),
            None => None,
        };
        Ok(Self { listener, address, metrics, tls, settings, reread })
    }

    /// Where callers find it, if it has a door.
    pub(crate) fn url(&self) -> Option<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.listener.as_ref().map(|_| match self.settings.authorities.first() {
            Some(authority) => format!("{scheme}://{authority}"),
            None => format!("{scheme}://{}", self.address),
        })
    }

    /// Where the metrics are.
    pub(crate) fn metrics_url(&self) -> Option<String> {
        let address = self.metrics.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}/metrics"))
    }

    /// Show that consent is enforced, serve until a signal asks for the end, then let answers that are under way end.
    /// `opened` is called when whatever follows is served.
    pub(crate) async fn serve(mut self, node: &Node, opened: impl FnOnce()) -> Result<(), Failure> {
        let mut asked = Signals::listen()?;
        if node.part.is_some() {
            // A validator without room stops, and the others go on: there is nothing to keep for it.
            self.settings.reserve = 0;
        }
        let (alerts, door_url) = (Alerts::default(), self.door_url());
        let gateway = Arc::new(self.gateway(node, &alerts));
        let (stop, stopped) = watch::channel(false);
        let metrics = metrics(self.metrics.take(), (Arc::clone(&gateway), node), stopped.clone());
        let mut metrics = std::pin::pin!(metrics);
        // How a validator stands can be asked while it waits for the others.
        tokio::select! {
            shown = show_enforced(node, self.listener.is_some()) => shown?,
            () = asked.end() => return Ok(()),
            () = &mut metrics => {}
        }
        // Nobody writes yet: what uploads left that a crash cut off takes room for nothing.
        let cleared = node.vault.clear_staging().await;
        if let Err(error) = cleared {
            tracing::warn!(why = %error, "what cut off uploads left in the vault stays there");
        }
        let (house, told) = (Arc::clone(&gateway), Arc::clone(&gateway));
        let certificates = self.tls.as_ref().map(tls::Files::current);
        let serving = self.serving(&gateway, certificates);
        let listener = self.listener.take();
        let has_door = listener.is_some();
        let door = async {
            match listener {
                Some(listener) => serve_with(listener, router(gateway), serving, stopped).await,
                None => std::future::pending().await,
            }
        };
        let reserve = Reserve::of(&node.dir.join(LEDGER), self.settings.reserve);
        node.ledger.move_to(Box::new(reserve));
        let beside = async {
            tokio::join!(
                chores::run(node, &self.settings, &alerts),
                watching::run(node, &self.settings, &alerts),
                irregular::run(node, &alerts),
                house.keep_house(),
                doors::follow(node),
                handing::run(node, &alerts),
                moving::run(node, &self.settings),
                webhooks::run(node, &self.settings.webhooks, &alerts),
                tls::follow(self.tls),
                administrators::follow(&told, &self.reread),
                metrics,
            );
        };
        doors::open(node, door_url.filter(|_| has_door));
        opened();
        let ended = async {
            asked.end().await;
            tracing::info!("stopping");
            stop.send_replace(true);
            if has_door {
                // Answers that are under way end; then the door does.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            served = door => {
                served.map_err(|error| Failure::new("listen", "the door closed").because(&error))
            }
            () = ended => Ok(()),
            () = beside => Ok(()),
        }
    }

    fn gateway(&self, node: &Node, alerts: &Alerts) -> Gateway {
        let administrators = self.settings.administrators.iter().copied();
        let gateway = Gateway::new(Arc::clone(&node.pdc), self.settings.limits)
            .answering_to(self.authorities())
            .behind(self.settings.proxies.clone())
            .publishing(node.dir.join("log"))
            .administered_by(administrators, Arc::clone(&alerts.bulletin));
        match &self.settings.door_url {
            Some(url) => gateway.known_as(url.to_string()),
            None => gateway,
        }
    }

    fn serving(&self, gateway: &Gateway, tls: Option<Tls>) -> Serving {
        let connections = self.settings.limits.connections;
        Serving { connections, tls, metrics: Arc::clone(&gateway.metrics) }
    }

    /// The names that calls are answered to.
    fn authorities(&self) -> Vec<String> {
        let mut names = self.settings.authorities.clone();
        if names.is_empty() {
            names = vec![self.address.to_string(), format!("localhost:{}", self.address.port())];
        }
        // Where others are sent, they are answered.
        names.extend(self.settings.door_url.as_ref().map(|url| url.authority().to_owned()));
        names
    }
}

/// What must be refused is refused, or the node does not serve. A validator of a network waits for the others first.
async fn show_enforced(node: &Node, has_door: bool) -> Result<(), Failure> {
    if !has_door {
        return Ok(());
    }
    loop {
        let mut told = false;
        while node.part.is_some() && !(is_fresh(node) && is_known(node)) {
            if !told && is_fresh(node) {
                tracing::warn!(
                    "the ledger as far as it is here does not know this data centre's member yet"
                );
                told = true;
            }
            tokio::time::sleep(LOOK_FOR_QUORUM).await;
        }
        match node.pdc.canary().await {
            Ok(denial) => {
                let denial = denial.map(|denial| denial.to_string());
                tracing::info!(decision = denial, "what must be refused is refused");
                return Ok(());
            }
            // The validators may have gone apart in between: that says nothing about what is enforced.
            Err(CanaryError::Undecided(error)) if node.part.is_some() && is_for_now(&error) => {
                tracing::warn!(%error, "nothing is agreed on yet");
                tokio::time::sleep(LOOK_FOR_QUORUM).await;
            }
            Err(error) => return Err(not_enforced(&error)),
        }
    }
}

/// Does it only say that the validators did not agree in time?
fn is_for_now(error: &AccessError) -> bool {
    error.retryable() || matches!(error, AccessError::Rejected(Rejection::Expired { .. }))
}

fn is_fresh(node: &Node) -> bool {
    node.pdc.view(|view| view.age_ms <= MAX_VIEW_AGE_MS) == Some(true)
}

/// A node that has just come may still get the blocks from before its member was admitted, and in a young network those are no
/// older than a fresh view may be.
fn is_known(node: &Node) -> bool {
    let member = node.pdc.member;
    node.pdc.view(|view| view.state.member(member).is_some()) == Some(true)
}

async fn bind(listen: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).await.map_err(|error| {
        Failure::new("listen", format!("cannot listen on {listen}"))
            .because(&error)
            .hint("choose another address with --listen")
            .exit(Exit::Unreachable)
    })
}

/// For whoever starts a node without consent being enforced.
fn not_enforced(error: &CanaryError) -> Failure {
    let failure = Failure::new("not-enforced", "the node does not serve: refusing was not shown");
    failure
        .because(error)
        .hint("`secnet fsck` looks for damage; if it finds none, this is a bug: please report it")
        .exit(Exit::NotEnforced)
}

async fn metrics(
    listener: Option<TcpListener>,
    (gateway, node): (Arc<Gateway>, &Node),
    stop: watch::Receiver<bool>,
) {
    let Some(listener) = listener else { return std::future::pending().await };
    let serving = Serving {
        connections: METRICS_CONNECTIONS,
        tls: None,
        metrics: Arc::clone(&gateway.metrics),
    };
    let routes = standing::router(node).merge(metrics_router(gateway));
    if let Err(error) = serve_with(listener, routes, serving, stop).await {
        tracing::error!(%error, "the metrics are not served any more");
    }
    std::future::pending().await
}

/// What asks a process to end: Ctrl-C, and what service managers send.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on the process does not end by itself.
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let failed = |error: std::io::Error| {
                Failure::new("threads", "cannot listen for signals").because(&error)
            };
            let terminate = signal(SignalKind::terminate()).map_err(failed)?;
            let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
            Ok(Self { terminate, interrupt })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    #[cfg(unix)]
    pub(crate) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn end(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}
