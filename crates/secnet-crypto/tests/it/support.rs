//! Reading vectors, and a generator that gives what a vector says.

use std::{convert::Infallible, io::Read as _};

use secnet_crypto::rand_core::{TryCryptoRng, TryRng};
use serde::de::DeserializeOwned;

/// Unpacks and reads a vector file.
pub(crate) fn vectors<T: DeserializeOwned>(gzipped: &[u8]) -> T {
    let mut json = String::new();
    flate2::read::GzDecoder::new(gzipped).read_to_string(&mut json).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// Reads hexadecimal.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// A field of a vector, as bytes.
pub(crate) fn field(case: &serde_json::Value, name: &str) -> Vec<u8> {
    hex(case[name].as_str().unwrap())
}

/// A "random" generator whose output is known.
pub(crate) struct KnownRng(pub Vec<u8>);

impl TryRng for KnownRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(bytes.len());
        bytes.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for KnownRng {}
