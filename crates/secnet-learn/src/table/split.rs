//! Which rows are learnt from and which are only measured on.

use super::{Table, TableError};
use crate::chance::Chance;

/// Purpose of the random stream, see [`Chance::new`].
const STREAM: u64 = 0x5350_4c49;

/// Training and test rows of a table: no row in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    train: Vec<usize>,
    test: Vec<usize>,
}

impl Split {
    /// A given split, such as the official one of a data set.
    ///
    /// # Errors
    /// [`TableError::Split`]: an empty part, a row that does not exist, a row in both parts or twice in one.
    pub fn new(rows: usize, train: Vec<usize>, test: Vec<usize>) -> Result<Self, TableError> {
        if train.is_empty() || test.is_empty() {
            return Err(TableError::Split("one part is empty; mark rows as `train` and as `test`"));
        }
        let mut seen = vec![false; rows];
        for row in train.iter().chain(&test) {
            match seen.get_mut(*row) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => {
                    return Err(TableError::Split("a row is used twice; each row has one part"));
                }
                None => return Err(TableError::Split("a row does not exist")),
            }
        }
        Ok(Self { train, test })
    }

    /// A random split with the same share of positives on both sides; `test` of each class, from 0 to 1, is set aside.
    ///
    /// # Errors
    /// [`TableError::Split`] if one part would be empty.
    pub fn stratified(table: &Table, test: f64, seed: u64) -> Result<Self, TableError> {
        let rows: Vec<usize> = (0..table.rows()).collect();
        let (train, test) = divide(&rows, table.labels(), test, seed);
        Self::new(table.rows(), train, test)
    }

    /// Rows to learn from.
    #[must_use]
    pub fn train(&self) -> &[usize] {
        &self.train
    }

    /// Rows to measure on.
    #[must_use]
    pub fn test(&self) -> &[usize] {
        &self.test
    }
}

/// Set a share of the rows of each class aside, at random: the rest, and what was set aside; both in ascending order.
pub(crate) fn divide(
    rows: &[usize],
    labels: &[bool],
    aside: f64,
    seed: u64,
) -> (Vec<usize>, Vec<usize>) {
    let mut chance = Chance::new(seed, STREAM);
    let (mut keep, mut apart) = (Vec::new(), Vec::new());
    for class in [false, true] {
        let mut own: Vec<usize> =
            rows.iter().copied().filter(|row| labels.get(*row) == Some(&class)).collect();
        chance.shuffle(&mut own);
        let cut = crate::num::whole((own.len() as f64 * aside).round()).min(own.len());
        let (away, stay) = own.split_at(cut);
        apart.extend_from_slice(away);
        keep.extend_from_slice(stay);
    }
    keep.sort_unstable();
    apart.sort_unstable();
    (keep, apart)
}
