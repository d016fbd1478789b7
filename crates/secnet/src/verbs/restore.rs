//! `secnet restore`: a backup becomes a data folder only after everything in it has been verified.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use secnet_app::referenced_segments;
use secnet_node::store::Store;
use secnet_node::{check_chain, store_options};
use secnet_types::{DatasetId, Genesis, limits};
use secnet_vault::{BackupEpochs, PrivateArchive, SegmentVault, StorageKey};
use serde_json::json;

use super::backup::{copy_file, ledgers};
use crate::check;
use crate::cli::Globals;
use crate::erased::{self, Erasure};
use crate::failure::{Exit, Failure};
use crate::files;
use crate::node::{
    BACKUP_EPOCHS, Node, access_failure, backup_failure, storage_key, store_failure,
};
use crate::output::Output;
use crate::system::SystemClock;
use secnet_app::ports::Clock as _;

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup. The folder of --dir must be empty or not be there.
    from: PathBuf,
    /// The keys of the backups, which `secnet backup` names. What it notes as erased is erased again.
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
    let restored = restore(&args, &aside, &passphrase, out).await;
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
    out: Output,
) -> Result<serde_json::Value, Failure> {
    let from = &args.from;
    files::make_private_dir(dir)?;
    files::copy_tree(&from.join("keys"), &dir.join("keys"), &[])?;
    copy_file(&args.epochs, &dir.join("keys").join(BACKUP_EPOCHS))?;
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

    let (report, erased) = restore_vault(args, dir, passphrase).await?;
    if let Some(address) = report.damaged.first() {
        return Err(wrong(&format!("segment {address} of the backup is damaged")));
    }
    copy_file(&from.join("genesis.cbor"), &dir.join("genesis.cbor"))?;
    let storage = storage_key(dir, passphrase)?;
    let node = Node::open(dir, passphrase).await?;
    let done = match verify_keys(&node, passphrase, storage) {
        Ok(()) => finish(&node, &erased).await,
        Err(failure) => Err(failure),
    };
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
) -> Result<(secnet_vault::RestoreReport, Vec<Erasure>), Failure> {
    let unusable = |error: &dyn std::error::Error| {
        Failure::new("io", "cannot make the vault").because(error).exit(Exit::Unreachable)
    };
    let file = dir.join("keys").join(BACKUP_EPOCHS);
    let mut epochs =
        BackupEpochs::open(&file, storage_key(dir, passphrase)?).map_err(|e| backup_failure(&e))?;
    // The date that an erasure's receipt names holds for every copy of the keys, however old.
    epochs.expire(SystemClock.now()).map_err(|e| backup_failure(&e))?;
    let erased = erased::noted(&epochs)?;
    let vault = SegmentVault::local(&dir.join("vault")).map_err(|error| unusable(&error))?;
    let archive = PrivateArchive::open(&dir.join("archive"), storage_key(dir, passphrase)?)
        .map_err(|error| unusable(&error))?;
    // Erasures are carried out on the restored archive, because they may concern a part of an entry only.
    let report = secnet_vault::restore(
        &args.from.join("vault"),
        &epochs,
        &vault,
        &archive,
        &BTreeSet::new(),
        &mut |_, _, _, value| Some(value),
    )
    .await
    .map_err(|error| backup_failure(&error))?;
    Ok((report, erased))
}

/// The keys open, they are those of the members that the restored ledger knows, and so is the genesis file.
fn verify_keys(node: &Node, passphrase: &str, storage: StorageKey) -> Result<(), Failure> {
    let bytes = files::read(&node.dir.join("genesis.cbor"), limits::MAX_GENESIS_BYTES as u64)?;
    let genesis = Genesis::parse(&bytes)
        .map_err(|error| wrong("the backup's genesis.cbor is damaged").because(&error))?;
    if genesis != *node.pdc.log.genesis() {
        return Err(wrong("the backup's genesis.cbor is not that of its ledger"));
    }
    let folder = node.dir.join("keys");
    let found = node.pdc.view(|view| check::keys(&folder, passphrase, storage, view.state));
    match found.unwrap_or_default().first() {
        Some((file, problem)) => Err(wrong(&format!("keys/{file} of the backup: {problem}"))),
        None => Ok(()),
    }
}

/// Erase again what was erased since, and look whether everything that is referred to is there.
async fn finish(node: &Node, erased: &[Erasure]) -> Result<usize, Failure> {
    let mut again = 0usize;
    for card in node.keystore.cards()? {
        let member = card.id()?;
        let owns = |dataset| {
            node.pdc.view(|v| v.state.dataset(dataset).is_some_and(|d| d.owner == member))
        };
        let his: Vec<Erasure> =
            erased.iter().filter(|e| owns(e.dataset) == Some(true)).cloned().collect();
        if his.is_empty() {
            continue;
        }
        for Erasure { dataset, records, .. } in &his {
            let plan = node.pdc.plan_shredding(*dataset, None).await.map_err(access_failure)?;
            again = again.saturating_add(plan.records.intersection(records).count());
        }
        erased::carry_out(node, &node.identity(&card.name)?, &his, || ()).await?;
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
