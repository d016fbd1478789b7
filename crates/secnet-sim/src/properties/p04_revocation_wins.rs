//! P4: revocation wins. Once a revocation is acknowledged, nothing is released under the grant, not even what was
//! decided before.

use super::Violation;
use crate::release::HandedOut;
use crate::world::World;

const NAME: &str = "P4, revocation wins";

pub(crate) fn of_a_release(_world: &World, one: &HandedOut) -> Result<(), Violation> {
    if one.revoked.contains(&one.grant) {
        let what =
            format!("decision {} was served after grant {} was revoked", one.decision, one.grant);
        return Err(Violation::of(NAME, what));
    }
    Ok(())
}
