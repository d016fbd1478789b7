//! Whether two columns have the same word.

use crate::num::long;
use crate::table::Values;

/// 1 for each row with the same word in both, else 0. All 0 if one of them has no words.
pub(super) fn same(one: &Values, other: &Values) -> Vec<f64> {
    let (
        Values::Categorical { words, codes },
        Values::Categorical { words: others, codes: other_codes },
    ) = (one, other)
    else {
        return vec![0.0; one.words().count()];
    };
    // The other dictionary's code of each word of this one.
    let there: Vec<Option<usize>> =
        words.iter().map(|word| others.binary_search(word).ok()).collect();
    let code = |code: &u32| there.get(long(*code)).copied().flatten();
    let rows = codes.iter().zip(other_codes);
    rows.map(|(one, other)| f64::from(u8::from(code(one) == Some(long(*other))))).collect()
}

#[cfg(test)]
mod tests {
    use crate::table::Column;

    #[test]
    fn rows_with_the_same_word_in_both_are_told_apart() {
        let column =
            |words: &[&str]| Column::categorical("c", words).unwrap_or_else(|e| panic!("{e}"));
        let (one, other) = (column(&["a", "b", "c", "a"]), column(&["a", "a", "d", "b"]));
        assert_eq!(super::same(one.values(), other.values()), vec![1.0, 0.0, 0.0, 0.0]);
        assert_eq!(super::same(other.values(), one.values()), vec![1.0, 0.0, 0.0, 0.0]);
    }
}
