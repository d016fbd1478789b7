#![allow(
    clippy::cast_possible_truncation,
    clippy::string_slice,
    reason = "small numbers and ASCII that the test itself made"
)]

use proptest::prelude::*;

use super::{
    note::{NoteError, parse_verifier_key, verifier_key},
    tile::{FULL_TILE_LEN, TileId, TileNodes, new_tiles, parse_tile, tile_bytes},
    *,
};
use crate::SigningKey;

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_le_bytes())
}

fn tree(size: u64) -> Tree {
    let mut tree = Tree::new();
    tree.extend((0..size).map(leaf));
    tree
}

/// The definition of RFC 9162, section 2.1.1, as it is written.
fn defined_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().div_ceil(2).next_power_of_two());
            node_hash(&defined_root(left), &defined_root(right))
        }
    }
}

#[test]
fn roots_are_those_of_the_definition() {
    let tree = tree(300);
    let leaves: Vec<Hash> = (0..300).map(leaf).collect();
    let mut frontier = Frontier::new();
    for size in 0..=300 {
        let root = defined_root(&leaves[..size as usize]);
        assert_eq!(tree.root(size), Ok(root));
        assert_eq!(frontier.root(), root);
        let stored = Frontier::from_parts(size, frontier.peaks().to_vec());
        assert_eq!(stored.as_ref(), Some(&frontier));
        assert_eq!(
            Frontier::from_parts(size + 1, frontier.peaks().to_vec()).is_some(),
            (size + 1).count_ones() == size.count_ones()
        );
        frontier.append(leaf(size));
    }
    assert_eq!(tree.root(301), Err(MerkleError::Size { have: 300, wanted: 301 }));
}

#[test]
fn every_proof_of_small_trees_holds_and_nothing_else() {
    let tree = tree(40);
    for size in 0..=40 {
        let root = tree.root(size).unwrap();
        assert!(tree.inclusion_proof(size, size).is_err());
        for index in 0..size {
            let proof = tree.inclusion_proof(index, size).unwrap();
            assert_eq!(verify_inclusion(&leaf(index), index, size, &proof, &root), Ok(()));
            let other = leaf(index + 1);
            assert!(verify_inclusion(&other, index, size, &proof, &root).is_err());
            assert!(
                verify_inclusion(&leaf(index), index ^ 1, size, &proof, &root).is_err()
                    || size == 1
            );
            let longer = [proof.as_slice(), &[root]].concat();
            assert!(verify_inclusion(&leaf(index), index, size, &longer, &root).is_err());
        }
        for old in 0..=size {
            let old_root = tree.root(old).unwrap();
            let proof = tree.consistency_proof(old, size).unwrap();
            let verified = verify_consistency(old, size, &proof, &old_root, &root);
            assert_eq!(verified.is_ok(), old > 0 || size == 0, "{old} of {size}");
            if old < size {
                let wrong = leaf(99);
                assert!(verify_consistency(old, size, &proof, &wrong, &root).is_err());
                assert!(verify_consistency(old, size, &proof, &old_root, &wrong).is_err());
                assert!(verify_consistency(old + 1, size, &proof, &old_root, &root).is_err());
            }
        }
    }
    assert!(tree.consistency_proof(5, 4).is_err());
}

#[test]
fn nodes_reported_while_appending_are_those_of_the_tree() {
    let tree = tree(1000);
    let mut frontier = Frontier::new();
    let mut reported = 0;
    for index in 0..1000 {
        frontier.append_with(leaf(index), |level, index, hash| {
            assert_eq!(tree.nodes().node(level, index), Ok(hash));
            reported += 1;
        });
    }
    assert_eq!(reported, (0..10).map(|level| 1000 >> level).sum::<u64>());
}

#[test]
fn tile_paths_are_those_of_the_specification() {
    for (tile, path) in [
        (TileId::new(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (TileId::new(0, 0, 17), "tile/0/000.p/17"),
        (TileId::new(3, 1000, 256), "tile/3/x001/000"),
        (TileId::new(1, 999, 255), "tile/1/999.p/255"),
    ] {
        let tile = tile.unwrap();
        assert_eq!(tile.to_string(), path);
        assert_eq!(path.parse(), Ok(tile));
    }
    assert_eq!(TileId::new(0, 1000, 3).unwrap().entries_path(), "tile/entries/x001/000.p/3");
    for path in [
        "",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/017",
        "tile/8/000",
        "tile/00/000",
        "tile/0/../000",
        "tile/0/+01",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999",
    ] {
        assert!(path.parse::<TileId>().is_err(), "{path}");
    }
}

#[test]
fn proofs_from_tiles_are_those_from_memory() {
    let size = 256 * 256 + 300;
    let tree = tree(size);
    let tiles: std::collections::BTreeMap<TileId, Vec<u8>> = new_tiles(0, size)
        .into_iter()
        .map(|tile| (tile, tile_bytes(tree.nodes(), tile).unwrap()))
        .collect();
    assert_eq!(tiles.values().filter(|bytes| bytes.len() == FULL_TILE_LEN).count(), 258);
    let nodes = TileNodes::new(size, |tile: TileId| {
        let bytes = tiles.get(&tile).ok_or(MerkleError::Missing { level: 0, index: 0 })?;
        parse_tile(tile, bytes).map_err(|_| MerkleError::Missing { level: 0, index: 0 })
    });
    assert_eq!(root(&nodes, size), tree.root(size));
    for index in [0, 1, 255, 256, 65_535, 65_536, size - 1] {
        assert_eq!(inclusion_proof(&nodes, index, size), tree.inclusion_proof(index, size));
        assert_eq!(consistency_proof(&nodes, index, size), tree.consistency_proof(index, size));
    }
}

#[test]
fn growth_writes_only_what_changed() {
    let paths =
        |old, new| -> Vec<String> { new_tiles(old, new).iter().map(ToString::to_string).collect() };
    assert_eq!(paths(0, 0), [""; 0]);
    assert_eq!(paths(5, 5), [""; 0]);
    assert_eq!(paths(0, 3), ["tile/0/000.p/3"]);
    assert_eq!(paths(256, 256), [""; 0]);
    assert_eq!(paths(250, 260), ["tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1"]);
    assert_eq!(paths(256, 257), ["tile/0/001.p/1"]);
}

#[test]
fn checkpoints_have_one_spelling() {
    let checkpoint = Checkpoint::new("example.com/log", 12, leaf(0)).unwrap();
    let text = checkpoint.to_string();
    assert_eq!(Checkpoint::parse(&text), Ok(checkpoint));
    for wrong in [
        "",
        text.trim_end(),
        &format!("{text}\n"),
        &format!("{text}extension\n"),
        &text.replace("12", "012"),
        &text.replace("12", "+12"),
        &text.replace("12", "-1"),
        &text.replace("12", "99999999999999999999"),
        &text.replace("example.com/log", ""),
        &text.replace('\n', "\r\n"),
        &text.replace('=', ""),
    ] {
        assert!(Checkpoint::parse(wrong).is_err(), "{wrong:?}");
    }
    assert!(Checkpoint::new("two\nlines", 0, leaf(0)).is_err());
}

#[test]
fn signed_checkpoints_open_with_the_right_key_only() {
    let key = SigningKey::from_seed([1; 32]);
    let other = SigningKey::from_seed([2; 32]);
    let checkpoint = Checkpoint::new("log", 3, leaf(3)).unwrap();
    let mut note = checkpoint.sign("log", &key).unwrap();
    note.add_signature("witness", &other).unwrap();
    let text = note.to_text();
    let public = key.verifying_key();
    assert_eq!(Checkpoint::open(&text, "log", "log", &public), Ok(checkpoint.clone()));
    let witness = other.verifying_key();
    assert_eq!(Checkpoint::open(&text, "log", "witness", &witness), Ok(checkpoint));
    let unsigned = Checkpoint::open(&text, "log", "log", &witness);
    assert_eq!(unsigned, Err(NoteError::NotSigned("log".to_owned()).into()));
    assert!(Checkpoint::open(&text, "other", "log", &public).is_err());
    let forged = text.replace("\n3\n", "\n4\n");
    let refused = Checkpoint::open(&forged, "log", "log", &public);
    assert_eq!(refused, Err(NoteError::Invalid("log".to_owned()).into()));
}

#[test]
fn notes_of_another_form_are_refused() {
    let key = SigningKey::from_seed([1; 32]);
    let note = SignedNote::sign("text\n\nmore\n", "name", &key).unwrap();
    let text = note.to_text();
    assert_eq!(SignedNote::parse(&text), Ok(note));
    for wrong in [
        "",
        "\n\n",
        "text\n\n",
        text.trim_end(),
        &format!("{text}\n"),
        &text.replace('\u{2014}', "-"),
        &text.replace("more", "mo\tre"),
        &text.replace("name ", "na me "),
        &text.replace("name ", "na+me "),
        &text.replace("name ", " "),
        &text.replace("name ", "name  "),
    ] {
        assert!(SignedNote::parse(wrong).is_err(), "{wrong:?}");
    }
    for (text, name) in
        [("no line feed", "name"), ("a\rb\n", "name"), ("text\n", "a b"), ("text\n", "")]
    {
        assert!(SignedNote::sign(text, name, &key).is_err(), "{text:?} {name:?}");
    }
    let public = verifier_key("name", &key.verifying_key()).unwrap();
    assert!(parse_verifier_key(&public.replacen("name", "other", 1)).is_err());
    assert!(parse_verifier_key(&format!("{public} ")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn proofs_hold_in_larger_trees(size in 1u64..3000, a: prop::sample::Index, b: prop::sample::Index) {
        let tree = tree(size);
        let root = tree.root(size).unwrap();
        let index = a.index(size as usize) as u64;
        let proof = tree.inclusion_proof(index, size).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf(index), index, size, &proof, &root), Ok(()));
        let old = b.index(size as usize) as u64 + 1;
        let proof = tree.consistency_proof(old, size).unwrap();
        prop_assert!(proof.len() <= MAX_PROOF_LEN);
        let old_root = tree.root(old).unwrap();
        prop_assert_eq!(verify_consistency(old, size, &proof, &old_root, &root), Ok(()));
    }
}
