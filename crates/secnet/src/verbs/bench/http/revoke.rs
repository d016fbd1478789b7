//! From sending a revocation over HTTP until every open door refuses: all ways to ask, and downloads that are running.

use std::pin::Pin;
use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use futures::future::try_join_all;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use secnet_types::{GrantId, Operation, Reason};
use serde_json::{Value, json};

use super::super::row::{Bar, Row, Times, figure, ms};
use super::super::{Place, wrong};
use super::client::Client;
use super::large::Large;
use super::world::{Doctor, World, body_of, signed_parts};
use crate::failure::Failure;
use crate::output::Output;

const BAR_MS: f64 = 50.0;
/// Downloads that are running.
const RUNNING: usize = 2;
/// Of the record that is downloaded, in MiB: more than can be sent while a revocation is under way.
const LARGE_MIB: (usize, usize) = (512, 128);
/// After so long a door that still does not refuse counts as broken.
const PATIENCE: Duration = Duration::from_secs(5);
const DOORS: [&str; 8] = [
    "access, a new request",
    "access, the granted request again",
    "preview",
    "download",
    "records",
    "AuthZEN evaluation",
    "AuthZEN evaluations",
    "AuthZEN search",
];

pub(in super::super) async fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let rounds = place.amount(100, 20);
    let world = World::begin(&place.dir).await?;
    let mib = place.amount(LARGE_MIB.0, LARGE_MIB.1);
    out.say(&format!("  registering a record of {mib} MiB ..."));
    let data = Large::register(&world, place, mib as u64 * 1024 * 1024).await?;
    let mut owner = Client::connect(&world.authority).await?;
    owner.log_in(&world.owner, true).await?;
    let bar = out.progress(rounds as u64, "revoking");
    let mut all: Vec<Vec<Duration>> = Vec::with_capacity(rounds);
    let mut ordered = Vec::with_capacity(rounds);
    for number in 0..rounds {
        let (doctor, grant) = world.doctor(&format!("doctor-{number}"), data.dataset).await?;
        let (acknowledged, refused) =
            Round { world: &world, data: &data, doctor }.run(&mut owner, grant).await?;
        ordered.push(acknowledged);
        all.push(refused);
        bar.inc(1);
    }
    bar.finish_and_clear();
    world.end();
    Ok(rows(rounds, mib, &all, ordered))
}

fn rows(rounds: usize, mib: usize, all: &[Vec<Duration>], ordered: Vec<Duration>) -> Vec<Row> {
    let last = Times::new(all.iter().filter_map(|round| round.iter().max().copied()).collect());
    let ordered = Times::new(ordered);
    let names = DOORS.iter().copied().chain(std::iter::repeat_n("a running download", RUNNING));
    let mut row = Row::new(
        "revoke over HTTP to refused on every open door, p99",
        (ms(last.p99()), "ms"),
        None,
        Bar::AtMost(BAR_MS),
    )
    .workload(format!(
        "{rounds} rounds, each with another doctor: {RUNNING} downloads of {mib} MiB run, the owner's revocation is sent, every door is asked again and again; from sending it until the last door has refused and both downloads are cut off"
    ))
    .detail(format!(
        "p50 {} ms; the revocation itself is answered after p50 {} ms, p99 {} ms",
        figure(ms(last.p50())),
        figure(ms(ordered.p50())),
        figure(ms(ordered.p99()))
    ));
    for (place, name) in names.enumerate() {
        let times = all.iter().filter_map(|round| round.get(place).copied());
        let times = Times::new(times.collect());
        row = row.detail(format!(
            "{name}: p50 {} ms, p99 {} ms",
            figure(ms(times.p50())),
            figure(ms(times.p99()))
        ));
    }
    vec![row]
}

/// What a door says: more, refused, or something that it must not say.
type Said = Result<bool, Failure>;
type Asking<'a> = Pin<Box<dyn Future<Output = Result<Duration, Failure>> + Send + 'a>>;

struct Round<'a> {
    world: &'a World,
    data: &'a Large,
    doctor: Doctor,
}

impl Round<'_> {
    /// How long the revocation took, and each door until it refused.
    async fn run(
        &self,
        owner: &mut Client,
        grant: GrantId,
    ) -> Result<(Duration, Vec<Duration>), Failure> {
        let mut first = self.client().await?;
        let records = [self.data.large, self.data.small];
        let (call, request) = self.world.request(&self.doctor, self.data.dataset, &records);
        let granted = body_of(&call);
        let (status, body) = first.call("POST", "/v1/access", Some(granted.clone())).await?;
        expect_ok(status, &body)?;
        let path = format!("/v1/access/{request}/records/{}", self.data.large);
        let mut running = Vec::with_capacity(RUNNING);
        for _ in 0..RUNNING {
            running.push(self.begun(&path).await?);
        }
        let mut doors: Vec<Client> = Vec::with_capacity(DOORS.len());
        for _ in DOORS {
            doors.push(self.client().await?);
        }
        let operation = Operation::Revoke { grant, reason: Reason::NoLongerWanted };
        let owner_id = &self.world.owner;
        let command = self.world.node.pdc.sign(owner_id.member(), operation, &owner_id.signing);
        let command = Base64UrlUnpadded::encode_string(&command.to_bytes());
        let command = json!({ "command": command }).to_string();

        let start = Instant::now();
        let revoked = async {
            let (status, body) = owner.call("POST", "/v1/commands", Some(command)).await?;
            expect_ok(status, &body)?;
            Ok::<_, Failure>(start.elapsed())
        };
        let mut asking: Vec<Asking<'_>> = Vec::new();
        for (door, client) in doors.into_iter().enumerate() {
            asking.push(Box::pin(self.ask(door, client, (&granted, &path), start)));
        }
        for download in running {
            asking.push(Box::pin(cut_off(download, start)));
        }
        let (revoked, refused) = tokio::join!(revoked, try_join_all(asking));
        Ok((revoked?, refused?))
    }

    async fn client(&self) -> Result<Client, Failure> {
        Client::in_session(&self.world.authority, &self.doctor.token).await
    }

    /// A download that has begun.
    async fn begun(&self, path: &str) -> Result<hyper::body::Incoming, Failure> {
        let answer = self.client().await?.open(path).await?;
        if answer.status() != StatusCode::OK {
            return Err(wrong(format!("a download was answered {}", answer.status())));
        }
        let mut body = answer.into_body();
        match body.frame().await {
            Some(Ok(_)) => Ok(body),
            _ => Err(wrong("a download did not begin")),
        }
    }

    /// Ask one door until it refuses.
    async fn ask(
        &self,
        door: usize,
        mut client: Client,
        (granted, path): (&str, &str),
        start: Instant,
    ) -> Result<Duration, Failure> {
        while start.elapsed() < PATIENCE {
            if self.refuses(door, &mut client, (granted, path)).await? {
                return Ok(start.elapsed());
            }
        }
        let name = DOORS.get(door).copied().unwrap_or_default();
        Err(wrong(format!("`{name}` did not refuse after the revocation")))
    }

    async fn refuses(
        &self,
        door: usize,
        client: &mut Client,
        (granted, path): (&str, &str),
    ) -> Said {
        let data = self.data;
        let fresh = || self.world.request(&self.doctor, data.dataset, &[data.small]).0;
        let (method, path, body) = match door {
            0 => ("POST", "/v1/access".to_owned(), Some(body_of(&fresh()))),
            1 => ("POST", "/v1/access".to_owned(), Some(granted.to_owned())),
            2 => ("POST", "/v1/access/preview".to_owned(), Some(body_of(&fresh()))),
            3 => {
                let (status, _) = client.first_byte(path).await?;
                return refused(status, StatusCode::PARTIAL_CONTENT, &Value::Null);
            }
            4 => ("GET", format!("/v1/datasets/{}/records?purpose=treatment", data.dataset), None),
            5 => (
                "POST",
                "/access/v1/evaluation".to_owned(),
                Some(self.question(&signed_parts(&fresh()))),
            ),
            6 => {
                let one = self.question(&signed_parts(&fresh()));
                let several = format!("{{\"evaluations\":[{one}]}}");
                ("POST", "/access/v1/evaluations".to_owned(), Some(several))
            }
            _ => {
                let asked = self.question("\"purpose\":\"treatment\"");
                ("POST", "/access/v1/search/resource".to_owned(), Some(asked))
            }
        };
        let (status, answer) = client.call(method, &path, body).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if door < 2 {
            return refused(status, StatusCode::OK, &answer);
        }
        let empty =
            |list: &str| answer.get(list).and_then(Value::as_array).is_none_or(Vec::is_empty);
        match (status, door) {
            (StatusCode::OK, 2) => Ok(answer.get("verdict") != Some(&json!("allow"))),
            (StatusCode::OK, 4) => Ok(empty("records")),
            (StatusCode::OK, 5) => Ok(answer.get("decision") == Some(&json!(false))),
            (StatusCode::OK, 6) => {
                Ok(answer.pointer("/evaluations/0/decision") == Some(&json!(false)))
            }
            (StatusCode::OK, _) => Ok(empty("results")),
            (status, _) => refused(status, StatusCode::OK, &answer),
        }
    }

    /// A question of AuthZEN about the small record, or about all of a dataset's.
    fn question(&self, context: &str) -> String {
        let subject = self.doctor.identity.member();
        let (record, dataset) = (self.data.small, self.data.dataset);
        format!(
            "{{\"subject\":{{\"type\":\"member\",\"id\":\"{subject}\"}},\"action\":{{\"name\":\"read\"}},\"resource\":{{\"type\":\"record\",\"id\":\"{record}\",\"properties\":{{\"dataset\":\"{dataset}\"}}}},\"context\":{{{context}}}}}"
        )
    }
}

fn expect_ok(status: StatusCode, body: &[u8]) -> Result<(), Failure> {
    match status {
        StatusCode::OK => Ok(()),
        status => Err(wrong(format!("{status}: {}", String::from_utf8_lossy(body)))),
    }
}

/// Refused for want of consent; an overload or a fault is no refusal.
fn refused(status: StatusCode, allowed: StatusCode, answer: &Value) -> Said {
    match status {
        status if status == allowed => Ok(false),
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Ok(true),
        status => Err(wrong(format!("a door answered {status}: {answer}"))),
    }
}

/// Take what comes, as fast as it comes, until the node breaks off.
async fn cut_off(mut download: hyper::body::Incoming, start: Instant) -> Result<Duration, Failure> {
    loop {
        match download.frame().await {
            Some(Ok(_)) if start.elapsed() < PATIENCE => {}
            Some(Err(_)) => return Ok(start.elapsed()),
            _ => {
                return Err(wrong(
                    "a download went on after the revocation, or was over before it",
                ));
            }
        }
    }
}
