//! A grown tree.

use minicbor::{Decode, Encode};

use crate::num::long;

/// An inner node: rows with at most `cut` go left, the others right, missing values where `missing_left` says.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct Node {
    #[n(0)]
    pub feature: u32,
    #[n(1)]
    pub cut: f64,
    #[n(2)]
    pub missing_left: bool,
    #[n(3)]
    pub left: Next,
    #[n(4)]
    pub right: Next,
}

/// Where a row goes.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub(crate) enum Next {
    /// A node further back in the list.
    #[n(0)]
    Node(#[n(0)] u32),
    /// The end, with what is added to the log odds.
    #[n(1)]
    Leaf(#[n(0)] f64),
}

/// Nodes, the root first.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct Tree {
    #[n(0)]
    pub nodes: Vec<Node>,
}

impl Node {
    pub(crate) fn goes_left(&self, value: f64) -> bool {
        if value.is_nan() { self.missing_left } else { value <= self.cut }
    }
}

impl Tree {
    /// What this tree adds to the log odds of a row.
    pub(crate) fn value(&self, row: &[f64]) -> f64 {
        let mut next = Next::Node(0);
        loop {
            match next {
                Next::Leaf(value) => return value,
                Next::Node(index) => {
                    let Some(node) = self.nodes.get(long(index)) else { return 0.0 };
                    let value = row.get(long(node.feature)).copied().unwrap_or(f64::NAN);
                    next = if node.goes_left(value) { node.left } else { node.right };
                }
            }
        }
    }

    /// Whole, for a tree from a file: children come after their parents, so every walk ends; features exist.
    pub(crate) fn is_whole(&self, features: usize) -> bool {
        let len = self.nodes.len();
        !self.nodes.is_empty()
            && self.nodes.iter().enumerate().all(|(index, node)| {
                let later = |next: Next| match next {
                    Next::Node(child) => long(child) > index && long(child) < len,
                    Next::Leaf(value) => value.is_finite(),
                };
                long(node.feature) < features
                    && node.cut.is_finite()
                    && later(node.left)
                    && later(node.right)
            })
    }
}
