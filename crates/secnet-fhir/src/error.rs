//! What can be wrong with a health record, where, and what to do about it.

use std::fmt;

use thiserror::Error;

use crate::limits::MAX_QUOTE_CHARS;

/// Where in the input a problem was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the document as a whole.
    Document,
    /// In this line of an NDJSON document, counted from 1.
    Line(u64),
    /// In this entry of a Bundle, counted from 0 as in a FHIR path.
    Entry(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document => Ok(()),
            Self::Line(line) => write!(f, "line {line}: "),
            Self::Entry(entry) => write!(f, "Bundle.entry[{entry}]: "),
        }
    }
}

/// A health record that was refused.
///
/// The message may repeat up to 160 characters of the record, which is about a person: show it to
/// whoever brought the record, and log only [`FhirError::place`] and [`Problem::code`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}{problem}")]
pub struct FhirError {
    /// Where.
    pub place: Place,
    /// Why.
    pub problem: Problem,
}

/// Why a health record was refused. Text taken from the input is cut to a named length.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// More bytes than allowed.
    #[error("the {what} has {size} bytes, more than the {limit} allowed; split it")]
    TooLarge {
        /// `resource` or `bundle`.
        what: &'static str,
        /// Bytes found.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// More of something countable than allowed.
    #[error("more than {limit} {what}; split the record")]
    TooMany {
        /// What was counted, in the plural.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// Objects and arrays nested deeper than allowed.
    #[error("nested deeper than {limit} levels at byte {offset}")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
        /// Byte at which the limit was passed, from the start of the resource.
        offset: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 at byte {offset}; FHIR JSON is UTF-8")]
    NotUtf8 {
        /// First bad byte, from the start of the resource.
        offset: usize,
    },
    /// Not JSON.
    #[error("not JSON: {reason}")]
    NotJson {
        /// Line, column and reason.
        reason: String,
    },
    /// Nothing in it.
    #[error("the document is empty")]
    Empty,
    /// JSON, but not a FHIR resource of a known type.
    #[error("`{name}` is not a resource type of FHIR R4")]
    UnknownType {
        /// The value of `resourceType`.
        name: String,
    },
    /// A resource that breaks a rule of FHIR R4.
    #[error("invalid FHIR at `{path}`: {reason}{}", Others(*others))]
    Invalid {
        /// Path of the element, such as `Observation.component[1].code`.
        path: String,
        /// The rule that is broken.
        reason: String,
        /// How many more problems the resource has.
        others: usize,
    },
    /// A Bundle inside a Bundle, or in a line of NDJSON.
    #[error("a Bundle is not a record: split it into its resources first")]
    NestedBundle,
    /// A record about more than one patient has no single owner.
    #[error("`{path}` names more than one patient; a record has one owner, split it")]
    SeveralPatients {
        /// Path of the element.
        path: String,
    },
    /// The subject is a patient who cannot be told from this input.
    #[error("`{reference}` at `{path}` does not tell which patient it means; use `Patient/<id>`")]
    UnresolvedPatient {
        /// Path of the element.
        path: String,
        /// The reference.
        reference: String,
    },
}

impl Problem {
    /// A stable name for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "fhir-too-large",
            Self::TooMany { .. } => "fhir-too-many",
            Self::TooDeep { .. } => "fhir-too-deep",
            Self::NotUtf8 { .. } => "fhir-not-utf8",
            Self::NotJson { .. } => "fhir-not-json",
            Self::Empty => "fhir-empty",
            Self::UnknownType { .. } => "fhir-unknown-type",
            Self::Invalid { .. } => "fhir-invalid",
            Self::NestedBundle => "fhir-nested-bundle",
            Self::SeveralPatients { .. } => "fhir-several-patients",
            Self::UnresolvedPatient { .. } => "fhir-unresolved-patient",
        }
    }

    /// This problem, found in `place`.
    pub(crate) fn at(self, place: Place) -> FhirError {
        FhirError { place, problem: self }
    }

    /// One broken rule.
    pub(crate) fn invalid(path: &str, reason: &str) -> Self {
        Self::Invalid { path: quote(path), reason: quote(reason), others: 0 }
    }
}

struct Others(usize);

impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(" (and 1 more problem)"),
            n => write!(f, " (and {n} more problems)"),
        }
    }
}

/// Foreign text made fit for one line of an error: control characters escaped, length bounded.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i >= MAX_QUOTE_CHARS {
            out.push_str("...");
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
