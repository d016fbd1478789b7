//! The few conversions that the lints want to be thought about, each with its limit.

/// An index as it is stored; tables are far smaller than 2^32 rows ([`crate::MAX_ROWS`]).
pub(crate) fn short(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// A stored index.
pub(crate) fn long(index: u32) -> usize {
    // INVARIANT: no supported machine has fewer than 32 bits.
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// A number as a count, at least 0, fractions cut off.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
pub(crate) fn whole(number: f64) -> usize {
    number.clamp(0.0, 9e15) as usize
}

/// The logistic function.
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Its inverse, kept finite.
pub(crate) fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-9, 1.0 - 1e-9);
    (p / (1.0 - p)).ln()
}
