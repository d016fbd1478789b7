//! `secnet guard relations`: what the hospital's own systems say of who looks after whom, for the guard to look at.

use std::path::PathBuf;

use clap::Args;
use secnet_app::{RelationsFault, RelationsStatement};
use secnet_guard::RelationsError;
use secnet_types::Signed;
use serde_json::json;

use super::failure as load_failure;
use super::hospital::{Hospital, Names};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct RelationsArgs {
    /// A folder with staff.csv, patients.csv, roster.csv, stays.csv and care.csv.
    #[arg(value_name = "DIR")]
    from: PathBuf,
}

pub(super) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: &RelationsArgs,
) -> Result<(), Failure> {
    let names = Names {
        member: &|text| node.member(text).map_err(|failure| failure.message),
        dataset: &|text| text.parse().map_err(|error: secnet_types::IdError| error.to_string()),
    };
    let facts = Hospital::facts_in(&args.from).and_then(|files| files.facts(&names));
    let facts = facts.map_err(load_failure)?;
    let counts = (facts.shifts.len(), facts.stays.len(), facts.care.len());
    if globals.dry_run {
        secnet_guard::Relations::new(facts).map_err(|error| failure(error.into()))?;
        out.would("replace what was said of relations before");
        return Ok(());
    }
    let (network, author, at) = (node.pdc.network(), node.pdc.member, node.pdc.now());
    let statement = RelationsStatement { network, author, at, facts };
    let statement = Signed::sign(statement, node.pdc.signer.as_ref());
    let (staff, patients) = node.pdc.take_relations(&statement).await.map_err(failure)?;
    let (shifts, stays, care) = counts;
    let value = json!({
        "staff": staff, "patients": patients, "shifts": shifts, "stays": stays, "care": care,
    });
    out.result(&value, |_| {
        format!(
            "{staff} members of staff, {patients} patients, {shifts} shifts, {stays} stays and {care} ties of care are facts of requests from now on"
        )
    });
    Ok(())
}

fn failure(error: RelationsFault) -> Failure {
    let said = error.to_string();
    match error {
        RelationsFault::Facts(RelationsError::TooMany { .. }) | RelationsFault::TooLong { .. } => {
            Failure::new("too-many-relations", said)
                .hint("leave out shifts, stays and ties that ended months ago")
        }
        RelationsFault::Facts(_) => Failure::new("invalid-relations", said)
            .hint("places are counted from 0, below the header; what was said before stands")
            .exit(Exit::Usage),
        RelationsFault::Older => Failure::new("older-relations", said)
            .hint("this machine's clock may have been ahead when they were stated"),
        RelationsFault::Access(error) => access_failure(error),
    }
}
