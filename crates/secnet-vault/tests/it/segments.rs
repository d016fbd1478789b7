//! The contract on local disk and in memory.

use std::sync::Arc;

use futures::executor::block_on;
use object_store::{ObjectStoreExt as _, PutPayload, memory::InMemory, path::Path};
use secnet_vault::SegmentVault;

use crate::contract::{Damage, Subject, all, damage_file};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_disk_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let (root, again) = (folder.path().to_owned(), folder.path().to_owned());
    all(&Subject {
        open: Box::new(move || SegmentVault::local(&root).unwrap()),
        damage: Box::new(move |name, damage| damage_file(&again, name, damage)),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract() {
    let store = Arc::new(InMemory::new());
    let behind = Arc::clone(&store);
    all(&Subject {
        open: Box::new(move || SegmentVault::on(store.clone())),
        damage: Box::new(move |name, damage| {
            let path = Path::from(name);
            let mut bytes = block_on(async { behind.get(&path).await.unwrap().bytes().await })
                .unwrap()
                .to_vec();
            match damage {
                Damage::Flip(at) => bytes[at] ^= 1,
                Damage::Cut(len) => bytes.truncate(len),
                Damage::Remove => return block_on(behind.delete(&path)).unwrap(),
            }
            block_on(behind.put(&path, PutPayload::from(bytes))).unwrap();
        }),
    })
    .await;
}

#[tokio::test]
async fn names_in_storage_are_hashes_only() {
    use secnet_app::ports::Vault as _;
    let folder = tempfile::tempdir().unwrap();
    let vault = SegmentVault::local(folder.path()).unwrap();
    vault.put_segment(vec![7; 100_000].into()).await.unwrap();
    let mut names = Vec::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { names.push(path) }
        }
    }
    assert_eq!(names.len(), 2);
    for name in names {
        let last = name.file_name().unwrap().to_str().unwrap();
        assert!(last.len() == 64 && last.bytes().all(|b| b.is_ascii_hexdigit()), "{last}");
    }
}
