//! Whole decisions: one client, 64 as fast as they are answered, and as many a second as the bar asks for.

use secnet_types::{DatasetId, RecordId};

use super::super::row::{Bar, Row, figure, ms};
use super::super::{Place, machine, wrong};
use super::bare;
use super::load::{Answered, Load, Written, whole};
use super::world::{Doctor, World, body_of};
use crate::failure::Failure;
use crate::output::Output;

/// Clients at once.
const CLIENTS: usize = 64;
/// Connections of each where calls are due whether earlier ones were answered or not.
const CONNECTIONS_EACH: usize = 4;
const RECORDS: usize = 64;
const RECORD_BYTES: usize = 4096;
const BAR_RATE: f64 = 2_500.0;
const BAR_P99_MS: f64 = 40.0;
const BAR_ONE_MS: f64 = 4.0;
/// Part of what a closed loop manages at which an open loop is measured as well.
const EASY: f64 = 0.7;

/// The node, and who asks for what.
struct Ward {
    world: World,
    doctors: Vec<Doctor>,
    dataset: DatasetId,
    records: Vec<RecordId>,
}

pub(in super::super) async fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let world = World::begin(&place.dir).await?;
    let (dataset, records) = world.register(RECORDS, RECORD_BYTES).await?;
    let mut doctors = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        doctors.push(world.doctor(&format!("doctor-{number}"), dataset).await?.0);
    }
    let ward = Ward { world, doctors, dataset, records };
    let (each, alone) = (place.amount(400, 60), place.amount(1000, 100));

    out.say(&format!("  one client, {alone} decisions ..."));
    let one = ward.load(place, (1, 1), alone).closed(alone).await?;
    out.say(&format!("  {CLIENTS} clients, {} decisions in a closed loop ...", CLIENTS * each));
    let load = ward.load(place, (CLIENTS, 1), each);
    let asked = load.calls.first().and_then(|calls| calls.first()).map_or(0, Written::len);
    let before = processor_ms();
    let closed = load.closed(each).await?;
    let busy = (processor_ms() - before) / closed.times.len().max(1) as f64;
    let answer = closed.each_bytes();
    out.say(&format!("  {CLIENTS} clients at a bare handler ..."));
    let bare = bare::answers(place, (asked, answer), (CLIENTS, each)).await?;
    out.say(&format!("  {} decisions a second, in an open loop ...", figure(BAR_RATE)));
    let due = ward.paced(place, BAR_RATE).await?;
    let slower = closed.rate * EASY;
    out.say(&format!("  {} decisions a second, in an open loop ...", figure(slower)));
    let easy = ward.paced(place, slower).await?;
    ward.world.end();

    let workload = format!(
        "{CLIENTS} clients in another process, each with a kept-alive connection, a session and a key delegated on the ledger; {} decisions on one record of {RECORD_BYTES} bytes each: request and session checked, decided with the guard on (its limits on pace and crowd raised, as for machines), committed, key parts, receipt and ciphertext answered, {} bytes",
        figure(closed.times.len() as f64),
        figure(answer as f64),
    );
    let ceiling = format!(
        "a bare axum handler that takes and answers as many bytes, same clients, same run: p50 {} ms, p99 {} ms",
        figure(ms(bare.times.p50())),
        figure(ms(bare.times.p99()))
    );
    Ok(vec![
        Row::new(
            "decisions over HTTP, closed loop",
            (closed.rate, "/s"),
            Some(bare.rate),
            Bar::AtLeast(BAR_RATE),
        )
        .workload(workload)
        .detail(ceiling)
        .detail(format!(
            "{} ms of processor time for each in the node, the writing down of calls not included",
            figure(busy)
        )),
        Row::new("the same, p99", (ms(closed.times.p99()), "ms"), None, Bar::AtMost(BAR_P99_MS))
            .workload("from sending a call to having read its answer")
            .detail(format!("p50 {} ms", figure(ms(closed.times.p50())))),
        open_row(&due, BAR_RATE, Bar::AtMost(BAR_P99_MS)),
        open_row(&easy, slower, Bar::None),
        Row::new("one client, p50", (ms(one.times.p50()), "ms"), None, Bar::AtMost(BAR_ONE_MS))
            .workload(format!("one client, {alone} decisions, one after the other"))
            .detail(format!("p99 {} ms", figure(ms(one.times.p99())))),
    ])
}

/// What this process, which serves, has taken of the processors so far.
fn processor_ms() -> f64 {
    machine::process(std::process::id()).map_or(f64::NAN, |(_, seconds)| seconds * 1e3)
}

fn open_row(done: &Answered, rate: f64, bar: Bar) -> Row {
    let what = format!("decisions over HTTP, open loop at {}/s, p99", figure(rate));
    Row::new(what, (ms(done.times.p99()), "ms"), None, bar)
        .workload(format!(
            "{} decisions, due at a fixed rate, on {} connections of {CLIENTS} clients; counted from when each was due",
            figure(done.times.len() as f64),
            CLIENTS * CONNECTIONS_EACH
        ))
        .detail(format!(
            "p50 {} ms; {}/s were answered",
            figure(ms(done.times.p50())),
            figure(done.rate)
        ))
}

impl Ward {
    /// Fresh requests for each connection of these clients.
    fn load<'a>(
        &'a self,
        place: &'a Place,
        (clients, connections): (usize, usize),
        each: usize,
    ) -> Load<'a> {
        let mut calls = Vec::with_capacity(clients * connections);
        for (number, doctor) in self.doctors.iter().take(clients).enumerate() {
            for _ in 0..connections {
                let all = (0..each).filter_map(|n| self.call(doctor, number + n));
                calls.push(all.collect());
            }
        }
        Load { place, authority: &self.world.authority, calls }
    }

    fn call(&self, doctor: &Doctor, number: usize) -> Option<Written> {
        let record = *self.records.get(number % self.records.len())?;
        let (call, _) = self.world.request(doctor, self.dataset, &[record]);
        let (authority, token) = (self.world.authority.as_str(), doctor.token.as_str());
        Some(Written::new(("POST", "/v1/access"), authority, Some(token), Some(&body_of(&call))))
    }

    async fn paced(&self, place: &Place, rate: f64) -> Result<Answered, Failure> {
        let calls = whole(rate * place.amount(10, 2) as f64);
        let connections = CLIENTS * CONNECTIONS_EACH;
        // Twice as many as each connection's share: who is answered sooner is sent more.
        let each = 2 * calls.div_ceil(connections);
        let done = self.load(place, (CLIENTS, CONNECTIONS_EACH), each).open(calls, rate).await?;
        match done.times.len() {
            made if made == calls => Ok(done),
            _ => Err(wrong("not all calls that were due were made")),
        }
    }
}
