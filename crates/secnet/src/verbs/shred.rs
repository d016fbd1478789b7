//! `secnet shred`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use secnet_app::{AccessError, Shredded, compartments_in_use, referenced_segments, what_to_shred};
use secnet_lock::CompartmentId;
use secnet_types::{DatasetId, MemberId, RecordId};
use serde_json::json;

use crate::actions;
use crate::cli::Globals;
use crate::failure::Failure;
use crate::files;
use crate::keystore::Identity;
use crate::node::{BACKUP_ERASED, Node, access_failure};
use crate::output::Output;
use secnet_app::ports::ArchiveError;

#[derive(Debug, Args)]
pub(crate) struct ShredArgs {
    /// The dataset.
    dataset: DatasetId,
    /// Whose it is.
    #[arg(long = "as", value_name = "NAME")]
    owner: String,
    /// Only this record; can be given several times. Default: the whole dataset.
    #[arg(long, value_name = "RECORD")]
    record: Vec<RecordId>,
    /// Write the receipt of the erasure to this file.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: ShredArgs,
) -> Result<(), Failure> {
    let owner = node.identity(&args.owner)?;
    let (dataset, only) =
        (args.dataset, (!args.record.is_empty()).then(|| args.record.iter().copied().collect()));
    let known = node
        .pdc
        .view(|view| view.state.dataset(dataset).is_some_and(|d| d.owner == owner.member()));
    if known != Some(true) {
        return Err(Failure::new(
            "unknown-dataset",
            format!("{} has no dataset {dataset}", args.owner),
        )
        .hint("`secnet data ls --as NAME` lists an owner's datasets"));
    }
    let plan = node.pdc.plan_shredding(dataset, only).await.map_err(access_failure)?;
    if plan.records.is_empty() {
        return Err(Failure::new("nothing-left", format!("{dataset} has no records any more")));
    }
    let what = if plan.whole { "all" } else { "some" };
    if globals.dry_run {
        let records: Vec<String> = plan.records.iter().map(ToString::to_string).collect();
        let value = json!({
            "dry_run": true, "dataset": dataset.to_string(), "records": records, "whole": plan.whole,
            "last_backup_dies": plan.last_backup_dies.to_string(),
        });
        out.result(&value, |_| {
            format!(
                "would destroy {what} of {dataset}, {} records:\n{}",
                records.len(),
                records.join("\n")
            )
        });
        return Ok(());
    }
    let question =
        format!("Destroy {what} of {dataset}, {} records, for good?", plan.records.len());
    if !args.yes && !crate::prompt::confirm(&question)? {
        return Err(Failure::new("not-confirmed", "nothing was destroyed"));
    }
    let done = shred(node, &owner, &plan).await?;
    if let Some(path) = &args.receipt {
        files::write_private(path, &done.receipt)?;
        out.say(&format!("receipt: {}", path.display()));
    }
    let value = json!({
        "dataset": dataset.to_string(), "records": plan.records.len(), "whole": plan.whole,
        "event": done.event, "commitments": plan.commitments.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "compartments_destroyed": done.compartments, "segments_removed": done.segments,
        "last_backup_dies": plan.last_backup_dies.to_string(), "receipt": args.receipt,
    });
    out.result(&value, |_| {
        format!(
            "destroyed {} records of {dataset}; event {} of the log states it\nthe last backup that could open them dies on {}",
            plan.records.len(), done.event, plan.last_backup_dies
        )
    });
    Ok(())
}

struct Done {
    event: u64,
    receipt: Vec<u8>,
    compartments: usize,
    segments: usize,
}

/// The statement on the ledger, the release nodes' halves, the owner's keys, the bytes.
async fn shred(node: &Node, owner: &Identity, plan: &Shredded) -> Result<Done, Failure> {
    let archive_failure = |error: ArchiveError| access_failure(error.into());
    let compartments =
        compartments_in_use(&node.archive, plan.dataset).await.map_err(archive_failure)?;
    let segments =
        referenced_segments(&node.archive, plan.dataset).await.map_err(archive_failure)?;

    // Before the destruction: a backup that is restored later must not bring back what this is about.
    let noted = note(node, plan)?;
    let command = node.pdc.sign(owner.member(), what_to_shred(plan), &owner.signing);
    let committed = match node.pdc.shred(plan, &command).await {
        Ok(committed) => committed,
        Err(error) => {
            if matches!(error, AccessError::Rejected(_)) {
                files::write_private(&noted.0, &noted.1)?;
            }
            return Err(access_failure(error));
        }
    };
    let destroyed = destroy_keys(node, owner, compartments).await?;
    // Sealed anew under another key: pages of the old file, and copies of it, open nothing.
    node.archive.rekey().await.map_err(archive_failure)?;
    let removed = node.pdc.free_segments(segments).await.map_err(access_failure)?;
    let receipt = node
        .pdc
        .log
        .receipt(committed.event)
        .await
        .map_err(|error| access_failure(error.into()))?;
    Ok(Done {
        event: committed.event,
        receipt: receipt.to_bytes(),
        compartments: destroyed,
        segments: removed.len(),
    })
}

/// Note the erasure beside the keys of the backups. The file, and what was in it.
fn note(node: &Node, plan: &Shredded) -> Result<(PathBuf, Vec<u8>), Failure> {
    let file = node.dir.join("keys").join(BACKUP_ERASED);
    let before = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Failure::io("read", &file, &error)),
    };
    let records: Vec<String> = plan.records.iter().map(ToString::to_string).collect();
    let line = format!("{} {}\n", plan.dataset, records.join(" "));
    files::write_private(&file, &[before.as_slice(), line.as_bytes()].concat())?;
    Ok((file, before))
}

/// Destroy the owner's keys of compartments that nothing of the owner is sealed for any more.
async fn destroy_keys(
    node: &Node,
    owner: &Identity,
    mut compartments: BTreeSet<CompartmentId>,
) -> Result<usize, Failure> {
    for dataset in datasets_of(node, owner.member()) {
        let used = compartments_in_use(&node.archive, dataset)
            .await
            .map_err(|e| access_failure(e.into()))?;
        compartments.retain(|compartment| !used.contains(compartment));
    }
    let mut keys = actions::compartments(&node.keystore, owner)?;
    let destroyed =
        compartments.into_iter().filter(|compartment| keys.destroy(*compartment)).count();
    if destroyed > 0 {
        actions::save_compartments(&node.keystore, owner, &keys)?;
    }
    Ok(destroyed)
}

fn datasets_of(node: &Node, owner: MemberId) -> Vec<DatasetId> {
    node.pdc.view(|view| view.state.datasets_of(owner).collect()).unwrap_or_default()
}
