//! `secnet doctor`: what would keep this folder from serving, and what to do about it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Args;
use secnet_app::ports::Clock as _;
use secnet_types::Timestamp;
use serde_json::json;

use crate::cli::Globals;
use crate::config::{ConfigArgs, Settings};
use crate::failure::{Exit, Failure};
use crate::node::{Node, require};
use crate::output::Output;
use crate::service::tls;
use crate::system::SystemClock;
use crate::verbs::backup;

/// A clock further behind the ledger than this is wrong, in milliseconds.
const MAX_BEHIND_MS: u64 = 60_000;
/// Backups older than so many of their intervals are a problem.
const LATE: u32 = 2;
/// A folder in which nobody wrote a probe lately: how big a file must fit, in bytes.
const ROOM_BYTES: usize = 64 * 1024 * 1024;
const ROOM_PIECE: usize = 1024 * 1024;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

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

pub(crate) async fn run(globals: &Globals, out: Output, args: DoctorArgs) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let config = args.config.load(&[]).and_then(|config| config.settings());
    let settings = config.as_ref().ok().cloned();
    findings.push(Finding::of("configuration", config.map(drop)));
    findings.push(Finding::of("folder", require(&globals.dir)));
    findings.push(Finding::of("permissions", permissions(&globals.dir)));
    findings.push(Finding::of("room on the disk", room(&globals.dir)));
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
fn permissions(dir: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    for part in ["", "keys"] {
        use std::os::unix::fs::PermissionsExt as _;
        let path = dir.join(part);
        let found =
            std::fs::metadata(&path).map_err(|error| Failure::io("look at", &path, &error))?;
        if found.permissions().mode() & 0o077 != 0 {
            let said = format!("others than its owner may enter `{}`", path.display());
            return Err(
                Failure::new("permissions", said).hint(format!("chmod 700 {}", path.display()))
            );
        }
    }
    Ok(())
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
        .hint("set the clock; until then signatures of callers do not hold"))
}

/// What a node would need besides the folder.
fn around(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![Finding::of("address", free(settings))];
    if let Some((certificate, key)) = &settings.tls {
        findings.push(Finding::of("certificate", tls::read(certificate, key).map(drop)));
    }
    if let Some((folder, apart)) = &settings.backup {
        findings.push(Finding::of("backup", backed_up(folder, *apart)));
    }
    findings
}

fn free(settings: &Settings) -> Result<(), Failure> {
    std::net::TcpListener::bind(settings.listen).map(drop).map_err(|error| {
        Failure::new("listen", format!("cannot listen on {}", settings.listen))
            .because(&error)
            .hint("end what listens there, or set `listen` to another address")
            .exit(Exit::Unreachable)
    })
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
