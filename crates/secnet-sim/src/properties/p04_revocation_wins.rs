//! P4: revocation wins. Once somebody was told that a permission has ended (a revocation, a denial, a withdrawal, a new
//! owner, a suspension), nothing is released under it, neither key parts nor bytes, not even what was decided before; and
//! nothing is released on a view of the ledger that is older than the bound.

use secnet_app::MAX_VIEW_AGE_MS;

use super::Violation;
use crate::endings::Use;
use crate::release::{HandedOut, Moment, Read};
use crate::world::World;

const NAME: &str = "P4, revocation wins";

/// The use of a grant that handing this out was.
pub(crate) fn use_of(world: &World, one: &HandedOut) -> Use {
    let given = world.known.grants.get(&one.grant);
    let owner = world.view(|view| view.state.dataset(one.dataset).map(|d| d.owner)).flatten();
    Use {
        grant: one.grant,
        granted: given.and_then(|given| given.event),
        emergency: given.is_some_and(|given| given.emergency),
        dataset: one.dataset,
        owner: owner.unwrap_or(one.requester),
        requester: one.requester,
        at: one.moment.at,
    }
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
