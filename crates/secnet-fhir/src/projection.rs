//! Part of a record: only the named fields, the rest left out. A pure function of bytes and names.
//!
//! Named are elements as JSON names them, of the top level (`valueQuantity`) or further in (`name.family`); `resourceType`
//! and `id` are always kept. What stays is kept byte for byte and in its order. As FHIR R4 asks of a resource that is not
//! whole (section 3.1.0.1.5.9, `_elements`), `meta.tag` then has the code `SUBSETTED`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::ResourceType;
use crate::limits::MAX_MEMBERS;
use crate::structure;

/// Most bytes of a record that is projected.
pub const MAX_PROJECTED_BYTES: usize = 1024 * 1024;
/// Names in a path such as `name.family`, at most.
pub const MAX_FIELD_LEVELS: usize = 8;

/// Always kept.
const ALWAYS: [&str; 2] = ["resourceType", "id"];
const META: &str = "meta";
const TAG: &str = "tag";
const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
const CODE: &str = "SUBSETTED";
/// `{"system":...,"code":...}`, [`SYSTEM`] and [`CODE`].
const MARK: &str =
    r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;
/// The most that the mark adds: `,"meta":{"tag":[` and what closes it, beside the mark.
const MARK_ROOM: usize = MARK.len() + 32;

/// A text that names no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a field: write element names as in the JSON form, such as valueQuantity or name.family"
)]
pub struct NotAField(pub String);

/// Why nothing can be cut out of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionError {
    /// More than [`MAX_PROJECTED_BYTES`].
    #[error("the record has more than {MAX_PROJECTED_BYTES} bytes")]
    TooLarge,
    /// It is no JSON object, or an element on a named path is none where it should be.
    #[error("the record is not a JSON object")]
    NotAnObject,
    /// An object has a member twice, or more than 512: which one is meant is anybody's guess.
    #[error("an object in the record has a member twice, or too many")]
    Ambiguous,
}

/// Fields of a record: elements, whole or parts of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields(BTreeMap<String, Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Whole,
    Only(Fields),
}

impl Fields {
    /// Reads names. A whole element makes parts of it superfluous.
    ///
    /// # Errors
    /// [`NotAField`].
    pub fn parse<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, NotAField> {
        let mut fields = Self::default();
        for name in names {
            let path: Vec<&str> = name.split('.').collect();
            if path.len() > MAX_FIELD_LEVELS || !path.iter().all(|part| is_name(part)) {
                return Err(NotAField(name.chars().take(128).collect()));
            }
            fields.insert(&path);
        }
        Ok(fields)
    }

    fn insert(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        let part = self.0.entry((*first).to_owned()).or_insert_with(|| Part::Only(Self::default()));
        match part {
            Part::Whole => {}
            whole if rest.is_empty() => *whole = Part::Whole,
            Part::Only(fields) => fields.insert(rest),
        }
    }
}

/// A name of an element in JSON: letters and digits; `_` in front names what is beside a primitive.
fn is_name(text: &str) -> bool {
    let bare = text.strip_prefix('_').unwrap_or(text);
    bare.starts_with(|c: char| c.is_ascii_alphabetic())
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Does this type of resource have the field's element? Looked at is the first name of a path.
#[must_use]
pub fn has_element(kind: ResourceType, field: &str) -> bool {
    let name = field.split('.').next().unwrap_or(field);
    ALWAYS.contains(&name) || structure::has_member(kind, name)
}

/// Only these fields of a record.
///
/// # Errors
/// [`ProjectionError`]. Nothing of the record is in it.
pub fn project(record: &[u8], fields: &Fields) -> Result<Vec<u8>, ProjectionError> {
    if record.len() > MAX_PROJECTED_BYTES {
        return Err(ProjectionError::TooLarge);
    }
    let whole: &RawValue =
        serde_json::from_slice(record).map_err(|_| ProjectionError::NotAnObject)?;
    let mut kept = Vec::new();
    for (name, value) in members(whole)?.0 {
        let part = match ALWAYS.contains(&name.as_str()) {
            true => Some(Cut::Whole(value)),
            false => cut_member(fields, &name, value)?,
        };
        kept.extend(part.map(|part| (name, part)));
    }
    mark(&mut kept)?;
    // Written in one piece of memory, which the caller can wipe.
    let mut out = Vec::with_capacity(record.len().saturating_add(MARK_ROOM));
    Cut::Object(kept).write(&mut out);
    Ok(out)
}

/// What is kept of a value.
enum Cut<'r> {
    Whole(&'r RawValue),
    Object(Vec<(String, Cut<'r>)>),
    Array(Vec<Cut<'r>>),
    Mark,
}

impl Cut<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(raw) => out.extend_from_slice(raw.get().as_bytes()),
            Self::Mark => out.extend_from_slice(MARK.as_bytes()),
            // INVARIANT: names have the form of `is_name` (`members`), so they are written as they are.
            Self::Object(members) => list(out, (b'{', b'}'), members, |out, (name, value)| {
                out.push(b'"');
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                value.write(out);
            }),
            Self::Array(elements) => {
                list(out, (b'[', b']'), elements, |out, element| element.write(out));
            }
        }
    }
}

fn list<T>(
    out: &mut Vec<u8>,
    (open, close): (u8, u8),
    items: &[T],
    write: impl Fn(&mut Vec<u8>, &T),
) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(close);
}

/// What the fields keep of a member; none if nothing.
fn cut_member<'r>(
    fields: &Fields,
    name: &str,
    value: &'r RawValue,
) -> Result<Option<Cut<'r>>, ProjectionError> {
    match fields.0.get(name) {
        None => Ok(None),
        Some(Part::Whole) => Ok(Some(Cut::Whole(value))),
        Some(Part::Only(inner)) => cut(inner, value),
    }
}

/// Of an object the named members, of an array its elements cut in the same way, of anything else nothing. What is empty
/// then is left out, as FHIR has no empty elements.
fn cut<'r>(fields: &Fields, value: &'r RawValue) -> Result<Option<Cut<'r>>, ProjectionError> {
    match value.get().as_bytes().first() {
        Some(b'{') => {
            let mut kept = Vec::new();
            for (name, value) in members(value)?.0 {
                let part = cut_member(fields, &name, value)?;
                kept.extend(part.map(|part| (name, part)));
            }
            Ok((!kept.is_empty()).then_some(Cut::Object(kept)))
        }
        Some(b'[') => {
            let elements = elements(value)?.into_iter();
            let kept = elements.filter_map(|element| cut(fields, element).transpose());
            let kept = kept.collect::<Result<Vec<_>, _>>()?;
            Ok((!kept.is_empty()).then_some(Cut::Array(kept)))
        }
        _ => Ok(None),
    }
}

/// Puts the mark into `meta.tag`, unless it is there. What is no resource is not marked.
fn mark(kept: &mut Vec<(String, Cut<'_>)>) -> Result<(), ProjectionError> {
    if !kept.iter().any(|(name, _)| name == "resourceType") {
        return Ok(());
    }
    let at = kept.iter().position(|(name, _)| name == META);
    let Some((_, meta)) = at.and_then(|at| kept.get_mut(at)) else {
        let meta = Cut::Object(vec![(TAG.to_owned(), Cut::Array(vec![Cut::Mark]))]);
        kept.push((META.to_owned(), meta));
        return Ok(());
    };
    let mut inner = match std::mem::replace(meta, Cut::Mark) {
        Cut::Object(inner) => inner,
        Cut::Whole(raw) if raw.get().starts_with('{') => members(raw)?.whole(),
        _ => Vec::new(),
    };
    let at = inner.iter().position(|(name, _)| name == TAG);
    let mut tags = match at.map(|at| inner.remove(at).1) {
        Some(Cut::Array(tags)) => tags,
        Some(Cut::Whole(raw)) if raw.get().starts_with('[') => {
            elements(raw)?.into_iter().map(Cut::Whole).collect()
        }
        _ => Vec::new(),
    };
    if !tags.iter().any(is_mark) {
        tags.push(Cut::Mark);
    }
    inner.push((TAG.to_owned(), Cut::Array(tags)));
    *meta = Cut::Object(inner);
    Ok(())
}

fn is_mark(tag: &Cut<'_>) -> bool {
    #[derive(Deserialize)]
    struct Coding {
        system: Option<String>,
        code: Option<String>,
    }
    let Cut::Whole(raw) = tag else { return false };
    serde_json::from_str::<Coding>(raw.get()).is_ok_and(|coding| {
        coding.system.as_deref() == Some(SYSTEM) && coding.code.as_deref() == Some(CODE)
    })
}

fn elements(array: &RawValue) -> Result<Vec<&RawValue>, ProjectionError> {
    serde_json::from_str(array.get()).map_err(|_| ProjectionError::NotAnObject)
}

fn members(object: &RawValue) -> Result<Members<'_>, ProjectionError> {
    let mut members: Members<'_> =
        serde_json::from_str(object.get()).map_err(|_| ProjectionError::NotAnObject)?;
    let mut seen = BTreeSet::new();
    let once = members.0.iter().all(|(name, _)| seen.insert(name.as_str()));
    members.0.retain(|(name, _)| is_name(name));
    if once && members.0.len() <= MAX_MEMBERS {
        Ok(members)
    } else {
        Err(ProjectionError::Ambiguous)
    }
}

/// The members of an object, in their order.
struct Members<'r>(Vec<(String, &'r RawValue)>);

impl<'r> Members<'r> {
    fn whole(self) -> Vec<(String, Cut<'r>)> {
        self.0.into_iter().map(|(name, value)| (name, Cut::Whole(value))).collect()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
