//! What happens, as it happens: server-sent events of what concerns the caller. The id of an event is its index in the log,
//! so that a client that comes back with `Last-Event-ID` misses nothing and gets nothing twice.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use secnet_app::{AccessError, Affair};
use serde_json::{Value, json};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::http::effects::shown;
use crate::places::Place;
use crate::{Gateway, Problem};

/// Streams at once.
pub(crate) const MAX_FEEDS: usize = 4096;
/// Of those for one member.
pub(crate) const MAX_FEEDS_PER_MEMBER: usize = 4;
/// How far back in the log a stream can begin, in events.
const MAX_BEHIND: u64 = 65_536;
/// After so long without an event a line shows that the stream is alive.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// Where a stream goes on.
pub(crate) const LAST_EVENT_ID: &str = "last-event-id";

/// One event of a stream, as a reader of `text/event-stream` sees it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape, for the document")]
pub(crate) struct StreamEvent {
    /// Give it as `last-event-id` to go on after this one.
    id: String,
    /// A JSON object `{event, time, effects}`.
    data: String,
}

/// One stream.
struct Feed {
    gateway: Arc<Gateway>,
    caller: Caller,
    /// Changes when any session is ended.
    ended: watch::Receiver<u64>,
    /// The next event to look at.
    next: u64,
    /// The place it takes among all streams.
    _place: Place,
}

/// What concerns the caller, from now on or from `Last-Event-ID` on: asks to it and answers to its asks, decisions on its data
/// and on its requests, holds, grants and their ends, delegations, its keys. `data` is a JSON object `{event, time, effects}`, an
/// effect as `docs/spec/http.md` says. The stream ends with the session or the key that opened it.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(("last-event-id" = Option<u64>, Header, description = "The `id` that came last.")),
    responses(
        (status = 200, description = "The stream, event by event.", body = StreamEvent, content_type = "text/event-stream"),
        (status = 410, description = "That event is too far back: read `/v1/history` and `/v1/inbox`, then begin anew.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn events(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Box<Problem>> {
    let place = gateway.feeds.take(caller.member).ok_or_else(Problem::too_often)?;
    let size = gateway.pdc.view(|view| view.log_size).ok_or_else(Problem::busy)?;
    let next = match headers.get(LAST_EVENT_ID) {
        None => size,
        Some(last) => resumed(last, size)?,
    };
    let ended = gateway.sessions.watch();
    let feed = Feed { gateway, caller, ended, next, _place: place };
    // Said at once, so that also a client that is cut off before the first event knows where to go on.
    let first = Bytes::from(feed.position());
    let rest = futures::stream::try_unfold(feed, Feed::step);
    let all = futures::StreamExt::chain(futures::stream::iter([Ok(first)]), rest);
    let mut response = Response::new(Body::from_stream(all));
    let own = response.headers_mut();
    own.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    own.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The event after the last one that the client has seen.
pub(crate) fn resumed(last: &HeaderValue, size: u64) -> Result<u64, Box<Problem>> {
    let last = last.to_str().ok().and_then(|last| last.parse::<u64>().ok());
    let next = last.and_then(|last| last.checked_add(1)).filter(|next| *next <= size);
    let next = next.ok_or_else(|| Problem::malformed("`last-event-id` is no event of this log"))?;
    if size.saturating_sub(next) > MAX_BEHIND {
        let hint = "read /v1/history and /v1/inbox, then open the stream without Last-Event-ID";
        let detail = format!("more than {MAX_BEHIND} events have happened since");
        return Err(Problem::new(StatusCode::GONE, "too-far-behind", detail, hint));
    }
    Ok(next)
}

impl Feed {
    /// The next bytes; none if the stream is over.
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, AccessError> {
        loop {
            // Asked before anything is read: what is over sees nothing more.
            if !self.gateway.goes_on(&self.caller) {
                return Ok(None);
            }
            let page = self.gateway.pdc.affairs(self.caller.member, self.next).await?;
            let at_the_end = page.next == self.next;
            self.next = page.next;
            if !page.affairs.is_empty() {
                let text: String = page.affairs.iter().map(told).collect();
                return Ok(Some((Bytes::from(text), self)));
            }
            if at_the_end && self.wait().await? {
                return Ok(Some((Bytes::from(self.position()), self)));
            }
        }
    }

    /// Until something happens, or nothing did for so long that it is time for a sign of life.
    async fn wait(&mut self) -> Result<bool, AccessError> {
        tokio::select! {
            grown = self.gateway.pdc.log.grown(self.next) => {
                grown?;
                Ok(false)
            }
            // The sender lives as long as the gateway, which the stream holds.
            _ = self.ended.changed() => Ok(false),
            () = tokio::time::sleep(HEARTBEAT) => Ok(true),
        }
    }

    /// A comment that shows that the stream is alive, and where to go on: events that are not the client's concern do not
    /// leave it behind.
    fn position(&self) -> String {
        match self.next.checked_sub(1) {
            Some(last) => format!(": here\nid: {last}\n\n"),
            None => ": here\n\n".into(),
        }
    }
}

fn told(affair: &Affair) -> String {
    let Affair { event, time, effects } = affair;
    let effects: Vec<Value> = effects.iter().filter_map(shown).collect();
    let data = json!({ "event": event, "time": time.to_string(), "effects": effects });
    format!("id: {event}\ndata: {data}\n\n")
}
