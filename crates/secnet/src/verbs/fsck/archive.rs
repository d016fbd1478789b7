//! The private archive: every entry opens, and everything is there that the ledger commits to. An archive that has fallen
//! back to an earlier state is sound in itself; the ledger gives it away.

use std::collections::BTreeSet;
use std::path::Path;

use secnet_app::ports::ArchiveError;
use secnet_app::{
    Amiss, Kept, feedback_amiss, kept_of_decision, missing_of, must_be_kept, referenced_segments,
    relations_amiss, still_listed,
};
use secnet_crypto::Address;
use secnet_ledger::DatasetStatus;
use secnet_node::{Chain, ChainError};
use secnet_types::{DatasetId, MemberId, SignedCommand};
use secnet_vault::PrivateArchive;

use super::Findings;
use crate::failure::Failure;
use crate::files;
use crate::node::OwnKeys;
use crate::output::Output;

/// Entries that are looked for between two steps of the progress bar.
const AT_ONCE: usize = 256;

/// The segments that the archive refers to, if that can be known.
pub(super) async fn check(
    dir: &Path,
    own: &OwnKeys,
    chain: Option<&Chain>,
    out: Output,
    findings: &mut Findings,
) -> Result<Option<BTreeSet<Address>>, Failure> {
    let folder = dir.join("archive");
    if !folder.exists() {
        findings.add("archive", "the folder", "it is missing");
        return Ok(None);
    }
    // On a copy, since opening a database repairs it.
    let copy = tempfile::tempdir()
        .map_err(|error| Failure::new("io", "cannot make a copy of the archive").because(&error))?;
    files::copy_tree(&folder, copy.path(), &[])?;
    let archive = match PrivateArchive::open(copy.path(), own.storage.clone()) {
        Ok(archive) => archive,
        Err(error) => {
            findings.add("archive", "the database", error);
            return Ok(None);
        }
    };
    match archive.inspect().await {
        Ok((entries, damaged)) => {
            findings.archive_entries = entries;
            for entry in damaged {
                findings.add("archive", format!("entry {entry}"), "it does not open");
            }
        }
        Err(error) => findings.add("archive", "the database", error),
    }
    let Some(chain) = chain else { return Ok(None) };
    if let Err(error) = missing(&archive, own.pdc, chain, out, findings).await {
        findings.add("archive", "the database", error);
    }
    Ok(referenced(&archive, &datasets(chain, |_| true), findings).await)
}

/// What the ledger commits to and the archive does not hold; what the ledger calls erased and the archive still lists.
async fn missing(
    archive: &PrivateArchive,
    pdc: MemberId,
    chain: &Chain,
    out: Output,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let kept = match committed_to(chain, pdc) {
        Ok(kept) => kept,
        Err(error) => {
            findings.add("chain", "the blocks", error);
            return Ok(());
        }
    };
    let bar = out.progress(kept.len() as u64, "archive");
    for part in kept.chunks(AT_ONCE) {
        for Amiss { what, problem } in missing_of(archive, part).await? {
            findings.add("archive", what, problem);
        }
        bar.inc(part.len() as u64);
    }
    bar.finish_and_clear();
    let held = datasets(chain, |status| status != DatasetStatus::Erased);
    for Amiss { what, problem } in feedback_amiss(archive, &held).await? {
        findings.add("archive", what, problem);
    }
    for Amiss { what, problem } in relations_amiss(archive).await? {
        findings.add("archive", what, problem);
    }
    let erased = datasets(chain, |status| status == DatasetStatus::Erased);
    for dataset in still_listed(archive, &erased).await? {
        let problem = "it was erased, and its records are still listed; `secnet shred` finishes it";
        findings.add("archive", format!("dataset {dataset}"), problem);
    }
    Ok(())
}

/// All that must be kept as of the state, and the facts of every decision in the blocks.
fn committed_to(chain: &Chain, pdc: MemberId) -> Result<Vec<Kept>, ChainError> {
    let executor = chain.executor();
    let state = executor.state();
    let mut kept = must_be_kept(state, pdc);
    for height in 1..=executor.height() {
        let Some((block, _)) = chain.block(height)? else { continue };
        let commands = block.commands.iter().filter_map(|bytes| SignedCommand::parse(bytes).ok());
        kept.extend(commands.filter_map(|command| kept_of_decision(state, pdc, &command)));
    }
    Ok(kept)
}

fn datasets(chain: &Chain, wanted: impl Fn(DatasetStatus) -> bool) -> Vec<DatasetId> {
    let executor = chain.executor();
    let datasets = executor.state().datasets().filter(|(_, dataset)| wanted(dataset.status));
    datasets.map(|(id, _)| id).collect()
}

async fn referenced(
    archive: &PrivateArchive,
    datasets: &[DatasetId],
    findings: &mut Findings,
) -> Option<BTreeSet<Address>> {
    let mut referenced = BTreeSet::new();
    for dataset in datasets {
        match referenced_segments(archive, *dataset).await {
            Ok(segments) => referenced.extend(segments),
            Err(error) => {
                findings.add("archive", format!("the records of {dataset}"), error);
                return None;
            }
        }
    }
    Some(referenced)
}
