//! Secrets inside envelopes: rows of fixed width, sorted by key, wiped when dropped.
//!
//! ```text
//! table: row 0 | row 1 | ...          row: key (K bytes) | value (V bytes)
//! ```
//!
//! Keys strictly ascend, so a set of rows has one form and a row is found by bisection.

use std::{collections::BTreeMap, fmt};

use secnet_crypto::Zeroizing;

/// Rows under construction.
pub(crate) type Rows<const K: usize, const V: usize> = BTreeMap<[u8; K], Zeroizing<[u8; V]>>;

/// A checked table.
pub(crate) struct Table<const K: usize, const V: usize>(Zeroizing<Vec<u8>>);

impl<const K: usize, const V: usize> Table<K, V> {
    const WIDTH: usize = K + V;

    /// The table of these rows.
    pub(crate) fn of(rows: &Rows<K, V>) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(rows.len().saturating_mul(Self::WIDTH)));
        for (key, value) in rows {
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value.as_slice());
        }
        Self(bytes)
    }

    /// Takes bytes that came out of an envelope; `None` if they are not such a table of at most `limit` rows.
    pub(crate) fn parse(bytes: Zeroizing<Vec<u8>>, limit: usize) -> Option<Self> {
        let whole = bytes.len().is_multiple_of(Self::WIDTH);
        if !whole || bytes.len() / Self::WIDTH > limit {
            return None;
        }
        let table = Self(bytes);
        let ascending = table.iter().zip(table.iter().skip(1)).all(|((a, _), (b, _))| a < b);
        ascending.then_some(table)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len() / Self::WIDTH
    }

    pub(crate) fn get(&self, key: &[u8; K]) -> Option<&[u8; V]> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let (found, value) = self.row(middle)?;
            match found.cmp(key) {
                std::cmp::Ordering::Equal => return Some(value),
                std::cmp::Ordering::Less => low = middle.saturating_add(1),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8; K], &[u8; V])> {
        (0..self.len()).filter_map(|index| self.row(index))
    }

    fn row(&self, index: usize) -> Option<(&[u8; K], &[u8; V])> {
        let start = index.checked_mul(Self::WIDTH)?;
        let row = self.0.get(start..start.checked_add(Self::WIDTH)?)?;
        let (key, value) = row.split_first_chunk::<K>()?;
        Some((key, value.first_chunk::<V>()?))
    }
}

impl<const K: usize, const V: usize> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} rows)", self.len())
    }
}

/// The first `N` bytes of an array and the rest.
pub(crate) fn cut<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8])> {
    bytes.split_first_chunk::<N>()
}
