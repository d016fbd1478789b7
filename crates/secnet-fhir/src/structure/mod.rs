//! The structure of FHIR R4: which elements a type has, how often, of which types, and how primitives are written.
//!
//! It is a table (`r4.txt`) made from the specification's own definitions, and one walk along it.

mod primitive;
mod table;
mod walk;

use crate::ResourceType;
use crate::error::Problem;
use crate::json::Json;
use crate::path::Path;
use table::Table;
use walk::Walk;

/// Checks a resource of this type.
pub(crate) fn check_resource(
    resource_type: ResourceType,
    resource: &Json<'_>,
) -> Result<(), Problem> {
    let mut walk = Walk::new(Table::r4());
    walk.resource(resource, &Path::root(resource_type.as_str()));
    walk.verdict()
}

/// Checks a Bundle of which `entry` was set aside, and of each entry its `resource`.
pub(crate) fn check_bundle(bundle: &Json<'_>, entries: Option<&[Json<'_>]>) -> Result<(), Problem> {
    let mut walk = Walk::new(Table::r4());
    let path = Path::root("Bundle");
    walk.resource(bundle, &path);
    if let Some(entries) = entries {
        walk.entries(entries, &path.name("entry"));
    }
    walk.verdict()
}

/// Does a resource of this type have a member of this name at its top level?
pub(crate) fn has_member(resource_type: ResourceType, name: &str) -> bool {
    let found = Table::r4().type_called(resource_type.as_str());
    found.is_some_and(|shape| name == walk::RESOURCE_TYPE || shape.member(name).is_some())
}

#[cfg(test)]
mod tests;
