//! The contract on local disk and in memory.

use std::{
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use futures::executor::block_on;
use object_store::{ObjectStoreExt as _, PutPayload, memory::InMemory, path::Path};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use secnet_crypto::{SealKeyPair, StreamSuite};
use secnet_lock::{CompartmentKeys, PartSealer, UploadSealer, UploadSpec};
use secnet_types::{Category, DatasetId, Labels, MemberId, RecordId, RecordMeta};
use secnet_vault::{SegmentVault, seal_to_vault};

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
    let names = files(folder.path());
    assert_eq!(names.len(), 2);
    for name in names {
        let last = name.file_name().unwrap().to_str().unwrap();
        assert!(last.len() == 64 && last.bytes().all(|b| b.is_ascii_hexdigit()), "{last}");
    }
}

/// The thread that writes is not the caller's: it has to notice by itself that nobody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storing_that_nobody_waits_for_ends_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let vault = SegmentVault::local(folder.path()).unwrap();
    let (reached, at) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (mut reached, mut calls) = (Some(reached), 0);
    let fill = move |_: &mut [u8]| {
        calls += 1;
        if calls == 200 {
            reached.take().unwrap().send(()).unwrap();
            wait.recv().ok();
        }
        Ok(())
    };
    let parts = large_record(64 << 20);
    let storing = tokio::spawn(async move { seal_to_vault(&vault, parts, fill).await.is_ok() });
    at.await.unwrap();
    assert_eq!(files(folder.path()).len(), 1, "it is under way");
    storing.abort();
    assert!(storing.await.unwrap_err().is_cancelled());
    for _ in 0..1000 {
        if files(folder.path()).is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(files(folder.path()), [] as [PathBuf; 0]);
    drop(go);
}

fn files(folder: &FilePath) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

fn large_record(len: u64) -> PartSealer {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let owner = MemberId([1; 32]);
    let mut keys = CompartmentKeys::new();
    keys.ensure(owner, Category::Imaging, Labels::NONE, &mut rng).unwrap();
    let (directory, nodes) = (keys.directory(), [SealKeyPair::generate(&mut rng).public]);
    let spec = UploadSpec {
        dataset: DatasetId([2; 16]),
        owner,
        compartments: &directory,
        release_nodes: &nodes,
        threshold: 1,
        suite: StreamSuite::preferred(),
    };
    let meta = RecordMeta {
        id: RecordId([3; 16]),
        kind: "ImagingStudy".into(),
        category: Category::Imaging,
        labels: Labels::NONE,
        period: None,
    };
    UploadSealer::new(spec, &mut rng).unwrap().begin_parts(&meta, len, &mut rng).unwrap()
}
