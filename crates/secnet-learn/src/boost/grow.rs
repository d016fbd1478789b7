//! One tree: the leaf whose best split gains most is split next.
#![expect(
    clippy::indexing_slicing,
    reason = "hot; rows and bins come from `Bins` of the same table"
)]

use super::Growth;
use super::bins::Bins;
use super::histogram::{Cell, count, sibling};
use super::tree::{Next, Node, Tree};
use crate::num::{long, short};

/// Smallest gain that is worth a split.
const LEAST_GAIN: f64 = 1e-9;
/// Smallest sum of second derivatives in a leaf.
const LEAST_CURVATURE: f64 = 1e-3;

/// What a tree sees.
pub(super) struct Sample {
    pub rows: Vec<u32>,
    pub features: Vec<u32>,
}

pub(super) struct Grower<'a> {
    bins: &'a Bins,
    growth: Growth,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    gain: f64,
    feature: u32,
    /// The last bin that goes left.
    bin: u8,
    missing_left: bool,
}

struct Leaf {
    rows: Vec<u32>,
    cells: Vec<Cell>,
    sum: Cell,
    best: Option<Cut>,
    /// The node it hangs on, and on which side.
    parent: Option<(usize, bool)>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(bins: &'a Bins, growth: Growth) -> Self {
        Self { bins, growth }
    }

    /// Grow a tree and add its values to `raw`; nothing if not even the root can be split.
    pub(super) fn grow(
        &mut self,
        sample: &Sample,
        gradients: &[f64],
        curvatures: &[f64],
        raw: &mut [f64],
    ) -> Option<Tree> {
        let mut nodes: Vec<Node> = Vec::new();
        let cells = count(self.bins, &sample.features, &sample.rows, gradients, curvatures);
        let mut leaves = vec![self.leaf(sample.rows.clone(), cells, &sample.features, None)];
        while leaves.len() < self.growth.leaves.clamp(2, super::MAX_LEAVES) {
            let Some((at, cut)) = richest(&leaves) else { break };
            let leaf = leaves.swap_remove(at);
            let node = nodes.len();
            nodes.push(self.node(&leaf, cut));
            if let Some((parent, left)) = leaf.parent {
                let side = if left { &mut nodes[parent].left } else { &mut nodes[parent].right };
                *side = Next::Node(short(node));
            }
            let (left, right) = self.divide(&leaf.rows, cut);
            // Count the smaller side, subtract for the larger one.
            let smaller = if left.len() <= right.len() { &left } else { &right };
            let counted = count(self.bins, &sample.features, smaller, gradients, curvatures);
            let other = sibling(&leaf.cells, &counted);
            let (left_cells, right_cells) =
                if left.len() <= right.len() { (counted, other) } else { (other, counted) };
            leaves.push(self.leaf(left, left_cells, &sample.features, Some((node, true))));
            leaves.push(self.leaf(right, right_cells, &sample.features, Some((node, false))));
        }
        self.close(nodes, &leaves, sample, raw)
    }

    /// Write the leaves' values into the nodes and add them to the rows.
    fn close(
        &self,
        mut nodes: Vec<Node>,
        leaves: &[Leaf],
        sample: &Sample,
        raw: &mut [f64],
    ) -> Option<Tree> {
        if nodes.is_empty() {
            return None;
        }
        for leaf in leaves {
            let value = self.value(&leaf.sum);
            if let Some((parent, left)) = leaf.parent {
                let side = if left { &mut nodes[parent].left } else { &mut nodes[parent].right };
                *side = Next::Leaf(value);
            }
            for row in &leaf.rows {
                raw[long(*row)] += value;
            }
        }
        let tree = Tree { nodes };
        if sample.rows.len() < raw.len() {
            self.add_to_others(&tree, &sample.rows, raw);
        }
        Some(tree)
    }

    /// Rows that this tree did not see get its values too.
    fn add_to_others(&self, tree: &Tree, seen: &[u32], raw: &mut [f64]) {
        let mut seen = seen.iter().copied().peekable();
        for (row, raw) in raw.iter_mut().enumerate() {
            if seen.next_if(|next| long(*next) == row).is_some() {
                continue;
            }
            let mut next = Next::Node(0);
            while let Next::Node(index) = next {
                let node = &tree.nodes[long(index)];
                let feature = long(node.feature);
                let bin = self.bins.columns[feature][row];
                let left = if bin == 0 {
                    node.missing_left
                } else {
                    // Bin k + 1 ends with cut k.
                    self.bins.cuts[feature].get(usize::from(bin) - 1).copied().unwrap_or(f64::MAX)
                        <= node.cut
                };
                next = if left { node.left } else { node.right };
            }
            if let Next::Leaf(value) = next {
                *raw += value;
            }
        }
    }

    fn leaf(
        &self,
        rows: Vec<u32>,
        cells: Vec<Cell>,
        features: &[u32],
        parent: Option<(usize, bool)>,
    ) -> Leaf {
        let mut sum = Cell::default();
        if let Some(first) = features.first() {
            let offset = self.bins.offsets[long(*first)];
            let width = self.bins.cuts[long(*first)].len() + 2;
            cells[offset..offset + width].iter().for_each(|cell| sum.add(cell));
        }
        let best = features.iter().filter_map(|feature| self.best(*feature, &cells, &sum)).fold(
            None,
            |best: Option<Cut>, cut| match best {
                Some(best) if best.gain >= cut.gain => Some(best),
                _ => Some(cut),
            },
        );
        Leaf { rows, cells, sum, best, parent }
    }

    /// The best cut of one feature.
    fn best(&self, feature: u32, cells: &[Cell], sum: &Cell) -> Option<Cut> {
        let offset = self.bins.offsets[long(feature)];
        let cuts = self.bins.cuts[long(feature)].len();
        let own = &cells[offset..offset + cuts + 2];
        let missing = own[0];
        let base = self.score(sum);
        let mut best: Option<Cut> = None;
        let mut left = Cell::default();
        for (bin, cell) in own.iter().enumerate().skip(1) {
            left.add(cell);
            if cell.rows == 0 {
                continue;
            }
            let mut with = left;
            with.add(&missing);
            let sides: &[(Cell, bool)] =
                if missing.rows == 0 { &[(left, false)] } else { &[(left, false), (with, true)] };
            for (side, missing_left) in sides {
                let other = sum.without(side);
                if !self.is_enough(side) || !self.is_enough(&other) {
                    continue;
                }
                let gain = self.score(side) + self.score(&other) - base;
                if gain > best.map_or(LEAST_GAIN, |best| best.gain) {
                    let bin = u8::try_from(bin).unwrap_or(u8::MAX);
                    best = Some(Cut { gain, feature, bin, missing_left: *missing_left });
                }
            }
        }
        best
    }

    fn is_enough(&self, cell: &Cell) -> bool {
        long(cell.rows) >= self.growth.least_rows.max(1) && cell.curvature >= LEAST_CURVATURE
    }

    fn score(&self, cell: &Cell) -> f64 {
        cell.gradient * cell.gradient / (cell.curvature + self.growth.ridge)
    }

    fn value(&self, cell: &Cell) -> f64 {
        -self.growth.rate * cell.gradient / (cell.curvature + self.growth.ridge)
    }

    fn node(&self, leaf: &Leaf, cut: Cut) -> Node {
        // The last range has no upper end: everything that is not missing goes left.
        let cuts = &self.bins.cuts[long(cut.feature)];
        let end = cuts.get(usize::from(cut.bin) - 1).copied().unwrap_or(f64::MAX);
        let open = Next::Leaf(self.value(&leaf.sum));
        Node {
            feature: cut.feature,
            cut: end,
            missing_left: cut.missing_left,
            left: open,
            right: open,
        }
    }

    fn divide(&self, rows: &[u32], cut: Cut) -> (Vec<u32>, Vec<u32>) {
        let column = &self.bins.columns[long(cut.feature)];
        rows.iter().partition(|row| {
            let bin = column[long(**row)];
            if bin == 0 { cut.missing_left } else { bin <= cut.bin }
        })
    }
}

/// The leaf with the most to gain, the first of equals.
fn richest(leaves: &[Leaf]) -> Option<(usize, Cut)> {
    let mut best: Option<(usize, Cut)> = None;
    for (at, leaf) in leaves.iter().enumerate() {
        if let Some(cut) = leaf.best
            && best.is_none_or(|(_, best)| cut.gain > best.gain)
        {
            best = Some((at, cut));
        }
    }
    best
}
