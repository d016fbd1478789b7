//! Groups by the names this folder gives them: `keys/NAME.group` holds the id. What is granted to a group is sealed to the
//! key of the member that runs it, which hands it on to whoever is in the group.

use secnet_types::{GroupId, MemberId};

use crate::failure::{Exit, Failure};
use crate::files;
use crate::keystore::{Keystore, check_name};
use crate::node::Node;

pub(crate) const SUFFIX: &str = "group";
/// Longest content of a name's file, in bytes.
const MAX_BYTES: u64 = 256;

/// A group by the name this folder gives it, or by its id.
pub(crate) fn find(keys: &impl AsRef<Keystore>, name: &str) -> Result<GroupId, Failure> {
    if name.starts_with("sngroup1") {
        return name.parse().map_err(|error: secnet_types::IdError| {
            Failure::new("bad-id", error.to_string()).exit(Exit::Usage)
        });
    }
    check_name(name)?;
    read(keys.as_ref(), name).ok_or_else(|| {
        Failure::new("unknown-group", format!("there is no group `{name}` here"))
            .hint("`secnet group` lists those there are; `secnet group new NAME` opens one")
    })
}

/// The id in a name's file.
pub(crate) fn read(keystore: &Keystore, name: &str) -> Option<GroupId> {
    files::read_text(&keystore.beside(name, SUFFIX), MAX_BYTES).ok()?.trim().parse().ok()
}

/// Refuse a name that is taken, or is none.
pub(crate) fn check_free(keystore: &Keystore, name: &str) -> Result<(), Failure> {
    check_name(name)?;
    if keystore.beside(name, SUFFIX).exists() {
        return Err(Failure::new("name-taken", format!("there is already a group `{name}`"))
            .hint("choose another name"));
    }
    Ok(())
}

/// Remember what this folder calls a group.
pub(crate) fn keep(keystore: &Keystore, name: &str, group: GroupId) -> Result<(), Failure> {
    files::write_private(&keystore.beside(name, SUFFIX), format!("{group}\n").as_bytes())
}

/// Every group that this folder has a name for: id and name.
pub(crate) fn known(keystore: &Keystore) -> Vec<(String, String)> {
    let files = keystore.files().unwrap_or_default();
    let names = files.iter().filter_map(|file| file.strip_suffix(".group"));
    names
        .filter_map(|name| Some((find(keystore, name).ok()?.to_string(), name.to_owned())))
        .collect()
}

/// Who runs a group.
pub(crate) fn admin(node: &Node, group: GroupId) -> Result<MemberId, Failure> {
    node.pdc.view(|view| view.state.group(group).map(|group| group.admin)).flatten().ok_or_else(
        || Failure::new("unknown-group", format!("there is no group {group}")).hint("check the id"),
    )
}
