//! `secnet receipt`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secnet_types::{Genesis, Receipt, ReceiptError, VerifiedReceipt, limits};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::remote::RemoteArgs;
use crate::show;

#[derive(Debug, Args)]
pub(crate) struct ReceiptArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check a receipt offline, from the genesis file alone.
    Verify {
        /// The receipt.
        receipt: PathBuf,
        /// How the network began. Default: genesis.cbor in the data folder.
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
    },
    /// Save the receipt of an event of the log.
    Save {
        /// The event's index, as `secnet log` shows it.
        event: u64,
        /// Where to.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// With --url: who asks. A receipt is for the author of the command, for who requested, and for who owns the data.
        #[arg(long = "as", value_name = "NAME", requires = "url")]
        who: Option<String>,
        #[command(flatten)]
        remote: Box<RemoteArgs>,
    },
}

impl ReceiptArgs {
    pub(crate) fn writes(&self) -> bool {
        matches!(self.what, What::Save { .. })
    }
}

pub(crate) async fn run(globals: &Globals, out: Output, args: ReceiptArgs) -> Result<(), Failure> {
    match args.what {
        What::Verify { receipt, genesis } => {
            let genesis = genesis.unwrap_or_else(|| globals.dir.join("genesis.cbor"));
            let verified = verify(&genesis, &receipt)?;
            let value = describe(&verified);
            out.result(&value, |_| text(&verified));
        }
        What::Save { event, out: path, who, remote } if remote.is_given() => {
            let who = who.ok_or_else(|| {
                Failure::new("usage", "say who asks").hint("--as NAME").exit(Exit::Usage)
            })?;
            let remote = remote.open(globals, out)?;
            let who = remote.identity(&who, false)?;
            let address = format!("/v1/receipts/{event}");
            let limit = limits::MAX_RECEIPT_BYTES as u64;
            let Some(bytes) = remote.client.fetch(&who, &address, limit).await? else {
                return Ok(());
            };
            // What does not hold is not kept as if it did.
            let genesis = remote.genesis().await?;
            Receipt::parse(&bytes)
                .map_err(ReceiptError::from)
                .and_then(|receipt| receipt.verify(&genesis))
                .map_err(|error| crate::remote::wrong(&error))?;
            files::write_private(&path, &bytes)?;
            out.result(&json!({ "saved": path }), |_| format!("saved {}", path.display()));
        }
        What::Save { event, out: path, .. } => {
            let node = globals.open().await?;
            let receipt = node.ledger.receipt(event).await.map_err(|error| {
                Failure::new("no-receipt", error.to_string()).hint("`secnet log` lists the events")
            })?;
            files::write_private(&path, &receipt.to_bytes())?;
            node.close().await?;
            out.result(&json!({ "saved": path }), |_| format!("saved {}", path.display()));
        }
    }
    Ok(())
}

/// Check a receipt file against a genesis file.
pub(crate) fn verify(genesis: &Path, receipt: &Path) -> Result<VerifiedReceipt, Failure> {
    let invalid = |what: &str, code: &'static str, error: &dyn std::error::Error| {
        Failure::new(code, format!("the {what} does not hold"))
            .because(error)
            .hint("get it again from where it was made; `--genesis FILE` names another network's beginning")
            .exit(Exit::Verification)
    };
    let genesis = files::read(genesis, limits::MAX_GENESIS_BYTES as u64)?;
    let genesis =
        Genesis::parse(&genesis).map_err(|error| invalid("genesis", error.code(), &error))?;
    let receipt = files::read(receipt, limits::MAX_RECEIPT_BYTES as u64)?;
    let invalid = |error: ReceiptError| invalid("receipt", error.code(), &error);
    let receipt = Receipt::parse(&receipt).map_err(|error| invalid(error.into()))?;
    receipt.verify(&genesis).map_err(invalid)
}

fn describe(verified: &VerifiedReceipt) -> Value {
    json!({
        "valid": true,
        "network": verified.command.value.network.to_string(),
        "author": verified.command.value.author.to_string(),
        "height": verified.event.height,
        "time": verified.event.time.to_string(),
        "requester": verified.requester().map(|id| id.to_string()),
        "outcome": verified.verdict().as_ref().map(show::verdict),
        "log_size": verified.log_size,
        "log_root": verified.log_root.to_string(),
        "effects": verified.event.effects.iter().map(show::effect::value).collect::<Vec<_>>(),
    })
}

fn text(verified: &VerifiedReceipt) -> String {
    let said = match (verified.verdict(), verified.requester()) {
        (Some(verdict), Some(requester)) => format!("{} for {requester}", verdict.as_str()),
        _ => "a command".to_owned(),
    };
    format!(
        "the receipt holds: {said}, in block {} at {}\nincluded in the log of {} events with root {}",
        verified.event.height, verified.event.time, verified.log_size, verified.log_root
    )
}
