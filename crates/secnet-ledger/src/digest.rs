//! The digest of the state: of the set of its entries, kept up to date entry by entry.

use secnet_crypto::LtHash;
use secnet_types::Digest;

use crate::TableId;

/// A homomorphic hash over all entries (LtHash), each as table number, key length, key and value.
#[derive(Debug, Clone)]
pub struct StateDigest(LtHash);

impl Default for StateDigest {
    fn default() -> Self {
        Self(LtHash::new())
    }
}

impl StateDigest {
    /// An entry is there.
    pub fn add(&mut self, table: TableId, key: &[u8], value: &[u8]) {
        self.add_stored(table as u8, key, value);
    }

    /// An entry is there, its table known by number only.
    pub fn add_stored(&mut self, table: u8, key: &[u8], value: &[u8]) {
        self.0.add(&element(table, key, value));
    }

    /// An entry is gone.
    pub fn remove(&mut self, table: TableId, key: &[u8], value: &[u8]) {
        self.0.remove(&element(table as u8, key, value));
    }

    /// 32 bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.0.digest())
    }
}

fn element(table: u8, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + key.len() + value.len());
    bytes.push(table);
    bytes.extend_from_slice(&(key.len() as u64).to_be_bytes());
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(value);
    bytes
}
