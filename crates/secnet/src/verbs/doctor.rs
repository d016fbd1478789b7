//! `secnet doctor`: what would keep this folder from serving, and what to do about it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Args;
use secnet_app::ports::Clock as _;
use secnet_node::{LOW_BYTES, Reserve, Room as _, free_bytes};
use secnet_types::Timestamp;
use serde_json::json;

use crate::cli::Globals;
use crate::config::{MEBIBYTE, Settings};
use crate::evidence;
use crate::failure::{Exit, Failure};
use crate::files::{NO_STRANGER, NOBODY_ELSE, require_private};
use crate::node::{LEDGER, Node, own_keys, require};
use crate::output::Output;
use crate::service::{tls, watching};
use crate::system::SystemClock;
use crate::vault;
use crate::verbs::{backup, guard};

/// A clock further behind the ledger than this is wrong, in milliseconds.
const MAX_BEHIND_MS: u64 = 60_000;
/// Backups older than so many of their intervals are a problem.
const LATE: u32 = 2;
/// A folder in which nobody wrote a probe lately: how big a file must fit, in bytes.
const ROOM_BYTES: usize = 64 * 1024 * 1024;
const ROOM_PIECE: usize = 1024 * 1024;

/// Failures to open the folder that only say that its vault cannot be used where the configuration says.
const VAULT_CODES: [&str; 9] = [
    "config",
    "needs-feature",
    "no-bucket",
    "no-credentials",
    "other-vault",
    "permissions",
    "vault-refused",
    "vault-taken",
    "vault-unreachable",
];

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    /// What is wrong, and what to do.
    wrong: Option<(String, String)>,
}

impl Finding {
    fn of(what: &'static str, looked: Result<(), Failure>) -> Self {
        let wrong = looked.err().map(|failure| {
            let mut said = failure.message;
            for cause in failure.causes {
                said.push_str(&format!(": {cause}"));
            }
            (said, failure.hint.map(String::from).unwrap_or_default())
        });
        Self { what, wrong }
    }
}

pub(crate) async fn run(globals: &Globals, out: Output, _: DoctorArgs) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let config = globals.config.load(&[]).and_then(|config| config.settings());
    let settings = config.as_ref().ok().cloned();
    findings.push(Finding::of("configuration", config.map(drop)));
    findings.push(Finding::of("folder", require(&globals.dir)));
    findings.push(Finding::of("permissions", permissions(globals, settings.as_ref())));
    findings.push(Finding::of("room on the disk", room(&globals.dir)));
    if let Some(settings) = &settings {
        findings.push(Finding::of("reserve", reserve(&globals.dir, settings.reserve)));
        let vault = vault::try_out(&globals.dir, &settings.vault).await;
        findings.push(Finding::of("vault", vault));
    }
    findings.extend(opened(globals).await);
    if let Some(settings) = &settings {
        findings.extend(around(settings));
    }
    let wrong = findings.iter().filter(|finding| finding.wrong.is_some()).count();
    let lines: Vec<_> = findings.iter().map(|finding| {
        let (said, hint) = finding.wrong.clone().unzip();
        json!({ "what": finding.what, "ok": finding.wrong.is_none(), "wrong": said, "do": hint })
    }).collect();
    out.result(&json!({ "ok": wrong == 0, "findings": lines }), |_| text(&findings));
    if wrong == 0 {
        return Ok(());
    }
    Err(Failure::new("not-well", format!("{wrong} of {} things are wrong", findings.len()))
        .hint("do what stands beside each, then look again"))
}

fn text(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| match &finding.wrong {
        None => format!("good   {}", finding.what),
        Some((said, hint)) => format!("WRONG  {}: {said}\n       {hint}", finding.what),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Only the owner may read keys.
fn permissions(globals: &Globals, settings: Option<&Settings>) -> Result<(), Failure> {
    let keys = globals.dir.join("keys");
    require_private(&globals.dir, NOBODY_ELSE, "700")?;
    require_private(&keys, NOBODY_ELSE, "700")?;
    let files = std::fs::read_dir(&keys).map_err(|error| Failure::io("read", &keys, &error))?;
    for file in files.filter_map(Result::ok) {
        require_private(&file.path(), NOBODY_ELSE, "600")?;
    }
    // These may be shared with the group that the node runs as. A descriptor has the permissions of whatever it is.
    if let Some(file) = globals.passphrase_file.as_deref().filter(|file| file.is_file()) {
        require_private(file, NO_STRANGER, "640")?;
    }
    match settings.and_then(|settings| settings.tls.as_ref()) {
        Some((_, key)) if key.exists() => require_private(key, NO_STRANGER, "640"),
        _ => Ok(()),
    }
}

/// Is there, or could there be, what keeps revocations going on a full disk?
fn reserve(dir: &Path, wanted: u64) -> Result<(), Failure> {
    let ledger = dir.join(LEDGER);
    let missing = wanted.saturating_sub(Reserve::of(&ledger, wanted).kept());
    let needs = missing.saturating_add(LOW_BYTES);
    let Some(free) = free_bytes(&ledger).filter(|free| *free < needs) else { return Ok(()) };
    let (free, needs) = (free / MEBIBYTE, needs.div_ceil(MEBIBYTE));
    let said = format!("{free} MiB are free, and {needs} are needed");
    Err(Failure::new("disk-full", said)
        .hint("make room: until then no data is released, and no reserve is kept"))
}

/// Write as much as must fit, and remove it. The file has no name that anything reads.
fn room(dir: &Path) -> Result<(), Failure> {
    use std::io::Write as _;
    let failed = |error: std::io::Error| {
        Failure::io("write to", dir, &error).hint("make room, or move the folder to a bigger disk")
    };
    let mut file = tempfile::tempfile_in(dir).map_err(failed)?;
    let piece = vec![1; ROOM_PIECE];
    for _ in 0..ROOM_BYTES / ROOM_PIECE {
        file.write_all(&piece).map_err(failed)?;
    }
    file.sync_all().map_err(failed)
}

/// What shows when the folder is opened: passphrase, lock, ledger, money, clock.
async fn opened(globals: &Globals) -> Vec<Finding> {
    let node = match globals.open().await {
        Ok(node) => node,
        // Its ledger is opened only to agree on it with others, or only with its vault, of which the doctor has told: what
        // shows without that is whether the keys open.
        Err(failure)
            if failure.code == "network-folder" || VAULT_CODES.contains(&failure.code.as_ref()) =>
        {
            let opens = globals.passphrase().and_then(|given| own_keys(&globals.dir, &given));
            return vec![Finding::of("passphrase", opens.map(drop))];
        }
        Err(failure) => {
            let what =
                if failure.code == "in-use" { "free to open" } else { "passphrase and ledger" };
            return vec![Finding::of(what, Err(failure))];
        }
    };
    let findings = vec![
        Finding::of("passphrase and ledger", Ok(())),
        Finding::of("money", money(&node)),
        Finding::of("clock", clock(&node)),
        Finding::of("published log", published(&node)),
        Finding::of("learnt models", models(&node).await),
    ];
    drop(node);
    findings
}

fn money(node: &Node) -> Result<(), Failure> {
    let audit = node.pdc.view(|view| view.state.audit()).flatten();
    if audit.is_some_and(|(totals, sum)| totals.supply == sum) {
        return Ok(());
    }
    Err(Failure::new("verification", "the accounts do not add up")
        .hint("`secnet fsck` looks at everything; restore a backup"))
}

fn clock(node: &Node) -> Result<(), Failure> {
    let time = node.pdc.view(|view| view.time).unwrap_or(Timestamp(0));
    let behind = time.since_ms(SystemClock.now());
    if behind <= MAX_BEHIND_MS {
        return Ok(());
    }
    Err(Failure::new("clock", format!("the clock is {} s behind the ledger", behind / 1000))
        .hint(
            "set the clock if it is wrong; if it is right, it was ahead when the last block was made, and block time \
             stands still until the clock is there: nothing is lost, but what ends meanwhile has ended",
        ))
}

/// Can each learnt model that is in force, or watches, be read?
async fn models(node: &Node) -> Result<(), Failure> {
    let Some((model, why)) = guard::unreadable_models(node).await?.into_iter().next() else {
        return Ok(());
    };
    Err(Failure::new("model-unreadable", format!("the learnt model {model} cannot be read: {why}"))
        .hint("`secnet guard shadow FILE` brings its file back; until then uses go as was set when it was put in force; `secnet guard roll-back` takes it out of force"))
}

/// Does the ledger hold what it has published? A look, not a check: `secnet fsck` reads everything.
fn published(node: &Node) -> Result<(), Failure> {
    evidence::holds_published(&node.dir, node.ledger.chain().store()).map_err(|problem| {
        Failure::new("damaged", "the ledger does not hold what it has published")
            .because(&problem)
            .hint("`secnet fsck` looks at everything; restore a backup")
    })
}

/// What a node would need besides the folder.
fn around(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![Finding::of("address", free("listen", settings.listen))];
    if let Some(metrics) = settings.metrics {
        findings.push(Finding::of("address of the metrics", free("metrics.listen", metrics)));
    }
    if let Some(network) = &settings.network {
        let address = free("network.listen", network.listen);
        findings.push(Finding::of("address for the other validators", address));
    }
    if let Some((certificate, key)) = &settings.tls {
        let usable = tls::read(certificate, key).and_then(|_| lasts(certificate));
        findings.push(Finding::of("certificate", usable));
    }
    if let Some((folder, apart)) = &settings.backup {
        findings.push(Finding::of("backup", backed_up(folder, *apart)));
    }
    findings
}

fn free(setting: &str, address: SocketAddr) -> Result<(), Failure> {
    std::net::TcpListener::bind(address).map(drop).map_err(|error| {
        Failure::new("listen", format!("cannot listen on {address}"))
            .because(&error)
            .hint(format!("end what listens there, or set `{setting}` to another address"))
            .exit(Exit::Unreachable)
    })
}

/// Does the certificate hold on for a while?
fn lasts(certificate: &Path) -> Result<(), Failure> {
    let end = watching::expiry(certificate)?;
    if !watching::ends_soon(end, SystemClock.now()) {
        return Ok(());
    }
    Err(Failure::new("tls", format!("the certificate holds until {end}"))
        .hint("put a new one in place; a node that serves reads it again by itself"))
}

fn backed_up(folder: &Path, apart: Duration) -> Result<(), Failure> {
    let late = || {
        Failure::new("no-backup", format!("there is no recent backup in `{}`", folder.display()))
            .hint("`secnet backup FOLDER` makes one; a node that serves makes them by itself")
    };
    let made = backup::newest(folder).ok_or_else(late)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let age = now.saturating_sub(Duration::from_millis(made.0));
    if age > apart.saturating_mul(LATE) { Err(late()) } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_that_no_disk_has_room_for_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(LEDGER)).unwrap();
        let failure = reserve(folder.path(), u64::MAX / 2).unwrap_err();
        assert_eq!(failure.code, "disk-full");
        assert!(failure.hint.is_some() && failure.message.contains("are needed"), "{failure:?}");
    }
}
