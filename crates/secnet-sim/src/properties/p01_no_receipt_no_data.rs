//! P1: no receipt, no data. Whatever left was decided, and the decision would survive a crash at that very moment.

use std::sync::Arc;

use secnet_app::ports::{Archive as _, Entropy, EntryKind, EntryName, View};
use secnet_app::{FactsRecord, SummaryRecord};
use secnet_ledger::DatasetStatus;
use secnet_node::faults::Plan;
use secnet_types::{
    AccessRequest, Digest, Operation, Signed, SignedCommand, Verdict, decode, encode,
};

use super::{Violation, p04_revocation_wins};
use crate::folder::{FaultyFolder, Image};
use crate::job::{Done, Wish};
use crate::log::chain_in;
use crate::release::HandedOut;
use crate::world::{World, archive_in};

pub(crate) const NAME: &str = "P1, no receipt, no data";
const MAX_FACTS_BYTES: usize = 16 * 1024 * 1024;

fn broken(what: impl Into<String>) -> Violation {
    Violation::of(NAME, what.into())
}

/// Look at everything that left since the last look.
pub(crate) fn check(world: &World) -> Result<(), Violation> {
    let (handed_out, delivered, reads) = {
        let watch = &mut *world.watch.lock();
        let take = core::mem::take::<Vec<HandedOut>>;
        (
            take(&mut watch.handed_out),
            core::mem::take(&mut watch.delivered),
            core::mem::take(&mut watch.reads),
        )
    };
    for one in delivered {
        p04_revocation_wins::of_a_delivery(world, &one)?;
    }
    for one in handed_out {
        let used = p04_revocation_wins::use_of(world, &one);
        p04_revocation_wins::of_a_release(&one, &used)?;
        decided_durably(world, &one)?;
        let mut watch = world.watch.lock();
        for (at, range) in one.records.iter().filter_map(|id| world.known.places.get(id)) {
            watch.opened.entry((*at, range.start, range.end)).or_default().push(used.clone());
        }
    }
    for read in reads {
        let place = (read.segment, read.range.start, read.range.end);
        let uses = world.watch.lock().opened.get(&place).cloned().ok_or_else(|| {
            broken(format!(
                "bytes {:?} of segment {} left without a decision",
                read.range, read.segment
            ))
        })?;
        p04_revocation_wins::of_a_read(&read, &uses)?;
    }
    Ok(())
}

/// The ledger, as the disk would have it after a crash, holds an allow of exactly these records to exactly this key.
fn decided_durably(world: &World, one: &HandedOut) -> Result<(), Violation> {
    let what = one.decision;
    let chain = chain_in(one.ledger.clone()).map_err(|error| {
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
    let facts = facts_after_crash(world, one)?;
    if facts.commitment() != decision.facts {
        return Err(broken(format!("the facts of decision {what} are not those that it names")));
    }
    let named = Digest::commit(&facts.scope_salt, &encode(&facts.released));
    if facts.released != one.records || named != scope {
        return Err(broken(format!("other records left than decision {what} names")));
    }
    Ok(())
}

/// The facts as the archive would have them after a crash.
fn facts_after_crash(world: &World, one: &HandedOut) -> Result<FactsRecord, Violation> {
    let what = one.decision;
    let lost = |why: &dyn core::fmt::Display| {
        broken(format!("the facts of decision {what} would not survive a crash: {why}"))
    };
    let name = EntryName::new(EntryKind::Facts, &one.dataset.0, &what.0);
    let bytes = entry_in(world, one.archive.clone(), &name).map_err(|error| lost(&error))?;
    let bytes = bytes.ok_or_else(|| lost(&"they are missing"))?;
    decode("facts", &bytes, MAX_FACTS_BYTES).map_err(|error| lost(&error))
}

/// An entry of the archive that a crash left.
fn entry_in(world: &World, image: Image, name: &EntryName) -> Result<Option<Vec<u8>>, String> {
    let folder = FaultyFolder::with_image(image, Plan::default());
    let entropy: Arc<dyn Entropy> = Arc::clone(&world.entropy) as _;
    let archive = archive_in(&folder, &world.cast, &entropy).map_err(|error| error.to_string())?;
    world.alone(archive.get(name)).map_err(|error| error.to_string())
}

/// What a refused requester is handed proves that this very request was decided or counted.
pub(crate) fn of_an_answer(world: &World, wish: &Wish, done: &Done) -> Result<(), Violation> {
    let (Wish::Access(asking), Done::Denied(_, receipt)) = (wish, done) else { return Ok(()) };
    let command = SignedCommand::parse(&receipt.command).map_err(Violation::setup)?;
    let request = Signed::<AccessRequest>::parse(&asking.call.request).map_err(Violation::setup)?;
    let proven = match &command.value.operation {
        Operation::RecordDecision { decision } => decision.request.digest() == request.digest(),
        Operation::SummariseDenials { summary } => {
            let name =
                EntryName::new(EntryKind::DenialSummary, &asking.dataset.0, &command.value.id.0);
            // Not as the process has it, which reads nothing while its disk is full.
            let image = world.process.archive.folder.after_crash();
            let kept = entry_in(world, image, &name).map_err(|why| {
                broken(format!("the counted refusals would not survive a crash: {why}"))
            })?;
            let counts = |bytes: Vec<u8>| {
                let record = decode::<SummaryRecord>("summary", &bytes, MAX_FACTS_BYTES);
                record.is_ok_and(|record| {
                    record.requests.contains(&request.digest())
                        && record.commitment() == summary.requests
                        && u32::try_from(record.requests.len()) == Ok(summary.count)
                })
            };
            let status = |view: &View<'_>| view.state.dataset(asking.dataset).map(|d| d.status);
            let erased = world.view(status).flatten() == Some(DatasetStatus::Erased);
            (summary.requester, summary.dataset) == (asking.requester, asking.dataset)
                && kept.map_or(erased, counts)
        }
        _ => false,
    };
    match proven {
        true => Ok(()),
        false => {
            Err(broken(format!("request {} was refused without a record of it", asking.request)))
        }
    }
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
