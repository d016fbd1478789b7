//! The data folder: lock, format, head note, backup, restore.

use std::fs;
use std::process::Command;

use redb::{Database, TableDefinition};
use secnet_node::store::{BACKUP_MANIFEST, STORE_FILE, Store, StoreError, fsck, restore};

use crate::model::{Model, commit, options};

const HOLD: &str = "SECNET_TEST_HOLD_FOLDER";

fn fill(dir: &std::path::Path, commits: u64) -> Store {
    let store = Store::open(dir, options()).unwrap();
    (0..commits).for_each(|number| store.commit(commit(number)).unwrap());
    store
}

#[test]
fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = fill(folder.path(), 2);
    let message = format!(
        "the data folder `{}` is in use by another process; stop that process, or give another folder",
        folder.path().display()
    );
    assert_eq!(Store::open(folder.path(), options()).unwrap_err().to_string(), message);
    let error = fsck(folder.path(), &options(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    // And for another process.
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "folder::open_the_folder_of_the_parent", "--ignored", "--nocapture"])
        .env(HOLD, folder.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains(&message));
    drop(store);
    Store::open(folder.path(), options()).unwrap();
}

#[test]
#[ignore = "the other process of a_folder_in_use_is_refused"]
fn open_the_folder_of_the_parent() {
    if let Some(folder) = std::env::var_os(HOLD) {
        println!("{}", Store::open(folder.as_ref(), options()).unwrap_err());
    }
}

#[test]
fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(fill(folder.path(), 1));
    // The row as the next version would write it: a right tag over version 2.
    let mut hasher = blake3::Hasher::new();
    let name = b"store/format";
    for part in [b"secnet/store/1".as_slice(), b"m", &(name.len() as u64).to_le_bytes(), name] {
        hasher.update(part);
    }
    hasher.update(&2_u32.to_le_bytes());
    let mut row = hasher.finalize().as_bytes()[..16].to_vec();
    row.extend_from_slice(&2_u32.to_le_bytes());
    let db = Database::open(folder.path().join(STORE_FILE)).unwrap();
    let txn = db.begin_write().unwrap();
    let meta: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    txn.open_table(meta).unwrap().insert("store/format", row.as_slice()).unwrap();
    txn.commit().unwrap();
    drop(db);
    let message = "the store has format 2, this program knows up to 1; use a newer program";
    assert_eq!(Store::open(folder.path(), options()).unwrap_err().to_string(), message);
    let error = fsck(folder.path(), &options(), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn another_database_is_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::create(folder.path().join(STORE_FILE)).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap();
    txn.commit().unwrap();
    drop(db);
    let error = Store::open(folder.path(), options()).unwrap_err();
    assert!(error.to_string().contains("it is not a store"), "{error}");
    fs::write(folder.path().join(STORE_FILE), b"something else").unwrap();
    assert!(Store::open(folder.path(), options()).is_err());
    assert_eq!(fs::read(folder.path().join(STORE_FILE)).unwrap(), b"something else");
}

#[test]
fn a_database_put_back_alone_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    drop(fill(folder.path(), 5));
    let file = folder.path().join(STORE_FILE);
    let old = fs::read(&file).unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    store.commit(commit(5)).unwrap();
    drop(store);
    fs::write(&file, &old).unwrap();
    let error = Store::open(folder.path(), options()).unwrap_err();
    assert!(matches!(error, StoreError::RolledBack { found: 5, seen: 6 }), "{error}");
    let report = fsck(folder.path(), &options(), &mut |_| {}).unwrap();
    assert_eq!(
        report.findings[0].to_string(),
        "the database file: it ends at commit 5, but 6 was acknowledged"
    );
    fs::write(&file, b"").unwrap();
    assert!(!fsck(folder.path(), &options(), &mut |_| {}).unwrap().is_clean());
    fs::write(&file, &old[..old.len() / 2]).unwrap();
    assert!(!fsck(folder.path(), &options(), &mut |_| {}).unwrap().is_clean());
    assert!(Store::open(folder.path(), options()).is_err());
}

#[test]
fn a_creation_cut_short_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ledger.redb.new"), vec![0; 100_000]).unwrap();
    drop(fill(folder.path(), 1));
    assert!(!folder.path().join("ledger.redb.new").exists());
    fs::remove_file(folder.path().join(STORE_FILE)).unwrap();
    let error = Store::open(folder.path(), options()).unwrap_err();
    assert!(matches!(error, StoreError::RolledBack { found: 0, seen: 1 }), "{error}");
}

#[test]
fn a_check_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    drop(fill(folder.path(), 9));
    let file = folder.path().join(STORE_FILE);
    let clean = fs::read(&file).unwrap();
    let mut calls = 0;
    let report = fsck(folder.path(), &options(), &mut |_| calls += 1).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert!(calls >= 3);
    assert_eq!(fs::read(&file).unwrap(), clean);
    // A file as a kill leaves it needs recovery; the check does that in memory.
    let store = fill_more(folder.path(), 9, 12);
    let unclean = fs::read(&file).unwrap();
    std::mem::drop(store);
    fs::write(&file, &unclean).unwrap();
    let report = fsck(folder.path(), &options(), &mut |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(fs::read(&file).unwrap(), unclean);
    let store = Store::open(folder.path(), options()).unwrap();
    assert_eq!(Model::read(&store).unwrap(), Model::after(12));
}

fn fill_more(dir: &std::path::Path, from: u64, to: u64) -> Store {
    let store = Store::open(dir, options()).unwrap();
    (from..to).for_each(|number| store.commit(commit(number)).unwrap());
    store
}

#[test]
fn a_backup_of_an_open_store_restores_to_the_same() {
    let root = tempfile::tempdir().unwrap();
    let (data, copy, back) =
        (root.path().join("data"), root.path().join("copy"), root.path().join("back"));
    let store = fill(&data, 30);
    let manifest = store.backup(&copy).unwrap();
    assert_eq!((manifest.commit, manifest.last_height), (30, Some(49)));
    store.commit(commit(30)).unwrap();
    let error = store.backup(&copy).unwrap_err();
    assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
    assert_eq!(restore(&copy, &back, &options(), &mut |_| {}).unwrap(), manifest);
    let error = restore(&copy, &back, &options(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
    let restored = Store::open(&back, options()).unwrap();
    assert_eq!(Model::read(&restored).unwrap(), Model::after(30));
    restored.commit(commit(30)).unwrap();
    assert_eq!(Model::read(&restored).unwrap(), Model::read(&store).unwrap());
    let size = store.log_size().unwrap();
    let root_of = |store: &Store| store.nodes().unwrap().root(size).unwrap();
    assert_eq!(root_of(&restored), root_of(&store));
}

#[test]
fn a_damaged_backup_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let copy = root.path().join("copy");
    fill(&root.path().join("data"), 5).backup(&copy).unwrap();
    let (file, manifest) = (copy.join(STORE_FILE), copy.join(BACKUP_MANIFEST));
    let (bytes, text) = (fs::read(&file).unwrap(), fs::read_to_string(&manifest).unwrap());
    let refused = |name: &str| {
        let to = root.path().join(name);
        let error = restore(&copy, &to, &options(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, StoreError::BadBackup { .. }), "{name}: {error}");
        assert!(!to.join(STORE_FILE).exists());
        error.to_string()
    };
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    fs::write(&file, &flipped).unwrap();
    assert!(refused("flipped").contains("BLAKE3"));
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert!(refused("short").contains("bytes, not"));
    fs::write(&file, &bytes).unwrap();
    for (name, text) in [
        ("title", text.replace("backup 1", "backup 2")),
        ("commit", text.replace("commit 5", "commit 6")),
        ("zeros", text.replace("commit 5", "commit 05")),
        ("tail", format!("{text}more\n")),
    ] {
        fs::write(&manifest, text).unwrap();
        refused(name);
    }
    fs::remove_file(&manifest).unwrap();
    assert!(refused("manifest").contains("no manifest"));
}
