//! A secret in a file, protected by a passphrase.
//!
//! # Format
//!
//! Four lines of ASCII, each ended by a line feed, nothing else:
//!
//! ```text
//! secnet-key-v1
//! argon2id m=65536 t=3 p=1
//! <base64: salt (16)>
//! <base64: nonce (24) | ciphertext | tag (16)>
//! ```
//!
//! `m` is memory in KiB, `t` passes, `p` lanes (RFC 9106, version 0x13). The 32-byte result is the key
//! of XChaCha20-Poly1305 over the secret, with the first three lines (line feeds included) as
//! associated data. Costs outside the named limits are refused before any work, so a hostile file can
//! neither eat the memory nor weaken the protection.

#[cfg(test)]
mod tests;

use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64, Encoding};
use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{AeadInOut, KeyInit},
};
use zeroize::Zeroizing;

use crate::CryptoRng;

/// First line of every key file.
pub const KEY_FILE_HEADER: &str = "secnet-key-v1";

/// Least and most memory in KiB.
pub const MIN_MEMORY_KIB: u32 = 19 * 1024;
/// See [`MIN_MEMORY_KIB`].
pub const MAX_MEMORY_KIB: u32 = 1024 * 1024;

/// Least and most passes over the memory.
pub const MIN_PASSES: u32 = 2;
/// See [`MIN_PASSES`].
pub const MAX_PASSES: u32 = 16;

/// Most lanes.
pub const MAX_LANES: u32 = 4;

/// Longest secret in bytes.
pub const MAX_SECRET_LEN: usize = 4096;

/// Longest key file looked at, in bytes.
pub const MAX_KEY_FILE_LEN: usize = 8192;

const SALT_LEN: usize = 16;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// Why a key file could not be made or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Not four lines of the right form.
    #[error(
        "this is not a key file: the first line of one is `secnet-key-v1`, and four lines follow the format"
    )]
    NotAKeyFile,
    /// A cost outside the limits.
    #[error("the key file asks for argon2id with `{0}`, outside of what is safe to compute")]
    Params(KeyFileParams),
    /// The secret is empty or longer than [`MAX_SECRET_LEN`].
    #[error("a secret of `{0}` bytes cannot be kept in a key file")]
    SecretLength(usize),
    /// The tag does not match.
    #[error("the passphrase is wrong or the key file is damaged")]
    Rejected,
    /// The memory for Argon2id is not there.
    #[error("the passphrase could not be stretched: is there enough memory?")]
    Stretch,
}

/// What stretching the passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFileParams {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl KeyFileParams {
    /// 64 MiB, three passes: the memory and time of RFC 9106's second recommendation, on one lane.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    /// The least that is accepted, for tests and small machines.
    pub const LEAST: Self = Self { memory_kib: MIN_MEMORY_KIB, passes: MIN_PASSES, lanes: 1 };

    fn check(self) -> Result<Self, KeyFileError> {
        let fine = (MIN_MEMORY_KIB..=MAX_MEMORY_KIB).contains(&self.memory_kib)
            && (MIN_PASSES..=MAX_PASSES).contains(&self.passes)
            && (1..=MAX_LANES).contains(&self.lanes);
        if fine { Ok(self) } else { Err(KeyFileError::Params(self)) }
    }

    /// Reads exactly what `Display` writes.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("argon2id ")?.split(' ');
        let mut number = |name: &str| words.next()?.strip_prefix(name)?.parse::<u32>().ok();
        let params =
            Self { memory_kib: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
        (params.to_string() == line).then_some(params)
    }
}

impl Default for KeyFileParams {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl std::fmt::Display for KeyFileParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "argon2id m={} t={} p={}", self.memory_kib, self.passes, self.lanes)
    }
}

/// Protects `secret` (one or several seeds, up to [`MAX_SECRET_LEN`] bytes) with a passphrase.
pub fn encrypt(
    secret: &[u8],
    passphrase: &str,
    params: KeyFileParams,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<String, KeyFileError> {
    if secret.is_empty() || secret.len() > MAX_SECRET_LEN {
        return Err(KeyFileError::SecretLength(secret.len()));
    }
    let mut salt = [0u8; SALT_LEN];
    rng.fill_bytes(&mut salt);
    let mut nonce = [0u8; NONCE_LEN];
    rng.fill_bytes(&mut nonce);
    let key = stretch(passphrase, &salt, params.check()?)?;
    let mut text = format!("{KEY_FILE_HEADER}\n{params}\n{}\n", Base64::encode_string(&salt));
    let mut buffer = Zeroizing::new(secret.to_vec());
    let tag = XChaCha20Poly1305::new((&*key).into())
        .encrypt_inout_detached(&nonce.into(), text.as_bytes(), buffer.as_mut_slice().into())
        .map_err(|_| KeyFileError::SecretLength(secret.len()))?;
    let sealed = [nonce.as_slice(), &buffer, &tag].concat();
    text.push_str(&Base64::encode_string(&sealed));
    text.push('\n');
    Ok(text)
}

/// What opening the file will cost; needs no passphrase. Refuses what [`decrypt`] would refuse before any work.
pub fn cost(text: &str) -> Result<KeyFileParams, KeyFileError> {
    Parsed::of(text).ok_or(KeyFileError::NotAKeyFile)?.params.check()
}

/// Opens what [`encrypt`] made.
pub fn decrypt(text: &str, passphrase: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let parsed = Parsed::of(text).ok_or(KeyFileError::NotAKeyFile)?;
    let key = stretch(passphrase, &parsed.salt, parsed.params.check()?)?;
    let mut secret = Zeroizing::new(parsed.ciphertext);
    XChaCha20Poly1305::new((&*key).into())
        .decrypt_inout_detached(
            &parsed.nonce.into(),
            parsed.bound.as_bytes(),
            secret.as_mut_slice().into(),
            &parsed.tag.into(),
        )
        .map_err(|_| KeyFileError::Rejected)?;
    Ok(secret)
}

/// The parts of a key file.
struct Parsed<'a> {
    params: KeyFileParams,
    salt: [u8; SALT_LEN],
    nonce: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
    tag: [u8; TAG_LEN],
    /// The first three lines.
    bound: &'a str,
}

impl<'a> Parsed<'a> {
    fn of(text: &'a str) -> Option<Self> {
        if text.len() > MAX_KEY_FILE_LEN {
            return None;
        }
        let (bound, sealed) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let bound = text.get(..bound.len().checked_add(1)?)?;
        let (header, rest) = bound.strip_suffix('\n')?.split_once('\n')?;
        let (params, salt) = rest.split_once('\n')?;
        if header != KEY_FILE_HEADER {
            return None;
        }
        let sealed = Base64::decode_vec(sealed).ok()?;
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        if ciphertext.is_empty() || ciphertext.len() > MAX_SECRET_LEN {
            return None;
        }
        Some(Self {
            params: KeyFileParams::parse(params)?,
            salt: Base64::decode_vec(salt).ok()?.try_into().ok()?,
            nonce: *nonce,
            ciphertext: ciphertext.to_vec(),
            tag: *tag,
            bound,
        })
    }
}

fn stretch(
    passphrase: &str,
    salt: &[u8; SALT_LEN],
    params: KeyFileParams,
) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let cost = Params::new(params.memory_kib, params.passes, params.lanes, Some(32))
        .map_err(|_| KeyFileError::Params(params))?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| KeyFileError::Stretch)?;
    Ok(key)
}
