//! `secnet fsck`: the whole folder, without changing a byte of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use secnet_app::{Amiss, Kept, missing_of, must_be_kept, referenced_segments};
use secnet_crypto::Address;
use secnet_node::store::{Exporter, Finding, Store, StoreError};
use secnet_node::{Against, Chain, check_chain, store_options};
use secnet_types::{DatasetId, Genesis, Receipt, limits};
use secnet_vault::{BackupEpochs, PrivateArchive, SegmentVault, StorageKey};
use serde::Serialize;
use serde_json::json;

use crate::check;
use crate::cli::Globals;
use crate::erased;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::node::{BACKUP_EPOCHS, MAX_CHECKPOINT_BYTES, store_failure};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// A checkpoint or a receipt kept elsewhere, which the folder must agree with; can be given several times. Only
    /// these give away a cut tail or a folder that was rolled back as a whole.
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize)]
struct Found {
    part: &'static str,
    what: String,
    problem: String,
}

/// Everything that is found, and how much was looked at.
#[derive(Debug, Default)]
struct Findings {
    found: Vec<Found>,
    /// Findings beyond those that are named.
    more: u64,
    blocks: u64,
    events: u64,
    segments: u64,
    unreferenced: usize,
    quarantined: usize,
    archive_entries: u64,
}

impl Findings {
    fn add(
        &mut self,
        part: &'static str,
        what: impl Into<String>,
        problem: impl std::fmt::Display,
    ) {
        self.found.push(Found { part, what: what.into(), problem: problem.to_string() });
    }

    fn add_all(&mut self, part: &'static str, findings: Vec<Finding>) {
        for Finding { what, problem } in findings {
            self.add(part, what, problem);
        }
    }
}

pub(crate) async fn run(globals: &Globals, out: Output, args: FsckArgs) -> Result<(), Failure> {
    let dir = &globals.dir;
    crate::node::require(dir)?;
    let against = args.against.iter().map(|file| kept(file)).collect::<Result<Vec<_>, _>>()?;
    let passphrase = globals.passphrase()?;
    let key = crate::node::storage_key(dir, &passphrase)?;
    // The storage engine panics on some damage; that is a finding here, not a crash to tell of.
    std::panic::set_hook(Box::new(|_| {}));
    let mut findings = Findings::default();
    let state = ledger(dir, out, against, (&passphrase, key.clone()), &mut findings)?;
    let referenced = archive(dir, key, state.as_ref(), &mut findings).await?;
    vault(&dir.join("vault"), out, referenced.as_ref(), &mut findings).await?;
    report(out, &findings)
}

fn report(out: Output, findings: &Findings) -> Result<(), Failure> {
    let healthy = findings.found.is_empty();
    let value = json!({
        "healthy": healthy, "findings": findings.found, "more_findings": findings.more,
        "blocks": findings.blocks, "events": findings.events, "segments": findings.segments,
        "archive_entries": findings.archive_entries, "unreferenced_segments": findings.unreferenced,
        "quarantined_segments": findings.quarantined,
    });
    out.result(&value, |_| {
        let mut lines: Vec<String> =
            findings.found.iter().map(|f| format!("{}: {}: {}", f.part, f.what, f.problem)).collect();
        lines.push(format!(
            "looked at {} blocks, {} events, {} archive entries, {} segments ({} belong to nothing, {} in quarantine)",
            findings.blocks, findings.events, findings.archive_entries, findings.segments,
            findings.unreferenced, findings.quarantined,
        ));
        if healthy {
            lines.push("everything is as it should be".into());
        }
        lines.join("\n")
    });
    if healthy {
        return Ok(());
    }
    let first =
        findings.found.first().map(|f| format!("{}: {}", f.what, f.problem)).unwrap_or_default();
    Err(Failure::new(
        "damaged",
        format!("{} things are wrong, the first is: {first}", findings.found.len()),
    )
    .hint("keep the folder as it is; `secnet restore` puts a backup into another one")
    .exit(Exit::Verification))
}

/// A checkpoint is text, a receipt is not.
fn kept(file: &Path) -> Result<Against, Failure> {
    let bytes = files::read(file, limits::MAX_RECEIPT_BYTES as u64)?;
    match String::from_utf8(bytes.to_vec()) {
        Ok(note) => Ok(Against::Checkpoint(note)),
        Err(binary) => Receipt::parse(binary.as_bytes())
            .map(|r| Against::Receipt(Box::new(r)))
            .map_err(|error| {
                Failure::new(
                    "verification",
                    format!("`{}` is neither a checkpoint nor a receipt", file.display()),
                )
                .because(&error)
                .exit(Exit::Verification)
            }),
    }
}

/// What the ledger says of the archive.
struct Stated {
    datasets: Vec<DatasetId>,
    kept: Vec<Kept>,
}

/// The store, every block executed again, the money. What must be in the archive, if the state can be read.
fn ledger(
    dir: &Path,
    out: Output,
    mut against: Vec<Against>,
    (passphrase, key): (&str, StorageKey),
    findings: &mut Findings,
) -> Result<Option<Stated>, Failure> {
    let folder = dir.join("ledger");
    let bar = out.progress(0, "ledger");
    let report = secnet_node::store::fsck(&folder, &store_options(false), &mut |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    });
    let report = match report {
        Ok(report) => report,
        Err(error @ StoreError::Missing { .. }) => {
            findings.add("ledger", "the database file", error);
            return Ok(None);
        }
        Err(error) => return Err(store_failure(&error)),
    };
    (findings.blocks, findings.events, findings.more) =
        (report.blocks, report.events, report.more_findings);
    findings.add_all("ledger", report.findings);
    // The published checkpoint is one more thing that the ledger must not fall behind.
    let checkpoint = dir.join("log").join("checkpoint");
    match files::read_text(&checkpoint, MAX_CHECKPOINT_BYTES) {
        Ok(note) => against.push(Against::Checkpoint((*note).clone())),
        Err(failure) => findings.add("log", "checkpoint", failure.message),
    }

    let store = match Store::inspect(&folder, store_options(false)) {
        Ok(store) => store,
        Err(error) => {
            findings.add("ledger", "the database file", error);
            return Ok(None);
        }
    };
    let replay = check_chain(&store, &against, &mut |done, total| {
        bar.set_message("replay");
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    match replay {
        Ok(found) => findings.add_all("chain", found),
        Err(error) => findings.add("chain", "the chain", error),
    }
    published(dir, &store, findings)?;
    match Chain::open(store, None) {
        Ok(chain) => {
            if let Err(problem) = same_genesis(dir, chain.genesis()) {
                findings.add("ledger", "genesis.cbor", problem);
            }
            let executor = chain.executor();
            let state = executor.state();
            if state.audit().is_none_or(|(totals, sum)| totals.supply != sum) {
                findings.add("money", "the accounts", "they do not add up to what was issued");
            }
            let erased = erased_as_a_whole(&dir.join("keys"), key.clone());
            for (file, problem) in check::keys(&dir.join("keys"), passphrase, key, state) {
                findings.add("keys", file, problem);
            }
            let pdc = crate::node::pdc_member(dir, passphrase)?;
            let datasets = state.datasets().map(|(id, _)| id).collect();
            let mut kept = must_be_kept(state, pdc);
            kept.retain(|one| !erased.contains(&one.dataset()));
            Ok(Some(Stated { datasets, kept }))
        }
        Err(error) => {
            findings.add("chain", "the state", error);
            Ok(None)
        }
    }
}

/// What a ledger that was restored from an older backup need not say. If the note is damaged, that is found with the keys.
fn erased_as_a_whole(keys: &Path, key: StorageKey) -> BTreeSet<DatasetId> {
    let file = keys.join(BACKUP_EPOCHS);
    let epochs = file.exists().then(|| BackupEpochs::open(&file, key).ok()).flatten();
    let noted = epochs.and_then(|epochs| erased::noted(&epochs).ok()).unwrap_or_default();
    noted.into_iter().filter(|erasure| erasure.whole).map(|erasure| erasure.dataset).collect()
}

/// The plain files of the published log are those that the store would publish for the same checkpoint. They are made
/// again, aside: comparing with what was never written by the same hand would say nothing.
fn published(dir: &Path, store: &Store, findings: &mut Findings) -> Result<(), Failure> {
    let log = dir.join("log");
    let Ok(checkpoint) = files::read(&log.join("checkpoint"), MAX_CHECKPOINT_BYTES) else {
        return Ok(());
    };
    // The second line of a checkpoint is the size of the log.
    let size =
        core::str::from_utf8(&checkpoint).ok().and_then(|text| text.lines().nth(1)?.parse().ok());
    let Some(size) = size else {
        findings.add("log", "checkpoint", "it is not a checkpoint");
        return Ok(());
    };
    let aside = tempfile::tempdir().map_err(|error| {
        Failure::new("io", "cannot make a folder to compare with").because(&error)
    })?;
    if let Err(error) = Exporter::new(store, aside.path()).export_all(size, &checkpoint) {
        findings.add("log", "checkpoint", error);
        return Ok(());
    }
    compare(&log, aside.path(), Path::new(""), findings)
}

/// Every file that should be there is, with the same bytes; a narrower partial tile of former times begins a wider one.
fn compare(log: &Path, right: &Path, below: &Path, findings: &mut Findings) -> Result<(), Failure> {
    let failed = |path: &Path, error: &std::io::Error| Failure::io("read", path, error);
    let folder = right.join(below);
    for entry in std::fs::read_dir(&folder).map_err(|error| failed(&folder, &error))? {
        let name = below.join(entry.map_err(|error| failed(&folder, &error))?.file_name());
        if right.join(&name).is_dir() {
            compare(log, right, &name, findings)?;
            continue;
        }
        let expected =
            std::fs::read(right.join(&name)).map_err(|error| failed(&right.join(&name), &error))?;
        match std::fs::read(log.join(&name)) {
            Ok(bytes) if bytes == expected => {}
            Ok(_) => findings.add("log", name.display().to_string(), "it differs from the ledger"),
            Err(error) => findings.add("log", name.display().to_string(), error),
        }
        if below.extension().is_some_and(|suffix| suffix == "p") {
            narrower(log, below, &expected, findings);
        }
    }
    Ok(())
}

fn narrower(log: &Path, below: &Path, widest: &[u8], findings: &mut Findings) {
    for entry in std::fs::read_dir(log.join(below)).into_iter().flatten().flatten() {
        let begins = std::fs::read(entry.path()).is_ok_and(|bytes| widest.starts_with(&bytes));
        let name = below.join(entry.file_name());
        let what = name.display().to_string();
        if !begins && !findings.found.iter().any(|found| found.what == what) {
            findings.add("log", what, "it differs from the ledger");
        }
    }
}

fn same_genesis(dir: &Path, stored: &Genesis) -> Result<(), String> {
    let bytes = files::read(&dir.join("genesis.cbor"), limits::MAX_GENESIS_BYTES as u64)
        .map_err(|failure| failure.message)?;
    let file = Genesis::parse(&bytes).map_err(|error| error.to_string())?;
    if file == *stored { Ok(()) } else { Err("it is not the ledger's genesis".into()) }
}

/// Every entry opens, and what the ledger commits to is there; the segments that its manifests refer to. On a copy, since
/// opening a database repairs it.
async fn archive(
    dir: &Path,
    key: StorageKey,
    stated: Option<&Stated>,
    findings: &mut Findings,
) -> Result<Option<BTreeSet<Address>>, Failure> {
    let folder = dir.join("archive");
    if !folder.exists() {
        findings.add("archive", "the folder", "it is missing");
        return Ok(None);
    }
    let failed = |error: std::io::Error| {
        Failure::new("io", "cannot make a copy of the archive").because(&error)
    };
    let copy = tempfile::tempdir().map_err(failed)?;
    files::copy_tree(&folder, copy.path(), &[])?;
    let archive = match PrivateArchive::open(copy.path(), key) {
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
    let Some(Stated { datasets, kept }) = stated else { return Ok(None) };
    committed(&archive, kept, findings).await;
    let mut referenced = BTreeSet::new();
    for dataset in datasets {
        match referenced_segments(&archive, *dataset).await {
            Ok(segments) => referenced.extend(segments),
            Err(error) => {
                findings.add("archive", format!("the records of {dataset}"), error);
                return Ok(None);
            }
        }
    }
    Ok(Some(referenced))
}

/// Terms, lists of records, details and packets are those that the ledger commits to.
async fn committed(archive: &PrivateArchive, kept: &[Kept], findings: &mut Findings) {
    match missing_of(archive, kept).await {
        Ok(amiss) => {
            for Amiss { what, problem } in amiss {
                findings.add("archive", what, problem);
            }
        }
        Err(error) => findings.add("archive", "what the ledger commits to", error),
    }
}

/// Every segment is there and matches its address.
async fn vault(
    folder: &Path,
    out: Output,
    referenced: Option<&BTreeSet<Address>>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    if !folder.exists() {
        findings.add("vault", "the folder", "it is missing");
        return Ok(());
    }
    let unreachable = |error: &dyn std::error::Error| {
        Failure::new("vault", "cannot read the vault").because(error).exit(Exit::Unreachable)
    };
    let vault = SegmentVault::local(folder).map_err(|error| unreachable(&error))?;
    let nothing = BTreeSet::new();
    let bar = out.progress(0, "vault");
    let report = secnet_vault::inspect(&vault, referenced.unwrap_or(&nothing), |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .await
    .map_err(|error| unreachable(&error))?;
    bar.finish_and_clear();
    findings.segments = report.intact;
    findings.quarantined = report.quarantined.len();
    if referenced.is_some() {
        findings.unreferenced = report.unreferenced.len();
    }
    for address in report.missing {
        let moved = report.quarantined.contains(&address);
        let problem = if moved { "it was damaged and is in quarantine" } else { "it is missing" };
        findings.add("vault", format!("segment {address}"), problem);
    }
    for address in report.damaged {
        findings.add("vault", format!("segment {address}"), "its bytes do not match its address");
    }
    Ok(())
}
