//! Splits a Bundle into its resources without touching their bytes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Problem, quote};
use crate::json::{self, Json, text};
use crate::patient::{Names, is_id};
use crate::{Limits, structure};

/// One entry with a resource.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// The resource's bytes, `None` if the entry has none.
    pub(crate) resource: Option<&'a [u8]>,
    /// The id that `fullUrl` gives, for a resource without one.
    pub(crate) fallback_id: Option<String>,
}

/// The entries of a Bundle, and what its references stand for.
///
/// The Bundle around the resources is validated here, the resources are not.
pub(crate) fn split<'a>(
    text: &'a str,
    limits: &Limits,
) -> Result<(Vec<Entry<'a>>, Names), Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let shell = Object { max_entries: limits.max_bundle_entries, inside: Inside::Bundle }
        .deserialize(&mut deserializer)
        .and_then(|shell| deserializer.end().map(|()| shell))
        .map_err(|error| Problem::NotJson { reason: quote(&error.to_string()) })?;

    let members = parsed(&shell.members)?;
    let mut entries = Vec::with_capacity(shell.entries.len());
    let mut names = Names::new();
    let mut checked = Vec::with_capacity(shell.entries.len());
    for entry in shell.entries {
        let rest = Json::Object(parsed(&entry.members)?);
        let full_url = json::text(&rest, "fullUrl");
        let uuid = full_url.and_then(|url| url.strip_prefix("urn:uuid:")).filter(|id| is_id(id));
        let head = entry.resource.and_then(|raw| serde_json::from_str::<Head<'_>>(raw.get()).ok());
        if let (Some(url), Some(Head { resource_type: Some(type_name), id })) = (full_url, head)
            && let Some(id) = id.as_deref().or(uuid)
        {
            names.insert(url.to_owned(), (type_name.into_owned(), id.to_owned()));
        }
        entries.push(Entry {
            resource: entry.resource.map(|raw| raw.get().as_bytes()),
            fallback_id: uuid.map(str::to_owned),
        });
        checked.push(rest);
    }
    check_shell(&Json::Object(members), shell.has_entry.then_some(checked.as_slice()))?;
    Ok((entries, names))
}

/// Whether the document is a Bundle, without building anything else.
pub(crate) fn is_bundle(text: &str) -> Result<bool, Problem> {
    match serde_json::from_str::<Top<'_>>(text) {
        Ok(top) => Ok(top.resource_type == "Bundle"),
        // Well-formed JSON with no type, or two: for the validator to say.
        Err(error) if error.is_data() => Ok(false),
        Err(error) => Err(Problem::NotJson { reason: quote(&error.to_string()) }),
    }
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(rename = "resourceType", borrow)]
    resource_type: Cow<'a, str>,
}

/// What names a resource. Anything else is skipped.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "resourceType", borrow, default)]
    resource_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
}

/// The value set of `Bundle.type`.
const BUNDLE_TYPES: [&str; 9] = [
    "document",
    "message",
    "transaction",
    "transaction-response",
    "batch",
    "batch-response",
    "history",
    "searchset",
    "collection",
];

fn check_shell(shell: &Json<'_>, entries: Option<&[Json<'_>]>) -> Result<(), Problem> {
    structure::check_bundle(shell, entries)?;
    match text(shell, "type") {
        Some(kind) if BUNDLE_TYPES.contains(&kind) => Ok(()),
        kind => Err(Problem::invalid(
            "Bundle.type",
            &format!(
                "`{}` is not one of {}",
                quote(kind.unwrap_or_default()),
                BUNDLE_TYPES.join(", ")
            ),
        )),
    }
}

/// The members in order, duplicates kept for the validator to find.
fn parsed<'a>(members: &[Member<'a>]) -> Result<Vec<(Cow<'a, str>, Json<'a>)>, Problem> {
    members.iter().map(|(key, raw)| Ok((key.clone(), json::parse(raw.get())?))).collect()
}

type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// A Bundle or an entry, taken apart.
#[derive(Default)]
struct Parts<'a> {
    members: Vec<Member<'a>>,
    entries: Vec<Parts<'a>>,
    has_entry: bool,
    resource: Option<&'a RawValue>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Bundle,
    Entry,
}

/// Reads an object, setting aside `entry` of a Bundle and `resource` of an entry.
#[derive(Clone, Copy)]
struct Object {
    max_entries: usize,
    inside: Inside,
}

impl<'de> DeserializeSeed<'de> for Object {
    type Value = Parts<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parts = Parts::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match (self.inside, key.as_ref()) {
                (Inside::Bundle, "entry") if parts.has_entry => {
                    return Err(A::Error::duplicate_field("entry"));
                }
                (Inside::Bundle, "entry") => {
                    parts.has_entry = true;
                    parts.entries = map.next_value_seed(Entries(self, PhantomData))?;
                }
                (Inside::Entry, "resource") if parts.resource.is_some() => {
                    return Err(A::Error::duplicate_field("resource"));
                }
                (Inside::Entry, "resource") => parts.resource = Some(map.next_value()?),
                _ => parts.members.push((key, map.next_value()?)),
            }
        }
        Ok(parts)
    }
}

struct Entries<'a>(Object, PhantomData<&'a ()>);

impl<'de> DeserializeSeed<'de> for Entries<'de> {
    type Value = Vec<Parts<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'de> {
    type Value = Vec<Parts<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        let entry = Object { inside: Inside::Entry, ..self.0 };
        while let Some(parts) = seq.next_element_seed(entry)? {
            if entries.len() >= self.0.max_entries {
                return Err(A::Error::custom(format_args!(
                    "more than {} entries; split the Bundle",
                    self.0.max_entries
                )));
            }
            entries.push(parts);
        }
        Ok(entries)
    }
}
