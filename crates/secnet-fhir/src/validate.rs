//! Is it valid FHIR R4? What its structure leaves open: value sets, references, what may be in what.

use crate::ResourceType;
use crate::codes::Codes;
use crate::error::{Problem, quote};
use crate::json::{Json, items, member, string};
use crate::limits::MAX_RESOURCE_LEVELS;
use crate::path::{Path, Step};
use crate::patient::Target;
use crate::status;

/// Refuses resources inside resources inside a resource.
///
/// For contained ones it is a rule of R4 (dom-2). The few other ways, such as `Parameters.parameter.resource` with
/// contained resources of its own, are no record of one patient either.
pub(crate) fn check_nested_resources(
    resource_type: ResourceType,
    value: &Json<'_>,
) -> Result<(), Problem> {
    if resource_levels(value) <= MAX_RESOURCE_LEVELS {
        return Ok(());
    }
    let path = format!("{resource_type}.contained");
    Err(Problem::invalid(&path, "a contained resource cannot contain another"))
}

/// How many resources are inside one another, `value` included.
fn resource_levels(value: &Json<'_>) -> usize {
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

/// Checks what the structure leaves open, and collects the codes on the way.
pub(crate) fn check_content<'j>(
    resource_type: ResourceType,
    resource: &'j Json<'_>,
    codes: &mut Codes<'j>,
) -> Result<(), Problem> {
    let type_name = resource_type.as_str();
    for (element, allowed) in status::value_sets(type_name) {
        for value in items(resource, element).filter_map(string) {
            if !allowed.contains(&value) {
                return Err(Problem::invalid(
                    &format!("{type_name}.{element}"),
                    &format!("`{}` is not one of {}", quote(value), allowed.join(", ")),
                ));
            }
        }
    }
    walk(resource, &Path::root(type_name), codes)
}

/// Visits every object. The depth was bounded before parsing.
fn walk<'j>(value: &'j Json<'_>, path: &Path<'_>, codes: &mut Codes<'j>) -> Result<(), Problem> {
    match value {
        Json::Object(members) => {
            codes.see(value);
            // An Expression has a `reference` too, which is any URI; only it has a language.
            let is_expression = member(value, "language").is_some();
            for (key, member) in members {
                let path = path.name(key);
                match member {
                    Json::String(target) if key == "reference" && !is_expression => {
                        check_reference(target, &path)?;
                    }
                    // Tags and security labels are about the record, not clinical codes.
                    Json::Object(_) if key == "meta" => {}
                    Json::Object(_) | Json::Array(_) => walk(member, &path, codes)?,
                    _ => {}
                }
            }
        }
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                if matches!(element, Json::Object(_) | Json::Array(_)) {
                    walk(element, &path.index(index), codes)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn check_reference(target: &str, path: &Path<'_>) -> Result<(), Problem> {
    // `DetectedIssue.reference` and `Immunization.education.reference` are URIs of the same name.
    let above = |levels: usize, name: &str| path.steps().nth(levels) == Some(Step::Name(name));
    let is_uri = above(1, "DetectedIssue") || above(2, "education");
    if is_uri || Target::parse(target).is_some() {
        return Ok(());
    }
    Err(Problem::invalid(
        &path.to_string(),
        &format!("`{}` is not a reference; use `Type/id`, `urn:uuid:` or a URL", quote(target)),
    ))
}
