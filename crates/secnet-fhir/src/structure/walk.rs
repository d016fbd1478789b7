//! One walk through a resource along the table. What is wrong is counted, and the first of it is told.
//!
//! It goes as deep as the JSON does, in small steps: the nesting was bounded before parsing.

use std::borrow::Cow;

use super::table::{Found, Kind, Member, Shape, ShapeId, Table};
use crate::error::{Problem, quote};
use crate::json::{Json, find, kind, string};
use crate::path::Path;

pub(super) const RESOURCE_TYPE: &str = "resourceType";

const EMPTY_ARRAY: &str = "an empty array is not allowed; leave the element out";
const LONE_NULL: &str = "null with no extension in its place";
const MISSING: &str = "required element missing";

type Members<'a> = [(Cow<'a, str>, Json<'a>)];

/// The walk, and what it has found.
pub(super) struct Walk<'t> {
    table: &'t Table,
    first: Option<Problem>,
    others: usize,
}

impl<'t> Walk<'t> {
    pub(super) fn new(table: &'t Table) -> Self {
        Self { table, first: None, others: 0 }
    }

    /// Nothing, or the first problem with the number of the others.
    pub(super) fn verdict(self) -> Result<(), Problem> {
        match self.first {
            None => Ok(()),
            Some(Problem::Invalid { path, reason, .. }) => {
                Err(Problem::Invalid { path, reason, others: self.others })
            }
            Some(other) => Err(other),
        }
    }

    fn wrong(&mut self, path: &Path<'_>, reason: &str) {
        match self.first {
            None => self.first = Some(Problem::invalid(&path.to_string(), reason)),
            Some(_) => self.others = self.others.saturating_add(1),
        }
    }

    /// A resource of the type it says it is.
    pub(super) fn resource(&mut self, value: &Json<'_>, path: &Path<'_>) {
        let Json::Object(members) = value else {
            return self.wrong(path, &format!("expected an object, found {}", kind(value)));
        };
        let Some(name) = find(members, RESOURCE_TYPE) else {
            return self.wrong(path, "a resource needs a resourceType");
        };
        let shape = string(name).and_then(|name| self.table.type_called(name));
        match shape.filter(|shape| shape.is_resource) {
            Some(shape) => self.members(shape, members, path),
            None => {
                let name = string(name).unwrap_or_else(|| kind(name));
                let reason = format!("`{}` is not a resource type of FHIR R4", quote(name));
                self.wrong(&path.name(RESOURCE_TYPE), &reason);
            }
        }
    }

    /// The entries of a Bundle, without their resources. One that had nothing else is empty now.
    pub(super) fn entries(&mut self, entries: &[Json<'_>], path: &Path<'_>) {
        if entries.is_empty() {
            self.wrong(path, EMPTY_ARRAY);
        }
        let Some(shape) = self.table.type_called("Bundle.entry") else { return };
        for (index, entry) in entries.iter().enumerate() {
            if let Json::Object(members) = entry {
                self.members(shape, members, &path.index(index));
            }
        }
    }

    fn object(&mut self, id: ShapeId, value: &Json<'_>, path: &Path<'_>) {
        match (value, self.table.shape(id)) {
            (Json::Object(members), _) if members.is_empty() => {
                self.wrong(path, "an empty object is not allowed; leave the element out");
            }
            (Json::Object(members), Some(shape)) => self.members(shape, members, path),
            (Json::Array(_), _) => self.wrong(path, "expected a single value, found an array"),
            _ => self.wrong(path, &format!("expected an object, found {}", kind(value))),
        }
    }

    fn members(&mut self, shape: &Shape, members: &Members<'_>, path: &Path<'_>) {
        // Sets of elements, see `Member::bit`.
        let (mut given, mut told) = (0u128, 0u128);
        let mut types = 0usize;
        let mut unknown = false;
        for (at, (key, value)) in members.iter().enumerate() {
            if shape.is_resource && key == RESOURCE_TYPE {
                types = types.saturating_add(1);
                continue;
            }
            let Some(found) = shape.member(key) else {
                unknown = true;
                continue;
            };
            let bit = found.member.bit();
            if given & bit != 0 && told & bit == 0 {
                let before = members.get(..at).unwrap_or_default();
                if !self.once(shape, found, key, before, path) {
                    told |= bit;
                }
            }
            given |= bit;
            self.member(found, key, value, members, path);
        }
        if types > 1 {
            self.wrong(&path.name(RESOURCE_TYPE), "the key appears more than once");
        }
        let missing = shape.required & !given;
        if missing != 0 {
            for (at, name) in shape.elements.iter().enumerate() {
                if missing & (1 << at) != 0 {
                    self.wrong(&path.name(name), MISSING);
                }
            }
        }
        if unknown {
            let is_unknown = |key: &str| {
                shape.member(key).is_none() && !(shape.is_resource && key == RESOURCE_TYPE)
            };
            for (key, _) in members.iter().filter(|(key, _)| is_unknown(key)) {
                self.wrong(&path.name(key), "unknown element");
            }
        }
    }

    /// An element that was there before: is it the same primitive's other half? If not, it is told.
    fn once(
        &mut self,
        shape: &Shape,
        found: Found<'_>,
        key: &str,
        before: &Members<'_>,
        path: &Path<'_>,
    ) -> bool {
        if find(before, key).is_some() {
            self.wrong(&path.name(key), "the key appears more than once");
            return false;
        }
        let element = shape.elements.get(found.member.element).copied().unwrap_or_default();
        if !element.ends_with("[x]") {
            return true;
        }
        let same = |(key, _): &&(Cow<'_, str>, Json<'_>)| {
            shape.member(key).is_some_and(|one| one.member.element == found.member.element)
        };
        let bare = |key: &str| key.trim_start_matches('_').to_owned();
        let other = before.iter().find(same).map(|(key, _)| bare(key));
        let Some(other) = other.filter(|other| *other != bare(key)) else { return true };
        let reason = format!("only one type may be given, found {other}, {}", bare(key));
        self.wrong(&path.name(element), &reason);
        false
    }

    fn member(
        &mut self,
        found: Found<'_>,
        key: &str,
        value: &Json<'_>,
        members: &Members<'_>,
        path: &Path<'_>,
    ) {
        let here = path.name(key);
        if !found.member.repeats {
            return match found.beside {
                true => self.extended(value, &here),
                false => self.one(found.member.kind, value, &here),
            };
        }
        let Json::Array(items) = value else {
            return self.wrong(&here, &format!("expected an array, found {}", kind(value)));
        };
        if items.is_empty() {
            return self.wrong(&here, EMPTY_ARRAY);
        }
        match (found.member.kind, found.beside) {
            (Kind::Primitive(_), false) => {
                let beside = list(members, &format!("_{key}"));
                self.primitives(found.member, items, beside, &here);
            }
            (_, true) => {
                let name = key.trim_start_matches('_');
                self.all_extended(items, list(members, name), name, path, &here);
            }
            (kind, false) => {
                for (index, item) in items.iter().enumerate() {
                    self.one(kind, item, &here.index(index));
                }
            }
        }
    }

    fn one(&mut self, kind: Kind, value: &Json<'_>, path: &Path<'_>) {
        match kind {
            Kind::Primitive(primitive) | Kind::Bare(primitive) => {
                if let Err(reason) = primitive.check(value) {
                    self.wrong(path, &reason);
                }
            }
            Kind::Complex(id) => self.object(id, value, path),
            Kind::Resource => self.resource(value, path),
        }
    }

    /// A repeating primitive. A value that only has extensions is null.
    fn primitives(
        &mut self,
        member: &Member,
        values: &[Json<'_>],
        beside: &[Json<'_>],
        path: &Path<'_>,
    ) {
        for (index, value) in values.iter().enumerate() {
            match value {
                Json::Null if matches!(beside.get(index), None | Some(Json::Null)) => {
                    self.wrong(&path.index(index), LONE_NULL);
                }
                Json::Null => {}
                _ => self.one(member.kind, value, &path.index(index)),
            }
        }
    }

    /// The extensions of a repeating primitive, in line with its values. A value without any has null here.
    fn all_extended(
        &mut self,
        items: &[Json<'_>],
        values: &[Json<'_>],
        name: &str,
        around: &Path<'_>,
        path: &Path<'_>,
    ) {
        if !values.is_empty() && values.len() != items.len() {
            let (here, there) = (items.len(), values.len());
            let reason =
                format!("has {here} entries but {name} has {there}; the two arrays must line up");
            self.wrong(path, &reason);
        }
        for (index, item) in items.iter().enumerate() {
            match item {
                Json::Null if values.get(index).is_none() => {
                    self.wrong(&around.name(name).index(index), LONE_NULL);
                }
                Json::Null => {}
                _ => self.extended(item, &path.index(index)),
            }
        }
    }

    /// The object beside a primitive: an id and extensions.
    fn extended(&mut self, value: &Json<'_>, path: &Path<'_>) {
        if let Some(element) = self.table.element() {
            self.object(element, value, path);
        }
    }
}

/// The elements of an array member, none if it is not there or no array.
fn list<'j, 'a>(members: &'j Members<'a>, key: &str) -> &'j [Json<'a>] {
    match find(members, key) {
        Some(Json::Array(items)) => items,
        _ => &[],
    }
}
