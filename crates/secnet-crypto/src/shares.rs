//! Shamir's secret sharing of 32-byte secrets over GF(256): any `t` of `n` shares give the secret
//! back, fewer say nothing about it.
//!
//! The field arithmetic is that of `vsss-rs` (constant time, no tables). Shares are checked against
//! salted hash commitments rather than Feldman's, which would publish a power of the secret.

mod linear;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt};

use subtle::ConstantTimeEq;
use vsss_rs::Gf256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{CryptoRng, text::write_hex};

pub use linear::{evaluate, scale_add, weights};

/// Most shares a secret can have: the nonzero elements of the field.
pub const MAX_SHARES: u8 = 255;

/// BLAKE3 key-derivation context of share commitments.
const COMMIT_CONTEXT: &str = "share commitment v1: salt | index | value";

/// Why a secret could not be split or put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharesError {
    /// The threshold is zero or above the number of shares.
    #[error("no secret can be shared `{threshold}` of `{count}`: use 1 <= threshold <= count")]
    Threshold {
        /// Shares needed.
        threshold: u8,
        /// Shares made.
        count: u8,
    },
    /// Fewer shares than the threshold.
    #[error("`{got}` shares are not enough: the secret needs `{needed}`")]
    TooFew {
        /// Shares given.
        got: usize,
        /// Shares needed.
        needed: u8,
    },
    /// The index 0 would be the secret itself.
    #[error("a share has the index `0`, which no share can have")]
    IndexZero,
    /// The same share twice.
    #[error("the share with index `{0}` was given twice")]
    Duplicate(u8),
    /// More shares than needed were given and they do not lie on one polynomial.
    #[error("the shares contradict each other: check each against its commitment")]
    Inconsistent,
    /// The share is not the one committed to.
    #[error("the share with index `{0}` is not the one that was committed to")]
    Wrong(u8),
    /// The field library refused; not reachable with checked input.
    #[error("the secret could not be shared")]
    Library,
}

/// One share. Wiped when dropped, its value never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Share {
    /// Which share, from 1.
    pub index: u8,
    /// The value.
    pub value: [u8; 32],
}

impl Share {
    /// Commits to this share. The salt is random, one per share, kept with the share.
    #[must_use]
    pub fn commitment(&self, salt: &[u8; 32]) -> ShareCommitment {
        let mut hasher = blake3::Hasher::new_derive_key(COMMIT_CONTEXT);
        hasher.update(salt).update(&[self.index]).update(&self.value);
        ShareCommitment(*hasher.finalize().as_bytes())
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        (self.index.ct_eq(&other.index) & self.value.ct_eq(&other.value)).into()
    }
}

impl Eq for Share {}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}, ..)", self.index)
    }
}

/// A salted hash of a share, which can be published.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareCommitment(pub [u8; 32]);

impl fmt::Debug for ShareCommitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// Checks a share against its commitment; the error names the share.
pub fn verify_share(
    share: &Share,
    salt: &[u8; 32],
    commitment: &ShareCommitment,
) -> Result<(), SharesError> {
    if bool::from(share.commitment(salt).0.ct_eq(&commitment.0)) {
        Ok(())
    } else {
        Err(SharesError::Wrong(share.index))
    }
}

/// Splits `secret` into `count` shares of which any `threshold` suffice, indices 1 to `count`.
pub fn split(
    secret: &[u8; 32],
    threshold: u8,
    count: u8,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<Share>, SharesError> {
    if threshold == 0 || threshold > count {
        return Err(SharesError::Threshold { threshold, count });
    }
    if threshold == 1 {
        // A polynomial of degree 0, which the library refuses.
        return Ok((1..=count).map(|index| Share { index, value: *secret }).collect());
    }
    let shares = Gf256::split_array(threshold.into(), count.into(), secret, rng)
        .map_err(|_| SharesError::Library)?;
    shares.into_iter().map(Zeroizing::new).map(|share| from_library(&share)).collect()
}

/// Puts the secret together from at least `threshold` shares. Surplus shares must agree with it.
pub fn combine(threshold: u8, shares: &[Share]) -> Result<Zeroizing<[u8; 32]>, SharesError> {
    if threshold == 0 {
        return Err(SharesError::Threshold { threshold, count: 0 });
    }
    if shares.len() < usize::from(threshold) {
        return Err(SharesError::TooFew { got: shares.len(), needed: threshold });
    }
    let mut seen = BTreeSet::new();
    for share in shares {
        if share.index == 0 {
            return Err(SharesError::IndexZero);
        }
        if !seen.insert(share.index) {
            return Err(SharesError::Duplicate(share.index));
        }
    }
    // Neighbouring windows differ in one share, so a single wrong surplus share always shows. Several
    // made to cancel out do not: that is what the commitments are for.
    let mut windows = shares.windows(threshold.into()).map(interpolate);
    let secret = windows.next().ok_or(SharesError::Library)??;
    for other in windows {
        if !bool::from(other?.ct_eq(secret.as_slice())) {
            return Err(SharesError::Inconsistent);
        }
    }
    Ok(secret)
}

fn interpolate(shares: &[Share]) -> Result<Zeroizing<[u8; 32]>, SharesError> {
    if let [share] = shares {
        return Ok(Zeroizing::new(share.value));
    }
    let shares: Zeroizing<Vec<Vec<u8>>> = Zeroizing::new(shares.iter().map(to_library).collect());
    let secret = Gf256::combine_array(shares.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| SharesError::Library)?;
    secret.as_slice().try_into().map(Zeroizing::new).map_err(|_| SharesError::Library)
}

fn to_library(share: &Share) -> Vec<u8> {
    std::iter::once(share.index).chain(share.value).collect()
}

fn from_library(bytes: &[u8]) -> Result<Share, SharesError> {
    let (index, value) = bytes.split_first().ok_or(SharesError::Library)?;
    let value = value.try_into().map_err(|_| SharesError::Library)?;
    Ok(Share { index: *index, value })
}
