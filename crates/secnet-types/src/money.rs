//! Integer money: micro-units, checked.

use core::fmt;
use core::str::FromStr;

use minicbor::{Decode, Encode};

/// Why an amount is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The sum does not fit.
    #[error("the amount overflows")]
    Overflow,
    /// The difference would be negative.
    #[error("the amount would fall below zero")]
    Underflow,
    /// Not a number of units with at most six decimals.
    #[error("not an amount; write units with at most six decimals, such as 2.5")]
    Malformed,
}

/// An amount of money in micro-units (one unit is 1,000,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Amount(#[n(0)] pub u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Micro-units in one unit.
    pub const MICROS: u64 = 1_000_000;

    /// Checked sum.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// Checked difference.
    ///
    /// # Errors
    /// [`MoneyError::Underflow`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MoneyError::Underflow)
    }

    /// Checked product with a count.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn times(self, count: u64) -> Result<Self, MoneyError> {
        self.0.checked_mul(count).map(Self).ok_or(MoneyError::Overflow)
    }

    /// This many basis points of the amount, rounded down.
    #[must_use]
    pub fn share(self, points: BasisPoints) -> Self {
        let exact = u128::from(self.0) * u128::from(points.0) / u128::from(BasisPoints::WHOLE.0);
        // INVARIANT: points <= 10,000, so the share is no larger than the amount.
        Self(u64::try_from(exact).unwrap_or(self.0))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, micros) = (self.0 / Self::MICROS, self.0 % Self::MICROS);
        if micros == 0 {
            return f.pad(&units.to_string());
        }
        let decimals = format!("{micros:06}");
        f.pad(&format!("{units}.{}", decimals.trim_end_matches('0')))
    }
}

impl FromStr for Amount {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (units, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(units) || !digits(decimals) || decimals.len() > 6 {
            return Err(MoneyError::Malformed);
        }
        let units: u64 = units.parse().map_err(|_| MoneyError::Overflow)?;
        let micros: u64 = format!("{decimals:0<6}").parse().map_err(|_| MoneyError::Malformed)?;
        Self(units).times(Self::MICROS)?.plus(Self(micros))
    }
}

/// Hundredths of a percent, 0 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode)]
#[cbor(transparent)]
pub struct BasisPoints(#[n(0)] u16);

impl BasisPoints {
    /// All of it.
    pub const WHOLE: Self = Self(10_000);
    /// None of it.
    pub const ZERO: Self = Self(0);

    /// Parse; more than the whole is refused.
    #[must_use]
    pub const fn new(points: u16) -> Option<Self> {
        if points <= Self::WHOLE.0 { Some(Self(points)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn points(self) -> u16 {
        self.0
    }
}

impl<'b, C> Decode<'b, C> for BasisPoints {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(d.u16()?)
            .ok_or_else(|| minicbor::decode::Error::message("more than 10,000 basis points"))
    }
}
