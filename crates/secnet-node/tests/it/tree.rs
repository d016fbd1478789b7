//! Tiles and proofs against RFC 9162's definitions, written out naively.

use redb::backends::InMemoryBackend;
use secnet_node::store::{Commit, Hash, Leaf, NodeReader, Store, leaf_hash, node_hash, proof};
use sha2::{Digest, Sha256};

use crate::model::options;

fn event(index: u64) -> Vec<u8> {
    format!("event number {index}").into_bytes()
}

fn grow(store: &Store, to: u64) {
    let from = store.log_size().unwrap();
    let leaves = (from..to).map(|index| Leaf::new(event(index))).collect();
    store.commit(Commit { leaves, ..Commit::default() }).unwrap();
}

fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

fn naive_inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, sibling) = if index < left.len() {
        (naive_inclusion(index, left), naive_root(right))
    } else {
        (naive_inclusion(index - left.len(), right), naive_root(left))
    };
    path.push(sibling);
    path
}

fn naive_consistency(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { vec![] } else { vec![naive_root(leaves)] };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, sibling) = if old <= left.len() {
        (naive_consistency(old, left, whole), naive_root(right))
    } else {
        (naive_consistency(old - left.len(), right, false), naive_root(left))
    };
    path.push(sibling);
    path
}

fn check(nodes: &mut NodeReader, leaves: &[Hash], sizes: &[u64]) {
    for size in sizes.iter().copied() {
        let there = &leaves[..size as usize];
        assert_eq!(nodes.root(size).unwrap(), naive_root(there), "root of {size}");
        for index in [0, 1, size / 3, size / 2, size.saturating_sub(2), size.saturating_sub(1)] {
            let path = proof::inclusion(index, size, |l, i| nodes.node(l, i)).unwrap();
            let naive = (index < size).then(|| naive_inclusion(index as usize, there));
            assert_eq!(path, naive, "inclusion of {index} in {size}");
        }
        for old in [1, 2, 255, 256, 257, size / 2, size.saturating_sub(1), size] {
            let path = proof::consistency(old, size, |l, i| nodes.node(l, i)).unwrap();
            let naive =
                (old > 0 && old <= size).then(|| naive_consistency(old as usize, there, true));
            assert_eq!(path, naive, "consistency of {old} and {size}");
        }
    }
}

#[test]
fn proofs_are_those_of_rfc_9162() {
    let store = Store::open_with_backend(InMemoryBackend::new(), options()).unwrap();
    let leaves = (0..70_000).map(|index| leaf_hash(&event(index))).collect::<Vec<_>>();
    let mut size = 0;
    for step in [1, 1, 5, 250, 255, 256, 257, 1000, 63_000, 500] {
        size += step;
        grow(&store, size);
    }
    let mut sizes = (0..=40).collect::<Vec<_>>();
    sizes.extend([255, 256, 257, 511, 512, 1023, 4097, 65_279, 65_280]);
    sizes.retain(|other| *other <= size);
    sizes.push(size);
    check(&mut store.nodes().unwrap(), &leaves, &sizes);
    grow(&store, 65_536);
    grow(&store, 70_000);
    check(&mut store.nodes().unwrap(), &leaves, &[65_535, 65_536, 65_537, 70_000]);
    let report = store.verify(&mut |_| {});
    assert!(report.is_clean(), "{:?}", report.findings);
    // 273 at level 0 and one at level 1, the specification's own example.
    assert_eq!(report.tiles, 274);
}

#[test]
fn the_growing_edge_survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let leaves = (0..1300).map(|index| leaf_hash(&event(index))).collect::<Vec<_>>();
    for size in [3, 255, 256, 300, 777, 1024, 1300] {
        let store = Store::open(folder.path(), options()).unwrap();
        grow(&store, size);
        drop(store);
        let store = Store::open(folder.path(), options()).unwrap();
        assert_eq!(
            store.nodes().unwrap().root(size).unwrap(),
            naive_root(&leaves[..size as usize])
        );
    }
}

#[test]
fn nodes_beyond_the_log_are_refused() {
    let store = Store::open_with_backend(InMemoryBackend::new(), options()).unwrap();
    grow(&store, 300);
    let mut nodes = store.nodes().unwrap();
    assert!(nodes.node(0, 299).is_ok());
    for (level, index) in [(0, 300), (1, 150), (8, 1), (9, 0), (64, 0), (255, 0)] {
        assert!(nodes.node(level, index).is_err(), "{level}/{index}");
    }
    assert_eq!(nodes.tile(0, 0).unwrap().len(), 256);
    assert_eq!(nodes.tile(0, 1).unwrap().len(), 44);
    assert_eq!(nodes.tile(1, 0).unwrap().len(), 1);
    for (level, index) in [(0, 2), (1, 1), (2, 0), (9, 0), (255, 0), (0, u64::MAX)] {
        assert!(nodes.tile(level, index).is_err(), "tile {level}/{index}");
    }
}
