//! Names of compiled policies: each maps back to what the owner signed.

use core::fmt;

use secnet_types::{DenialId, GrantId};

/// The origin of one compiled policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyName {
    /// A grant: one `permit`.
    Grant(GrantId),
    /// A denial: one `forbid`.
    Denial(DenialId),
    /// A term of the dataset: one `forbid`.
    Term(Term),
}

/// A term that can forbid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// The dataset is no longer offered.
    Expiry,
    /// The purpose is not among those of the dataset.
    Purposes,
    /// The action is not among those of the dataset.
    Actions,
    /// Fields were named, and the dataset is sealed.
    Fields,
}

impl Term {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expiry => "expiry",
            Self::Purposes => "purposes",
            Self::Actions => "actions",
            Self::Fields => "fields",
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant(id) => write!(f, "grant {id}"),
            Self::Denial(id) => write!(f, "denial {id}"),
            Self::Term(term) => write!(f, "term {}", term.as_str()),
        }
    }
}
