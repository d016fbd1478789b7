//! One health record: its bytes, and what the ledger's catalogue and the policies need to know of it.

use std::fmt;

use crate::codes::Codes;
use crate::error::Problem;
use crate::json::{Json, member, text};
use crate::patient::{self, Names};
use crate::scan::{Bounds, first_value_end};
use crate::{
    Category, Coding, Limits, Period, ResourceType, Sensitivity, json, period, structure, validate,
};

/// A valid FHIR R4 resource with its labels.
///
/// `Debug` shows no content: the record is about a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Resource<'a> {
    /// The resource exactly as it came, from `{` to `}`: this is hashed, signed and encrypted.
    pub bytes: &'a [u8],
    /// The type.
    pub resource_type: ResourceType,
    /// The logical id, `[A-Za-z0-9\-\.]{1,64}`.
    pub id: String,
    /// The logical id of the patient it is about, if it is about one.
    pub patient: Option<String>,
    /// What kind of record it is.
    pub category: Category,
    /// How sensitive it is.
    pub sensitivity: Sensitivity,
    /// The time it is about, if it says.
    pub period: Option<Period>,
    /// The distinct clinical codes in it, in the order of the document, at most [`Limits::max_codes`].
    pub codes: Vec<Coding>,
    /// Whether `codes` has all of them. The labels were derived from all in any case.
    pub codes_complete: bool,
}

impl fmt::Debug for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("resource_type", &self.resource_type)
            .field("bytes", &self.bytes.len())
            .field("category", &self.category)
            .finish_non_exhaustive()
    }
}

/// Reads one resource; `bytes` is exactly the resource, without white space around it.
///
/// `fallback_id` serves a resource that a Bundle brings without an id of its own.
pub(crate) fn parse<'a>(
    bytes: &'a [u8],
    fallback_id: Option<&str>,
    names: &Names,
    limits: &Limits,
) -> Result<Resource<'a>, Problem> {
    let json = parse_bounded(bytes, limits)?;
    let resource_type = type_of(&json)?;
    let type_name = resource_type.as_str();
    if type_name == "Bundle" {
        return Err(Problem::NestedBundle);
    }
    validate::check_nested_resources(resource_type, &json)?;
    structure::check_resource(resource_type, &json)?;
    let Some(id) = text(&json, "id").or(fallback_id).map(str::to_owned) else {
        return Err(Problem::invalid(&format!("{type_name}.id"), "a record needs an id"));
    };
    let mut codes = Codes::new(limits.max_codes);
    validate::check_content(resource_type, &json, &mut codes)?;
    let (codes, codes_complete, by_code) = codes.finish();
    Ok(Resource {
        bytes,
        resource_type,
        patient: patient::of(resource_type, &id, &json, names)?,
        id,
        category: Category::of(resource_type, &json),
        sensitivity: Sensitivity::of_meta(&json).union(by_code),
        period: period::of(type_name, &json)?,
        codes,
        codes_complete,
    })
}

/// Checks size, depth and encoding before the parser sees anything.
fn parse_bounded<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Json<'a>, Problem> {
    if bytes.len() > limits.max_resource_bytes {
        return Err(Problem::TooLarge {
            what: "resource",
            size: bytes.len(),
            limit: limits.max_resource_bytes,
        });
    }
    if bytes.first() != Some(&b'{') {
        return Err(Problem::NotJson { reason: "a resource is a JSON object".to_owned() });
    }
    first_value_end(bytes, Bounds { nesting: limits.nesting(), values: limits.max_values })?;
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Problem::NotUtf8 { offset: error.valid_up_to() })?;
    json::parse(text)
}

fn type_of(json: &Json<'_>) -> Result<ResourceType, Problem> {
    match member(json, "resourceType") {
        Some(Json::String(name)) => ResourceType::from_name(name)
            .ok_or_else(|| Problem::UnknownType { name: crate::error::quote(name) }),
        Some(_) => Err(Problem::invalid("resourceType", "expected a string")),
        None => Err(Problem::invalid("resourceType", "required element missing")),
    }
}
