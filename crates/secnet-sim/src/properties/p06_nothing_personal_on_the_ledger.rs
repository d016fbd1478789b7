//! P6: no personal data on the ledger: neither content, names, record ids nor the salts of commitments.

use super::{Violation, contains};
use crate::world::World;

const NAME: &str = "P6, no personal data on the ledger";

pub(crate) fn check(world: &mut World) -> Result<(), Violation> {
    let log = std::sync::Arc::clone(&world.process.log);
    let (height, size) = world.view(|view| (view.height, view.log_size)).unwrap_or_default();
    let mut fresh = Vec::new();
    for index in world.scan.events..size {
        fresh.extend(log.chain.event(index).map_err(Violation::setup)?.0);
    }
    for at in world.scan.blocks..=height {
        if let Some((block, _)) = log.chain.block(at).map_err(Violation::setup)? {
            fresh.extend(block.commands.into_iter().flatten());
        }
    }
    for (what, secret) in &world.known.secrets {
        if contains(&fresh, secret) {
            return Err(Violation::of(NAME, format!("{what} is on the ledger")));
        }
    }
    world.scan.events = size;
    world.scan.blocks = height;
    Ok(())
}
