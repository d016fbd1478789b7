use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(5)
}

#[test]
fn one_of_one_is_the_secret() {
    let shares = split(&[7; 32], 1, 1, &mut rng()).unwrap();
    assert_eq!(shares, [Share { index: 1, value: [7; 32] }]);
    assert_eq!(*combine(1, &shares).unwrap(), [7; 32]);
}

#[test]
fn impossible_sharings_are_refused() {
    for (threshold, count) in [(0, 0), (0, 3), (4, 3), (1, 0)] {
        let refused = split(&[0; 32], threshold, count, &mut rng());
        assert_eq!(refused, Err(SharesError::Threshold { threshold, count }));
    }
    let shares = split(&[1; 32], 3, 5, &mut rng()).unwrap();
    assert_eq!(combine(3, &shares[..2]), Err(SharesError::TooFew { got: 2, needed: 3 }));
    let twice = [shares[0].clone(), shares[1].clone(), shares[0].clone()];
    assert_eq!(combine(3, &twice), Err(SharesError::Duplicate(1)));
    let zero = [shares[0].clone(), shares[1].clone(), Share { index: 0, value: [0; 32] }];
    assert_eq!(combine(3, &zero), Err(SharesError::IndexZero));
}

#[test]
fn all_255_shares_work() {
    let secret = [0xa5; 32];
    let shares = split(&secret, 255, MAX_SHARES, &mut rng()).unwrap();
    assert_eq!(shares.len(), 255);
    assert_eq!(*combine(255, &shares).unwrap(), secret);
}

#[test]
fn a_wrong_share_is_named() {
    let shares = split(&[3; 32], 2, 4, &mut rng()).unwrap();
    let salts: Vec<[u8; 32]> = (0..4).map(|i| [i; 32]).collect();
    let commitments: Vec<ShareCommitment> =
        shares.iter().zip(&salts).map(|(share, salt)| share.commitment(salt)).collect();
    for (share, (salt, commitment)) in shares.iter().zip(salts.iter().zip(&commitments)) {
        assert_eq!(verify_share(share, salt, commitment), Ok(()));
        let mut wrong = share.clone();
        wrong.value[31] ^= 1;
        assert_eq!(verify_share(&wrong, salt, commitment), Err(SharesError::Wrong(share.index)));
    }
    let swapped = Share { index: 2, value: shares[0].value };
    assert_eq!(verify_share(&swapped, &salts[0], &commitments[0]), Err(SharesError::Wrong(2)));
}

#[test]
fn the_field_is_that_of_aes() {
    // f(x) = 0x53 + a x with f(1) = 0x53 ^ a and f(2) = 0x53 ^ 2a over x^8 + x^4 + x^3 + x + 1.
    let (secret, a) = (0x53u8, 0xcau8);
    let doubled = a << 1 ^ 0x1b;
    let shares =
        [(1, secret ^ a), (2, secret ^ doubled)].map(|(index, y)| Share { index, value: [y; 32] });
    assert_eq!(*combine(2, &shares).unwrap(), [secret; 32]);
}

#[test]
fn values_are_not_printed() {
    assert_eq!(format!("{:?}", Share { index: 4, value: [9; 32] }), "Share(4, ..)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_threshold_of_shares_gives_the_secret(
        secret: [u8; 32], threshold in 1u8..8, surplus in 0u8..5, seed: u64, turn: usize,
    ) {
        let count = threshold + surplus;
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut shares = split(&secret, threshold, count, &mut rng).unwrap();
        shares.rotate_left(turn % usize::from(count));
        prop_assert_eq!(*combine(threshold, &shares).unwrap(), secret);
        prop_assert_eq!(*combine(threshold, &shares[..threshold.into()]).unwrap(), secret);
    }

    #[test]
    fn a_single_wrong_surplus_share_shows(
        secret: [u8; 32], threshold in 1u8..6, which: usize, byte in 0usize..32, flip in 1u8..,
    ) {
        let mut shares = split(&secret, threshold, threshold + 1, &mut rng()).unwrap();
        let which = which % shares.len();
        shares[which].value[byte] ^= flip;
        prop_assert_eq!(combine(threshold, &shares), Err(SharesError::Inconsistent));
    }
}

/// Multiplication over x^8 + x^4 + x^3 + x + 1, by hand.
fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = a << 1 ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        b >>= 1;
    }
    product
}

fn inverse(a: u8) -> u8 {
    (1..=255).find(|b| times(a, *b) == 1).unwrap()
}

/// FIPS 197, sections 4.2 and 4.2.1.
#[test]
fn the_field_by_hand_is_that_of_fips_197() {
    assert_eq!(times(0x57, 0x83), 0xc1);
    assert_eq!(times(0x57, 0x13), 0xfe);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any points are some polynomial's: the secret is Lagrange's value at 0.
    #[test]
    fn combining_is_interpolation(
        values in prop::collection::vec(any::<[u8; 32]>(), 1..6),
        first in 1u8..=250,
    ) {
        let shares: Vec<Share> =
            (first..).zip(&values).map(|(index, value)| Share { index, value: *value }).collect();
        let mut expected = [0; 32];
        for (share, value) in shares.iter().zip(&values) {
            let weight = shares.iter().filter(|other| other.index != share.index).fold(1, |w, o| {
                times(w, times(o.index, inverse(o.index ^ share.index)))
            });
            for (sum, byte) in expected.iter_mut().zip(value) {
                *sum ^= times(weight, *byte);
            }
        }
        let threshold = u8::try_from(shares.len()).unwrap();
        prop_assert_eq!(*combine(threshold, &shares).unwrap(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whole words at once are the same as byte by byte.
    #[test]
    fn rows_are_scaled_and_added(sum: [u8; 32], row: [u8; 32], by: u8) {
        let mut scaled = sum;
        scale_add(&mut scaled, &row, by);
        let expected: Vec<u8> = sum.iter().zip(&row).map(|(sum, row)| sum ^ times(*row, by)).collect();
        prop_assert_eq!(&scaled[..], &expected[..]);
    }

    /// Whoever has a share can share it anew: points of the polynomial give every other point, the secret at 0 among them.
    #[test]
    fn points_weigh_up_to_every_other_point(
        coefficients in prop::collection::vec(any::<[u8; 64]>(), 1..6),
        first in 1u8..=250,
        at: u8,
    ) {
        let coefficients: Vec<&[u8; 64]> = coefficients.iter().collect();
        let count = u8::try_from(coefficients.len()).unwrap();
        let indices: Vec<u8> = (first..first + count).collect();
        let mut sum = [0; 64];
        for (index, weight) in indices.iter().zip(weights(&indices, at).unwrap()) {
            scale_add(&mut sum, &evaluate(&coefficients, *index), weight);
        }
        prop_assert_eq!(sum, *evaluate(&coefficients, at));
        prop_assert_eq!(*evaluate(&coefficients, 0), *coefficients[0]);
    }
}

#[test]
fn no_weights_for_points_that_are_none() {
    assert_eq!(weights(&[1, 2, 1], 0), Err(SharesError::Duplicate(1)));
    assert_eq!(weights(&[0, 2], 0), Err(SharesError::IndexZero));
}
