//! P10: same blocks, same state. Every block, executed again from the genesis, gives the same log and the same state;
//! that two runs of a seed are alike is in `tests/it`.

use secnet_node::check_chain;

use super::Violation;
use crate::world::World;

const NAME: &str = "P10, same blocks, same state";

pub(crate) fn check(world: &World) -> Result<(), Violation> {
    let store = world.process.log.chain.store();
    let findings = check_chain(store, &[], &mut |_, _| {}).map_err(Violation::setup)?;
    match findings.first() {
        Some(finding) => Err(Violation::of(NAME, format!("executed again, it differs: {finding}"))),
        None => Ok(()),
    }
}
