//! A large object downloaded, beside the same file through a bare axum stream; and what memory the node takes for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::StatusCode;

use super::super::row::{Bar, Row, Spread, figure};
use super::super::{Place, machine, wrong};
use super::bare;
use super::client::Client;
use super::large::Large;
use super::load::{Load, Written};
use super::world::{World, body_of};
use crate::failure::Failure;
use crate::output::Output;

const MIB: f64 = 1024.0 * 1024.0;
const BAR: f64 = 0.5;
/// What counts as flat, in MiB.
const BAR_FLAT_MIB: f64 = 32.0;
/// Each is downloaded so often, in turn.
const RUNS: usize = 5;
/// Pieces that a bare stream is measured with, in bytes: what files are commonly served with, and as many as we read.
const BARE_PIECES: [usize; 2] = [64 * 1024, 1024 * 1024];
/// Pause between two looks at the memory.
const LOOK: Duration = Duration::from_millis(5);

pub(in super::super) async fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let mib = place.amount(1024, 128);
    let world = World::begin(&place.dir).await?;
    out.say(&format!("  registering a record of {mib} MiB ..."));
    let data = Large::register(&world, place, mib as u64 * 1024 * 1024).await?;
    let (doctor, _) = world.doctor("doctor", data.dataset).await?;
    let mut client = Client::in_session(&world.authority, &doctor.token).await?;
    let (call, request) = world.request(&doctor, data.dataset, &[data.large]);
    let (status, body) = client.call("POST", "/v1/access", Some(body_of(&call))).await?;
    if status != StatusCode::OK {
        return Err(wrong(format!("{status}: {}", String::from_utf8_lossy(&body))));
    }
    let path = format!("/v1/access/{request}/records/{}", data.large);
    // Whatever is set up once is not counted as growth.
    client.first_byte(&path).await?;
    let ours = Written::new(("GET", &path), &world.authority, Some(&doctor.token), None);

    let file = largest(&place.dir.join("node").join("vault"))
        .ok_or_else(|| wrong("there is no segment on disk"))?;
    let (mut rates, mut resident) = (Vec::new(), Vec::new());
    let mut bare = BARE_PIECES.map(|_| Vec::new());
    for run in 1..=RUNS {
        out.say(&format!("  download {run} of {RUNS} ..."));
        let load = Load { place, authority: &world.authority, calls: vec![vec![ours.clone()]] };
        let (_, before) = machine::memory();
        let watch = Highest::watch();
        let done = load.closed(1).await?;
        resident.push(watch.end() - before);
        rates.push(done.bytes / done.took / MIB);
        for (piece, rates) in BARE_PIECES.into_iter().zip(&mut bare) {
            let (authority, stop) = bare::file(file.clone(), piece).await?;
            let call = Written::new(("GET", "/"), &authority, None, None);
            let load = Load { place, authority: &authority, calls: vec![vec![call]] };
            let done = load.closed(1).await?;
            stop.send_replace(true);
            rates.push(done.bytes / done.took / MIB);
        }
    }
    world.end();
    Ok(rows(mib, &Spread::new(rates), &bare.map(Spread::new), &resident))
}

fn rows(mib: usize, ours: &Spread, bare: &[Spread; 2], resident: &[f64]) -> Vec<Row> {
    let ceiling = bare.iter().map(Spread::median).fold(0.0, f64::max);
    let mut row = Row::new(
        format!("download of {mib} MiB"),
        (ours.median(), "MiB/s"),
        Some(ceiling),
        Bar::PartAtLeast(BAR),
    )
    .workload(format!(
        "one record of {mib} MiB on one connection to another process, {RUNS} times; each MiB is decided anew, read and verified against its address; nothing is opened"
    ))
    .detail(ours.said("MiB/s"));
    for (piece, spread) in BARE_PIECES.into_iter().zip(bare) {
        row = row.detail(format!(
            "a bare axum stream of the same file in pieces of {} KiB: {} MiB/s, {}",
            piece / 1024,
            figure(spread.median()),
            spread.said("MiB/s")
        ));
    }
    let most = resident.iter().copied().fold(0.0, f64::max);
    let memory =
        Row::new("memory that a download takes", (most, "MiB"), None, Bar::AtMost(BAR_FLAT_MIB))
            .workload(
                "the most that the node's resident memory grew by during one of these downloads",
            )
            .detail(format!(
                "by download: {} MiB",
                resident.iter().map(|mib| figure(*mib)).collect::<Vec<_>>().join(", ")
            ));
    vec![row, memory]
}

/// The largest file below a folder.
fn largest(dir: &Path) -> Option<PathBuf> {
    let (mut folders, mut found) = (vec![dir.to_path_buf()], None);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) => found = found.max(Some((about.len(), entry.path()))),
                Err(_) => {}
            }
        }
    }
    found.map(|(_, path)| path)
}

/// Watches this process's resident memory.
pub(super) struct Highest {
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<f64>>,
}

impl Highest {
    pub(super) fn watch() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let look = move || {
            let mut highest = machine::memory().1;
            while !told.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK);
                highest = highest.max(machine::memory().1);
            }
            highest
        };
        Self { over, thread: std::thread::Builder::new().spawn(look).ok() }
    }

    /// The highest that was seen, in MiB.
    pub(super) fn end(mut self) -> f64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or(f64::NAN)
    }
}
