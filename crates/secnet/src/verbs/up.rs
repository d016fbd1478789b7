//! `secnet up`: the folder as a node that serves.

use std::net::SocketAddr;

use clap::Args;
use serde_json::json;

use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use crate::service::{Service, log};
use crate::vault;

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Where to listen; the setting `listen`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Serve until somebody interrupts.
pub(crate) async fn run(globals: &Globals, out: Output, args: UpArgs) -> Result<(), Failure> {
    let flags: Vec<_> = args.listen.iter().map(|listen| ("listen", listen.to_string())).collect();
    let settings = globals.config.load(&flags)?.settings()?;
    log::begin(&settings);
    let node = globals.open_in(&settings).await?;
    let config = globals.config.clone();
    let reread = Box::new(move || config.load(&flags)?.settings());
    let service = match vault_answers(&node).await {
        Ok(()) => Service::bind(settings, reread).await,
        Err(failure) => Err(failure),
    };
    let served = match service {
        Ok(service) => {
            let (url, metrics) = (service.url(), service.metrics_url());
            service
                .serve(&node, || {
                    let validator = node.part.as_ref().map(|part| part.me.to_string());
                    let told = json!({ "url": url, "metrics": metrics, "validator": validator });
                    out.result(&told, |_| match &url {
                        Some(url) => format!("serving on {url}; Ctrl-C stops"),
                        None => "taking part in the network; Ctrl-C stops".into(),
                    });
                })
                .await
        }
        Err(failure) => Err(failure),
    };
    let closed = node.close().await;
    served.and(closed)
}

/// A vault that is not this folder's, or takes nothing, is told of before anything is served. One that does not answer may do
/// so later: until then nothing is released, and what ends rights is still ordered. Administrators are told.
async fn vault_answers(node: &Node) -> Result<(), Failure> {
    match vault::look(&node.dir, &node.place).await {
        Err(failure) if failure.code == "vault-unreachable" => Ok(()),
        looked => looked,
    }
}
