//! `secnet restore`: a backup becomes a data folder only after everything in it has been verified.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use secnet_app::{AccessError, referenced_segments};
use secnet_node::store::Store;
use secnet_node::{check_chain, store_options};
use secnet_types::{DatasetId, RecordId};
use secnet_vault::{BackupEpochs, PrivateArchive, SegmentVault};
use serde_json::json;

use super::backup::{copy_file, ledgers};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::node::{
    BACKUP_EPOCHS, BACKUP_ERASED, Node, access_failure, backup_failure, storage_key, store_failure,
};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup. The folder of --dir must be empty or not be there.
    from: PathBuf,
    /// The keys of the backups, which `secnet backup` names. What `backup.erased` beside it lists is erased again.
    #[arg(long, value_name = "FILE")]
    epochs: PathBuf,
}

pub(crate) async fn run(globals: &Globals, out: Output, args: RestoreArgs) -> Result<(), Failure> {
    let dir = &globals.dir;
    require_empty(dir)?;
    let genesis = args.from.join("genesis.cbor");
    if !genesis.exists() {
        return Err(Failure::new(
            "no-backup",
            format!("there is no backup in `{}`", args.from.display()),
        )
        .hint("name the folder that `secnet backup` wrote")
        .exit(Exit::Usage));
    }
    let passphrase = globals.passphrase_of(&args.from)?;
    let erased = erasures(&args.epochs.with_file_name(BACKUP_ERASED))?;
    if globals.dry_run {
        let value = json!({ "dry_run": true, "from": args.from, "dir": dir });
        out.result(&value, |_| {
            format!("would restore `{}` into `{}`", args.from.display(), dir.display())
        });
        return Ok(());
    }
    // Aside first: a folder under its name is a verified one.
    let aside = dir.with_extension("restoring");
    require_empty(&aside)?;
    let restored = restore(&args, &aside, &passphrase, &erased, out).await;
    let value = match restored {
        Ok(value) => value,
        Err(failure) => {
            drop(std::fs::remove_dir_all(&aside));
            return Err(failure);
        }
    };
    if dir.exists() {
        std::fs::remove_dir(dir).map_err(|error| Failure::io("replace", dir, &error))?;
    }
    std::fs::rename(&aside, dir).map_err(|error| Failure::io("put in place", dir, &error))?;
    out.result(&value, |v| {
        let number = |key: &str| v.get(key).map(ToString::to_string).unwrap_or_default();
        format!(
            "restored {} events, {} archive entries, {} segments; all verified\nerased again: {} records",
            number("events"), number("entries"), number("segments"), number("erased_again"),
        )
    });
    Ok(())
}

async fn restore(
    args: &RestoreArgs,
    dir: &Path,
    passphrase: &str,
    erased: &BTreeMap<DatasetId, BTreeSet<RecordId>>,
    out: Output,
) -> Result<serde_json::Value, Failure> {
    let from = &args.from;
    files::make_private_dir(dir)?;
    files::copy_tree(&from.join("keys"), &dir.join("keys"), &[])?;
    copy_file(&args.epochs, &dir.join("keys").join(BACKUP_EPOCHS))?;
    copy_file(&args.epochs.with_file_name(BACKUP_ERASED), &dir.join("keys").join(BACKUP_ERASED))?;
    copy_file(&from.join("passphrase"), &dir.join("passphrase"))?;

    let source = ledgers(from)?.pop().ok_or_else(|| wrong("the backup holds no ledger"))?;
    let bar = out.progress(0, "ledger");
    let manifest = secnet_node::store::restore(
        &source,
        &dir.join("ledger"),
        &store_options(false),
        &mut |p| {
            bar.set_length(p.total);
            bar.set_position(p.done);
        },
    )
    .map_err(|error| wrong("the backup's ledger is damaged").because(&error))?;
    bar.set_message("replay");
    let store = Store::open(&dir.join("ledger"), store_options(false))
        .map_err(|error| store_failure(&error))?;
    let findings = check_chain(&store, &[], &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .map_err(|error| wrong("the backup's chain does not hold").because(&error))?;
    if let Some(finding) = findings.first() {
        return Err(wrong(&format!("the backup's chain does not hold: {finding}")));
    }
    drop(store);
    bar.finish_and_clear();

    let report = restore_vault(args, dir, passphrase).await?;
    if let Some(address) = report.damaged.first() {
        return Err(wrong(&format!("segment {address} of the backup is damaged")));
    }
    copy_file(&from.join("genesis.cbor"), &dir.join("genesis.cbor"))?;
    let node = Node::open(dir, passphrase).await?;
    let done = finish(&node, erased).await;
    let closed = node.close().await;
    let erased_again = done?;
    closed?;
    Ok(json!({
        "events": manifest.log_size, "entries": report.entries, "segments": report.segments,
        "erased_again": erased_again,
    }))
}

async fn restore_vault(
    args: &RestoreArgs,
    dir: &Path,
    passphrase: &str,
) -> Result<secnet_vault::RestoreReport, Failure> {
    let unusable = |error: &dyn std::error::Error| {
        Failure::new("io", "cannot make the vault").because(error).exit(Exit::Unreachable)
    };
    let epochs = BackupEpochs::open(&args.epochs, storage_key(dir, passphrase)?)
        .map_err(|e| backup_failure(&e))?;
    let vault = SegmentVault::local(&dir.join("vault")).map_err(|error| unusable(&error))?;
    let archive = PrivateArchive::open(&dir.join("archive"), storage_key(dir, passphrase)?)
        .map_err(|error| unusable(&error))?;
    // Erasures are carried out on the restored archive, because they may concern a part of an entry only.
    secnet_vault::restore(
        &args.from.join("vault"),
        &epochs,
        &vault,
        &archive,
        &BTreeSet::new(),
        &mut |_, _, _, value| Some(value),
    )
    .await
    .map_err(|error| backup_failure(&error))
}

/// Erase again what was erased since, and look whether everything that is referred to is there.
async fn finish(
    node: &Node,
    erased: &BTreeMap<DatasetId, BTreeSet<RecordId>>,
) -> Result<usize, Failure> {
    let mut again = 0usize;
    for (dataset, records) in erased {
        let present = match node.pdc.plan_shredding(*dataset, None).await {
            Ok(plan) => plan.records,
            Err(AccessError::Unknown(_)) => continue,
            Err(error) => return Err(access_failure(error)),
        };
        let left: BTreeSet<RecordId> = present.intersection(records).copied().collect();
        let whole = !left.is_empty() && left == present;
        node.pdc.destroy(*dataset, &left, whole).await.map_err(access_failure)?;
        again = again.saturating_add(left.len());
    }
    if again > 0 {
        node.archive.rekey().await.map_err(|error| access_failure(error.into()))?;
    }
    let datasets: Vec<DatasetId> =
        node.pdc.view(|view| view.state.datasets().map(|(id, _)| id).collect()).unwrap_or_default();
    let mut referenced = BTreeSet::new();
    for dataset in datasets {
        let segments = referenced_segments(&node.archive, dataset).await;
        referenced.extend(segments.map_err(|error| access_failure(error.into()))?);
    }
    let report = secnet_vault::fsck(&node.vault, &referenced).await;
    let report = report.map_err(|error| access_failure(error.into()))?;
    if let Some(address) = report.missing.iter().chain(&report.damaged).next() {
        return Err(wrong(&format!("segment {address} is not in the backup")));
    }
    Ok(again)
}

/// The erasures that have been noted: one line for each, the dataset and the records.
pub(crate) fn erasures(file: &Path) -> Result<BTreeMap<DatasetId, BTreeSet<RecordId>>, Failure> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::io("read", file, &error)),
    };
    let mut erased: BTreeMap<DatasetId, BTreeSet<RecordId>> = BTreeMap::new();
    for line in text.lines() {
        let damaged = || wrong(&format!("`{}` is damaged", file.display()));
        let (dataset, records) = line.split_once(' ').ok_or_else(damaged)?;
        let records: Result<BTreeSet<RecordId>, _> = records.split(' ').map(str::parse).collect();
        let dataset = dataset.parse().map_err(|_| damaged())?;
        erased.entry(dataset).or_default().extend(records.map_err(|_| damaged())?);
    }
    Ok(erased)
}

fn require_empty(dir: &Path) -> Result<(), Failure> {
    let empty = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(Failure::io("read", dir, &error)),
    };
    if empty {
        return Ok(());
    }
    Err(Failure::new("not-empty", format!("`{}` is not empty", dir.display()))
        .hint("restore into a new folder, with --dir")
        .exit(Exit::Usage))
}

fn wrong(message: &str) -> Failure {
    Failure::new("verification", message).hint("use another backup").exit(Exit::Verification)
}
