//! Erasure: what interrupts it, and who tries to undo it.

use std::path::{Path, PathBuf};

use secnet_crypto::keyfile;
use secnet_types::Timestamp;
use secnet_vault::{BACKUP_KEY_LIFETIME_MS, BackupEpochs, StorageKey};

use crate::support::{Place, Run, command, copy_tree, files, finish};

/// The key of the node's own files, as whoever has folder and passphrase has it.
pub(crate) fn storage_key(folder: &Path) -> StorageKey {
    let passphrase = std::fs::read_to_string(folder.join("passphrase")).unwrap();
    let text = std::fs::read_to_string(folder.join("keys/node.keys")).unwrap();
    let seeds = keyfile::decrypt(&text, passphrase.trim_end()).unwrap();
    StorageKey::from_bytes(*seeds.last_chunk::<32>().unwrap())
}

fn in_folder(place: &Place, folder: &str, args: &[&str]) -> Run {
    finish(command(place.root()).args(["--dir", folder]).args(args).arg("--json"))
}

/// Put a part of a former copy back in place.
fn put_back(place: &Place, from: &str, part: &str) {
    let (from, to) = (place.path(from).join(part), place.path("d").join(part));
    if from.is_dir() {
        std::fs::remove_dir_all(&to).unwrap();
        copy_tree(&from, &to);
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

fn archive_file(folder: &Path) -> PathBuf {
    let found = files(&folder.join("archive")).into_keys();
    found.filter(|path| path.extension().is_some_and(|it| it == "redb")).max().unwrap()
}

fn restore(place: &Place, epochs: &str, to: &str) -> Run {
    // The folder has gone on since: what came after the backup is given up.
    in_folder(place, to, &["restore", "backup", "--epochs", epochs, "--accept-loss"])
}

#[test]
fn a_crash_between_the_ledger_and_the_destruction_is_made_good() {
    let place = Place::demo();
    let dataset = place.dataset();
    copy_tree(&place.path("d"), &place.path("before"));
    let shred = ["shred", &dataset, "--as", "ada", "--yes"];
    let first = place.json(&shred);
    assert_eq!((first["whole"].as_bool(), first["resumed"].as_bool()), (Some(true), Some(false)));
    // The ledger and the note are durable, nothing else has happened.
    for part in ["archive", "vault", "keys/ada.compartments"] {
        put_back(&place, "before", part);
    }
    let show = ["data", "show", &dataset, "--as", "ada"];
    assert!(!place.json(&show)["records"].as_array().unwrap().is_empty());

    let again = place.json(&[&shred[..], &["--receipt", "erased.receipt"]].concat());
    assert_eq!(again["resumed"], true);
    assert_eq!(again["event"], first["event"], "it is stated once");
    assert_eq!(again["compartments_destroyed"], first["compartments_destroyed"]);
    assert_eq!(again["segments_removed"], first["segments_removed"]);
    assert!(place.json(&show)["records"].as_array().unwrap().is_empty());
    place.run(&["receipt", "verify", "erased.receipt"]).ok();
    place.run(&["fsck"]).ok();
    let nothing = place.json(&shred);
    assert_eq!(
        (nothing["compartments_destroyed"].as_u64(), nothing["segments_removed"].as_u64()),
        (Some(0), Some(0))
    );
}

#[test]
fn a_crash_before_the_keys_were_destroyed_is_made_good() {
    let place = Place::demo();
    let dataset = place.dataset();
    let shown = place.json(&["data", "show", &dataset, "--as", "ada"]);
    copy_tree(&place.path("d"), &place.path("before"));
    let all: Vec<_> = shown["records"].as_array().unwrap().iter().collect();
    let one = all[0]["record"].as_str().unwrap();
    for part in [&["--record", one][..], &[]] {
        let shred = [&["shred", &dataset, "--as", "ada", "--yes"], part].concat();
        let first = place.json(&shred);
        let generation = archive_file(&place.path("d"));
        put_back(&place, "before", "keys/ada.compartments");
        put_back(&place, "before", "vault");
        let again = place.json(&shred);
        assert_eq!(again["resumed"], true, "{part:?}");
        assert_eq!(again["event"], first["event"]);
        // The old file brought back what earlier erasures had destroyed as well.
        assert!(
            again["compartments_destroyed"].as_u64() >= first["compartments_destroyed"].as_u64()
        );
        assert_eq!(again["segments_removed"], first["segments_removed"]);
        assert_ne!(archive_file(&place.path("d")), generation, "old pages open with no key");
        place.run(&["fsck"]).ok();
    }
}

#[test]
fn full_copies_of_disk_backup_and_ledger_do_not_open_what_was_shredded() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    let records = place.plain_records(&dataset);
    let (gone, kept) = (&records[0], &records[1]);
    let read = |folder: &str, record: &str| {
        in_folder(
            &place,
            folder,
            &["get", &dataset, "--as", "eve", "--purpose", "treatment", "--record", record],
        )
    };
    read("d", gone).ok();
    place.json(&["backup", "backup"]);
    copy_tree(&place.path("d"), &place.path("before"));
    place.json(&["shred", &dataset, "--as", "ada", "--record", gone, "--yes"]);
    read("d", kept).ok();

    // Disk: everything as it is now, with the passphrase, and the old ciphertext from freed blocks.
    copy_tree(&place.path("d"), &place.path("disk"));
    std::fs::remove_dir_all(place.path("disk/vault")).unwrap();
    copy_tree(&place.path("before/vault"), &place.path("disk/vault"));
    std::fs::copy(archive_file(&place.path("before")), archive_file(&place.path("disk"))).unwrap();
    assert_ne!(read("disk", gone).code, 0);
    let shown = in_folder(&place, "disk", &["data", "show", &dataset, "--as", "ada"]);
    assert!(!shown.stdout.contains(gone.as_str()), "{shown:?}");

    // Backup, before its date: it comes back without the record.
    assert_eq!(restore(&place, "d/keys/backup.epochs", "restored").ok().json()["erased_again"], 1);
    assert_ne!(read("restored", gone).code, 0);
    read("restored", kept).ok();
    // The ledger of the backup knows nothing of the erasure, so it is stated again.
    let log = in_folder(&place, "restored", &["log", "--limit", "1000"]).ok();
    assert!(log.stdout.contains("\"erased\""), "{log:?}");
    in_folder(&place, "restored", &["fsck"]).ok();
    // And past its date not at all, also with the oldest copy of the keys.
    let old = place.path("old.epochs");
    std::fs::copy(place.path("before/keys/backup.epochs"), &old).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let later = Timestamp(u64::try_from(now.as_millis()).unwrap() + BACKUP_KEY_LIFETIME_MS);
    let mut epochs = BackupEpochs::open(&old, storage_key(&place.path("d"))).unwrap();
    assert_eq!(epochs.expire(later).unwrap(), 1);
    assert_eq!(restore(&place, "old.epochs", "late").code, 1);
    assert!(!place.path("late").exists());
}

#[test]
fn a_backup_past_its_date_is_not_restored_and_its_key_dies_when_the_folder_is_opened() {
    let place = Place::demo();
    place.json(&["backup", "backup"]);
    // The same backup, as if it had been made 31 days ago.
    for (file, _) in files(&place.path("backup/vault/keys")) {
        std::fs::remove_file(file).unwrap();
    }
    std::fs::remove_file(place.path("d/keys/backup.epochs")).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    let key = storage_key(&place.path("d"));
    let file = place.path("d/keys/backup.epochs");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let vault = secnet_vault::SegmentVault::local(&place.path("d/vault")).unwrap();
        let archive =
            secnet_vault::PrivateArchive::open(&place.path("d/archive"), key.clone()).unwrap();
        let mut epochs = BackupEpochs::open(&file, key.clone()).unwrap();
        let then = Timestamp(now - BACKUP_KEY_LIFETIME_MS - 24 * 60 * 60 * 1000);
        let folder = place.path("backup/vault");
        secnet_vault::backup(&vault, &archive, &mut epochs, &folder, then).await.unwrap();
    });
    std::fs::copy(&file, place.path("copy.epochs")).unwrap();

    let run = restore(&place, "copy.epochs", "new");
    assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("backup")), "{run:?}");
    place.run(&["status"]).ok();
    let left = BackupEpochs::open(&file, key).unwrap();
    assert_eq!(left.last_backup_dies(Timestamp(now)), Timestamp(now), "{left:?}");
}

#[test]
fn a_backup_with_other_keys_or_another_genesis_is_not_restored() {
    let place = Place::demo();
    place.json(&["backup", "backup"]);
    copy_tree(&place.path("backup"), &place.path("good"));
    for file in [
        "genesis.cbor",
        "keys/ada.key",
        "keys/ada.json",
        "keys/dr-bo.json",
        "keys/ada.compartments",
    ] {
        crate::support::flip(&place.path("backup").join(file), 200);
        let run = restore(&place, "d/keys/backup.epochs", "new");
        assert_eq!(run.code, 7, "{file}: {run:?}");
        assert!(!place.path("new").exists(), "{file}");
        std::fs::copy(place.path("good").join(file), place.path("backup").join(file)).unwrap();
    }
    restore(&place, "d/keys/backup.epochs", "new").ok();
}
