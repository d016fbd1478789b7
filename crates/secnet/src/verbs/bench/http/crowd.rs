//! Honest clients while another process keeps 10,000 connections open that want nothing, or want it as slowly as they can.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::super::row::{Bar, Row, figure, ms};
use super::super::{Place, broken, wrong};
use super::download::Highest;
use super::load::{Answered, Load, Written, whole};
use super::world::{World, body_of};
use crate::failure::Failure;
use crate::output::Output;
use crate::system;

const CONNECTIONS: usize = 10_000;
/// Descriptors that a process needs besides.
const SPARE_FILES: u64 = 512;
/// Connections that are being made at once: the system's own queue is no part of the measure.
const CONNECTING: usize = 64;
const CLIENTS: usize = 16;
/// Connections of each client.
const CONNECTIONS_EACH: usize = 4;
/// Decisions a second that honest clients want.
const RATE: f64 = 250.0;
const RECORD_BYTES: usize = 4096;
const BAR_TIMES: f64 = 2.0;
const BAR_MIB: f64 = 512.0;
/// Pause of a slow sender between two bytes.
const SLOW: Duration = Duration::from_secs(1);
/// Pause before a connection that was refused is tried again.
const AGAIN: Duration = Duration::from_millis(200);
const ADDRESS: &str = "address";

pub(in super::super) async fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let files = system::raise_open_files();
    let connections = usize::try_from(files.saturating_sub(SPARE_FILES)).unwrap_or(usize::MAX);
    let connections = connections.min(place.amount(CONNECTIONS, 2000));
    let world = World::begin(&place.dir).await?;
    let (dataset, records) = world.register(CLIENTS, RECORD_BYTES).await?;
    let mut doctors = Vec::with_capacity(CLIENTS);
    for (number, record) in records.into_iter().enumerate() {
        let (doctor, _) = world.doctor(&format!("doctor-{number}"), dataset).await?;
        doctors.push((doctor, record));
    }
    let calls = whole(RATE * place.amount(15, 3) as f64);
    let honest = || async {
        let each = 2 * calls.div_ceil(CLIENTS * CONNECTIONS_EACH);
        let of = |(doctor, record): &(_, _)| {
            let call = |_| {
                let (call, _) = world.request(doctor, dataset, &[*record]);
                let (at, body) = (("POST", "/v1/access"), body_of(&call));
                Written::new(at, &world.authority, Some(&doctor.token), Some(&body))
            };
            std::array::from_fn::<Vec<Written>, CONNECTIONS_EACH, _>(|_| {
                (0..each).map(call).collect()
            })
        };
        let calls_of: Vec<_> = doctors.iter().flat_map(of).collect();
        Load { place, authority: &world.authority, calls: calls_of }.open(calls, RATE).await
    };
    out.say(&format!("  {calls} decisions of honest clients ..."));
    let before = honest().await?;
    out.say(&format!("  {} connections of others ...", figure(connections as f64)));
    let crowd = Crowd::gather(place, &world.authority, connections).await?;
    out.say(&format!("  {calls} decisions of honest clients among them ..."));
    let watch = Highest::watch();
    let during = honest().await;
    let resident = watch.end();
    let left = crowd.leave().await?;
    let during = during?;
    out.say(&format!("  {calls} decisions of honest clients alone again ..."));
    let after = honest().await?;
    world.end();
    Ok(rows([&before, &during, &after], connections, resident, &left))
}

fn rows(
    [before, during, after]: [&Answered; 3],
    connections: usize,
    resident: f64,
    left: &Value,
) -> Vec<Row> {
    let p99 = |answered: &Answered| ms(answered.times.p99());
    let both = |answered: &Answered| {
        format!("p50 {} ms, p99 {} ms", figure(ms(answered.times.p50())), figure(p99(answered)))
    };
    let count = |name: &str| figure(left.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN));
    let crowd = format!(
        "{} connections of another process: two in five say nothing, two in five are kept alive after one call, one in five sends a byte of its head a second; what the node closes is opened again",
        figure(connections as f64)
    );
    let alone = (p99(before) + p99(after)) / 2.0;
    vec![
        Row::new(
            "honest clients among idle and slow ones, p99",
            (p99(during), "ms"),
            Some(alone),
            Bar::PartAtMost(BAR_TIMES),
        )
        .workload(format!(
            "{} decisions on 4 KiB, due at {}/s on {} connections of {CLIENTS} clients, counted from when each was due; beside {crowd}",
            figure(during.times.len() as f64),
            figure(RATE),
            CLIENTS * CONNECTIONS_EACH
        ))
        .detail(format!(
            "alone before: {}; among them: {}; alone after: {}; the ceiling is the mean of both p99 alone",
            both(before),
            both(during),
            both(after)
        ))
        .detail(format!(
            "connections open at the end {}, made {}, closed by the node {}",
            count("open"),
            count("made"),
            count("closed")
        )),
        Row::new("the node's resident memory meanwhile", (resident, "MiB"), None, Bar::AtMost(BAR_MIB))
            .workload(crowd)
            .detail("VmRSS at its highest; it holds what this measure itself keeps in memory as well"),
    ]
}

/// The other process.
struct Crowd(Child, BufReader<std::process::ChildStdout>);

impl Crowd {
    /// Ready when all connections are there.
    async fn gather(place: &Place, authority: &str, connections: usize) -> Result<Self, Failure> {
        let plan = json!({ "authority": authority, "connections": connections }).to_string();
        let file = place.dir.join(ADDRESS);
        std::fs::write(&file, plan).map_err(|error| Failure::io("write", &file, &error))?;
        let dir = place.dir.clone();
        let begin = move || {
            let failed = |error: std::io::Error| broken("the crowd", &error);
            let program = std::env::current_exe().map_err(failed)?;
            let mut command = Command::new(program);
            command.arg("--dir").arg(dir).args(["--json", "bench", "--child", "http-crowd"]);
            let mut child =
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
            let said = child.stdout.take().ok_or_else(|| wrong("the crowd says nothing"))?;
            let (mut said, mut line) = (BufReader::new(said), String::new());
            said.read_line(&mut line).map_err(failed)?;
            if line.is_empty() {
                Err(wrong("the crowd did not come"))
            } else {
                Ok(Self(child, said))
            }
        };
        let begun = tokio::task::spawn_blocking(begin).await;
        begun.map_err(|error| broken("the crowd", &error))?
    }

    /// What it did.
    async fn leave(self) -> Result<Value, Failure> {
        let end = move || {
            let Self(mut child, mut said) = self;
            drop(child.stdin.take());
            let mut text = String::new();
            said.read_to_string(&mut text).map_err(|error| broken("the crowd", &error))?;
            child.wait().map_err(|error| broken("the crowd", &error))?;
            serde_json::from_str(&text).map_err(|error| broken("the crowd's figures", &error))
        };
        let ended = tokio::task::spawn_blocking(end).await;
        ended.map_err(|error| broken("the crowd", &error))?
    }
}

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    made: AtomicUsize,
    closed: AtomicUsize,
}

impl Counts {
    fn value(&self) -> Value {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        json!({ "open": of(&self.open), "made": of(&self.made), "closed": of(&self.closed) })
    }
}

/// Until standard input ends.
pub(in super::super) async fn child(place: &Place) -> Result<Value, Failure> {
    system::raise_open_files();
    let file = place.dir.join(ADDRESS);
    let plan = std::fs::read(&file).map_err(|error| Failure::io("read", &file, &error))?;
    let plan: Value = serde_json::from_slice(&plan).map_err(|error| broken("a plan", &error))?;
    let authority = plan.get("authority").and_then(Value::as_str).unwrap_or_default().to_owned();
    let connections = plan.get("connections").and_then(Value::as_u64).unwrap_or_default();
    let (counts, connecting) = (Arc::new(Counts::default()), Arc::new(Semaphore::new(CONNECTING)));
    for number in 0..connections {
        let (counts, connecting) = (Arc::clone(&counts), Arc::clone(&connecting));
        tokio::spawn(stay(authority.clone(), Kind::of(number), counts, connecting));
    }
    while (counts.open.load(Ordering::Relaxed) as u64) < connections {
        tokio::time::sleep(AGAIN).await;
    }
    drop(writeln!(std::io::stdout(), "{}", counts.value()));
    let gone = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0])).await;
    gone.map_err(|error| broken("the crowd", &error))?.map_err(|e| broken("the crowd", &e))?;
    Ok(counts.value())
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Silent,
    KeptAlive,
    Slow,
}

impl Kind {
    fn of(number: u64) -> Self {
        match number % 5 {
            0 | 1 => Self::Silent,
            2 | 3 => Self::KeptAlive,
            _ => Self::Slow,
        }
    }
}

/// Keep a connection, and make another when it is closed.
async fn stay(authority: String, kind: Kind, counts: Arc<Counts>, connecting: Arc<Semaphore>) {
    loop {
        let place = connecting.acquire().await;
        let stream = TcpStream::connect(&authority).await;
        drop(place);
        let Ok(mut stream) = stream else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        counts.made.fetch_add(1, Ordering::Relaxed);
        counts.open.fetch_add(1, Ordering::Relaxed);
        // However it ends, it is closed.
        annoy(&mut stream, kind, &authority).await.ok();
        counts.open.fetch_sub(1, Ordering::Relaxed);
        counts.closed.fetch_add(1, Ordering::Relaxed);
    }
}

async fn annoy(stream: &mut TcpStream, kind: Kind, authority: &str) -> std::io::Result<()> {
    let head = format!("GET /healthz HTTP/1.1\r\nhost: {authority}\r\n");
    match kind {
        Kind::Silent => {}
        Kind::KeptAlive => stream.write_all(format!("{head}\r\n").as_bytes()).await?,
        Kind::Slow => {
            stream.write_all(format!("{head}x-slow: ").as_bytes()).await?;
            loop {
                tokio::select! {
                    ended = until_closed(stream) => return ended,
                    () = tokio::time::sleep(SLOW) => {}
                }
                stream.write_all(b"a").await?;
            }
        }
    }
    until_closed(stream).await
}

async fn until_closed(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut answer = [0; 1024];
    while stream.read(&mut answer).await? > 0 {}
    Ok(())
}
