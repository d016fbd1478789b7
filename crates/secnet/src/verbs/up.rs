//! `secnet up`: the folder as a node that serves.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use secnet_gateway::{Gateway, Limits, router, serve};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::failure::{Exit, Failure};
use crate::node::Node;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8420")]
    listen: SocketAddr,
}

/// Serve until somebody interrupts.
pub(crate) async fn run(node: &Node, out: Output, args: UpArgs) -> Result<(), Failure> {
    let UpArgs { listen } = args;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure::new("listen", format!("cannot listen on {listen}"))
            .because(&error)
            .hint("choose another address with --listen")
            .exit(Exit::Unreachable)
    })?;
    let address = listener.local_addr().unwrap_or(listen);
    let limits = Limits::default();
    let gateway = Gateway::new(Arc::clone(&node.pdc), limits).publishing(node.dir.join("log"));
    let gateway = Arc::new(gateway);
    let house = Arc::clone(&gateway);
    let (stop, stopped) = watch::channel(false);
    out.result(&json!({ "url": format!("http://{address}") }), |_| {
        format!("serving on http://{address}; Ctrl-C stops")
    });
    let interrupted = async {
        drop(tokio::signal::ctrl_c().await);
        stop.send_replace(true);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = serve(listener, router(gateway), limits.connections, stopped) => {
            served.map_err(|error| Failure::new("listen", "the door closed").because(&error))
        }
        () = interrupted => Ok(()),
        () = house.keep_house() => Ok(()),
    }
}
