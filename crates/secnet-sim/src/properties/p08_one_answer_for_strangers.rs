//! P8: a caller without the right to know of a dataset gets one and the same answer, whether it exists or not.

use secnet_types::{DatasetId, Purpose, Scope};

use super::Violation;
use crate::cast::ATTACKER;
use crate::job::Wish;
use crate::world::World;

const NAME: &str = "P8, one answer for strangers";

/// Ask for a real dataset and for one that never was, each on a copy of the world.
pub(crate) fn check(world: &mut World) -> Result<(), Violation> {
    let active = world.active();
    let Some((real, _)) = world.chance.pick(&active) else { return Ok(()) };
    let unknown = DatasetId(world.chance.bytes());
    let stale = world.chance.below(3);
    let there = answer(world, real, stale)?;
    let nowhere = answer(world, unknown, stale)?;
    if there == nowhere {
        return Ok(());
    }
    Err(Violation::of(
        NAME,
        format!("a dataset that exists: {there}; one that does not: {nowhere}"),
    ))
}

fn answer(world: &mut World, dataset: DatasetId, expiry: usize) -> Result<String, Violation> {
    let key = world.cast.people.get(ATTACKER).map(|actor| std::sync::Arc::clone(&actor.key));
    let key = key.ok_or_else(|| Violation::setup("no attacker"))?;
    // In time, too late, too far ahead.
    world.request_lifetime_ms =
        [30 * 60_000, 0, 100 * 60 * 60_000].get(expiry).copied().unwrap_or(0);
    let asking = world.call(ATTACKER, &key, dataset, Purpose::Treatment, Scope::default());
    world.request_lifetime_ms = crate::plot::REQUEST_LIFETIME_MS;
    let asking = asking.ok_or_else(|| Violation::setup("no call"))?;
    let process = world.fork()?;
    let wish = Wish::Access(Box::new(asking));
    Ok(format!("{:?}", crate::gate::run_alone(&process.gate, wish.attempt(&process))))
}
