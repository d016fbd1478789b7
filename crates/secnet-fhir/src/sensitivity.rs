//! How sensitive a record is: a small set of labels with the names of HL7.
//!
//! Two sources, joined: what the sender wrote in `meta.security`, and the code lists of
//! [`crate::sensitive_codes`]. Labels only ever add; nothing takes one away.

use std::fmt;

use crate::json::{Json, coding, items, member};
use crate::sensitive_codes;

/// A set of sensitivity labels; the empty set is a normal record.
///
/// INVARIANT: a set with any label has [`Sensitivity::RESTRICTED`] too, so one bit answers whether
/// a record needs more than the ordinary consent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sensitivity(u8);

impl Sensitivity {
    /// `N`: normal, no label.
    pub const NORMAL: Self = Self(0);
    /// `R`: restricted, by confidentiality `R` or `V` or by any other label.
    pub const RESTRICTED: Self = Self(1);
    /// `ETH`: substance use, alcohol and opioids included.
    pub const SUBSTANCE_USE: Self = Self(1 | 1 << 1);
    /// `PSY`: mental health.
    pub const MENTAL_HEALTH: Self = Self(1 | 1 << 2);
    /// `HIV`: HIV and AIDS, tests included.
    pub const HIV: Self = Self(1 | 1 << 3);
    /// `SDV`: sexual assault, abuse and domestic violence.
    pub const VIOLENCE: Self = Self(1 | 1 << 4);
    /// `SEX`: sexuality and reproductive health.
    pub const SEXUAL_HEALTH: Self = Self(1 | 1 << 5);

    /// Every label with its name in HL7 v3 (Confidentiality, ActCode), in bit order.
    pub const NAMES: [(Self, &'static str); 6] = [
        (Self::RESTRICTED, "R"),
        (Self::SUBSTANCE_USE, "ETH"),
        (Self::MENTAL_HEALTH, "PSY"),
        (Self::HIV, "HIV"),
        (Self::VIOLENCE, "SDV"),
        (Self::SEXUAL_HEALTH, "SEX"),
    ];

    /// The set with the bits of [`Sensitivity::bits`]; `None` for a set that cannot be.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits < 1 << Self::NAMES.len() && (bits == 0 || bits & 1 == 1)).then_some(Self(bits))
    }

    /// The set as bits, `R` lowest, in the order of [`Sensitivity::NAMES`].
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The label called `name`: `N` or one of [`Sensitivity::NAMES`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "N" {
            return Some(Self::NORMAL);
        }
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(label, _)| *label)
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every label of `other` is in this set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is any label.
    #[must_use]
    pub fn is_restricted(self) -> bool {
        self.0 != 0
    }

    /// The names of the labels in the set, or `N`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let normal = (self == Self::NORMAL).then_some("N");
        let labels = Self::NAMES.into_iter().filter(move |(label, _)| self.contains(*label));
        normal.into_iter().chain(labels.map(|(_, name)| name))
    }

    /// The labels the sender wrote in `meta.security`.
    pub(crate) fn of_meta(resource: &Json<'_>) -> Self {
        let Some(meta) = member(resource, "meta") else { return Self::NORMAL };
        items(meta, "security").fold(Self::NORMAL, |set, label| {
            // A label in words only is a label all the same.
            let meant = coding(label)
                .map_or(Self::RESTRICTED, |(system, code)| Self::of_label(system, code));
            set.union(meant)
        })
    }

    /// The label that one code means, by the code lists.
    pub(crate) fn of_code(system: &str, code: &str) -> Self {
        sensitive_codes::label(system, code)
    }

    /// One security label of HL7 v3. A sensitivity we do not know restricts: not knowing it must
    /// not open a record.
    fn of_label(system: &str, code: &str) -> Self {
        if system.ends_with("ActReason") || system.ends_with("ObservationValue") {
            // Purpose of use, integrity, provenance: not about sensitivity.
            return Self::NORMAL;
        }
        match code {
            "N" | "M" | "L" | "U" => Self::NORMAL,
            "ETH" | "ETHUD" | "SUD" | "OPIOIDUD" => Self::SUBSTANCE_USE,
            "PSY" | "PSYTHPN" | "MH" | "BH" => Self::MENTAL_HEALTH,
            "HIV" => Self::HIV,
            "SDV" | "VIO" => Self::VIOLENCE,
            "SEX" | "STD" => Self::SEXUAL_HEALTH,
            // The mark of test data, and how to handle the labels themselves.
            "HTEST" | "PERSISTLABEL" => Self::NORMAL,
            _ => Self::RESTRICTED,
        }
    }
}

impl fmt::Display for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names().enumerate() {
            if i > 0 {
                f.write_str("+")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sensitivity({self})")
    }
}

#[cfg(test)]
mod tests;
