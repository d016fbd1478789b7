//! What the fuzz targets share: the checks that hold for every decoder, and one real world whose objects the inputs
//! grow from. A target that only waits for a panic misses most of what can be wrong with a byte format.

use std::fmt::Debug;

use minicbor::{Decode, Encode};
use secnet_crypto::VerifyingKey;
use secnet_types::{decode, encode};

#[path = "../../crates/secnet-types/tests/it/draw.rs"]
#[allow(dead_code, reason = "the tests of the types use more of it")]
mod draw;
pub mod parcels;
mod parts;
mod real;
pub mod seeds;
#[path = "../../crates/secnet-app/tests/it/switches.rs"]
#[allow(dead_code, reason = "the tests of the flow use more of it")]
mod switches;
pub mod types;
#[path = "../../crates/secnet-app/tests/it/world.rs"]
#[allow(dead_code, reason = "the tests of the flow use more of it")]
mod world;

pub use parts::{join, split};
pub use real::{LOG, REAL, Real};

/// Bytes that are accepted are within the limit and are written again as they were.
pub fn same<T>(bytes: &[u8], limit: usize) -> Option<T>
where
    T: for<'b> Decode<'b, ()> + Encode<()> + Debug,
{
    let value: T = decode("value", bytes, limit).ok()?;
    assert!(bytes.len() <= limit, "longer than its limit");
    assert_eq!(encode(&value), bytes, "a second byte form of one value");
    // What is accepted may be logged and shown.
    let _ = format!("{value:?}");
    Some(value)
}

/// Signatures by a key of small order hold for messages that nobody signed; no member can have such a key.
pub fn is_small_order(key: [u8; 32]) -> bool {
    VerifyingKey::from_bytes(key).is_err()
}
