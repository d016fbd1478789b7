//! `secnet restore`: a backup becomes a data folder only after everything in it has been verified.

mod end;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use secnet_app::{AccessError, Shredded, referenced_segments, what_to_shred};
use secnet_node::store::Store;
use secnet_node::{Chain, ChainError, check_chain_from, store_options, stored_genesis};
use secnet_types::{DatasetId, Genesis, limits};
use secnet_vault::{BackupEpochs, PrivateArchive, SegmentVault};
use serde_json::{Map, Value};

use self::end::{End, Evidence};
use super::backup::{copy_file, ledgers};
use crate::check;
use crate::cli::Globals;
use crate::erased::{self, Erasure};
use crate::failure::{Exit, Failure};
use crate::files;
use crate::format::{self, FORMAT_FILE};
use crate::keystore::Identity;
use crate::node::{
    BACKUP_EPOCHS, Node, OwnKeys, access_failure, backup_failure, own_keys, store_failure,
};
use crate::output::Output;
use crate::show;
use crate::succession::{self, CLOSED};
use crate::system::SystemClock;
use crate::vault::{self, Where};
use secnet_app::ports::Clock as _;

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup. The folder of --dir must be empty or not be there.
    from: PathBuf,
    /// The keys of the backups, which `secnet backup` names. What it notes as erased is erased again.
    #[arg(long, value_name = "FILE")]
    epochs: PathBuf,
    /// A checkpoint or a receipt kept elsewhere, which the backup must reach; can be given several times. The published
    /// checkpoint of the data folder in which the epochs file lies is looked at by itself.
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Restore although the ledger went on after the backup: what came after is lost, and the ledger will have two
    /// histories, which whoever kept the first one can show.
    #[arg(long)]
    accept_loss: bool,
}

pub(crate) async fn run(globals: &Globals, out: Output, args: RestoreArgs) -> Result<(), Failure> {
    let dir = &in_full(&globals.dir)?;
    require_empty(dir)?;
    let genesis = args.from.join("genesis.cbor");
    if !genesis.exists() {
        return Err(Failure::new(
            "no-backup",
            format!("there is no backup in `{}`", args.from.display()),
        )
        .hint("name the folder that `secnet backup` wrote")
        .exit(Exit::Usage));
    }
    format::check(&args.from)?;
    let place = globals.vault()?;
    vault::check_settings(&place)?;
    let evidence = end::evidence(&args)?;
    if globals.dry_run {
        return foresee((dir, &place), out, &args, &evidence).await;
    }
    let passphrase = globals.passphrase_of(&args.from)?;
    // Aside first: a folder under its name is a verified one.
    let aside = dir.with_extension("restoring");
    require_empty(&aside).map_err(|failure| {
        failure.hint("an earlier restore was cut off there; remove that folder, and restore again")
    })?;
    let restored = restore(&args, (&aside, &place), (&passphrase, &evidence), out).await;
    let (value, end) = match restored {
        Ok(restored) => restored,
        Err(failure) => {
            vault::give_up(&aside, &place).await;
            drop(std::fs::remove_dir_all(&aside));
            return Err(failure);
        }
    };
    if dir.exists() {
        std::fs::remove_dir(dir).map_err(|error| Failure::io("replace", dir, &error))?;
    }
    std::fs::rename(&aside, dir).map_err(|error| Failure::io("put in place", dir, &error))?;
    out.result(&value, |v| {
        let count = |key: &str, one: &str| {
            show::count(v.get(key).map(ToString::to_string).unwrap_or_default(), one)
        };
        format!(
            "restored {}, {}, {}; all verified\nerased again: {}\n{}",
            count("events", "event"),
            count("entries", "archive entry"),
            count("segments", "segment"),
            count("erased_again", "record"),
            end.words(),
        )
    });
    Ok(())
}

/// Where the backup ends, without the checks that take long.
async fn foresee(
    (dir, place): (&Path, &Where),
    out: Output,
    args: &RestoreArgs,
    evidence: &[Evidence],
) -> Result<(), Failure> {
    vault::try_out(dir, place).await?;
    let damaged = "the backup's ledger is damaged";
    let store = Store::inspect(&newest_ledger(&args.from)?, store_options(false))
        .map_err(|error| wrong(damaged).because(&error))?;
    let chain = Chain::open(store, None).map_err(|error| wrong(damaged).because(&error))?;
    let end = end::end(&chain, evidence, args.accept_loss, out)?;
    let mut value = end.fields();
    value.insert("dry_run".into(), true.into());
    value.insert("from".into(), args.from.display().to_string().into());
    value.insert("dir".into(), dir.display().to_string().into());
    out.result(&value, |_| {
        let (from, dir) = (args.from.display(), dir.display());
        format!("would restore `{from}` into `{dir}`\n{}", end.words())
    });
    Ok(())
}

fn newest_ledger(from: &Path) -> Result<PathBuf, Failure> {
    ledgers(from)?.pop().ok_or_else(|| wrong("the backup holds no ledger"))
}

async fn restore(
    args: &RestoreArgs,
    (dir, place): (&Path, &Where),
    (passphrase, evidence): (&str, &[Evidence]),
    out: Output,
) -> Result<(Map<String, Value>, End), Failure> {
    let from = &args.from;
    files::make_private_dir(dir)?;
    let vault = vault::begin(dir, place).await?;
    files::copy_tree(&from.join("keys"), &dir.join("keys"), &[])?;
    if from.join(CLOSED).exists() {
        files::copy_tree(&from.join(CLOSED), &dir.join(CLOSED), &[])?;
    }
    copy_file(&args.epochs, &dir.join("keys").join(BACKUP_EPOCHS))?;
    crate::node::expect_epochs(dir)?;
    for name in ["passphrase", FORMAT_FILE] {
        copy_file(&from.join(name), &dir.join(name))?;
    }

    let (events, end) = restore_ledger(args, dir, evidence, out)?;
    let (report, erased) = restore_vault(args, (dir, &vault), passphrase).await?;
    if let Some(address) = report.damaged.first() {
        return Err(wrong(&format!("segment {address} of the backup is damaged")));
    }
    copy_file(&from.join("genesis.cbor"), &dir.join("genesis.cbor"))?;
    let own = own_keys(dir, passphrase)?;
    let node = Node::open(dir, passphrase, place).await?;
    let done = match verify_keys(&node, passphrase, &own) {
        Ok(()) => finish(&node, &erased).await,
        Err(failure) => Err(failure),
    };
    let closed = node.close().await;
    let erased_again = done?;
    closed?;
    let mut value = end.fields();
    value.insert("events".into(), events.into());
    value.insert("entries".into(), report.entries.into());
    value.insert("segments".into(), report.segments.into());
    value.insert("erased_again".into(), erased_again.into());
    Ok((value, end))
}

/// The ledger: checked as a file, against what was kept of it, and by executing it again. How many events it has, and
/// where it ends.
fn restore_ledger(
    args: &RestoreArgs,
    dir: &Path,
    evidence: &[Evidence],
    out: Output,
) -> Result<(u64, End), Failure> {
    let source = newest_ledger(&args.from)?;
    let bar = out.progress(0, "ledger");
    let manifest = secnet_node::store::restore(
        &source,
        &dir.join("ledger"),
        &store_options(false),
        &mut |p| {
            bar.set_length(p.total);
            bar.set_position(p.done);
        },
    )
    .map_err(|error| wrong("the backup's ledger is damaged").because(&error))?;
    bar.set_message("replay");
    let store = Store::open(&dir.join("ledger"), store_options(false))
        .map_err(|error| store_failure(&error))?;
    let unreadable = |error: ChainError| wrong("the backup's chain does not hold").because(&error);
    let before = succession::before(dir, &stored_genesis(&store).map_err(unreadable)?)?;
    let findings = check_chain_from(&store, before, &[], &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .map_err(|error| wrong("the backup's chain does not hold").because(&error))?;
    if let Some(finding) = findings.first() {
        return Err(wrong(&format!("the backup's chain does not hold: {finding}")));
    }
    bar.finish_and_clear();
    let chain = Chain::open(store, None)
        .map_err(|error| wrong("the backup's chain does not hold").because(&error))?;
    let end = end::end(&chain, evidence, args.accept_loss, out)?;
    Ok((manifest.log_size, end))
}

async fn restore_vault(
    args: &RestoreArgs,
    (dir, vault): (&Path, &SegmentVault),
    passphrase: &str,
) -> Result<(secnet_vault::RestoreReport, Vec<Erasure>), Failure> {
    let unusable = |error: &dyn std::error::Error| {
        Failure::new("io", "cannot make the vault").because(error).exit(Exit::Unreachable)
    };
    let file = dir.join("keys").join(BACKUP_EPOCHS);
    let storage = own_keys(dir, passphrase)?.storage;
    let mut epochs = BackupEpochs::open(&file, storage.clone()).map_err(|e| backup_failure(&e))?;
    // The date that an erasure's receipt names holds for every copy of the keys, however old.
    epochs.expire(SystemClock.now()).map_err(|e| backup_failure(&e))?;
    let erased = erased::noted(&epochs)?;
    let archive =
        PrivateArchive::open(&dir.join("archive"), storage).map_err(|error| unusable(&error))?;
    // Erasures are carried out on the restored archive, because they may concern a part of an entry only.
    let report = secnet_vault::restore(
        &args.from.join("vault"),
        &epochs,
        vault,
        &archive,
        &BTreeSet::new(),
        &mut |_, _, _, value| Some(value),
    )
    .await
    .map_err(|error| backup_failure(&error))?;
    Ok((report, erased))
}

/// The keys open, they are those of the members that the restored ledger knows, and so is the genesis file.
fn verify_keys(node: &Node, passphrase: &str, own: &OwnKeys) -> Result<(), Failure> {
    let bytes = files::read(&node.dir.join("genesis.cbor"), limits::MAX_GENESIS_BYTES as u64)?;
    let genesis = Genesis::parse(&bytes)
        .map_err(|error| wrong("the backup's genesis.cbor is damaged").because(&error))?;
    if genesis != *node.pdc.log.genesis() {
        return Err(wrong("the backup's genesis.cbor is not that of its ledger"));
    }
    let folder = node.dir.join("keys");
    let found =
        node.pdc.view(|view| check::keys(&folder, passphrase, Some(own), (&genesis, view.state)));
    match found.unwrap_or_default().first() {
        Some((file, problem)) => Err(wrong(&format!("keys/{file} of the backup: {problem}"))),
        None => Ok(()),
    }
}

/// Erase again what was erased since, and look whether everything that is referred to is there.
async fn finish(node: &Node, erased: &[Erasure]) -> Result<usize, Failure> {
    let mut again = 0usize;
    for card in node.keystore.cards()? {
        let member = card.id()?;
        let owns = |dataset| {
            node.pdc.view(|v| v.state.dataset(dataset).is_some_and(|d| d.owner == member))
        };
        let his: Vec<Erasure> =
            erased.iter().filter(|e| owns(e.dataset) == Some(true)).cloned().collect();
        if his.is_empty() {
            continue;
        }
        let owner = node.identity(&card.name)?;
        for erasure in &his {
            again = again.saturating_add(state_again(node, &owner, erasure).await?);
        }
        erased::carry_out(node, &owner, &his, || ()).await?;
    }
    let datasets: Vec<DatasetId> =
        node.pdc.view(|view| view.state.datasets().map(|(id, _)| id).collect()).unwrap_or_default();
    let mut referenced = BTreeSet::new();
    for dataset in datasets {
        let segments = referenced_segments(&node.archive, dataset).await;
        referenced.extend(segments.map_err(|error| access_failure(error.into()))?);
    }
    let report = secnet_vault::fsck(&node.vault, &referenced).await;
    let report = report.map_err(|error| access_failure(error.into()))?;
    if let Some(address) = report.missing.iter().chain(&report.damaged).next() {
        return Err(wrong(&format!("segment {address} is not in the backup")));
    }
    Ok(again)
}

/// A ledger that is older than an erasure does not say of it: it is stated again, so that nothing is promised which is not
/// there any more. How many records the backup had brought back.
async fn state_again(node: &Node, owner: &Identity, erasure: &Erasure) -> Result<usize, Failure> {
    let Erasure { dataset, records, whole, .. } = erasure;
    let all = node.pdc.plan_shredding(*dataset, None).await.map_err(access_failure)?;
    let back: BTreeSet<_> = all.records.intersection(records).copied().collect();
    if back.is_empty() {
        return Ok(0);
    }
    let again = back.len();
    let plan = node.pdc.plan_shredding(*dataset, Some(back)).await.map_err(access_failure)?;
    let plan = Shredded { whole: *whole || plan.whole, ..plan };
    let command = node.pdc.sign(owner.member(), what_to_shred(&plan), &owner.signing);
    match node.pdc.shred(&plan, &command).await {
        // The ledger says so already, or says nothing any more; what is to go goes all the same.
        Ok(_) | Err(AccessError::Rejected(_)) => Ok(again),
        Err(error) => Err(access_failure(error)),
    }
}

/// The folder by a name of its own, whatever way leads to it: something is made beside it, and renamed.
fn in_full(dir: &Path) -> Result<PathBuf, Failure> {
    let whole = if dir.exists() { dir.canonicalize() } else { std::path::absolute(dir) };
    whole.map_err(|error| Failure::io("find", dir, &error))
}

fn require_empty(dir: &Path) -> Result<(), Failure> {
    let empty = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(Failure::io("read", dir, &error)),
    };
    if empty {
        return Ok(());
    }
    Err(Failure::new("not-empty", format!("`{}` is not empty", dir.display()))
        .hint("restore into a new folder, with --dir")
        .exit(Exit::Usage))
}

fn wrong(message: &str) -> Failure {
    Failure::new("verification", message).hint("use another backup").exit(Exit::Verification)
}
