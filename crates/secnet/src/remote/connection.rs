//! Connections to nodes, and why there is none.

use std::time::Duration;

use reqwest::Certificate;
use reqwest::redirect::Policy;

use crate::failure::{Exit, Failure};

/// Longest file of certificates, in bytes.
pub(crate) const MAX_CA_BYTES: u64 = 1024 * 1024;
/// How long connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// What calls are made with: to this host by its own certificates, or by those that are trusted instead.
pub(super) fn http(host: &str, ca: Option<&[u8]>) -> Result<reqwest::Client, Failure> {
    // Whoever installed one first has installed the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut http =
        reqwest::Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIME);
    if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        http = http.no_proxy();
    }
    if let Some(pem) = ca {
        let certificates = Certificate::from_pem_bundle(pem).map_err(|error| {
            Failure::new("bad-certificate", "the file of --ca has no certificates")
                .because(&error)
                .exit(Exit::Usage)
        })?;
        http = http.tls_certs_only(certificates);
    }
    http.build()
        .map_err(|error| Failure::new("unreachable", "no connection can be made").because(&error))
}

/// What kept a call from being answered, down to its cause.
pub(super) fn why(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let last = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
    format!("it cannot be reached: {last}")
}
