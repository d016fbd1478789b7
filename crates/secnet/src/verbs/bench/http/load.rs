//! Load from another process: the calls are written down beforehand, so that sending them takes little of the processors
//! that the node needs.
//!
//! *Closed loop*: each connection sends its next call when the last one was answered. *Open loop*: calls are due at a fixed
//! rate, whatever becomes of those before; the time counts from when a call was due, not from when there was a connection
//! free to send it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::super::row::Times;
use super::super::{Place, broken, wrong};
use super::beside;
use crate::failure::Failure;
use crate::files;

/// Read at once of an answer, in bytes.
const READ: usize = 256 * 1024;
/// What is shown of an answer that was not expected, in bytes.
const SHOWN: usize = 400;
/// From the start of the child to the first call that is due, so that every connection is there by then.
const HEAD_START: Duration = Duration::from_millis(200);
const PLAN: &str = "plan.json";

/// One call, as it goes over the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Written(String);

impl Written {
    pub(super) fn new(
        (method, path): (&str, &str),
        authority: &str,
        token: Option<&str>,
        body: Option<&str>,
    ) -> Self {
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let length = body.map(|body| {
            format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
        });
        Self(format!(
            "{method} {path} HTTP/1.1\r\nhost: {authority}\r\n{}{}\r\n{}",
            token.unwrap_or_default(),
            length.unwrap_or_default(),
            body.unwrap_or_default()
        ))
    }

    /// In bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What the child does.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    authority: String,
    /// Calls of each connection, in a file of its own. In a closed loop from the beginning again when they are used up.
    connections: usize,
    /// Calls in all.
    calls: usize,
    /// Calls that are due a second; none for a closed loop.
    rate: Option<f64>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Answered {
    /// Calls a second, from the first sent to the last answered.
    pub rate: f64,
    pub times: Times,
    /// Of the answers' bodies, in bytes.
    pub bytes: f64,
    /// In seconds.
    pub took: f64,
}

impl Answered {
    /// Of one answer's body, in bytes.
    pub(super) fn each_bytes(&self) -> usize {
        whole(self.bytes / self.times.len().max(1) as f64)
    }
}

/// A count that was calculated.
#[expect(clippy::cast_possible_truncation, reason = "far below the limit, and never negative")]
pub(super) fn whole(number: f64) -> usize {
    number as usize
}

/// Calls for each connection.
pub(super) struct Load<'a> {
    pub place: &'a Place,
    pub authority: &'a str,
    pub calls: Vec<Vec<Written>>,
}

impl Load<'_> {
    /// Each connection makes so many calls, one after the other.
    pub(super) async fn closed(&self, each: usize) -> Result<Answered, Failure> {
        self.send(each * self.calls.len(), None).await
    }

    /// So many calls in all, so many a second.
    pub(super) async fn open(&self, calls: usize, rate: f64) -> Result<Answered, Failure> {
        self.send(calls, Some(rate)).await
    }

    async fn send(&self, calls: usize, rate: Option<f64>) -> Result<Answered, Failure> {
        let dir = self
            .place
            .dir
            .join(format!("load-{:08x}", u32::from_be_bytes(crate::system::random())));
        files::make_private_dir(&dir)?;
        let connections = self.calls.len();
        let plan = Plan { authority: self.authority.to_owned(), connections, calls, rate };
        write(&dir.join(PLAN), &plan)?;
        for (number, calls) in self.calls.iter().enumerate() {
            write(&calls_file(&dir, number), calls)?;
        }
        let answered = beside("http-load", &dir, self.place.quick).await;
        drop(std::fs::remove_dir_all(&dir));
        let answered = answered?;
        let number = |name: &str| answered.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let times = answered.get("micros").and_then(Value::as_array).into_iter().flatten();
        let times = times.filter_map(Value::as_u64).map(Duration::from_micros).collect();
        let (took, times) = (number("took_s"), Times::new(times));
        Ok(Answered { rate: times.len() as f64 / took, times, bytes: number("bytes"), took })
    }
}

fn calls_file(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("{number}.json"))
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(value).map_err(|error| broken("a plan", &error))?;
    std::fs::write(path, bytes).map_err(|error| Failure::io("write", path, &error))
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| broken("a plan", &error))
}

/// The other process. One thread sends and receives everything.
pub(in super::super) fn child(place: &Place) -> Result<Value, Failure> {
    let plan: Plan = read(&place.dir.join(PLAN))?;
    let calls = (0..plan.connections).map(|number| read(&calls_file(&place.dir, number)));
    let calls: Vec<Vec<Written>> = calls.collect::<Result<_, _>>()?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|e| broken("a runtime", &e))?.block_on(make(&plan, &calls))
        });
        thread.join().unwrap_or_else(|_| Err(wrong("the clients' thread panicked")))
    })
}

async fn make(plan: &Plan, calls: &[Vec<Written>]) -> Result<Value, Failure> {
    let wires = calls.iter().map(|_| Wire::connect(&plan.authority));
    let wires = try_join_all(wires).await?;
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now() + HEAD_START;
    let each = plan.calls / calls.len().max(1);
    let work = wires.into_iter().zip(calls).map(|(wire, calls)| {
        let next = Arc::clone(&next);
        async move {
            match plan.rate {
                None => closed(wire, calls, each, start).await,
                Some(rate) => open(wire, calls, (&next, plan.calls), (start, rate)).await,
            }
        }
    });
    let done = try_join_all(work).await?;
    let took = start.elapsed().as_secs_f64();
    let bytes: u64 = done.iter().map(|(_, bytes)| bytes).sum();
    let micros: Vec<u64> = done.into_iter().flat_map(|(times, _)| times).collect();
    if micros.len() < each * calls.len() {
        return Err(wrong("not all calls were made"));
    }
    Ok(json!({ "took_s": took, "micros": micros, "bytes": bytes }))
}

/// How long each call took, in microseconds, and the bytes of all bodies.
type Timed = (Vec<u64>, u64);

async fn closed(
    mut wire: Wire,
    calls: &[Written],
    each: usize,
    start: Instant,
) -> Result<Timed, Failure> {
    sleep_until(start).await;
    let mut times = Vec::with_capacity(each);
    for call in calls.iter().cycle().take(each) {
        let sent = Instant::now();
        wire.call(call).await?;
        times.push(micros_since(sent));
    }
    Ok((times, wire.bytes))
}

async fn open(
    mut wire: Wire,
    calls: &[Written],
    (next, all): (&AtomicUsize, usize),
    (start, rate): (Instant, f64),
) -> Result<Timed, Failure> {
    let mut times = Vec::new();
    // None is sent twice: what was decided already is answered with less work.
    for call in calls {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= all {
            break;
        }
        let due = start + Duration::from_secs_f64(number as f64 / rate);
        sleep_until(due).await;
        wire.call(call).await?;
        times.push(micros_since(due));
    }
    Ok((times, wire.bytes))
}

fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A kept-alive connection, of which no more is understood than where an answer ends.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Of all bodies so far.
    bytes: u64,
}

impl Wire {
    async fn connect(authority: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(authority).await.map_err(|e| broken("a connection", &e))?;
        stream.set_nodelay(true).map_err(|e| broken("a connection", &e))?;
        Ok(Self { stream, buffer: Vec::with_capacity(READ), bytes: 0 })
    }

    /// Send, and read the whole answer, which must be a success.
    async fn call(&mut self, call: &Written) -> Result<(), Failure> {
        let sent = self.stream.write_all(call.0.as_bytes()).await;
        sent.map_err(|error| broken("a call", &error))?;
        self.buffer.clear();
        let (status, body_at, length) = loop {
            self.more().await?;
            if let Some(head) = head(&self.buffer) {
                break head?;
            }
        };
        let mut left = length.saturating_sub(self.buffer.len().saturating_sub(body_at) as u64);
        if status != 200 {
            let seen =
                String::from_utf8_lossy(&self.buffer).chars().take(SHOWN).collect::<String>();
            return Err(wrong(format!("a call was answered {seen}")));
        }
        while left > 0 {
            self.buffer.clear();
            left = left.saturating_sub(self.more().await? as u64);
        }
        self.bytes = self.bytes.saturating_add(length);
        Ok(())
    }

    async fn more(&mut self) -> Result<usize, Failure> {
        self.buffer.reserve(READ.saturating_sub(self.buffer.len()).max(1));
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(wrong("the connection was closed in the middle of an answer")),
            Ok(read) => Ok(read),
            Err(error) => Err(broken("an answer", &error)),
        }
    }
}

/// Status, where the body begins, and its length; none while the head is not all there.
fn head(bytes: &[u8]) -> Option<Result<(u16, usize, u64), Failure>> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(bytes.get(..end)?).to_ascii_lowercase();
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let length = lines.find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some(match (status, length) {
        (Some(status), Some(length)) => Ok((status, end + 4, length)),
        _ => Err(wrong(format!("an answer has no length: {text}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        assert!(head(b"HTTP/1.1 200 OK\r\ncontent-le").is_none());
        let whole = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\nx: y\r\n\r\nbody";
        let (status, at, length) = head(whole).unwrap().unwrap();
        assert_eq!((status, whole.get(at..), length), (403, Some(b"body".as_slice()), 12));
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").unwrap().is_err());
    }
}
