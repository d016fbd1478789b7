//! The crate as its users see it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "these are tests: they read samples, and helpers outside of test functions are not told apart"
)]

mod bundles;
mod hostile;
mod labels;
mod projection;
mod samples;
mod shared;
mod structure;

use secnet_fhir::{FhirError, Limits, Resource, parse_document, parse_line};

/// One resource out of JSON text.
pub(crate) fn one(text: &str) -> Result<Resource<'_>, FhirError> {
    parse_line(text.as_bytes(), 1, &Limits::default()).map(|found| found.expect("not blank"))
}

/// Everything out of a document that is sound as a whole.
pub(crate) fn all(bytes: &[u8]) -> Vec<Result<Resource<'_>, FhirError>> {
    parse_document(bytes, &Limits::default()).expect("sound as a whole").collect()
}
