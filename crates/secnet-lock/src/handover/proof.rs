//! What one dealer deals to different nodes fits together: a check by random sums, from hashes alone.
//!
//! The dealer hashes each column, takes random weights for the records from those hashes, and publishes the columns' sums by these
//! weights, hidden behind masks that it dealt as it did the shares. If the columns are points of polynomials of the right degree the
//! sums are too, and each receiver finds its own sum in the list. A column that is not has the right sum with a chance of
//! 1/256 a check. After Atapoor, Baghery, Cozzo and Pedersen, *VSS from distributed ZK proofs* (2023).

use minicbor::{Decode, Encode};
use secnet_crypto::{
    Zeroizing, derive,
    shares::{scale_add, weights},
};
use secnet_types::Digest;

use super::{Column, DealError, HandoverTerms, Row};

/// Independent checks: a wrong column passes all of them with a chance of 2^-128.
pub(super) const CHECKS: usize = 16;
/// The masks in a column.
pub(super) const MASK_BYTES: usize = CHECKS * 64;
/// HKDF `info` of the weights.
const WEIGHTS_CONTEXT: &str = "secnet/lock/handover-weights/v1";

/// One for each check.
pub(super) type Masks = Vec<Zeroizing<Row>>;

/// What a dealer shows of its columns. It says nothing about the shares.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HandoverProof {
    /// `Digest::of_parts("secnet/lock/handover-records/v1", record ids in order)`.
    #[n(0)]
    records: Digest,
    /// Digest of each node's column, node 1 first.
    #[n(1)]
    columns: Vec<Digest>,
    /// For each node, node 1 first, the sum of each check.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    sums: Vec<u8>,
}

impl HandoverProof {
    pub(super) fn of(
        columns: &[Column],
        terms: &HandoverTerms,
        dealer: u8,
    ) -> Result<Self, DealError> {
        let records = columns.first().ok_or(DealError::Terms)?.records();
        let digests = (1..).zip(columns).map(|(node, it)| it.digest(terms, (dealer, node)));
        let mut proof = Self { records, columns: digests.collect(), sums: Vec::new() };
        for column in columns {
            for sum in proof.sums_of(column, terms, dealer) {
                proof.sums.extend_from_slice(&sum);
            }
        }
        Ok(proof)
    }

    /// SHA-256 of the canonical bytes. All receivers MUST have seen the same one.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(self)
    }

    /// Is this the column that the dealer showed for this node, and do all columns fit together?
    pub(super) fn holds(
        &self,
        column: &Column,
        terms: &HandoverTerms,
        (dealer, node): (u8, u8),
    ) -> bool {
        let at = usize::from(node).checked_sub(1);
        let named = at.and_then(|at| self.columns.get(at));
        let (sums, rest) = self.sums.as_chunks::<64>();
        let shaped = rest.is_empty()
            && self.columns.len() == terms.nodes.len()
            && sums.len() == self.columns.len().saturating_mul(CHECKS);
        let of_node: Vec<&[Row]> = sums.chunks(CHECKS).collect();
        shaped
            && self.records == column.records()
            && named == Some(&column.digest(terms, (dealer, node)))
            && at.and_then(|at| of_node.get(at))
                == Some(&self.sums_of(column, terms, dealer).as_slice())
            && fit_together(&of_node, usize::from(terms.threshold))
    }

    /// A column's sums: the mask of each check, and the rows by their weights.
    fn sums_of(&self, column: &Column, terms: &HandoverTerms, dealer: u8) -> Vec<Row> {
        let (terms, columns) = (terms.digest(), Digest::of_value(&self.columns));
        let seed = derive(WEIGHTS_CONTEXT, &[&terms.0, &[dealer], &self.records.0, &columns.0]);
        let mut sums: Vec<Row> = column.masks.iter().map(|mask| **mask).collect();
        for ((record, row), at) in column.rows.iter().zip(0u64..) {
            let weights = derive(WEIGHTS_CONTEXT, &[seed.as_slice(), &at.to_be_bytes(), record]);
            for (sum, weight) in sums.iter_mut().zip(weights.iter()) {
                scale_add(sum, row, *weight);
            }
        }
        sums
    }
}

/// Do the sums of all nodes lie on polynomials that this many points determine?
fn fit_together(sums: &[&[Row]], threshold: usize) -> bool {
    let (Some(first), Ok(count)) = (sums.get(..threshold), u8::try_from(threshold)) else {
        return false;
    };
    let indices: Vec<u8> = (1..=count).collect();
    (1u8..).zip(sums).skip(threshold).all(|(node, sums)| {
        let Ok(weights) = weights(&indices, node) else { return false };
        sums.iter().enumerate().all(|(check, sum)| {
            let mut expected: Row = [0; 64];
            for (points, weight) in first.iter().zip(&weights) {
                if let Some(point) = points.get(check) {
                    scale_add(&mut expected, point, *weight);
                }
            }
            expected == *sum
        })
    })
}

impl Column {
    fn records(&self) -> Digest {
        let ids: Vec<&[u8]> = self.rows.keys().map(<[u8; 16]>::as_slice).collect();
        Digest::of_parts("secnet/lock/handover-records/v1", &ids)
    }

    fn digest(&self, terms: &HandoverTerms, (dealer, node): (u8, u8)) -> Digest {
        let parts: [&[u8]; 3] = [&terms.digest().0, &[dealer, node], &self.to_bytes()];
        Digest::of_parts("secnet/lock/handover-column/v1", &parts)
    }
}
