//! P1: no receipt, no data. Whatever left was decided, and the decision would survive a crash at that very moment.

use secnet_app::FactsRecord;
use secnet_app::ports::EntryKind;
use secnet_types::{Digest, Operation, SignedCommand, Verdict, decode, encode};

use super::{Violation, p04_revocation_wins};
use crate::log::chain_in;
use crate::release::HandedOut;
use crate::world::World;

const NAME: &str = "P1, no receipt, no data";
const MAX_FACTS_BYTES: usize = 16 * 1024 * 1024;

fn broken(what: impl Into<String>) -> Violation {
    Violation::of(NAME, what.into())
}

/// Look at everything that left since the last look.
pub(crate) fn check(world: &World) -> Result<(), Violation> {
    let (handed_out, reads) = {
        let mut watch = world.watch.lock();
        (core::mem::take(&mut watch.handed_out), core::mem::take(&mut *world.reads.lock()))
    };
    for one in &handed_out {
        decided_durably(world, one)?;
        p04_revocation_wins::of_a_release(world, one)?;
        let places = one.records.iter().filter_map(|id| world.known.places.get(id).cloned());
        world
            .watch
            .lock()
            .may_be_read
            .extend(places.map(|(at, range)| (at, range.start, range.end)));
    }
    for (address, range) in reads {
        if !world.watch.lock().may_be_read.contains(&(address, range.start, range.end)) {
            return Err(broken(format!(
                "bytes {range:?} of segment {address} left without a decision"
            )));
        }
    }
    Ok(())
}

/// The ledger, as the disk would have it after a crash, holds an allow of exactly these records to exactly this key.
fn decided_durably(world: &World, one: &HandedOut) -> Result<(), Violation> {
    let what = one.decision;
    let chain = chain_in(one.disk.clone()).map_err(|error| {
        broken(format!("key parts left for decision {what}; after a crash: {error}"))
    })?;
    let executor = chain.executor();
    let decision = executor.state().decision(one.requester, one.request).cloned();
    let decision = decision.ok_or_else(|| {
        broken(format!("key parts left for decision {what}, which a crash would undo"))
    })?;
    let Verdict::Allow { scope, records, grant, .. } = decision.verdict else {
        return Err(broken(format!("key parts left for decision {what}, which is not an allow")));
    };
    let fits = decision.id == one.decision
        && decision.dataset == one.dataset
        && decision.receiving_key == one.receiving_key
        && grant == one.grant
        && usize::try_from(records).is_ok_and(|count| count == one.records.len());
    if !fits {
        return Err(broken(format!("what left does not fit decision {what}")));
    }
    let command = chain.command_of(decision.event).ok().flatten();
    let command = command.and_then(|bytes| SignedCommand::parse(&bytes).ok());
    let Some(Operation::RecordDecision { decision }) = command.map(|c| c.value.operation) else {
        return Err(broken(format!("decision {what} has no command")));
    };
    let entries = world.entries.lock();
    let facts = entries
        .iter()
        .filter(|(name, _)| name.kind == EntryKind::Facts)
        .filter_map(|(_, bytes)| decode::<FactsRecord>("facts", bytes, MAX_FACTS_BYTES).ok())
        .find(|facts| facts.commitment() == decision.facts);
    let Some(facts) = facts else {
        // A dataset that was erased as a whole takes its facts along.
        return if world.known.erased.is_empty() && !world.shredding {
            Err(broken(format!("the facts of decision {what} would not survive a crash")))
        } else {
            Ok(())
        };
    };
    let named = Digest::commit(&facts.scope_salt, &encode(&facts.released));
    if facts.released != one.records || named != scope {
        return Err(broken(format!("other records left than decision {what} names")));
    }
    Ok(())
}

/// A command that was acknowledged is still there, whatever crashed.
pub(crate) fn acknowledged_is_kept(world: &World) -> Result<(), Violation> {
    for (event, digest) in &world.known.acknowledged {
        let kept = world.process.log.chain.command_of(*event);
        if !kept.is_ok_and(|command| command.is_some_and(|bytes| Digest::of(&bytes) == *digest)) {
            return Err(broken(format!("event {event} was acknowledged and is lost")));
        }
    }
    Ok(())
}
