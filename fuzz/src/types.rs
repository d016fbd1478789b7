//! Every type of the vocabulary that has a byte form, by number.

use secnet_types::*;

use crate::draw::{Draw, Drawn, every_type};
use crate::same;

const LIMIT: usize = 1 << 20;

fn encoded<T: Drawn + minicbor::Encode<()>>(seed: u64) -> Vec<u8> {
    encode(&Draw(seed).any::<T>())
}

macro_rules! table {
    ($($ty:ident,)*) => {
        /// Reads one value, as [`same`] does.
        pub const READ: &[fn(&[u8])] = &[$(|bytes| { same::<$ty>(bytes, LIMIT); },)*];
        /// Draws one value.
        pub const DRAW: &[fn(u64) -> Vec<u8>] = &[$(encoded::<$ty>,)*];
    };
}
every_type!(table);
