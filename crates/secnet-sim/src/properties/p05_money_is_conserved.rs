//! P5: money is conserved, and one request id is charged at most once, however often it is sent and whatever crashes.

use std::collections::BTreeMap;

use secnet_types::{DecisionId, Effect, MemberId, RequestId};

use super::Violation;
use crate::world::World;

pub(crate) const NAME: &str = "P5, money is conserved";

/// Charges seen in the log.
#[derive(Debug, Default)]
pub(crate) struct Charges {
    of: BTreeMap<DecisionId, (MemberId, RequestId)>,
    counts: BTreeMap<(MemberId, RequestId), u32>,
    ends: BTreeMap<DecisionId, &'static str>,
    refunded: BTreeMap<DecisionId, u32>,
}

pub(crate) fn check(world: &mut World) -> Result<(), Violation> {
    let audit = world.view(|view| view.state.audit()).flatten();
    let Some((totals, sum)) = audit else {
        return Err(Violation::of(NAME, "the sum of all money overflows".into()));
    };
    if totals.supply != sum {
        let what = format!("the supply is {}, accounts and the rest hold {sum}", totals.supply);
        return Err(Violation::of(NAME, what));
    }
    let log = std::sync::Arc::clone(&world.process.log);
    let size = world.view(|view| view.log_size).unwrap_or_default();
    let charges = &mut world.scan.money;
    for index in world.scan.events..size {
        let (_, event) = log.chain.event(index).map_err(Violation::setup)?;
        for effect in &event.effects {
            charges.take(effect)?;
        }
    }
    Ok(())
}

impl Charges {
    fn take(&mut self, effect: &Effect) -> Result<(), Violation> {
        match effect {
            Effect::Decided { decision, requester, request, .. } => {
                self.of.insert(*decision, (*requester, *request));
            }
            Effect::Charged { decision, .. } => {
                let Some(key) = self.of.get(decision) else {
                    return Err(Violation::of(
                        NAME,
                        format!("a charge without decision: {decision}"),
                    ));
                };
                let count = self.counts.entry(*key).or_default();
                *count = count.saturating_add(1);
                if *count > 1 {
                    return Err(Violation::of(
                        NAME,
                        format!("request {} was charged twice", key.1),
                    ));
                }
            }
            Effect::Refunded { decision, .. } => {
                let count = self.refunded.entry(*decision).or_default();
                *count = count.saturating_add(1);
                let paid = self.ends.insert(*decision, "refunded") == Some("paid");
                if paid || *count > 1 {
                    return Err(Violation::of(
                        NAME,
                        format!("charge {decision} was settled twice"),
                    ));
                }
            }
            Effect::Paid { decision, .. }
                if self.ends.insert(*decision, "paid") == Some("refunded") =>
            {
                return Err(Violation::of(NAME, format!("charge {decision} was settled twice")));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Everybody's statement adds up to the balance.
pub(crate) fn at_the_end(world: &World) -> Result<(), Violation> {
    let everybody = world.cast.people.iter().chain([&world.cast.governor, &world.cast.pdc]);
    for actor in everybody {
        let statement = world.alone(world.process.pdc.statement(actor.id));
        statement.map_err(|error| Violation::of(NAME, format!("a statement is wrong: {error}")))?;
    }
    Ok(())
}
