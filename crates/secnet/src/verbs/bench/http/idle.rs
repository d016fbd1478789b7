//! A node that nobody asks anything: `secnet up` on a folder with members, data and grants, in a process of its own.

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::row::{Bar, Row, figure};
use super::super::ward::PASSPHRASE;
use super::super::{Place, broken, machine, wrong};
use super::world::World;
use crate::failure::Failure;
use crate::output::Output;

const DOCTORS: usize = 16;
const RECORDS: usize = 64;
const RECORD_BYTES: usize = 4096;
/// What a node does when it starts is not what it does when it is idle.
const SETTLE: Duration = Duration::from_secs(2);
const BAR_MIB: f64 = 60.0;
/// No busy loop: part of one processor, in percent.
const BAR_CPU: f64 = 1.0;

pub(in super::super) async fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let world = World::begin(&place.dir).await?;
    let (dataset, _) = world.register(RECORDS, RECORD_BYTES).await?;
    for number in 0..DOCTORS {
        world.doctor(&format!("doctor-{number}"), dataset).await?;
    }
    let dir = world.node.dir.clone();
    world.close().await?;
    let file = dir.join("passphrase");
    std::fs::write(&file, PASSPHRASE).map_err(|error| Failure::io("write", &file, &error))?;
    let seconds = place.amount(20, 5);
    out.say(&format!("  a node that is idle, {seconds} s ..."));
    let watch = move || {
        let node = Idle::start(&dir)?;
        std::thread::sleep(SETTLE);
        let (before, start) = (node.look()?, Instant::now());
        std::thread::sleep(Duration::from_secs(seconds as u64));
        let (after, took) = (node.look()?, start.elapsed());
        Ok::<_, Failure>((after.0, 100.0 * (after.1 - before.1) / took.as_secs_f64()))
    };
    let watched = tokio::task::spawn_blocking(watch).await;
    let (resident, busy) = watched.map_err(|error| broken("the idle node", &error))??;
    let workload = format!(
        "`secnet up` on a folder with {DOCTORS} members, {RECORDS} records and {DOCTORS} grants, {} s after it began to serve, for {seconds} s",
        SETTLE.as_secs()
    );
    Ok(vec![
        Row::new("idle node, resident memory", (resident, "MiB"), None, Bar::AtMost(BAR_MIB))
            .workload(workload.clone()),
        Row::new("idle node, processor", (busy, "% of one"), None, Bar::AtMost(BAR_CPU))
            .workload(workload)
            .detail(format!("{} ms of processor time a second", figure(busy * 10.0))),
    ])
}

struct Idle(Child);

impl Idle {
    /// Returns when it serves.
    fn start(dir: &std::path::Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| broken("the idle node", &error);
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.arg("--dir").arg(dir).args(["--json", "up", "--listen", "127.0.0.1:0"]);
        command.arg("--passphrase-file").arg(dir.join("passphrase"));
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let said = child.stdout.take().map(std::io::BufReader::new);
        let node = Self(child);
        let mut line = String::new();
        if let Some(mut said) = said {
            said.read_line(&mut line).map_err(failed)?;
        }
        if line.is_empty() { Err(wrong("the idle node did not begin to serve")) } else { Ok(node) }
    }

    /// Resident memory in MiB, and seconds of processor time so far.
    fn look(&self) -> Result<(f64, f64), Failure> {
        machine::process(self.0.id()).ok_or_else(|| wrong("the idle node cannot be looked at"))
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        // Nothing of it is kept.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
