//! `secnet fsck`: the whole folder, without changing a byte of it.

mod archive;
mod log;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use secnet_crypto::Address;
use secnet_node::store::{Finding, Store, StoreError};
use secnet_node::{Against, Chain, check_chain_from, store_options, stored_genesis};
use secnet_types::{Genesis, limits};
use serde::Serialize;
use serde_json::json;

use crate::check;
use crate::cli::Globals;
use crate::evidence;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::node::{NODE_KEYS, OwnKeys, own_keys, store_failure};
use crate::output::Output;
use crate::show;
use crate::succession;
use crate::vault::{self, Where};

/// Findings that are named; the rest are counted.
const MAX_NAMED: usize = 1000;

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
        if self.found.len() >= MAX_NAMED {
            self.more = self.more.saturating_add(1);
            return;
        }
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
    let place = globals.vault()?;
    vault::agrees(dir, &place)?;
    let against =
        args.against.iter().map(|file| evidence::read(file)).collect::<Result<Vec<_>, _>>()?;
    let passphrase = globals.passphrase()?;
    // The storage engine panics on some damage; that is a finding here, not a crash to tell of.
    std::panic::set_hook(Box::new(|_| {}));
    let mut findings = Findings::default();
    let own = open_own_keys(dir, &passphrase, &mut findings)?;
    let chain = ledger(dir, out, against, &mut findings)?;
    if let Some(chain) = &chain {
        state(dir, &passphrase, own.as_ref(), chain, &mut findings);
    }
    let referenced = match &own {
        Some(own) => archive::check(dir, own, chain.as_ref(), out, &mut findings).await?,
        None => {
            findings.add("archive", "the database", "it cannot be opened without keys/node.keys");
            None
        }
    };
    segments(dir, (&place, out), referenced.as_ref(), &mut findings).await?;
    report(out, &findings)
}

/// The node's own keys. A wrong passphrase opens nothing at all; if it opens another key, this file is damaged.
fn open_own_keys(
    dir: &Path,
    passphrase: &str,
    findings: &mut Findings,
) -> Result<Option<OwnKeys>, Failure> {
    match own_keys(dir, passphrase) {
        Ok(own) => Ok(Some(own)),
        Err(failure)
            if failure.code == "wrong-passphrase"
                && !check::passphrase_opens(&dir.join("keys"), passphrase) =>
        {
            Err(failure)
        }
        Err(failure) => {
            findings.add("keys", NODE_KEYS, check::sentence(&failure));
            Ok(None)
        }
    }
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
        let mut lines: Vec<String> = findings
            .found
            .iter()
            .map(|f| format!("{}: {}: {}", f.part, f.what, f.problem))
            .collect();
        lines.push(format!(
            "looked at {}, {}, {}, {} ({} belong to nothing, {} in quarantine)",
            show::count(findings.blocks, "block"),
            show::count(findings.events, "event"),
            show::count(findings.archive_entries, "archive entry"),
            show::count(findings.segments, "segment"),
            findings.unreferenced,
            findings.quarantined,
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
        match findings.found.len() {
            1 => format!("one thing is wrong: {first}"),
            many => format!("{many} things are wrong, the first is: {first}"),
        },
    )
    .hint("keep the folder as it is; `secnet restore` puts a backup into another one")
    .exit(Exit::Verification))
}

/// The store, every block executed again. The chain, if its state can be read.
fn ledger(
    dir: &Path,
    out: Output,
    mut against: Vec<Against>,
    findings: &mut Findings,
) -> Result<Option<Chain>, Failure> {
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
    (findings.blocks, findings.events) = (report.blocks, report.events);
    findings.more = findings.more.saturating_add(report.more_findings);
    findings.add_all("ledger", report.findings);
    let store = match Store::inspect(&folder, store_options(false)) {
        Ok(store) => store,
        Err(error) => {
            findings.add("ledger", "the database file", error);
            return Ok(None);
        }
    };
    let genesis = stored_genesis(&store);
    // The published checkpoint is one more thing that the ledger must not fall behind.
    match evidence::published(dir) {
        Ok(note) => against.push(Against::Checkpoint(note)),
        // Before the first block there is nothing to publish.
        Err(_) if findings.blocks == 0 => {}
        Err(failure) => findings.add("log", "checkpoint", failure.message),
    }
    let before = match genesis {
        Ok(genesis) => succession::before(dir, &genesis).unwrap_or_else(|failure| {
            findings.add("closed", "the network before", check::sentence(&failure));
            None
        }),
        Err(_) => None,
    };
    let replay = check_chain_from(&store, before, &against, &mut |done, total| {
        bar.set_message("replay");
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    match replay {
        Ok(found) => findings.add_all("chain", found),
        Err(error) => findings.add("chain", "the chain", error),
    }
    log::published(dir, &store, findings)?;
    match Chain::open(store, None) {
        Ok(chain) => Ok(Some(chain)),
        Err(error) => {
            findings.add("chain", "the state", error);
            Ok(None)
        }
    }
}

/// What must go with the state: the genesis file, the money, the keys.
fn state(
    dir: &Path,
    passphrase: &str,
    own: Option<&OwnKeys>,
    chain: &Chain,
    findings: &mut Findings,
) {
    let genesis = chain.genesis();
    if let Err(problem) = same_genesis(dir, genesis) {
        findings.add("ledger", "genesis.cbor", problem);
    }
    let executor = chain.executor();
    let state = executor.state();
    if state.audit().is_none_or(|(totals, sum)| totals.supply != sum) {
        findings.add("money", "the accounts", "they do not add up to what was issued");
    }
    for (file, problem) in check::keys(&dir.join("keys"), passphrase, own, (genesis, state)) {
        findings.add("keys", file, problem);
    }
}

fn same_genesis(dir: &Path, stored: &Genesis) -> Result<(), String> {
    let bytes = files::read(&dir.join("genesis.cbor"), limits::MAX_GENESIS_BYTES as u64)
        .map_err(|failure| failure.message)?;
    let file = Genesis::parse(&bytes).map_err(|error| error.to_string())?;
    if file == *stored { Ok(()) } else { Err("it is not the ledger's genesis".into()) }
}

/// Every segment is there and matches its address.
async fn segments(
    dir: &Path,
    (place, out): (&Where, Output),
    referenced: Option<&BTreeSet<Address>>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let Some(vault) = vault::inspect(dir, place)? else {
        findings.add("vault", "the folder", "it is missing");
        return Ok(());
    };
    match vault::look(dir, place).await {
        // What is there is checked all the same.
        Err(failure) if matches!(&*failure.code, "vault-taken" | "vault-lost") => {
            findings.add("vault", "the place", failure.message);
        }
        looked => looked?,
    }
    let unreachable = |error: &dyn std::error::Error| {
        Failure::new("vault", "cannot read the vault").because(error).exit(Exit::Unreachable)
    };
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
