//! How one entry of the archive looks in storage.
//!
//! ```text
//! row key   = group tag (32) | name tag (32)
//! group tag = BLAKE3 keyed_hash(name key, 0 | kind (1) | group)
//! name tag  = BLAKE3 keyed_hash(name key, 1 | kind (1) | length of group (4, big-endian) | group | key)
//! row       = nonce (24) | sealed object: object key = BLAKE3 keyed_hash(data key, nonce | row key), aad = row key
//! content   = erasure salt (32) | kind (1) | length of group (4) | group | length of key (4) | key | value
//! ```

use std::fmt;

use secnet_app::ports::{EntryKind, EntryName};
use secnet_crypto::{CryptoRng, ObjectKey, StreamError, Zeroizing, open_object, seal_object};
use secnet_types::Digest;

pub(crate) const ROW_KEY_LEN: usize = 64;
const NONCE_LEN: usize = 24;
const SALT_LEN: usize = 32;

/// The archive's keys of one generation.
#[derive(Clone)]
pub(crate) struct ArchiveKeys {
    pub(crate) data: Zeroizing<[u8; 32]>,
    pub(crate) names: Zeroizing<[u8; 32]>,
}

/// An opened entry.
pub(crate) struct Plain {
    /// Behind the entry's erasure tag; gone with the entry.
    pub(crate) salt: [u8; SALT_LEN],
    pub(crate) kind: u8,
    pub(crate) group: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Zeroizing<Vec<u8>>,
}

impl ArchiveKeys {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut keys = Self { data: Zeroizing::new([0; 32]), names: Zeroizing::new([0; 32]) };
        rng.fill_bytes(keys.data.as_mut_slice());
        rng.fill_bytes(keys.names.as_mut_slice());
        keys
    }

    pub(crate) fn group_tag(&self, kind: u8, group: &[u8]) -> [u8; 32] {
        *blake3::Hasher::new_keyed(&self.names)
            .update(&[0, kind])
            .update(group)
            .finalize()
            .as_bytes()
    }

    pub(crate) fn row_key(&self, kind: u8, group: &[u8], key: &[u8]) -> [u8; ROW_KEY_LEN] {
        let name = blake3::Hasher::new_keyed(&self.names)
            .update(&[1, kind])
            .update(&length(group).to_be_bytes())
            .update(group)
            .update(key)
            .finalize();
        let mut row = [0; ROW_KEY_LEN];
        let bytes = self.group_tag(kind, group).into_iter().chain(*name.as_bytes());
        for (to, from) in row.iter_mut().zip(bytes) {
            *to = from;
        }
        row
    }

    pub(crate) fn row_key_of(&self, plain: &Plain) -> [u8; ROW_KEY_LEN] {
        self.row_key(plain.kind, &plain.group, &plain.key)
    }

    pub(crate) fn seal(
        &self,
        plain: &Plain,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, StreamError> {
        let row_key = self.row_key_of(plain);
        let mut row = vec![0; NONCE_LEN];
        rng.fill_bytes(&mut row);
        let key = self.object_key(&row, &row_key);
        row.append(&mut seal_object(&key, &row_key, &plain.to_bytes(), rng)?);
        Ok(row)
    }

    pub(crate) fn open(
        &self,
        row_key: &[u8; ROW_KEY_LEN],
        row: &[u8],
    ) -> Result<Plain, StreamError> {
        let (nonce, sealed) = row.split_at_checked(NONCE_LEN).ok_or(StreamError::NotAnObject)?;
        let content = open_object(&self.object_key(nonce, row_key), row_key, sealed)?;
        Plain::from_bytes(&content).ok_or(StreamError::NotAnObject)
    }

    fn object_key(&self, nonce: &[u8], row_key: &[u8; ROW_KEY_LEN]) -> ObjectKey {
        let mut hasher = blake3::Hasher::new_keyed(&self.data);
        ObjectKey::from_bytes(*hasher.update(nonce).update(row_key).finalize().as_bytes())
    }
}

impl fmt::Debug for ArchiveKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArchiveKeys(..)")
    }
}

impl Plain {
    pub(crate) fn new(name: &EntryName, salt: [u8; SALT_LEN], value: Vec<u8>) -> Self {
        let EntryName { kind, group, key } = name.clone();
        Self { salt, kind: kind as u8, group, key, value: Zeroizing::new(value) }
    }

    /// What an erasure statement names the entry by: tells nothing without the salt, which goes with the entry.
    pub(crate) fn erasure_tag(&self) -> Digest {
        Digest::commit(&self.salt, &self.name_bytes())
    }

    /// The entry's name, if this build knows its kind.
    pub(crate) fn name(&self, kind: EntryKind) -> EntryName {
        EntryName { kind, group: self.group.clone(), key: self.key.clone() }
    }

    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let name = self.name_bytes();
        let len = SALT_LEN.saturating_add(name.len()).saturating_add(self.value.len());
        let mut bytes = Zeroizing::new(Vec::with_capacity(len));
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&name);
        bytes.extend_from_slice(&self.value);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (salt, rest) = bytes.split_first_chunk::<SALT_LEN>()?;
        let (kind, rest) = rest.split_first()?;
        let (group, rest) = cut(rest)?;
        let (key, value) = cut(rest)?;
        Some(Self {
            salt: *salt,
            kind: *kind,
            group: group.to_vec(),
            key: key.to_vec(),
            value: Zeroizing::new(value.to_vec()),
        })
    }

    fn name_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind];
        for part in [&self.group, &self.key] {
            bytes.extend_from_slice(&length(part).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// A length in front (4 bytes, big-endian) and what it counts.
pub(crate) fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)
}

pub(crate) fn length(bytes: &[u8]) -> u32 {
    // Names and values are far below 4 GiB: the archive refuses larger ones.
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
