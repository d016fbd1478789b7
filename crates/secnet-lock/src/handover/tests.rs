use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use secnet_crypto::SealKeyPair;

use super::*;

fn node() -> ReleaseNode {
    ReleaseNode::new(SealKeyPair::generate(&mut ChaCha20Rng::seed_from_u64(1)))
}

fn rows() -> Rows<16, 64> {
    (1..=3).map(|n| ([n; 16], Zeroizing::new([n; 64]))).collect()
}

fn terms(threshold: u8) -> HandoverTerms {
    HandoverTerms {
        version: Known,
        dataset: DatasetId([1; 16]),
        upload: UploadId([2; 16]),
        epoch: 1,
        threshold,
        nodes: (1..=4).map(|n| Digest([n; 32])).collect(),
        former: Vec::new(),
    }
}

/// Who of the four takes over what these columns are, shown as of threshold 2?
fn takers(columns: &[Column]) -> Vec<bool> {
    let proof = HandoverProof::of(columns, &terms(2), 9).unwrap();
    (1..).zip(columns).map(|(n, column)| proof.holds(column, &terms(2), (9, n))).collect()
}

#[test]
fn columns_that_more_nodes_than_said_put_together_are_refused_by_all() {
    let of = |threshold| node().columns(&rows(), &terms(threshold)).unwrap();
    assert_eq!(takers(&of(2)), [true; 4]);
    assert_eq!(takers(&of(1)), [true; 4], "fewer can do no harm but to the dealer's own share");
    for threshold in [3, 4] {
        assert_eq!(takers(&of(threshold)), [false; 4]);
    }
}

/// The dealer's proof is honest about what it dealt, and what it dealt is not one sharing.
#[test]
fn one_other_value_for_one_node_is_refused_by_all() {
    for at in 0..4 {
        let mut columns = node().columns(&rows(), &terms(2)).unwrap();
        columns[at].rows.get_mut(&[2; 16]).unwrap()[33] ^= 1;
        assert_eq!(takers(&columns), [false; 4], "node {at}");
        let mut columns = node().columns(&rows(), &terms(2)).unwrap();
        columns[at].rows.remove(&[2; 16]);
        assert!(takers(&columns).contains(&false), "node {at} lacks a record");
    }
}
