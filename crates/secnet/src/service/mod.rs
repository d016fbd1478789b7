//! A folder that serves until it is told to stop.

mod alerts;
mod chores;
mod expiry;
pub(crate) mod log;
pub(crate) mod tls;
pub(crate) mod watching;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;

use alerts::Alerts;
use secnet_app::CanaryError;
use secnet_gateway::{Gateway, Serving, Tls, metrics_router, router, serve_with};
use secnet_node::Reserve;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Settings;
use crate::failure::{Exit, Failure};
use crate::node::{LEDGER, Node};

/// Connections at once to where the metrics are.
const METRICS_CONNECTIONS: usize = 64;

/// Listeners that nobody is served on yet.
pub(crate) struct Service {
    listener: TcpListener,
    address: SocketAddr,
    metrics: Option<TcpListener>,
    tls: Option<tls::Files>,
    settings: Settings,
}

impl Service {
    /// Take the addresses and read the certificates.
    pub(crate) async fn bind(settings: Settings) -> Result<Self, Failure> {
        let files = crate::system::raise_open_files();
        if files < settings.limits.connections as u64 {
            tracing::warn!(
                files,
                connections = settings.limits.connections,
                "this process may open fewer files than it has places for connections"
            );
        }
        let tls = settings.tls.clone().map(tls::Files::open).transpose()?;
        let listener = bind(settings.listen).await?;
        let address = listener.local_addr().unwrap_or(settings.listen);
        let metrics = match settings.metrics {
            Some(metrics) => Some(bind(metrics).await?),
            None => None,
        };
        Ok(Self { listener, address, metrics, tls, settings })
    }

    /// Where callers find it.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match self.settings.authorities.first() {
            Some(authority) => format!("{scheme}://{authority}"),
            None => format!("{scheme}://{}", self.address),
        }
    }

    /// Where the metrics are.
    pub(crate) fn metrics_url(&self) -> Option<String> {
        let address = self.metrics.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}/metrics"))
    }

    /// Show that consent is enforced, serve until a signal asks for the end, then let answers that are under way end.
    /// `opened` is called when whatever follows is served.
    pub(crate) async fn serve(self, node: &Node, opened: impl FnOnce()) -> Result<(), Failure> {
        let asked = Signals::listen()?;
        let denial = node.pdc.canary().await.map_err(|error| not_enforced(&error))?;
        let denial = denial.map(|denial| denial.to_string());
        tracing::info!(decision = denial, "what must be refused is refused");
        // Nobody writes yet: what uploads left that a crash cut off takes room for nothing.
        let cleared = node.vault.clear_staging().await;
        if let Err(error) = cleared {
            tracing::warn!(why = %error, "what cut off uploads left in the vault stays there");
        }
        let gateway = Gateway::new(Arc::clone(&node.pdc), self.settings.limits);
        let alerts = Alerts::default();
        let administrators = self.settings.administrators.iter().copied();
        let gateway = gateway
            .answering_to(self.authorities())
            .publishing(node.dir.join("log"))
            .administered_by(administrators, Arc::clone(&alerts.bulletin));
        let gateway = Arc::new(gateway);
        let house = Arc::clone(&gateway);
        let (stop, stopped) = watch::channel(false);
        let certificates = self.tls.as_ref().map(tls::Files::current);
        let serving = self.serving(&gateway, certificates);
        let door =
            serve_with(self.listener, router(Arc::clone(&gateway)), serving, stopped.clone());
        let reserve = Reserve::of(&node.dir.join(LEDGER), self.settings.reserve);
        node.solo.move_to(Box::new(reserve));
        let beside = async {
            tokio::join!(
                chores::run(node, &self.settings, &alerts),
                watching::run(node, &self.settings, &alerts),
                house.keep_house(),
                webhooks::run(node, &self.settings.webhooks, &alerts),
                tls::follow(self.tls),
                metrics(self.metrics, gateway, stopped),
            );
        };
        opened();
        let told = async {
            asked.end().await;
            tracing::info!("stopping");
            stop.send_replace(true);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            served = door => {
                served.map_err(|error| Failure::new("listen", "the door closed").because(&error))
            }
            () = told => Ok(()),
            () = beside => Ok(()),
        }
    }

    fn serving(&self, gateway: &Gateway, tls: Option<Tls>) -> Serving {
        let connections = self.settings.limits.connections;
        Serving { connections, tls, metrics: Arc::clone(&gateway.metrics) }
    }

    /// The names that calls are answered to.
    fn authorities(&self) -> Vec<String> {
        if !self.settings.authorities.is_empty() {
            return self.settings.authorities.clone();
        }
        vec![self.address.to_string(), format!("localhost:{}", self.address.port())]
    }
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
    gateway: Arc<Gateway>,
    stop: watch::Receiver<bool>,
) {
    let Some(listener) = listener else { return std::future::pending().await };
    let serving = Serving {
        connections: METRICS_CONNECTIONS,
        tls: None,
        metrics: Arc::clone(&gateway.metrics),
    };
    if let Err(error) = serve_with(listener, metrics_router(gateway), serving, stop).await {
        tracing::error!(%error, "the metrics are not served any more");
    }
    std::future::pending().await
}

/// What asks a process to end: Ctrl-C, and what service managers send.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on the process does not end by itself.
    fn listen() -> Result<Self, Failure> {
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
    async fn end(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn end(self) {
        drop(tokio::signal::ctrl_c().await);
    }
}
