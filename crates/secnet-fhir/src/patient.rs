//! Whose record it is.

use std::collections::BTreeMap;

use crate::ResourceType;
use crate::error::{Problem, quote};
use crate::json::{Json, items, member, text};

/// Resource type and id by `fullUrl`, for the references inside one Bundle.
pub(crate) type Names = BTreeMap<String, (String, String)>;

/// The longest logical id of FHIR.
const MAX_ID_BYTES: usize = 64;

/// Whether `text` is a FHIR id: `[A-Za-z0-9\-\.]{1,64}`.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

/// The id of the one patient that the resource is about, `None` if it is about no patient.
pub(crate) fn of(
    resource_type: ResourceType,
    id: &str,
    resource: &Json<'_>,
    names: &Names,
) -> Result<Option<String>, Problem> {
    let type_name = resource_type.as_str();
    if type_name == "Patient" {
        return Ok(Some(id.to_owned()));
    }
    let mut found: Option<String> = None;
    for (element, inner) in SUBJECTS {
        let path = || format!("{type_name}.{element}");
        for value in items(resource, element) {
            let reference = if inner.is_empty() { Some(value) } else { member(value, inner) };
            let Some(reference) = reference else { continue };
            let Some(patient) = named(reference, &path(), names)? else { continue };
            if found.as_ref().is_some_and(|found| *found != patient) {
                return Err(Problem::SeveralPatients { path: path() });
            }
            found = Some(patient);
        }
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The elements that say whom a resource is about, after the patient compartment of R4: the element,
/// and the member of it that holds the reference. The first that names a patient decides.
const SUBJECTS: &[(&str, &str)] = &[
    ("subject", ""),
    ("patient", ""),
    ("beneficiary", ""),
    ("for", ""),
    ("individual", ""),
    ("candidate", ""),
    ("participant", "actor"),
];

/// The patient that a Reference means, `None` if it means something else.
fn named(reference: &Json<'_>, path: &str, names: &Names) -> Result<Option<String>, Problem> {
    let Some(target) = text(reference, "reference") else { return Ok(None) };
    let unresolved =
        || Problem::UnresolvedPatient { path: path.to_owned(), reference: quote(target) };
    if let Some((type_name, id)) = names.get(target) {
        return Ok((type_name == "Patient").then(|| id.clone()));
    }
    let stated = text(reference, "type");
    match Target::parse(target) {
        Some(Target::Resource { type_name: "Patient", id }) => Ok(Some(id.to_owned())),
        Some(Target::Resource { .. }) => Ok(None),
        Some(Target::Search { type_name: "Patient" }) => Err(unresolved()),
        Some(Target::Search { .. }) => Ok(None),
        // Outside a Bundle nothing says what an UUID stands for, unless the reference does.
        Some(Target::Uuid(uuid)) if stated.is_none_or(|name| name == "Patient") => {
            Ok(Some(uuid.to_owned()))
        }
        Some(Target::Contained | Target::Other) if stated == Some("Patient") => Err(unresolved()),
        _ => Ok(None),
    }
}

/// What the text of a `Reference.reference` points to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'t> {
    /// `Type/id`, with or without a server before it and a version behind.
    Resource { type_name: &'t str, id: &'t str },
    /// `Type?criteria`: whatever a search finds.
    Search { type_name: &'t str },
    /// `urn:uuid:`.
    Uuid(&'t str),
    /// `#id`: inside the same resource.
    Contained,
    /// Another absolute URI.
    Other,
}

impl<'t> Target<'t> {
    /// `None` if the text is not a well-formed reference.
    pub(crate) fn parse(reference: &'t str) -> Option<Self> {
        if let Some(inside) = reference.strip_prefix('#') {
            return (inside.is_empty() || is_id(inside)).then_some(Self::Contained);
        }
        if let Some(uuid) = reference.strip_prefix("urn:uuid:") {
            return (uuid.len() == 36 && is_id(uuid)).then_some(Self::Uuid(uuid));
        }
        if let Some(oid) = reference.strip_prefix("urn:oid:") {
            let plain = oid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            return (plain && !oid.is_empty()).then_some(Self::Other);
        }
        let absolute = reference.contains("://");
        if !absolute && let Some((type_name, criteria)) = reference.split_once('?') {
            ResourceType::from_name(type_name)?;
            return (!criteria.is_empty()).then_some(Self::Search { type_name });
        }
        // A version is a FHIR id too.
        if !reference.rsplit('/').next().is_some_and(is_id) {
            return absolute.then_some(Self::Other);
        }
        let mut segments = reference.rsplit('/');
        let mut id = segments.next()?;
        let mut type_name = segments.next();
        if type_name == Some("_history") {
            id = segments.next()?;
            type_name = segments.next();
        }
        let known = type_name.filter(|name| ResourceType::from_name(name).is_some());
        match known {
            Some(type_name) if is_id(id) && (absolute || segments.next().is_none()) => {
                Some(Self::Resource { type_name, id })
            }
            _ => absolute.then_some(Self::Other),
        }
    }
}

#[cfg(test)]
mod tests;
