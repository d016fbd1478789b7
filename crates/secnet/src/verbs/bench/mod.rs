//! `secnet bench`: what this machine does, each figure beside its ceiling or its bar, measured in the same run.
//!
//! Nothing is simulated and no figure is kept: real keys, the real store, the real flow, in a folder of its own that is
//! removed afterwards. Measures of memory run in a child process, so that nothing else counts.

mod bulk;
mod commands;
mod consent;
mod flow;
mod http;
mod log;
mod machine;
mod net;
#[cfg(feature = "bft")]
mod network;
mod row;
mod scale;
mod vault;
mod ward;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::Globals;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
#[cfg(feature = "bft")]
use network::{node::child as net_node, run as network};
use row::{Row, table};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Only these measures; default: all.
    #[arg(value_name = "NAME")]
    names: Vec<Measure>,
    /// Less work for each measure: figures are rougher, and the million is 20,000.
    #[arg(long)]
    quick: bool,
    /// Also write the table to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where to work; a fresh folder is made in it and removed again. Default: the current folder.
    #[arg(long = "in", value_name = "DIR", default_value = ".")]
    within: PathBuf,
    /// How long each load on a network lasts, and how long it is watched while it is idle.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many decisions a wiped node of a network catches up with.
    #[arg(long, value_name = "COUNT", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    decisions: u64,
    /// The part of a measure that runs in a process of its own.
    #[arg(long, hide = true, value_name = "PART")]
    child: Option<Child>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Signed commands verified, applied and durably committed.
    Commands,
    /// Audit entries integrated into the Merkle log.
    Log,
    /// A decision on policy and consent, beside bare Cedar.
    Decision,
    /// The first page of what a member can see.
    List,
    /// A large object sealed, stored, read and opened.
    Vault,
    /// From a committed revocation to the first refusal.
    Revoke,
    /// FHIR bulk ingest.
    Ingest,
    /// Restart and decisions with a million datasets and grants.
    Scale,
    /// A whole access, from request to release.
    Access,
    /// All of the following: a node over HTTP, beside a bare handler.
    Http,
    /// Whole decisions over HTTP: one client, many at once, many a second.
    HttpDecisions,
    /// From a revocation over HTTP until every door refuses.
    HttpRevoke,
    /// The first page of a large catalogue.
    HttpCatalogue,
    /// A large object downloaded.
    HttpDownload,
    /// Honest clients among thousands of idle and slow ones.
    HttpCrowd,
    /// A node that nobody asks anything.
    HttpIdle,
    /// All of the following: four validators on this machine, each a process. They need the feature `bft`.
    Net,
    /// Grants and decisions committed with finality, as many as there can be and so many a second.
    NetLoad,
    /// A network that nobody asks anything: blocks, bytes, processor.
    NetIdle,
    /// One command at a time: until its final receipt, and until every node refuses what it revokes.
    NetQuiet,
    /// From a final decision until a quorum of release nodes has answered and the records are opened.
    NetRelease,
    /// A node that lost everything follows again, and what a node keeps in memory.
    NetCatchUp,
}

impl Measure {
    const fn is_over_http(self) -> bool {
        matches!(
            self,
            Self::HttpDecisions
                | Self::HttpRevoke
                | Self::HttpCatalogue
                | Self::HttpDownload
                | Self::HttpCrowd
                | Self::HttpIdle
        )
    }

    const fn is_of_network(self) -> bool {
        matches!(
            self,
            Self::NetLoad | Self::NetIdle | Self::NetQuiet | Self::NetRelease | Self::NetCatchUp
        )
    }

    fn is_wanted(self, names: &[Self]) -> bool {
        let by_all = (names.contains(&Self::Http) && self.is_over_http())
            || (names.contains(&Self::Net) && self.is_of_network());
        // Who names none gets what this program can.
        let by_default = names.is_empty() && (cfg!(feature = "bft") || !self.is_of_network());
        by_default || names.contains(&self) || by_all
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Child {
    Vault,
    VaultQuarter,
    Restart,
    Reopen,
    HttpLoad,
    HttpCrowd,
    NetNode,
}

/// Where a measure works, and how much it does.
#[derive(Debug, Clone)]
struct Place {
    dir: PathBuf,
    quick: bool,
    /// How long a load on a network lasts.
    #[cfg_attr(
        not(feature = "bft"),
        expect(dead_code, reason = "only networks are asked so long")
    )]
    seconds: u64,
    /// Decisions to catch up with.
    #[cfg_attr(not(feature = "bft"), expect(dead_code, reason = "only networks catch up"))]
    decisions: u64,
}

impl Place {
    fn new(dir: PathBuf, args: &BenchArgs) -> Self {
        Self { dir, quick: args.quick, seconds: args.seconds, decisions: args.decisions }
    }

    /// `full`, or less when it has to be quick.
    fn amount(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

pub(crate) async fn run(globals: &Globals, out: Output, args: BenchArgs) -> Result<(), Failure> {
    if let Some(child) = args.child {
        let place = Place::new(globals.dir.clone(), &args);
        let measured = match child {
            Child::Vault => vault::child(&place).await?,
            Child::VaultQuarter => vault::quarter(&place).await?,
            Child::Restart => scale::restart(&place).await?,
            Child::Reopen => scale::child(&place).await?,
            Child::HttpLoad => http::load::child(&place)?,
            Child::HttpCrowd => http::crowd::child(&place).await?,
            Child::NetNode => net_node(&place).await?,
        };
        out.result(&measured, ToString::to_string);
        return Ok(());
    }
    let dir = args.within.join(format!("secnet-bench-{}", std::process::id()));
    files::make_private_dir(&dir)?;
    let place = Place::new(dir.clone(), &args);
    let measured = measure(&place, out, &args.names).await;
    let machine = machine::line(&dir);
    drop(std::fs::remove_dir_all(&dir));
    let rows = measured?;

    let how = if args.quick { "quick" } else { "full" };
    let value = json!({ "machine": machine, "run": how, "rows": rows });
    if let Some(file) = &args.out {
        let text = row::markdown(&machine, how, &rows);
        std::fs::write(file, text).map_err(|error| Failure::io("write", file, &error))?;
    }
    out.result(&value, |_| format!("{machine}\n{how} run\n\n{}", table(&rows)));
    Ok(())
}

async fn measure(place: &Place, out: Output, names: &[Measure]) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for measure in Measure::value_variants() {
        if !measure.is_wanted(names) || matches!(measure, Measure::Http | Measure::Net) {
            continue;
        }
        let name = measure.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        out.say(&format!("measuring {name} ..."));
        let own = Place { dir: place.dir.join(&name), ..place.clone() };
        files::make_private_dir(&own.dir)?;
        let measured = match measure {
            Measure::Commands => commands::run(&own).await,
            Measure::Log => log::run(&own),
            Measure::Decision => consent::decision(&own),
            Measure::List => consent::list(&own),
            Measure::Vault => vault::run(&own),
            Measure::Revoke => flow::revoke(&own).await,
            Measure::Ingest => bulk::run(&own).await,
            Measure::Scale => scale::run(&own, out).await,
            Measure::Access => flow::access(&own).await,
            Measure::Http | Measure::Net => Ok(Vec::new()),
            Measure::HttpDecisions => http::decisions::run(&own, out).await,
            Measure::HttpRevoke => http::revoke::run(&own, out).await,
            Measure::HttpCatalogue => http::catalogue::run(&own, out).await,
            Measure::HttpDownload => http::download::run(&own, out).await,
            Measure::HttpCrowd => http::crowd::run(&own, out).await,
            Measure::HttpIdle => http::idle::run(&own, out).await,
            Measure::NetLoad
            | Measure::NetIdle
            | Measure::NetQuiet
            | Measure::NetRelease
            | Measure::NetCatchUp => network(*measure, &own, out).await,
        };
        let measured = measured?;
        for row in &measured {
            out.say(&format!("  {}", row.line()));
        }
        rows.extend(measured);
        drop(std::fs::remove_dir_all(&own.dir));
    }
    Ok(rows)
}

#[cfg(not(feature = "bft"))]
async fn network(_: Measure, _: &Place, _: Output) -> Result<Vec<Row>, Failure> {
    crate::network::require_feature()?;
    Ok(Vec::new())
}

#[cfg(not(feature = "bft"))]
async fn net_node(_: &Place) -> Result<serde_json::Value, Failure> {
    crate::network::require_feature()?;
    Ok(serde_json::Value::Null)
}

/// Run a part of a measure in a process of its own, and take its figures.
fn in_child(part: &str, dir: &Path, quick: bool) -> Result<serde_json::Value, Failure> {
    let program = std::env::current_exe().map_err(|error| broken("the program itself", &error))?;
    let mut command = std::process::Command::new(program);
    command.arg("--dir").arg(dir).args(["--json", "bench", "--child", part]);
    if quick {
        command.arg("--quick");
    }
    let done = command.output().map_err(|error| broken("the child process", &error))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        return Err(Failure::new("bench", format!("the child process for {part} failed"))
            .because(&Said(said)));
    }
    serde_json::from_slice(&done.stdout).map_err(|error| broken("the child's figures", &error))
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct Said(String);

/// A measure that could not be made.
fn broken(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new("bench", format!("cannot measure: {what}")).because(error)
}

/// A measure whose outcome is not what it must be: the figure would mean nothing.
fn wrong(what: impl Into<String>) -> Failure {
    Failure::new("bench", what)
}
