use proptest::prelude::*;

use super::*;

fn of<'a>(elements: impl IntoIterator<Item = &'a Vec<u8>>) -> LtHash {
    let mut hash = LtHash::new();
    elements.into_iter().for_each(|element| hash.add(element));
    hash
}

#[test]
fn is_the_sum_of_blake3_outputs() {
    let mut expected = [0u8; LTHASH_LEN];
    blake3::Hasher::new().update(b"a").finalize_xof().fill(&mut expected);
    assert_eq!(of(&[b"a".to_vec()]).to_bytes(), expected);
    assert_eq!(of(&[]).to_bytes(), [0; LTHASH_LEN]);
    assert_eq!(of(&[]).digest(), *blake3::hash(&[0; LTHASH_LEN]).as_bytes());
}

#[test]
fn counts_elements() {
    let once = of(&[b"a".to_vec()]);
    let twice = of(&[b"a".to_vec(), b"a".to_vec()]);
    assert_ne!(once, twice);
    assert_ne!(of(&[b"ab".to_vec()]), of(&[b"a".to_vec(), b"b".to_vec()]));
}

proptest! {
    #[test]
    fn order_does_not_matter(elements: Vec<Vec<u8>>, turn: usize) {
        let mut turned = elements.clone();
        turned.rotate_left(turn % elements.len().max(1));
        turned.reverse();
        prop_assert_eq!(of(&elements).digest(), of(&turned).digest());
    }

    #[test]
    fn removing_undoes_adding(elements: Vec<Vec<u8>>, extra: Vec<Vec<u8>>) {
        let before = of(&elements);
        let mut hash = before.clone();
        extra.iter().for_each(|element| hash.add(element));
        extra.iter().rev().for_each(|element| hash.remove(element));
        prop_assert_eq!(&hash, &before);
        prop_assert_eq!(LtHash::from_bytes(&hash.to_bytes()), before);
    }
}
