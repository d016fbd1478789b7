//! `secnet init`

use std::path::{Path, PathBuf};

use clap::Args;
use secnet_app::Enclosures;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use crate::vault::{self, Where};
use crate::{sign, succession};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// A name for the network, for people. Default: my-network, or that of the network that is continued.
    #[arg(long)]
    name: Option<String>,
    /// Continue the network in this folder: it is closed, and members, consent, money and data go on in the new one under
    /// a new sequencer's key. Can be called again if it was interrupted.
    #[arg(long, value_name = "DIR")]
    successor_of: Option<PathBuf>,
}

pub(crate) async fn run(globals: &Globals, out: Output, args: InitArgs) -> Result<(), Failure> {
    let dir = &globals.dir;
    let name = args.name.as_deref();
    let place = globals.vault()?;
    let node = match &args.successor_of {
        Some(old) if globals.dry_run => return foresee(globals, out, (old, &place), name).await,
        Some(old) => {
            let passphrase = globals.passphrase_of(old)?;
            succession::succeed(old, (dir, &place), name, &passphrase).await?
        }
        None => {
            let name = name.unwrap_or("my-network");
            if globals.dry_run {
                out.would(&format!(
                    "make a network `{name}` in `{}`{}",
                    dir.display(),
                    apart(&place)
                ));
                return Ok(());
            }
            // Before anybody has typed a passphrase, twice.
            vault::check_settings(&place)?;
            let made = Node::create_with(dir, name, &globals.new_passphrase()?, &place).await;
            made.map_err(|failure| begun(dir, failure))?
        }
    };
    let genesis = node.pdc.log.genesis().clone();
    let value = json!({
        "network": node.pdc.network().to_string(),
        "name": genesis.name,
        "continues": genesis.predecessor.map(|before| before.network.to_string()),
        "dir": globals.dir,
        "data_centre": node.pdc.member.to_string(),
        "governor": crate::node::GOVERNOR,
    });
    node.close().await?;
    let dir = dir.display();
    out.result(&value, |_| match &args.successor_of {
        Some(old) => format!(
            "made the network `{}` in `{dir}`; it continues the one in `{}`, which is closed",
            genesis.name,
            old.display()
        ),
        None => format!("made the network `{}` in `{dir}`{}", genesis.name, apart(&place)),
    });
    let has_passphrase = |dir: &Path| dir.join("passphrase").exists();
    if args.successor_of.as_deref().is_some_and(has_passphrase) && !has_passphrase(&globals.dir) {
        out.say("the file `passphrase` of the old folder was not taken along; it opens the new one just as well");
    }
    out.say(match args.successor_of {
        Some(_) => "the old folder still holds keys and data, and what is shredded here is not shredded there: remove it once this one is backed up",
        None => "next: secnet id new city-hospital --kind organisation",
    });
    Ok(())
}

/// A folder that has keys and no genesis yet is somebody's who has not come to the end.
fn begun(dir: &Path, failure: Failure) -> Failure {
    if failure.code != "name-taken" {
        return failure;
    }
    Failure::new("exists", format!("`{}` holds the keys of a network already", dir.display())).hint(
        "it is being made at this moment, or making it was cut off: give another folder with --dir, or remove this one if nothing of yours is in it",
    )
}

/// Where segments are, if that is elsewhere.
fn apart(place: &Where) -> String {
    match place {
        Where::Folder => String::new(),
        elsewhere => format!("; its segments are in {elsewhere}"),
    }
}

/// What the old network's governor would sign, and what its ledger would say.
async fn foresee(
    globals: &Globals,
    out: Output,
    (old, place): (&Path, &Where),
    name: Option<&str>,
) -> Result<(), Failure> {
    let node = Node::open(old, &globals.passphrase_of(old)?, place).await?;
    let command = node.proposed(succession::closing(&node, name)?)?;
    let foreseen = sign::foresee(&node, &command, &Enclosures::default());
    let (old, dir) = (old.display(), globals.dir.display());
    let would = format!("close the network in `{old}` and continue it in `{dir}`");
    sign::tell(&node, out, &would, &foreseen, &Value::Null);
    node.close().await
}
