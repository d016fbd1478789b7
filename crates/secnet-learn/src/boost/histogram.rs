//! Sums of slopes for each bin of each feature, over the rows of one leaf.
#![expect(
    clippy::indexing_slicing,
    reason = "hot; rows and bins come from `Bins` of the same table"
)]

use super::bins::Bins;
use crate::num::long;

/// Sums of one bin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cell {
    pub gradient: f64,
    pub curvature: f64,
    pub rows: u32,
}

impl Cell {
    pub(super) fn add(&mut self, other: &Self) {
        self.gradient += other.gradient;
        self.curvature += other.curvature;
        self.rows += other.rows;
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            curvature: self.curvature - other.curvature,
            rows: self.rows - other.rows,
        }
    }
}

/// Add up the rows of a leaf.
pub(super) fn count(
    bins: &Bins,
    features: &[u32],
    rows: &[u32],
    gradients: &[f64],
    curvatures: &[f64],
) -> Vec<Cell> {
    let mut cells = vec![Cell::default(); bins.total];
    // The slopes of the leaf side by side: they are read once for each feature.
    let slopes: Vec<(f64, f64)> =
        rows.iter().map(|row| (gradients[long(*row)], curvatures[long(*row)])).collect();
    for feature in features {
        let column = &bins.columns[long(*feature)];
        let offset = bins.offsets[long(*feature)];
        let own = &mut cells[offset..offset + bins.cuts[long(*feature)].len() + 2];
        for (row, (gradient, curvature)) in rows.iter().zip(&slopes) {
            let cell = &mut own[usize::from(column[long(*row)])];
            cell.gradient += gradient;
            cell.curvature += curvature;
            cell.rows += 1;
        }
    }
    cells
}

/// The sums of the sibling: the parent's without the child's.
pub(super) fn sibling(parent: &[Cell], child: &[Cell]) -> Vec<Cell> {
    parent.iter().zip(child).map(|(parent, child)| parent.without(child)).collect()
}
