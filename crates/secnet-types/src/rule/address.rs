//! Blocks of network addresses (CIDR, RFC 4632 and RFC 4291).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use minicbor::{Decode, Encode};

use super::RuleError;

/// All addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressBlock {
    first: IpAddr,
    prefix: u8,
}

impl AddressBlock {
    /// A block; bits after the prefix must be zero, and IPv4 is written as IPv4.
    ///
    /// # Errors
    /// A prefix longer than the address, stray bits, or an IPv4-mapped IPv6 address.
    pub fn new(first: IpAddr, prefix: u8) -> Result<Self, RuleError> {
        let bad = || RuleError::MalformedBlock(format!("{first}/{prefix}"));
        if prefix > width(first) || masked(first, prefix) != first || first.to_canonical() != first
        {
            return Err(bad());
        }
        Ok(Self { first, prefix })
    }

    /// Its first address.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// How many leading bits are fixed.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Is the address inside? IPv4-mapped addresses count as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.first.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == self.first
    }

    /// Is every address of `other` inside?
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.first)
    }

    /// What both have in common: blocks nest or are disjoint.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        if self.covers(other) {
            Some(*other)
        } else if other.covers(self) {
            Some(*self)
        } else {
            None
        }
    }
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with only the first `prefix` bits kept.
pub(super) fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let drop = 32_u32.saturating_sub(prefix.into());
            IpAddr::V4(Ipv4Addr::from_bits(
                v4.to_bits() & u32::MAX.checked_shl(drop).unwrap_or_default(),
            ))
        }
        IpAddr::V6(v6) => {
            let drop = 128_u32.saturating_sub(prefix.into());
            IpAddr::V6(Ipv6Addr::from_bits(
                v6.to_bits() & u128::MAX.checked_shl(drop).unwrap_or_default(),
            ))
        }
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for AddressBlock {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let bad = || RuleError::MalformedBlock(text.to_owned());
        let (first, prefix) = text.split_once('/').ok_or_else(bad)?;
        let block =
            Self::new(first.parse().map_err(|_| bad())?, prefix.parse().map_err(|_| bad())?)?;
        // One block, one text: `10.0.0.0/08` is another text.
        if block.to_string() == text { Ok(block) } else { Err(bad()) }
    }
}

impl<C> Encode<C> for AddressBlock {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(2)?;
        plain::encode(&self.first, e, ctx)?;
        e.u8(self.prefix)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for AddressBlock {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.array()? != Some(2) {
            return Err(minicbor::decode::Error::message("an address block is an array of two"));
        }
        let first = plain::decode(d, ctx)?;
        Self::new(first, d.u8()?).map_err(minicbor::decode::Error::custom)
    }
}

/// An address as 4 or 16 bytes.
pub(super) mod plain {
    use core::net::IpAddr;

    use minicbor::decode::Error as DecodeError;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder};

    pub(in crate::rule) fn encode<C, W: Write>(
        address: &IpAddr,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        match address {
            IpAddr::V4(v4) => e.bytes(&v4.octets())?.ok(),
            IpAddr::V6(v6) => e.bytes(&v6.octets())?.ok(),
        }
    }

    pub(in crate::rule) fn decode<C>(
        d: &mut Decoder<'_>,
        _: &mut C,
    ) -> Result<IpAddr, DecodeError> {
        let bytes = d.bytes()?;
        if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
            return Ok(IpAddr::from(v4));
        }
        <[u8; 16]>::try_from(bytes)
            .map(IpAddr::from)
            .map_err(|_| DecodeError::message("an address has 4 or 16 bytes"))
    }
}
