//! Shares as vectors over GF(256): what is needed to share a share anew, and to check that it was done.

use super::SharesError;
use vsss_rs::Gf256;

/// The lowest bit of each byte of eight.
const LOW: u64 = 0x0101_0101_0101_0101;
/// All but the highest bit of each.
const ALL_BUT_HIGH: u64 = 0x7f7f_7f7f_7f7f_7f7f;
/// What `x^8` is reduced by: x^4 + x^3 + x + 1.
const REDUCTION: u64 = 0x1b;

/// `sum += by * row`, byte by byte in the field of [`super::split`]. In constant time, eight bytes at once.
pub fn scale_add<const N: usize>(sum: &mut [u8; N], row: &[u8; N], by: u8) {
    const { assert!(N.is_multiple_of(8), "rows are whole words") };
    let (sums, _) = sum.as_chunks_mut::<8>();
    let (rows, _) = row.as_chunks::<8>();
    for (sum, row) in sums.iter_mut().zip(rows) {
        let (mut row, mut product) = (u64::from_le_bytes(*row), 0u64);
        for bit in 0..8u32 {
            let taken = 0u64.wrapping_sub(u64::from((by >> bit) & 1));
            product ^= row & taken;
            let carried = ((row >> 7) & LOW).wrapping_mul(REDUCTION);
            row = ((row & ALL_BUT_HIGH) << 1) ^ carried;
        }
        *sum = (u64::from_le_bytes(*sum) ^ product).to_le_bytes();
    }
}

/// The value at `x` of the polynomial with these coefficients, the constant first.
#[must_use]
pub fn evaluate<const N: usize>(coefficients: &[&[u8; N]], x: u8) -> zeroize::Zeroizing<[u8; N]> {
    let mut value = zeroize::Zeroizing::new([0; N]);
    for coefficient in coefficients.iter().rev() {
        let mut next = zeroize::Zeroizing::new(**coefficient);
        scale_add(&mut next, &value, x);
        value = next;
    }
    value
}

/// Lagrange's weights: the polynomial of least degree through points at `indices` has at `x` the value of the points' sum by these
/// weights. At 0 that is the secret.
///
/// # Errors
/// [`SharesError::Duplicate`], [`SharesError::IndexZero`].
pub fn weights(indices: &[u8], x: u8) -> Result<Vec<u8>, SharesError> {
    let weight = |at: usize, index: u8| {
        let mut weight = Gf256(1);
        for (_, other) in indices.iter().enumerate().filter(|(other, _)| *other != at) {
            if *other == index {
                return Err(SharesError::Duplicate(index));
            }
            let inverse = inverse(Gf256(other ^ index));
            weight = weight * Gf256(other ^ x) * inverse;
        }
        Ok(weight.0)
    };
    if indices.contains(&0) {
        return Err(SharesError::IndexZero);
    }
    indices.iter().enumerate().map(|(at, index)| weight(at, *index)).collect()
}

/// `a^254`. Indices are public, so time may tell.
fn inverse(a: Gf256) -> Gf256 {
    let (mut power, mut inverse) = (a, Gf256(1));
    for _ in 0..7 {
        power *= power;
        inverse *= power;
    }
    inverse
}
