//! Size buckets.

/// Smallest padded length: shorter contents cannot be told apart by size.
pub const MIN_BUCKET: u64 = 256;

/// Length of the content length that precedes the content.
pub(super) const LENGTH_PREFIX: u64 = 8;

/// The padded plaintext length for `content_len` bytes of content: Padme of the content with its
/// 8-byte length, at least [`MIN_BUCKET`].
#[must_use]
pub fn bucket(content_len: u64) -> u64 {
    padme(content_len.saturating_add(LENGTH_PREFIX).max(MIN_BUCKET))
}

/// Whether some content has this padded length.
pub(super) fn is_bucket(padded_len: u64) -> bool {
    padded_len >= MIN_BUCKET && padme(padded_len) == padded_len
}

/// Rounds up so that the length, as a floating-point number, has a mantissa no longer than its
/// exponent (PURBs, algorithm 1).
fn padme(len: u64) -> u64 {
    let exponent = len.max(2).ilog2();
    let mantissa_bits = exponent.ilog2() + 1;
    let mask = (1u64 << exponent.saturating_sub(mantissa_bits)) - 1;
    len.saturating_add(mask) & !mask
}
