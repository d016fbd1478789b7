//! Certificate and key from their files, read again when these change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secnet_gateway::Tls;
use tokio::sync::watch;

use crate::failure::{Exit, Failure};
use crate::files;

/// Longest PEM file, in bytes.
const MAX_PEM_BYTES: u64 = 1024 * 1024;
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The files, and what they held last.
pub(crate) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    config: watch::Sender<Arc<ServerConfig>>,
}

impl Files {
    pub(crate) fn open((certificate, key): (PathBuf, PathBuf)) -> Result<Self, Failure> {
        let config = watch::Sender::new(read(&certificate, &key)?);
        Ok(Self { certificate, key, config })
    }

    /// What they hold, now and later.
    pub(crate) fn current(&self) -> Tls {
        self.config.subscribe()
    }

    /// Whether they are as they were, without reading them.
    fn looks(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len()))
        })
    }

    /// Take what the files hold now, if it can be used; what was used before stays otherwise.
    fn reload(&self) {
        match read(&self.certificate, &self.key) {
            Ok(config) => {
                self.config.send_replace(config);
                tracing::info!("the certificate was read again");
            }
            Err(failure) => {
                let why = failure.causes.join(": ");
                tracing::error!(why, "{}; the one before stays in use", failure.message);
            }
        }
    }
}

/// Read the files again when they change and at SIGHUP, for as long as this is polled.
pub(crate) async fn follow(files: Option<Files>) {
    let mut asked = Hangups::listen();
    let mut seen = files.as_ref().map(Files::looks);
    loop {
        let hung_up = tokio::select! {
            () = asked.next() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let Some(files) = &files else { continue };
        let now = Some(files.looks());
        if hung_up || now != seen {
            seen = now;
            files.reload();
        }
    }
}

/// SIGHUP, which does not end a node.
struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Self { signal: signal(SignalKind::hangup()).ok() }
        }
        #[cfg(not(unix))]
        Self {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

/// What the two files hold: a chain, and the key that belongs to it.
pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, Failure> {
    let unusable = |path: &Path, error: &dyn std::error::Error| {
        Failure::new("tls", format!("`{}` cannot be used for TLS", path.display()))
            .because(error)
            .hint("both files are PEM: the certificate with those that lead to its authority, and its key")
            .exit(Exit::Usage)
    };
    let pem = files::read(certificate, MAX_PEM_BYTES)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| unusable(certificate, &error))?;
    let pem = files::read(key, MAX_PEM_BYTES)?;
    let secret = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| unusable(key, &error))?;
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, secret);
    let mut config = config.map_err(|error| unusable(certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
