//! Small questions to a parsed JSON tree.

use fhirkit::Json;

/// The elements of member `key`: those of an array, or the value itself, or none.
pub(crate) fn items<'j>(object: &'j Json, key: &str) -> std::slice::Iter<'j, Json> {
    match object.get(key) {
        Some(Json::Array(elements)) => elements.iter(),
        Some(value) => std::slice::from_ref(value).iter(),
        None => [].iter(),
    }
}

/// A string member.
pub(crate) fn text<'j>(object: &'j Json, key: &str) -> Option<&'j str> {
    object.get(key).and_then(Json::as_str)
}

/// The system and code of a Coding; a missing system is empty.
pub(crate) fn coding(value: &Json) -> Option<(&str, &str)> {
    text(value, "code").map(|code| (text(value, "system").unwrap_or_default(), code))
}

/// The codings of a CodeableConcept.
pub(crate) fn codings_of(concept: &Json) -> impl Iterator<Item = (&str, &str)> {
    items(concept, "coding").filter_map(coding)
}
