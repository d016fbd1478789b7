//! The private archive.

use std::path::Path;

use proptest::prelude::*;
use secnet_app::ports::{Archive as _, Change, EntryKind, EntryName};
use secnet_vault::{OpenArchiveError, PrivateArchive, StorageKey};

fn key() -> StorageKey {
    StorageKey::from_bytes([9; 32])
}

fn name(kind: EntryKind, group: &str, key: &str) -> EntryName {
    EntryName::new(kind, group.as_bytes(), key.as_bytes())
}

fn set(name: &EntryName, value: &[u8]) -> Change {
    Change { name: name.clone(), value: Some(value.to_vec()) }
}

fn delete(name: &EntryName) -> Change {
    Change { name: name.clone(), value: None }
}

/// Every byte of every file below.
fn everything(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(everything(&path))
        } else {
            bytes.extend(std::fs::read(path).unwrap())
        }
    }
    bytes
}

async fn keeps_the_contract(
    archive: &PrivateArchive,
    reopen: &dyn Fn(PrivateArchive) -> PrivateArchive,
) {
    let (a, b) = (name(EntryKind::Manifest, "set", "a"), name(EntryKind::Manifest, "set", "b"));
    let elsewhere = name(EntryKind::Manifest, "set2", "a");
    let other = name(EntryKind::Wraps, "set", "a");
    archive
        .write(vec![set(&a, b"1"), set(&b, b"2"), set(&elsewhere, b"3"), set(&other, b"4")])
        .await
        .unwrap();
    assert_eq!(archive.get(&a).await.unwrap().unwrap(), b"1");
    assert_eq!(archive.get(&name(EntryKind::Manifest, "se", "ta")).await.unwrap(), None);
    let mut listed = archive.list(EntryKind::Manifest, b"set").await.unwrap();
    listed.sort();
    assert_eq!(listed, [(a.clone(), b"1".to_vec()), (b.clone(), b"2".to_vec())]);

    let tag = archive.erasure_tag(&a).await.unwrap().unwrap();
    archive.write(vec![set(&a, b"one"), delete(&b)]).await.unwrap();
    assert_eq!(archive.erasure_tag(&a).await.unwrap().unwrap(), tag, "an update keeps the tag");
    archive.supersede(vec![set(&a, b"eins")]).await.unwrap();
    assert_ne!(archive.erasure_tag(&a).await.unwrap().unwrap(), tag);
    assert_eq!(archive.erasure_tag(&b).await.unwrap(), None);

    // All or none.
    let huge = vec![0; 17 * 1024 * 1024];
    assert!(archive.write(vec![delete(&a), set(&b, &huge)]).await.is_err());
    assert_eq!(archive.get(&a).await.unwrap().unwrap(), b"eins");

    archive.rekey().await.unwrap();
    let archive = reopen(archive.clone());
    assert_eq!(archive.get(&a).await.unwrap().unwrap(), b"eins");
    assert_eq!(archive.count().await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract() {
    let archive = PrivateArchive::memory().unwrap();
    keeps_the_contract(&archive, &|archive| archive).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let archive = PrivateArchive::open(folder.path(), key()).unwrap();
    keeps_the_contract(&archive, &|archive| archive).await;
}

#[tokio::test]
async fn it_opens_again_with_its_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let entry = name(EntryKind::Facts, "owner", "request");
    {
        let archive = PrivateArchive::open(folder.path(), key()).unwrap();
        archive.write(vec![set(&entry, b"kept")]).await.unwrap();
    }
    let wrong = PrivateArchive::open(folder.path(), StorageKey::from_bytes([8; 32]));
    assert!(matches!(wrong, Err(OpenArchiveError::Key)));
    {
        let archive = PrivateArchive::open(folder.path(), key()).unwrap();
        assert_eq!(archive.get(&entry).await.unwrap().unwrap(), b"kept");
    }
    std::fs::remove_file(folder.path().join("archive.key")).unwrap();
    let headless = PrivateArchive::open(folder.path(), key());
    assert!(matches!(headless, Err(OpenArchiveError::NoKeyFile(_))));
}

#[tokio::test]
async fn storage_learns_no_name_no_value_and_only_a_bucketed_size() {
    let folder = tempfile::tempdir().unwrap();
    let archive = PrivateArchive::open(folder.path(), key()).unwrap();
    let entry = name(EntryKind::ConsentDetail, "GROUPNAMEGROUPNAME", "KEYNAMEKEYNAME");
    archive.write(vec![set(&entry, &b"VALUEVALUEVALUE".repeat(20))]).await.unwrap();
    drop(archive);
    let bytes = everything(folder.path());
    for needle in [b"GROUPNAME".as_slice(), b"KEYNAME", b"VALUEVALUE"] {
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    }
}

#[tokio::test]
async fn what_a_cut_off_rekeying_left_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let entry = name(EntryKind::Rule, "", "r");
    {
        let archive = PrivateArchive::open(folder.path(), key()).unwrap();
        archive.write(vec![set(&entry, b"kept")]).await.unwrap();
    }
    let half = folder.path().join("archive-0000000000000001.redb");
    std::fs::write(&half, b"half a database").unwrap();
    let archive = PrivateArchive::open(folder.path(), key()).unwrap();
    assert!(!half.exists());
    assert_eq!(archive.get(&entry).await.unwrap().unwrap(), b"kept");
}

#[tokio::test]
async fn a_creation_that_was_cut_off_is_made_good() {
    let folder = tempfile::tempdir().unwrap();
    drop(PrivateArchive::open(folder.path(), key()).unwrap());
    // The power failed before the key file was there, and before that while the database was being made.
    std::fs::remove_file(folder.path().join("archive.key")).unwrap();
    std::fs::write(folder.path().join("archive-0000000000000000.redb.new"), b"half").unwrap();
    let archive = PrivateArchive::open(folder.path(), key()).unwrap();
    assert_eq!(archive.count().await.unwrap(), 0);
    assert!(!folder.path().join("archive-0000000000000000.redb.new").exists());
}

#[tokio::test]
async fn a_lost_database_is_said_and_not_replaced_by_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let entry = name(EntryKind::Rule, "", "r");
    {
        let archive = PrivateArchive::open(folder.path(), key()).unwrap();
        archive.write(vec![set(&entry, b"kept")]).await.unwrap();
    }
    let file = folder.path().join("archive-0000000000000000.redb");
    for lose in [|file: &Path| std::fs::write(file, b""), |file: &Path| std::fs::remove_file(file)]
    {
        lose(&file).unwrap();
        let opened = PrivateArchive::open(folder.path(), key());
        assert!(matches!(opened, Err(OpenArchiveError::Database(_))), "{opened:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// The archive behaves like an ordered map, also across rekeyings.
    #[test]
    fn it_behaves_like_a_map(steps in prop::collection::vec((0u8..3, 0u8..3, prop::option::of(any::<u8>()), any::<bool>()), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let archive = PrivateArchive::memory().unwrap();
            let mut model = std::collections::BTreeMap::new();
            for (group, entry, value, rekey) in steps {
                let name = EntryName::new(EntryKind::Facts, &[group], &[entry]);
                let value = value.map(|byte| vec![byte; usize::from(byte)]);
                archive.write(vec![Change { name: name.clone(), value: value.clone() }]).await.unwrap();
                match value {
                    Some(value) => drop(model.insert(name, value)),
                    None => drop(model.remove(&name)),
                }
                if rekey {
                    archive.rekey().await.unwrap();
                }
            }
            for group in 0..3 {
                let mut listed = archive.list(EntryKind::Facts, &[group]).await.unwrap();
                listed.sort();
                let expected: Vec<_> = model
                    .iter()
                    .filter(|(name, _)| name.group == [group])
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                assert_eq!(listed, expected);
            }
        });
    }
}
