//! `secnet init`

use clap::Args;
use serde_json::json;

use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// A name for the network, for people.
    #[arg(long, default_value = "my-network")]
    name: String,
}

pub(crate) async fn run(globals: &Globals, out: Output, args: InitArgs) -> Result<(), Failure> {
    if globals.dry_run {
        out.would(&format!("make a network `{}` in `{}`", args.name, globals.dir.display()));
        return Ok(());
    }
    let passphrase = globals.new_passphrase()?;
    let node = Node::create(&globals.dir, &args.name, &passphrase).await?;
    let value = json!({
        "network": node.pdc.network().to_string(),
        "name": args.name,
        "dir": globals.dir,
        "data_centre": node.pdc.member.to_string(),
        "governor": crate::node::GOVERNOR,
    });
    node.close().await?;
    out.result(&value, |_| {
        format!("made the network `{}` in `{}`", args.name, globals.dir.display())
    });
    out.say("next: secnet id new city-hospital --kind organisation");
    Ok(())
}
