//! Key derivation (HKDF-SHA256, RFC 5869) and salted commitments (SHA-256).

#[cfg(test)]
mod tests;

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Domain of [`commit`], so that a commitment is never another kind of hash.
const COMMIT_DOMAIN: &[u8] = b"salted commitment v1\0";

/// Derives 32 bytes from all `parts` together for one purpose, named by `context`.
///
/// The input key material is, for each part in order, its length as 8 bytes little-endian and the
/// part: `["ab", "c"]` and `["a", "bc"]` differ. HKDF-SHA256 with no salt and `context` as info.
/// Whoever lacks one of several secret parts learns nothing about the result (the double lock).
#[must_use]
pub fn derive(context: &'static str, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut extract = hkdf::HkdfExtract::<Sha256>::new(None);
    for part in parts {
        extract.input_ikm(&(part.len() as u64).to_le_bytes());
        extract.input_ikm(part);
    }
    let (_, hkdf) = extract.finalize();
    expand(&hkdf, context)
}

/// Commits to `data` without revealing it: SHA-256 over
/// `salted commitment v1`, a zero byte, the salt and the data.
///
/// Hiding rests on the salt: 32 random bytes, kept secret until the commitment is opened. Destroying
/// the salt makes the commitment meaningless.
#[must_use]
pub fn commit(salt: &[u8; 32], data: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(COMMIT_DOMAIN)
        .chain_update(salt)
        .chain_update(data)
        .finalize()
        .into()
}

fn expand(hkdf: &Hkdf<Sha256>, context: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0u8; 32]);
    #[expect(
        clippy::expect_used,
        reason = "32 bytes are below the 8160 that HKDF-SHA256 can give"
    )]
    hkdf.expand(context.as_bytes(), key.as_mut_slice()).expect("a legal length");
    key
}
