//! `secnet backup`
//!
//! ```text
//! BACKUP/format             which form the folder had
//! BACKUP/genesis.cbor       how the network began
//! BACKUP/ledger-<time>/     the ledger with its manifest; only the newest is kept
//! BACKUP/closed/            the ledgers of the networks before
//! BACKUP/vault/             segments, and the archive under a key that dies
//! BACKUP/keys/              passphrase-protected keys, public cards; never the epochs that open the archive's backup
//! ```

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::format::FORMAT_FILE;
use crate::node::{BACKUP_EPOCHS, Node, backup_failure, store_failure};
use crate::output::Output;
use crate::show;
use crate::succession::CLOSED;
use crate::system::SystemClock;
use secnet_app::ports::Clock as _;

/// How the ledger's folder in a backup begins; the time in 16 hexadecimal digits follows.
pub(crate) const LEDGER: &str = "ledger-";

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Where to; may hold earlier backups of the same folder.
    folder: PathBuf,
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: BackupArgs,
) -> Result<(), Failure> {
    let folder = &args.folder;
    check_place(&node.dir, folder)?;
    let epochs_file = node.dir.join("keys").join(BACKUP_EPOCHS);
    if globals.dry_run {
        let value = json!({ "dry_run": true, "folder": folder, "epochs": epochs_file });
        out.result(&value, |_| {
            format!("would back `{}` up to `{}`", node.dir.display(), folder.display())
        });
        return Ok(());
    }
    let made = make(node, folder).await?;
    out.result(&made.value(), |_| made.text());
    out.say("keep a copy of that file on another device, a new one after each backup and each shred: without it no backup opens");
    Ok(())
}

/// What a backup holds.
pub(crate) struct Made {
    folder: PathBuf,
    events: u64,
    report: secnet_vault::BackupReport,
    epochs: PathBuf,
}

impl Made {
    fn value(&self) -> serde_json::Value {
        let Self { folder, events, report, epochs } = self;
        json!({
            "folder": folder, "events": events, "segments_copied": report.copied,
            "segments_present": report.present, "entries": report.entries,
            "dies": report.dies.to_string(), "epochs": epochs,
        })
    }

    fn text(&self) -> String {
        let Self { events, report, epochs, .. } = self;
        format!(
            "backed up {}, {}, {} ({} were there)\nit can be restored until {}, with {}",
            show::count(*events, "event"),
            show::count(report.entries, "archive entry"),
            show::count(report.copied, "new segment"),
            report.present,
            report.dies,
            epochs.display(),
        )
    }
}

/// When the newest backup in a folder was made.
pub(crate) fn newest(folder: &Path) -> Option<secnet_types::Timestamp> {
    let last = ledgers(folder).ok()?.pop()?;
    let made = last.file_name()?.to_str()?.strip_prefix(LEDGER)?.to_owned();
    u64::from_str_radix(&made, 16).ok().map(secnet_types::Timestamp)
}

/// Back the folder up, also while it serves.
pub(crate) async fn make(node: &Node, folder: &Path) -> Result<Made, Failure> {
    check_place(&node.dir, folder)?;
    let epochs_file = node.dir.join("keys").join(BACKUP_EPOCHS);
    files::make_private_dir(folder)?;
    let now = SystemClock.now();
    let ledger = folder.join(format!("{LEDGER}{:016x}", now.0));
    let (from, to) = (std::sync::Arc::clone(&node.ledger), ledger.clone());
    // It copies the whole ledger: answers do not wait for that.
    let copied = tokio::task::spawn_blocking(move || from.chain().store().backup(&to)).await;
    let copied =
        copied.map_err(|error| Failure::new("backup", "the copy broke off").because(&error))?;
    let manifest = copied.map_err(|error| store_failure(&error))?;
    let mut epochs = node.epochs()?;
    let report =
        secnet_vault::backup(&node.vault, &node.archive, &mut epochs, &folder.join("vault"), now)
            .await
            .map_err(|error| backup_failure(&error))?;
    files::copy_tree(&node.dir.join("keys"), &folder.join("keys"), &[BACKUP_EPOCHS])?;
    // The ledgers of the networks before do not change any more.
    if node.dir.join(CLOSED).exists() && !folder.join(CLOSED).exists() {
        files::copy_tree(&node.dir.join(CLOSED), &folder.join(CLOSED), &[])?;
    }
    for name in ["passphrase", FORMAT_FILE, "genesis.cbor"] {
        copy_file(&node.dir.join(name), &folder.join(name))?;
    }
    // The ledger only grows, so that an older copy has nothing which the newer one lacks.
    for older in ledgers(folder)?.into_iter().filter(|older| *older != ledger) {
        std::fs::remove_dir_all(&older).map_err(|error| Failure::io("remove", &older, &error))?;
    }
    if let Some(damaged) = report.damaged.first() {
        return Err(Failure::new(
            "damaged",
            format!("segment {damaged} is damaged and not in the backup"),
        )
        .hint("`secnet fsck` lists all that is wrong")
        .exit(Exit::Verification));
    }
    Ok(Made {
        folder: folder.to_path_buf(),
        events: manifest.log_size,
        report,
        epochs: epochs_file,
    })
}

/// The ledgers in a backup, oldest first.
pub(crate) fn ledgers(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::io("read", folder, &error))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(LEDGER))
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Copy a file if it is there.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    match std::fs::read(from) {
        Ok(bytes) => files::write_private(to, &bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::io("read", from, &error)),
    }
}

/// A backup inside the folder it is of would be lost with it.
fn check_place(dir: &Path, folder: &Path) -> Result<(), Failure> {
    let absolute = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        std::fs::canonicalize(&path).unwrap_or(path)
    };
    if absolute(folder).starts_with(absolute(dir)) {
        return Err(Failure::new(
            "bad-place",
            format!("`{}` is inside the data folder", folder.display()),
        )
        .hint("back up to another folder, best on another device")
        .exit(Exit::Usage));
    }
    Ok(())
}
