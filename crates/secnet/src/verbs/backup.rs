//! `secnet backup`
//!
//! ```text
//! BACKUP/format             which form the folder had
//! BACKUP/genesis.cbor       how the network began
//! BACKUP/ledger-<time>/     the ledger with its manifest; only the newest is kept
//! BACKUP/closed/            the ledgers of the networks before
//! BACKUP/vault/             segments, and the archive under a key that dies
//! BACKUP/keys/              passphrase-protected keys, public cards; never the epochs that open the archive's backup
//! BACKUP/passphrase         of demo folders only: the published passphrase; any other would undo what protects the keys
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
use crate::sample;
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
    if made.secret_left_out {
        out.say("the file `passphrase` is not in it: beside the keys that it opens it would protect nothing; keep it elsewhere");
    }
    out.say("keep a copy of that file on another device, a new one after each backup and each shred: without it no backup opens");
    Ok(())
}

/// What a backup holds.
pub(crate) struct Made {
    folder: PathBuf,
    events: u64,
    report: secnet_vault::BackupReport,
    epochs: PathBuf,
    /// The folder has a file with a passphrase, which stays where it is.
    pub(crate) secret_left_out: bool,
}

impl Made {
    fn value(&self) -> serde_json::Value {
        let Self { folder, events, report, epochs, .. } = self;
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
    // Again: what was not there before, or has become a link since, is where it is only now.
    check_place(&node.dir, folder)?;
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
    for name in [FORMAT_FILE, "genesis.cbor"] {
        copy_file(&node.dir.join(name), &folder.join(name))?;
    }
    let secret_left_out = !sample::copy_passphrase(&node.dir, folder)?;
    // From here on a folder without the epochs has lost them.
    crate::node::expect_epochs(&node.dir)?;
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
        secret_left_out,
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
    let bad = |what: &str| {
        Failure::new("bad-place", format!("`{}` {what}", folder.display()))
            .hint("back up to another folder, best on another device")
            .exit(Exit::Usage)
    };
    let inside = resolved(folder).zip(resolved(dir)).map(|(folder, dir)| folder.starts_with(dir));
    match inside {
        Some(false) => Ok(()),
        Some(true) => Err(bad("is inside the data folder")),
        None => Err(bad("leads nowhere that can be told beforehand")),
    }
}

/// Where a path leads: what is there of it with its links followed, and what is not there yet. None if that goes up again
/// from something that is not there.
fn resolved(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let mut missing = Vec::new();
    let mut at = path.as_path();
    loop {
        if let Ok(mut found) = std::fs::canonicalize(at) {
            found.extend(missing.into_iter().rev());
            return Some(found);
        }
        missing.push(at.file_name()?);
        at = at.parent()?;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn no_way_leads_into_the_folder_that_is_backed_up() {
        let place = tempfile::tempdir().unwrap();
        let (dir, link) = (place.path().join("d"), place.path().join("link"));
        std::fs::create_dir(&dir).unwrap();
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        std::os::unix::fs::symlink(dir.join("later"), place.path().join("loose")).unwrap();
        for inside in ["d", "d/b", "d/b/c", "link", "link/b", "link/b/c", "no/../d/b"] {
            let checked = check_place(&dir, &place.path().join(inside));
            assert_eq!(checked.unwrap_err().code, "bad-place", "{inside}");
        }
        for outside in ["b", "b/c", "d2", "link/../b"] {
            check_place(&dir, &place.path().join(outside)).unwrap();
        }
        // A link to what is not there yet is no folder, and none is made of it.
        check_place(&dir, &place.path().join("loose")).unwrap();
        assert!(files::make_private_dir(&place.path().join("loose")).is_err());
        assert!(!dir.join("later").exists());
    }
}
