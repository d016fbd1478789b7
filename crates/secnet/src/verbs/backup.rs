//! `secnet backup`
//!
//! ```text
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
    files::make_private_dir(folder)?;
    let now = SystemClock.now();
    let bar = out.progress(4, "backing up");
    let ledger = folder.join(format!("{LEDGER}{:016x}", now.0));
    let manifest =
        node.solo.chain().store().backup(&ledger).map_err(|error| store_failure(&error))?;
    bar.inc(1);
    let mut epochs = node.epochs()?;
    let report =
        secnet_vault::backup(&node.vault, &node.archive, &mut epochs, &folder.join("vault"), now)
            .await
            .map_err(|error| backup_failure(&error))?;
    bar.inc(1);
    files::copy_tree(&node.dir.join("keys"), &folder.join("keys"), &[BACKUP_EPOCHS])?;
    // The ledgers of the networks before do not change any more.
    if node.dir.join(CLOSED).exists() && !folder.join(CLOSED).exists() {
        files::copy_tree(&node.dir.join(CLOSED), &folder.join(CLOSED), &[])?;
    }
    for name in ["passphrase", "genesis.cbor"] {
        copy_file(&node.dir.join(name), &folder.join(name))?;
    }
    bar.inc(1);
    // The ledger only grows, so that an older copy has nothing which the newer one lacks.
    for older in ledgers(folder)?.into_iter().filter(|older| *older != ledger) {
        std::fs::remove_dir_all(&older).map_err(|error| Failure::io("remove", &older, &error))?;
    }
    bar.finish_and_clear();
    if let Some(damaged) = report.damaged.first() {
        return Err(Failure::new(
            "damaged",
            format!("segment {damaged} is damaged and not in the backup"),
        )
        .hint("`secnet fsck` lists all that is wrong")
        .exit(Exit::Verification));
    }
    let value = json!({
        "folder": folder, "events": manifest.log_size, "segments_copied": report.copied,
        "segments_present": report.present, "entries": report.entries, "dies": report.dies.to_string(),
        "epochs": epochs_file,
    });
    out.result(&value, |_| {
        format!(
            "backed up {}, {}, {} ({} were there)\nit can be restored until {}, with {}",
            show::count(manifest.log_size, "event"),
            show::count(report.entries, "archive entry"),
            show::count(report.copied, "new segment"),
            report.present,
            report.dies,
            epochs_file.display(),
        )
    });
    out.say("keep a copy of that file on another device, a new one after each backup and each shred: without it no backup opens");
    Ok(())
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
