//! P4: revocation wins. Once somebody was told that a permission has ended (a revocation, a denial, a withdrawal, a new
//! owner, a suspension), nothing is released under it, neither key parts nor bytes, not even what was decided before; and
//! nothing is released on a view of the ledger that is older than the bound. When a delivery is handed to whoever asked,
//! the ledger of that very process must not have an end of its grant, unless the payout was ordered before.

use secnet_app::MAX_VIEW_AGE_MS;
use secnet_ledger::ChargeStatus;
use secnet_types::{DatasetId, Effect, GrantId, MemberId, Timestamp};

use super::Violation;
use crate::endings::Use;
use crate::release::{Delivered, HandedOut, Moment, Read};
use crate::world::World;

const NAME: &str = "P4, revocation wins";

/// The use of a grant that handing this out was.
pub(crate) fn use_of(world: &World, one: &HandedOut) -> Use {
    use_by(world, one.requester, (one.dataset, one.grant), one.moment.at)
}

fn use_by(
    world: &World,
    requester: MemberId,
    (dataset, grant): (DatasetId, GrantId),
    at: Timestamp,
) -> Use {
    let given = world.known.grants.get(&grant);
    let owner = world.view(|view| view.state.dataset(dataset).map(|d| d.owner)).flatten();
    Use {
        grant,
        granted: given.and_then(|given| given.event),
        emergency: given.is_some_and(|given| given.emergency),
        dataset,
        owner: owner.unwrap_or(requester),
        requester,
        at,
    }
}

/// A delivery, in the moment in which it was handed to whoever asked. What is ordered after the payout comes too late.
pub(crate) fn of_a_delivery(world: &World, one: &Delivered) -> Result<(), Violation> {
    let used = use_by(world, one.requester, (one.dataset, one.grant), one.moment.at);
    let paid = one.priced && paid_since(world, one)?;
    let ended = one.ended || one.moment.endings.iter().any(|ending| ending.forbids(&used));
    if ended && !paid {
        let (decision, grant) = (one.decision, one.grant);
        let what =
            format!("decision {decision} was delivered under grant {grant}, which had ended");
        return Err(Violation::of(NAME, what));
    }
    let charge =
        world.view(|view| Some(view.state.decision(one.requester, one.request)?.charge?.status));
    if one.priced && !paid && charge.flatten() == Some(ChargeStatus::Held) {
        let what = format!("decision {} was delivered before it was paid", one.decision);
        return Err(Violation::of(super::p05_money_is_conserved::NAME, what));
    }
    Ok(())
}

/// Was the payout ordered while this attempt was under way?
fn paid_since(world: &World, one: &Delivered) -> Result<bool, Violation> {
    let log = &world.process.log;
    let end = log.chain.executor().log_size();
    for index in one.since..end {
        let (_, event) = log.chain.event(index).map_err(Violation::setup)?;
        let pays = |effect: &Effect| matches!(effect, Effect::Paid { decision, .. } if *decision == one.decision);
        if event.effects.iter().any(pays) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) fn of_a_release(one: &HandedOut, used: &Use) -> Result<(), Violation> {
    fresh(&one.moment)?;
    match one.moment.endings.iter().find(|ending| ending.forbids(used)) {
        Some(ending) => {
            let (decision, grant) = (one.decision, one.grant);
            let what =
                format!("decision {decision} was served under grant {grant} after {ending:?}");
            Err(Violation::of(NAME, what))
        }
        None => Ok(()),
    }
}

/// `uses` are the permissions that opened the place; one of them must still stand.
pub(crate) fn of_a_read(one: &Read, uses: &[Use]) -> Result<(), Violation> {
    fresh(&one.moment)?;
    let stands = |used: &&Use| {
        let used = Use { at: one.moment.at, ..(*used).clone() };
        !one.moment.endings.iter().any(|ending| ending.forbids(&used))
    };
    match uses.iter().find(stands) {
        Some(_) => Ok(()),
        None => {
            let (range, segment) = (&one.range, one.segment);
            let what = format!(
                "bytes {range:?} of segment {segment} left, and every grant that opened them had ended"
            );
            Err(Violation::of(NAME, what))
        }
    }
}

fn fresh(moment: &Moment) -> Result<(), Violation> {
    match moment.age_ms {
        u64::MAX => Err(Violation::of(
            super::p01_no_receipt_no_data::NAME,
            "something left while the ledger could not write".into(),
        )),
        age_ms if age_ms > MAX_VIEW_AGE_MS => Err(Violation::of(
            NAME,
            format!("something left on a view of the ledger that was {age_ms} ms old"),
        )),
        _ => Ok(()),
    }
}
