//! `secnet up`: the folder as a node that serves.

use std::net::SocketAddr;

use clap::Args;
use serde_json::json;

use crate::cli::Globals;
use crate::config::ConfigArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::service::{Service, log};

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Where to listen; the setting `listen`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Serve until somebody interrupts.
pub(crate) async fn run(globals: &Globals, out: Output, args: UpArgs) -> Result<(), Failure> {
    let flags: Vec<_> = args.listen.iter().map(|listen| ("listen", listen.to_string())).collect();
    let settings = args.config.load(&flags)?.settings()?;
    log::begin(&settings);
    let node = globals.open_in(settings.network.as_ref()).await?;
    let service = Service::bind(settings).await;
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
