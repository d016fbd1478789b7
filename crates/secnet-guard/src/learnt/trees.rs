//! Trees over whole numbers: what is asked, how a score is added up, and what a set of trees must be like.

use minicbor::{Decode, Encode};
use secnet_types::{Feature, FeatureKind, FeatureValue, FeatureVector};

use super::LearntParts;

/// Scores are counted in millionths of log odds.
pub const SCORE_UNIT: i64 = 1_000_000;
/// Most trees.
pub const MAX_TREES: usize = 256;
/// Most nodes of a tree.
pub const MAX_NODES: usize = 63;
/// Most questions on the way to a leaf. Shares are exact up to here.
pub const MAX_DEPTH: usize = 8;
/// Most inputs.
pub const MAX_INPUTS: usize = 256;
/// Largest leaf and start, either way: a thousand log odds. Sums of them, and exact shares, fit 64 bits.
pub const MAX_LEAF: i64 = 1000 * SCORE_UNIT;

/// One number that trees ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Input {
    /// A feature that is a number.
    #[n(0)]
    Number(#[n(0)] Feature),
    /// 1 if a word is among those of a feature, else 0.
    #[n(1)]
    Word(#[n(0)] Feature, #[n(1)] u32),
}

impl Input {
    /// The feature it looks at.
    #[must_use]
    pub const fn feature(&self) -> Feature {
        match self {
            Self::Number(feature) | Self::Word(feature, _) => *feature,
        }
    }

    /// Its value; none if the feature is absent.
    #[must_use]
    pub fn value(&self, facts: &FeatureVector) -> Option<i64> {
        match (self, facts.value(self.feature())?) {
            (Self::Number(_), FeatureValue::Number(number)) => Some(*number),
            (Self::Word(_, word), FeatureValue::Words(mask)) => {
                Some(i64::from(mask.checked_shr(*word).unwrap_or(0) & 1 == 1))
            }
            _ => None,
        }
    }

    fn is_real(&self) -> bool {
        match (self, self.feature().kind()) {
            (Self::Number(_), FeatureKind::Number { .. }) => true,
            (Self::Word(_, word), FeatureKind::Word(list) | FeatureKind::Words(list)) => {
                list.word(*word).is_some()
            }
            _ => false,
        }
    }

    /// Ascending: by feature, then by word.
    fn order(&self) -> (Feature, u32) {
        match self {
            Self::Number(feature) => (*feature, 0),
            Self::Word(feature, word) => (*feature, *word),
        }
    }
}

/// A question: is the input at most `cut`?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Node {
    /// Which input, by its place.
    #[n(0)]
    pub input: u32,
    /// Up to here it goes left, above it right.
    #[n(1)]
    pub cut: i64,
    /// Where what is absent goes.
    #[n(2)]
    pub absent_left: bool,
    /// Left.
    #[n(3)]
    pub left: Next,
    /// Right.
    #[n(4)]
    pub right: Next,
}

/// Where it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Next {
    /// With a node further back in the list.
    #[n(0)]
    Node(#[n(0)] u32),
    /// Nowhere: this is added to the score.
    #[n(1)]
    Leaf(#[n(0)] i64),
}

/// Nodes, the root first, each child after its parent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Tree {
    /// The nodes.
    #[n(0)]
    pub nodes: Vec<Node>,
}

impl Node {
    pub(super) fn goes_left(&self, value: Option<i64>) -> bool {
        value.map_or(self.absent_left, |value| value <= self.cut)
    }

    pub(super) const fn side(&self, left: bool) -> Next {
        if left { self.left } else { self.right }
    }
}

impl Tree {
    pub(super) fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(usize::try_from(index).ok()?)
    }

    fn leaf(&self, values: &[Option<i64>]) -> i64 {
        let mut next = Next::Node(0);
        // INVARIANT: children of a checked tree come after their parents and are there; of others, this ends all the same.
        for _ in 0..=MAX_NODES {
            match next {
                Next::Leaf(points) => return points,
                Next::Node(index) => match self.node(index) {
                    Some(node) => next = node.side(node.goes_left(of(values, node.input))),
                    None => return 0,
                },
            }
        }
        0
    }
}

/// The value of an input by its place.
pub(super) fn of(values: &[Option<i64>], input: u32) -> Option<i64> {
    usize::try_from(input).ok().and_then(|place| values.get(place)).copied().flatten()
}

/// The values of all inputs.
pub(super) fn values(parts: &LearntParts, facts: &FeatureVector) -> Vec<Option<i64>> {
    parts.inputs.iter().map(|input| input.value(facts)).collect()
}

/// The score of a request by parts that were not checked yet: what is not there adds nothing.
#[must_use]
pub fn score(parts: &LearntParts, facts: &FeatureVector) -> i64 {
    let values = values(parts, facts);
    // INVARIANT: at most MAX_TREES leaves and the start, each within MAX_LEAF.
    parts.trees.iter().fold(parts.start, |sum, tree| sum.saturating_add(tree.leaf(&values)))
}

/// Are these trees, of this size, over these inputs?
pub(super) fn check(parts: &LearntParts) -> Result<(), &'static str> {
    let inputs = &parts.inputs;
    if inputs.is_empty() || inputs.len() > MAX_INPUTS {
        return Err("it has no inputs, or too many");
    }
    if !inputs.iter().all(Input::is_real) {
        return Err("an input is no number, or no word, of its feature");
    }
    if !inputs.is_sorted_by(|a, b| a.order() < b.order()) {
        return Err("the inputs are not in order");
    }
    if inputs.iter().any(|input| input.value(&parts.ordinary).is_none()) {
        return Err("its ordinary request lacks a feature that is asked about");
    }
    if parts.ordinary.iter().any(|(f, _)| inputs.iter().all(|input| input.feature() != f)) {
        return Err("its ordinary request has a feature that is not asked about");
    }
    if parts.trees.is_empty() || parts.trees.len() > MAX_TREES {
        return Err("it has no trees, or too many");
    }
    if !within(parts.start) || parts.hold_at.checked_abs().is_none_or(|h| h > 512 * MAX_LEAF) {
        return Err("a number is beyond its limit");
    }
    parts.trees.iter().try_for_each(|tree| whole(tree, inputs.len()))
}

const fn within(points: i64) -> bool {
    -MAX_LEAF <= points && points <= MAX_LEAF
}

/// One tree: every node but the root is the child of exactly one before it, and no way is too long.
fn whole(tree: &Tree, inputs: usize) -> Result<(), &'static str> {
    let count = tree.nodes.len();
    if count == 0 || count > MAX_NODES {
        return Err("a tree has no nodes, or too many");
    }
    // How many questions were asked up to each node; nothing until a parent names it.
    let mut depths: Vec<Option<usize>> = vec![None; count];
    if let Some(root) = depths.first_mut() {
        *root = Some(1);
    }
    for (index, node) in tree.nodes.iter().enumerate() {
        let Some(depth) = depths.get(index).copied().flatten() else {
            return Err("a node is nobody's child, or comes before its parent");
        };
        if usize::try_from(node.input).map_or(true, |input| input >= inputs) {
            return Err("a node asks about an input that is not there");
        }
        for next in [node.left, node.right] {
            match next {
                Next::Leaf(points) if within(points) => {}
                Next::Leaf(_) => return Err("a number is beyond its limit"),
                Next::Node(child) => {
                    let child = usize::try_from(child).unwrap_or(usize::MAX);
                    if child <= index || depths.get(child) != Some(&None) {
                        return Err("a node has two parents, or leads back");
                    }
                    if let Some(slot) = depths.get_mut(child) {
                        *slot = Some(depth + 1);
                    }
                    if depth == MAX_DEPTH {
                        return Err("a tree is too deep");
                    }
                }
            }
        }
    }
    Ok(())
}
