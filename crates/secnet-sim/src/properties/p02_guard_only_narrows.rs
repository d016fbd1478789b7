//! P2: the guard can only say no. Whatever is released, with the guard and the rules having had their say, is what the
//! owner granted by herself: a second, naive reading of her grants covers every record. That the guard cannot add one is
//! in its types, and a property test of its own crate.

use secnet_types::GrantDetail;

use super::Violation;
use crate::job::{Done, Wish};
use crate::world::World;

const NAME: &str = "P2, the guard can only say no";

/// A second, naive opinion on what was released.
pub(crate) fn of_an_answer(world: &World, wish: &Wish, done: &Done) -> Result<(), Violation> {
    let (Wish::Access(asking), Done::Released(released)) = (wish, done) else { return Ok(()) };
    let asked = &asking.detail;
    let covers = |detail: &GrantDetail, id| {
        let owned = world.known.datasets.get(&asking.dataset);
        let meta = owned.and_then(|owned| owned.records.iter().find(|meta| meta.id == id));
        meta.is_some_and(|meta| detail.scope.covers(meta) && asked.scope.covers(meta))
    };
    for (id, content) in &released.records {
        let covered = world.known.grants.values().any(|given| {
            given.dataset == asking.dataset
                && world.id_of(given.grantee) == Some(asking.requester)
                && given.detail.purposes.contains(&asked.purpose)
                && given.detail.actions.contains(&asked.action)
                && covers(&given.detail, *id)
        });
        if !covered {
            return Err(Violation::of(
                NAME,
                format!("record {id} was released, no grant covers it"),
            ));
        }
        if world.known.contents.get(id) != Some(content) {
            return Err(Violation::of("P11", format!("record {id} opens to something else")));
        }
    }
    Ok(())
}
