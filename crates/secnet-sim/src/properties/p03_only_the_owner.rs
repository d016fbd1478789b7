//! P3: only the owner's key, or one her signed delegation names. Forged, altered, expired, replayed and smuggled
//! commands change nothing, neither on the ledger nor in the data centre; nor does what a delegate signs after the end of
//! its delegation. What it granted before stays granted.

use secnet_app::Catalogue;
use secnet_app::ports::{Archive as _, EntryKind};
use secnet_types::decode;

use super::Violation;
use crate::job::Done;
use crate::plot::Expect;
use crate::world::World;

const NAME: &str = "P3, only the owner's key";
const MAX_CATALOGUE_BYTES: usize = 64 * 1024 * 1024;

pub(crate) fn of_an_answer(world: &World, expect: &Expect, done: &Done) -> Result<(), Violation> {
    let accepted = match (expect, done) {
        (Expect::Refused, Done::Failed(_)) => false,
        (Expect::Refused, _) => true,
        (Expect::Replay, Done::Committed(committed)) => !committed.repeated,
        // Of what an owner has begun to delegate meanwhile the delegate may have made use.
        (Expect::Unentitled { made }, Done::Committed(_)) => {
            world.known.delegations.count() == *made
        }
        _ => false,
    };
    if accepted {
        let what = match expect {
            Expect::Unentitled { .. } => "a delegate acted after the end of every delegation",
            _ => "an attack was accepted",
        };
        return Err(Violation::of(NAME, format!("{what}: {done:?}")));
    }
    Ok(())
}

/// Nobody's records are among somebody else's.
pub(crate) fn check(world: &World) -> Result<(), Violation> {
    for (id, dataset) in &world.smuggled {
        let archive = &world.process.archive.archive;
        let listed = world.alone(archive.list(EntryKind::Manifest, &dataset.0));
        let listed = listed
            .map_err(Violation::setup)?
            .iter()
            .filter_map(|(_, bytes)| {
                decode::<Catalogue>("catalogue", bytes, MAX_CATALOGUE_BYTES).ok()
            })
            .any(|catalogue| catalogue.items.iter().any(|item| item.meta.id == *id));
        if listed {
            return Err(Violation::of(
                NAME,
                format!("record {id} was smuggled into dataset {dataset}"),
            ));
        }
    }
    Ok(())
}
