//! Numbers that a format fixes: its version, its suite.

use core::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// The number `N` and no other: a decoder that meets another one refuses the whole value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Known<const N: u16>;

impl<const N: u16> fmt::Debug for Known<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N}")
    }
}

impl<C, const N: u16> Encode<C> for Known<N> {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.u16(N)?.ok()
    }
}

impl<'b, C, const N: u16> Decode<'b, C> for Known<N> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let found = d.u16()?;
        if found == N {
            Ok(Self)
        } else {
            Err(decode::Error::message(format!(
                "unknown version or suite `{found}`; only `{N}` is known here"
            )))
        }
    }
}
