//! Which rows are learnt from and which are only measured on.

use std::collections::BTreeMap;

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

/// The same, with rows of a class whose values are equal on one side: what is set aside has nothing in it that the rest shows too. If a class is so
/// much alike that nothing of it could be set aside, its rows are divided one by one.
pub(crate) fn divide_unlike(
    table: &Table,
    rows: &[usize],
    aside: f64,
    seed: u64,
) -> (Vec<usize>, Vec<usize>) {
    let mut chance = Chance::new(seed, STREAM);
    let marks = table.marks();
    let (mut keep, mut apart) = (Vec::new(), Vec::new());
    for class in [false, true] {
        let mut own: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for row in rows.iter().filter(|row| table.labels().get(**row) == Some(&class)) {
            own.entry(marks.get(*row).copied().unwrap_or_default()).or_default().push(*row);
        }
        // In the order of their first rows.
        let mut groups: Vec<Vec<usize>> = own.into_values().collect();
        groups.sort_unstable();
        let all: usize = groups.iter().map(Vec::len).sum();
        let wanted = crate::num::whole((all as f64 * aside).round());
        if groups.iter().all(|alike| alike.len() > wanted) {
            groups = groups.into_iter().flatten().map(|row| vec![row]).collect();
        }
        chance.shuffle(&mut groups);
        let mut away = 0;
        for alike in groups {
            // A group that is too large for what is still wanted stays.
            let side = if away + alike.len() <= wanted { &mut apart } else { &mut keep };
            away += if away + alike.len() <= wanted { alike.len() } else { 0 };
            side.extend(alike);
        }
    }
    keep.sort_unstable();
    apart.sort_unstable();
    (keep, apart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    #[test]
    fn rows_that_are_alike_stay_together() {
        let values: Vec<f64> = (0..400).map(|row| f64::from(row / 4)).collect();
        let labels: Vec<bool> = (0..400).map(|row| row % 8 < 4).collect();
        let column = Column::numeric("n", values.clone()).unwrap_or_else(|e| panic!("{e}"));
        let table = Table::new(vec![column], labels.clone()).unwrap_or_else(|e| panic!("{e}"));
        let rows: Vec<usize> = (0..400).collect();
        let (keep, apart) = divide_unlike(&table, &rows, 0.2, 1);
        assert_eq!((keep.len(), apart.len()), (320, 80));
        assert_eq!(apart.iter().filter(|row| labels[**row]).count(), 40);
        let mine =
            |own: &[usize]| -> Vec<u64> { own.iter().map(|r| values[*r].to_bits()).collect() };
        let (kept, away) = (mine(&keep), mine(&apart));
        assert!(away.iter().all(|value| !kept.contains(value)));
        assert_eq!(divide_unlike(&table, &rows, 0.2, 1), (keep, apart.clone()));
        assert_ne!(divide_unlike(&table, &rows, 0.2, 2).1, apart);
        // All of a class alike.
        let column = Column::numeric("n", vec![1.0; 400]).unwrap_or_else(|e| panic!("{e}"));
        let same = Table::new(vec![column], labels).unwrap_or_else(|e| panic!("{e}"));
        let (keep, apart) = divide_unlike(&same, &rows, 0.2, 1);
        assert_eq!((keep.len(), apart.len()), (320, 80));
    }
}
