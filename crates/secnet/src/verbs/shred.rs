//! `secnet shred`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use secnet_app::{AccessError, Enclosures, Shredded, what_to_shred};
use secnet_ledger::DatasetStatus;
use secnet_types::{
    DatasetId, Digest, Effect, Event, Operation, RecordId, SignedCommand, Timestamp, decode, limits,
};
use serde_json::json;

use crate::cli::Globals;
use crate::erased::{self, Erasure, Gone};
use crate::failure::Failure;
use crate::files;
use crate::keystore::Identity;
use crate::node::{Node, access_failure, backup_failure};
use crate::output::Output;
use crate::remote::{RemoteArgs, not_remote};
use crate::show;
use crate::sign;
use crate::system::SystemClock;
use secnet_app::ports::Clock as _;

/// Events that are read at once when the log is searched backwards.
const EVENTS_AT_ONCE: u64 = 1024;

#[derive(Debug, Args)]
pub(crate) struct ShredArgs {
    /// The dataset.
    dataset: DatasetId,
    /// Whose it is.
    #[arg(long = "as", value_name = "NAME")]
    owner: String,
    /// Only this record; can be given several times. Default: the whole dataset.
    #[arg(long, value_name = "RECORD")]
    record: Vec<RecordId>,
    /// Write the receipt of the erasure to this file.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Not at a node elsewhere: the ledger would say that something was destroyed which is still there.
pub(crate) fn run_remote() -> Result<(), Failure> {
    Err(not_remote(
        "records are destroyed where they are kept, together with what their owner's keys open them with",
        "do it in the data centre's folder, without --url; `secnet data rm` withdraws a dataset from anywhere",
    ))
}

/// What is to be done.
enum Task {
    /// State and carry out an erasure.
    Destroy(Shredded),
    /// The ledger has it already: carry out what is left of these.
    Finish(Vec<Erasure>),
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: ShredArgs,
) -> Result<(), Failure> {
    let owner = node.identity(&args.owner)?;
    let dataset = args.dataset;
    match task(node, &owner, &args).await? {
        Task::Destroy(plan) => {
            if globals.dry_run {
                preview(node, out, &owner, &plan);
                return Ok(());
            }
            let what = if plan.whole { "all" } else { "some" };
            let records = show::count(plan.records.len(), "record");
            let question = format!("Destroy {what} of {dataset}, {records}, for good?");
            if !args.yes && !crate::prompt::confirm(&question)? {
                return Err(Failure::new("not-confirmed", "nothing was destroyed"));
            }
            let (event, gone) = destroy(node, &owner, &plan, out).await?;
            report(node, out, &args, (event, plan.records.len(), false), &gone).await
        }
        Task::Finish(_) if globals.dry_run => {
            out.would(&format!("finish the erasure of {dataset} that is on the ledger already"));
            Ok(())
        }
        // It was confirmed when it was signed.
        Task::Finish(left) => {
            let bar = out.progress(erased::STEPS, "destroying");
            let gone = erased::carry_out(node, &owner, &left, || bar.inc(1)).await?;
            bar.finish_and_clear();
            let event = last_erasure(node, dataset).await?;
            report(node, out, &args, (event, 0, true), &gone).await
        }
    }
}

/// A dataset that the ledger calls erased, or records of which only the note is left, were being shredded before.
async fn task(node: &Node, owner: &Identity, args: &ShredArgs) -> Result<Task, Failure> {
    let dataset = args.dataset;
    let known = node.pdc.view(|view| {
        let entry = view.state.dataset(dataset)?;
        (entry.owner == owner.member()).then_some(entry.status)
    });
    let status = known.flatten().ok_or_else(|| {
        Failure::new("unknown-dataset", format!("{} has no dataset {dataset}", args.owner))
            .hint("`secnet data ls --as NAME` lists an owner's datasets")
    })?;
    let all = node.pdc.plan_shredding(dataset, None).await.map_err(access_failure)?;
    if status == DatasetStatus::Erased {
        let mut left = erased::noted(&node.epochs()?)?;
        left.retain(|erasure| erasure.dataset == dataset);
        let dies = all.last_backup_dies;
        left.push(Erasure::of(node, dataset, all.records, true, dies).await?);
        return Ok(Task::Finish(left));
    }
    let asked: BTreeSet<RecordId> = args.record.iter().copied().collect();
    if asked.is_empty() && !all.records.is_empty() {
        return Ok(Task::Destroy(all));
    }
    let left = destroyed(node, dataset).await?;
    let gone: BTreeSet<RecordId> =
        left.iter().flat_map(|erasure| &erasure.records).copied().collect();
    if asked.is_subset(&gone) && !gone.is_empty() {
        return Ok(Task::Finish(left));
    }
    if asked.is_empty() {
        return Err(Failure::new("nothing-left", format!("{dataset} has no records any more")));
    }
    let asked = asked.difference(&gone).copied().collect();
    let plan = node.pdc.plan_shredding(dataset, Some(asked)).await.map_err(access_failure)?;
    Ok(Task::Destroy(plan))
}

/// The statement as it would be signed, what the ledger would say of it, and which records would be gone.
fn preview(node: &Node, out: Output, owner: &Identity, plan: &Shredded) {
    let command = node.pdc.sign(owner.member(), what_to_shred(plan), &owner.signing);
    let foreseen = sign::foresee(node, &command, &Enclosures::default());
    let records: Vec<String> = plan.records.iter().map(ToString::to_string).collect();
    let more = json!({
        "dataset": plan.dataset.to_string(), "whole": plan.whole,
        "last_backup_dies": plan.last_backup_dies.to_string(), "records": records,
    });
    sign::tell(node, out, &would(plan), &foreseen, &more);
}

fn would(plan: &Shredded) -> String {
    let what = if plan.whole { "all" } else { "some" };
    let records = show::count(plan.records.len(), "record");
    format!("destroy {what} of {}, {records}, for good", plan.dataset)
}

/// The note, the statement on the ledger, the destruction.
async fn destroy(
    node: &Node,
    owner: &Identity,
    plan: &Shredded,
    out: Output,
) -> Result<(u64, Gone), Failure> {
    // The note, the statement, and what follows from them.
    let bar = out.progress(erased::STEPS.saturating_add(2), "destroying");
    let (records, dies) = (plan.records.clone(), plan.last_backup_dies);
    let erasure = Erasure::of(node, plan.dataset, records, plan.whole, dies).await?;
    let mut epochs = node.epochs()?;
    // First: from here on a restored backup does not bring back what this is about, and an interruption can be made good.
    let before = erased::note(&mut epochs, &erasure, SystemClock.now())?;
    crate::node::expect_epochs(&node.dir)?;
    bar.inc(1);
    let command = node.pdc.sign(owner.member(), what_to_shred(plan), &owner.signing);
    let committed = match node.pdc.shred(plan, &command).await {
        Ok(committed) => committed,
        Err(error) => {
            if matches!(error, AccessError::Rejected(_)) {
                epochs.set_note(before).map_err(|error| backup_failure(&error))?;
            }
            return Err(access_failure(error));
        }
    };
    bar.inc(1);
    let left = destroyed(node, plan.dataset).await?;
    let gone = erased::carry_out(node, owner, &left, || bar.inc(1)).await?;
    bar.finish_and_clear();
    Ok((committed.event, gone))
}

/// The noted erasures of a dataset that are stated and carried out at least in part: none of their records is there. One
/// of which records are there may not be stated, and is not ours to carry out.
async fn destroyed(node: &Node, dataset: DatasetId) -> Result<Vec<Erasure>, Failure> {
    let all = node.pdc.plan_shredding(dataset, None).await.map_err(access_failure)?;
    let mut left = erased::noted(&node.epochs()?)?;
    left.retain(|e| e.dataset == dataset && e.records.is_disjoint(&all.records));
    Ok(left)
}

async fn report(
    node: &Node,
    out: Output,
    args: &ShredArgs,
    (event, records, resumed): (u64, usize, bool),
    gone: &Gone,
) -> Result<(), Failure> {
    let dataset = args.dataset;
    let receipt =
        node.pdc.log.receipt(event).await.map_err(|error| access_failure(error.into()))?;
    let (commitments, dies, whole) = stated(&receipt.command)?;
    if let Some(path) = &args.receipt {
        files::write_private(path, &receipt.to_bytes())?;
        out.say(&format!("receipt: {}", path.display()));
    }
    let value = json!({
        "dataset": dataset.to_string(), "records": records, "whole": whole, "event": event,
        "commitments": commitments.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "compartments_destroyed": gone.compartments, "segments_removed": gone.segments,
        "last_backup_dies": dies.to_string(), "receipt": args.receipt, "resumed": resumed,
    });
    out.result(&value, |_| {
        let done = if resumed {
            format!("the erasure of {dataset} is complete")
        } else {
            format!("destroyed {} of {dataset}", show::count(records, "record"))
        };
        format!("{done}; event {event} of the log states it\nthe last backup that could open them dies on {dies}")
    });
    Ok(())
}

/// What an erasure's command says.
fn stated(command: &[u8]) -> Result<(Vec<Digest>, Timestamp, bool), Failure> {
    let other = || Failure::new("damaged", "the receipt is not that of an erasure");
    let command = SignedCommand::parse(command).map_err(|error| other().because(&error))?;
    match command.value.operation {
        Operation::RecordErasure { erased, last_backup_dies, whole, .. } => {
            Ok((erased, last_backup_dies, whole))
        }
        _ => Err(other()),
    }
}

/// The event that states the last erasure of a dataset.
async fn last_erasure(node: &Node, dataset: DatasetId) -> Result<u64, Failure> {
    let mut end = node.pdc.view(|view| view.log_size).unwrap_or_default();
    while end > 0 {
        let first = end.saturating_sub(EVENTS_AT_ONCE);
        let limit = usize::try_from(end.saturating_sub(first)).unwrap_or(usize::MAX);
        let events = node.pdc.log.events(first, limit).await;
        for (index, bytes) in events.map_err(|e| access_failure(e.into()))?.into_iter().rev() {
            let effects = decode::<Event>("event", &bytes, limits::MAX_EVENT_BYTES)
                .map(|event| event.effects)
                .unwrap_or_default();
            if effects
                .into_iter()
                .any(|e| matches!(e, Effect::Erased { dataset: d, .. } if d == dataset))
            {
                return Ok(index);
            }
        }
        end = first;
    }
    Err(Failure::new("nothing-left", format!("{dataset} has no records any more")))
}
