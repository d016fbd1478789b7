//! The parsed JSON of a record, and small questions to it.

use std::borrow::Cow;

use hifijson::token::Lex;
use hifijson::{SliceLexer, value};

use crate::error::{Problem, quote};
use crate::limits::MAX_PARSED_NESTING;

/// A JSON value: members in their order, also those that come twice; numbers as they are written; text without escapes
/// is borrowed from the record.
pub(crate) type Json<'a> = value::Value<&'a str, Cow<'a, str>>;

/// Parses one JSON text.
pub(crate) fn parse(text: &str) -> Result<Json<'_>, Problem> {
    let mut lexer = SliceLexer::new(text.as_bytes());
    let parsed = lexer.exactly_one(SliceLexer::ws_peek, |next, lexer| {
        value::parse_bounded(MAX_PARSED_NESTING, next, lexer)
    });
    parsed.map_err(|error: hifijson::Error| {
        let read = text.len().saturating_sub(lexer.as_slice().len());
        let read = text.as_bytes().get(..read).unwrap_or_default();
        let line = read.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        let in_line = read.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        // Characters begin with any byte but a continuation byte.
        let column = in_line.iter().filter(|byte| **byte & 0xc0 != 0x80).count().saturating_add(1);
        let reason = quote(&format!("line {line}, column {column}: {error}"));
        Problem::NotJson { reason }
    })
}

/// What kind of value it is, for messages.
pub(crate) fn kind(value: &Json<'_>) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

/// The first member called `key`.
pub(crate) fn member<'j, 'a>(object: &'j Json<'a>, key: &str) -> Option<&'j Json<'a>> {
    let Json::Object(members) = object else { return None };
    find(members, key)
}

/// The first of `members` called `key`.
pub(crate) fn find<'j, 'a>(
    members: &'j [(Cow<'a, str>, Json<'a>)],
    key: &str,
) -> Option<&'j Json<'a>> {
    members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The string that a value is.
pub(crate) fn string<'j>(value: &'j Json<'_>) -> Option<&'j str> {
    match value {
        Json::String(text) => Some(text),
        _ => None,
    }
}

/// A string member.
pub(crate) fn text<'j>(object: &'j Json<'_>, key: &str) -> Option<&'j str> {
    member(object, key).and_then(string)
}

/// The elements of member `key`: those of an array, or the value itself, or none.
pub(crate) fn items<'j, 'a>(object: &'j Json<'a>, key: &str) -> std::slice::Iter<'j, Json<'a>> {
    match member(object, key) {
        Some(Json::Array(elements)) => elements.iter(),
        Some(value) => std::slice::from_ref(value).iter(),
        None => [].iter(),
    }
}

/// The system and code of a Coding; a missing system is empty.
pub(crate) fn coding<'j>(value: &'j Json<'_>) -> Option<(&'j str, &'j str)> {
    text(value, "code").map(|code| (text(value, "system").unwrap_or_default(), code))
}

/// The codings of a CodeableConcept.
pub(crate) fn codings_of<'j>(concept: &'j Json<'_>) -> impl Iterator<Item = (&'j str, &'j str)> {
    items(concept, "coding").filter_map(coding)
}
