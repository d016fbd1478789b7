//! `secnet ready`: for scripts and probes.

use clap::Args;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::remote::RemoteArgs;

#[derive(Debug, Args)]
pub(crate) struct ReadyArgs {
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Is the node ready to decide? Exit code 0, or 6.
pub(crate) async fn run(out: Output, args: &ReadyArgs) -> Result<(), Failure> {
    if !args.remote.is_given() {
        return Err(Failure::new("usage", "say which node")
            .hint("secnet ready --url http://127.0.0.1:8420")
            .exit(Exit::Usage));
    }
    let client = args.remote.client(out)?;
    if client.prints() {
        let line = format!("curl '{}/readyz'", client.base());
        out.result(&json!({ "curl": line }), |_| line.clone());
        return Ok(());
    }
    client.open("/readyz").await?;
    out.result(&json!({ "ready": true, "url": client.base() }), |_| "ready".into());
    Ok(())
}
