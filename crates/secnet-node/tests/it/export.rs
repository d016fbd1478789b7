use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use redb::backends::InMemoryBackend;
use secnet_node::store::{
    Commit, Exporter, Hash, Leaf, Store, StoreError, entries_path, leaf_hash, node_hash, tile_path,
};

use crate::model::{bytes, options};

fn store(size: u64) -> Store {
    let store = Store::open_with_backend(InMemoryBackend::new(), options()).unwrap();
    grow(&store, size);
    store
}

fn grow(store: &Store, to: u64) {
    let from = store.log_size().unwrap();
    let leaves = (from..to).map(|index| Leaf::new(bytes(index, (index % 50) as usize))).collect();
    store.commit(Commit { leaves, ..Commit::default() }).unwrap();
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(dir: &Path, root: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for item in fs::read_dir(dir).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                walk(&path, root, into);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                into.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut into = BTreeMap::new();
    walk(dir, dir, &mut into);
    into
}

#[test]
fn paths_are_those_of_the_specification() {
    assert_eq!(tile_path(0, 1_234_067, None), "tile/0/x001/x234/067");
    assert_eq!(tile_path(63, 0, Some(255)), "tile/63/000.p/255");
    assert_eq!(tile_path(1, 999, None), "tile/1/999");
    assert_eq!(entries_path(1000, Some(1)), "tile/entries/x001/000.p/1");
}

/// The specification's example: 273 full and one 112 wide at level 0, one full and one 17 wide
/// at level 1, one 1 wide at level 2.
#[test]
fn a_log_of_70000_has_the_tiles_of_the_specification() {
    let store = store(70_000);
    let folder = tempfile::tempdir().unwrap();
    Exporter::new(&store, folder.path()).export(70_000, b"a checkpoint\n").unwrap();
    let files = files(folder.path());
    let full = |prefix: &str| {
        files.keys().filter(|name| name.starts_with(prefix) && !name.contains(".p/")).count()
    };
    assert_eq!((full("tile/0/"), full("tile/1/"), full("tile/entries/")), (273, 1, 273));
    assert_eq!(files["tile/0/273.p/112"].len(), 112 * 32);
    assert_eq!(files["tile/1/001.p/17"].len(), 17 * 32);
    assert_eq!(files["tile/2/000.p/1"].len(), 32);
    assert!(files.contains_key("tile/entries/273.p/112"));
    assert_eq!(files["checkpoint"], b"a checkpoint\n");
    assert_eq!(files.len(), 273 * 2 + 1 + 3 + 1 + 2);
    check_bundle(&files["tile/entries/272"], &files["tile/0/272"], 272 * 256);
    check_bundle(&files["tile/entries/273.p/112"], &files["tile/0/273.p/112"], 273 * 256);
    assert_eq!(files["tile/1/001.p/17"][16 * 32..], root(&files["tile/0/272"]));
}

fn check_bundle(mut bundle: &[u8], tile: &[u8], first: u64) {
    for (index, hash) in (first..).zip(tile.chunks(32)) {
        let (len, rest) = bundle.split_first_chunk::<2>().unwrap();
        let (event, rest) = rest.split_at(usize::from(u16::from_be_bytes(*len)));
        assert_eq!(event, bytes(index, (index % 50) as usize));
        assert_eq!(hash, leaf_hash(event));
        bundle = rest;
    }
    assert!(bundle.is_empty());
}

fn root(tile: &[u8]) -> Hash {
    let mut row = tile.chunks(32).map(|hash| hash.try_into().unwrap()).collect::<Vec<Hash>>();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row[0]
}

#[test]
fn exports_in_steps_end_like_one_export() {
    let (steps, once) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = store(0);
    for size in [0, 1, 100, 256, 600, 601, 1500] {
        grow(&store, size);
        Exporter::new(&store, steps.path()).export(size, &size.to_be_bytes()).unwrap();
    }
    Exporter::new(&store, once.path()).export(1500, &1500_u64.to_be_bytes()).unwrap();
    let (mut steps, once) = (files(steps.path()), files(once.path()));
    // Partial tiles of earlier checkpoints stay until their tile is full.
    steps.retain(|name, _| !name.contains(".p/") || once.contains_key(name));
    assert_eq!(steps, once);
}

/// A run cut short at any file: what is there may be missing, or half written aside.
#[test]
fn an_export_can_be_run_again_from_any_point() {
    let store = store(1000);
    let (whole, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Exporter::new(&store, whole.path()).export(1000, b"c").unwrap();
    let whole = files(whole.path());
    for cut in 0..whole.len() {
        let dir = folder.path().join(cut.to_string());
        for (name, bytes) in whole.iter().take(cut) {
            if name != "exported" && name != "checkpoint" {
                let path = dir.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
        // The file after the cut was being written aside.
        if let Some((name, bytes)) = whole.iter().nth(cut).filter(|_| cut > 1) {
            let aside = dir.join(format!("{name}.new"));
            fs::create_dir_all(aside.parent().unwrap()).unwrap();
            fs::write(aside, &bytes[..bytes.len() / 2]).unwrap();
        }
        let done = Exporter::new(&store, &dir).export(1000, b"c").unwrap();
        assert_eq!(done.written + done.kept, whole.len() as u64 - 2);
        assert_eq!(files(&dir), whole, "cut at {cut}");
        let again = Exporter::new(&store, &dir).export(1000, b"c").unwrap();
        assert_eq!(again.written, 0);
    }
}

#[test]
fn damaged_files_are_replaced_by_a_full_export() {
    let store = store(1000);
    let folder = tempfile::tempdir().unwrap();
    let exporter = Exporter::new(&store, folder.path());
    exporter.export(1000, b"c").unwrap();
    let whole = files(folder.path());
    fs::write(folder.path().join("tile/0/001"), b"damaged").unwrap();
    fs::remove_file(folder.path().join("tile/entries/000")).unwrap();
    assert_eq!(exporter.export_all(1000, b"c").unwrap().written, 2);
    assert_eq!(files(folder.path()), whole);
}

#[test]
fn an_older_size_can_be_published() {
    let store = store(1000);
    let (older, now) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Exporter::new(&store, older.path()).export(700, b"c").unwrap();
    let small = self::store(700);
    Exporter::new(&small, now.path()).export(700, b"c").unwrap();
    assert_eq!(files(older.path()), files(now.path()));
    let error = Exporter::new(&small, now.path()).export(701, b"c").unwrap_err();
    assert!(matches!(error, StoreError::OutOfRange { .. }), "{error}");
}
