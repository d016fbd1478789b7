//! Health records in: parses, validates and labels FHIR R4, and keeps the original bytes.
//!
//! Owns: what a health record is to SecNet, its [`Category`], [`Sensitivity`] and data [`Period`],
//! and whose it is. Refuses: files and network (bytes come in, the caller opens files), terminology
//! servers, changing a record in any way but leaving fields out ([`project`]).
//!
//! ```
//! use secnet_fhir::{Category, Limits, parse_document};
//!
//! let ndjson = br#"
//! {"resourceType":"Patient","id":"ada","birthDate":"1985"}
//! {"resourceType":"Observation","id":"o1","status":"final","subject":{"reference":"Patient/ada"},
//! "#;
//! let mut resources = secnet_fhir::parse_ndjson(ndjson, &Limits::default());
//!
//! let patient = resources.next().unwrap()?;
//! assert_eq!(patient.category, Category::Demographics);
//! assert_eq!(patient.bytes, br#"{"resourceType":"Patient","id":"ada","birthDate":"1985"}"#);
//!
//! let damaged = resources.next().unwrap().unwrap_err();
//! assert!(damaged.to_string().starts_with("line 3: not JSON"));
//! # Ok::<(), secnet_fhir::FhirError>(())
//! ```
//!
//! Validity has two parts. A table made from the specification's definitions checks every element of all
//! 146 resource types: names, types, cardinality, how primitives are written. On top come the value sets
//! of the common types, references, and what SecNet needs: an id, and one patient at most.
//! Invariants written in FHIRPath and profiles such as US Core are not checked.
//!
//! Labels are of one record alone: a medicine whose reason is a sensitive Condition in another record
//! is labelled by its own codes only.

mod bundle;
mod category;
mod codes;
mod document;
mod error;
mod json;
mod limits;
mod path;
mod patient;
mod period;
mod projection;
mod resource;
mod resource_type;
mod scan;
mod sensitive_codes;
mod sensitivity;
mod status;
mod structure;
mod validate;

pub use category::Category;
pub use codes::Coding;
pub use document::{Resources, parse_document, parse_line, parse_ndjson};
pub use error::{FhirError, Place, Problem};
pub use limits::{
    Limits, MAX_BUNDLE_BYTES, MAX_BUNDLE_ENTRIES, MAX_CODE_BYTES, MAX_CODES, MAX_MEMBERS,
    MAX_NESTING, MAX_RESOURCE_BYTES, MAX_VALUES,
};
pub use period::Period;
pub use projection::{
    Fields, MAX_FIELD_LEVELS, MAX_PROJECTED_BYTES, NotAField, ProjectionError, has_element, project,
};
pub use resource::Resource;
pub use resource_type::ResourceType;
pub use sensitivity::Sensitivity;
