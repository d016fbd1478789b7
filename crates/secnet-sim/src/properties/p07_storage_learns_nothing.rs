//! P7: storage learns nothing. No content is in the vault or the archive in the clear; what was erased opens to nobody.

use std::collections::BTreeSet;

use secnet_types::RecordId;

use super::{Violation, contains};
use crate::job::Done;
use crate::world::World;

const NAME: &str = "P7, storage learns nothing";

pub(crate) fn check(world: &World) -> Result<(), Violation> {
    let segments = world.segments.lock();
    let entries = world.entries.lock();
    let stored =
        segments.values().map(|bytes| bytes.as_ref()).chain(entries.values().map(Vec::as_slice));
    for bytes in stored {
        if contains(bytes, b"PLAINTEXT ") {
            return Err(Violation::of(NAME, "content is stored in the clear".into()));
        }
    }
    Ok(())
}

/// Whatever was erased before the question was put is not in the answer.
pub(crate) fn of_an_answer(
    _world: &World,
    done: &Done,
    erased: &BTreeSet<RecordId>,
) -> Result<(), Violation> {
    let Done::Released(released) = done else { return Ok(()) };
    match released.records.iter().find(|(id, _)| erased.contains(id)) {
        Some((id, _)) => Err(Violation::of(NAME, format!("record {id} opens after its erasure"))),
        None => Ok(()),
    }
}
