//! Is it valid FHIR R4? The structure by `fhirkit`, which knows every element of all 146 types;
//! the value sets and references that it leaves open by ourselves.

use fhirkit::decode::Decoder;
use fhirkit::{FhirJson, Json, Severity};

use crate::ResourceType;
use crate::codes::Codes;
use crate::error::{Problem, quote};
use crate::json::items;
use crate::limits::MAX_RESOURCE_LEVELS;
use crate::patient::Target;
use crate::status;

/// Parses one JSON text.
pub(crate) fn parse_json(text: &str) -> Result<Json, Problem> {
    Json::parse(text).map_err(|error| Problem::NotJson { reason: quote(&error.to_string()) })
}

/// Refuses resources inside resources beyond what R4 allows (dom-2: no contained in contained).
///
/// It has to come before [`check_structure`]: `fhirkit` recurses with a stack frame of up to half a
/// megabyte for every resource inside a resource.
pub(crate) fn check_nested_resources(
    resource_type: ResourceType,
    value: &Json,
) -> Result<(), Problem> {
    if resource_levels(value) <= MAX_RESOURCE_LEVELS {
        return Ok(());
    }
    let path = format!("{resource_type}.contained");
    Err(Problem::invalid(&path, "a contained resource cannot contain another"))
}

/// How many resources are inside one another, `value` included.
fn resource_levels(value: &Json) -> usize {
    match value {
        Json::Object(members) => {
            let own = usize::from(members.iter().any(|(key, _)| key == "resourceType"));
            let inner = members.iter().map(|(_, member)| resource_levels(member)).max();
            inner.unwrap_or(0).saturating_add(own)
        }
        Json::Array(elements) => elements.iter().map(resource_levels).max().unwrap_or(0),
        _ => 0,
    }
}

/// Checks the structure of `value` as `T`, paths starting at `root`.
pub(crate) fn check_structure<T: FhirJson>(root: &str, value: &Json) -> Result<(), Problem> {
    let mut decoder = Decoder::new(root);
    let usable = T::decode(value, &mut decoder).is_some();
    let mut errors = decoder.issues.into_iter().filter(|issue| issue.severity == Severity::Error);
    match errors.next() {
        Some(first) => Err(Problem::Invalid {
            path: quote(&first.path),
            reason: quote(&first.message),
            others: errors.count(),
        }),
        None if usable => Ok(()),
        None => Err(Problem::invalid(root, "not usable as a resource")),
    }
}

/// Does a resource of this type have an element of this name at its top level?
pub(crate) fn knows_element(resource_type: ResourceType, name: &str) -> bool {
    let type_name = resource_type.as_str();
    let member = |name: &str, value| (name.to_owned(), value);
    let resource_type = member("resourceType", Json::String(type_name.to_owned()));
    let probe = Json::Object(vec![resource_type, member(name, Json::Null)]);
    let mut decoder = Decoder::new(type_name);
    let _ignored = fhirkit::r4::Resource::decode(&probe, &mut decoder);
    let path = format!("{type_name}.{name}");
    !decoder.issues.iter().any(|issue| issue.path == path && issue.message == "unknown element")
}

/// Checks what the structure leaves open, and collects the codes on the way.
pub(crate) fn check_content<'j>(
    resource_type: ResourceType,
    resource: &'j Json,
    codes: &mut Codes<'j>,
) -> Result<(), Problem> {
    let type_name = resource_type.as_str();
    for (element, allowed) in status::value_sets(type_name) {
        for value in items(resource, element).filter_map(Json::as_str) {
            if !allowed.contains(&value) {
                return Err(Problem::invalid(
                    &format!("{type_name}.{element}"),
                    &format!("`{}` is not one of {}", quote(value), allowed.join(", ")),
                ));
            }
        }
    }
    let mut path = vec![Step::Key(type_name)];
    walk(resource, &mut path, codes)
}

enum Step<'j> {
    Key(&'j str),
    Index(usize),
}

/// Visits every object. The depth was bounded before parsing.
fn walk<'j>(
    value: &'j Json,
    path: &mut Vec<Step<'j>>,
    codes: &mut Codes<'j>,
) -> Result<(), Problem> {
    match value {
        Json::Object(members) => {
            codes.see(value);
            // An Expression has a `reference` too, which is any URI; only it has a language.
            let is_expression = value.get("language").is_some();
            for (key, member) in members {
                path.push(Step::Key(key));
                match member {
                    Json::String(target) if key == "reference" && !is_expression => {
                        check_reference(target, path)?;
                    }
                    // Tags and security labels are about the record, not clinical codes.
                    Json::Object(_) if key == "meta" => {}
                    Json::Object(_) | Json::Array(_) => walk(member, path, codes)?,
                    _ => {}
                }
                path.pop();
            }
        }
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                if matches!(element, Json::Object(_) | Json::Array(_)) {
                    path.push(Step::Index(index));
                    walk(element, path, codes)?;
                    path.pop();
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn check_reference(target: &str, path: &[Step<'_>]) -> Result<(), Problem> {
    // `DetectedIssue.reference` and `Immunization.education.reference` are URIs of the same name.
    let above = |levels: usize, name: &str| matches!(path.iter().rev().nth(levels), Some(Step::Key(key)) if *key == name);
    let is_uri = above(1, "DetectedIssue") || above(2, "education");
    if is_uri || Target::parse(target).is_some() {
        return Ok(());
    }
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    Err(Problem::invalid(
        &text,
        &format!("`{}` is not a reference; use `Type/id`, `urn:uuid:` or a URL", quote(target)),
    ))
}
