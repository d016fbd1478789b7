//! What happens, as it happens: server-sent events of what concerns the caller. The id of an event is its index in the log,
//! so that a client that comes back with `Last-Event-ID` misses nothing and gets nothing twice.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use secnet_app::{AccessError, Affair};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::auth::Caller;
use crate::http::effects::shown;
use crate::http::stream::{HEARTBEAT, StreamEvent, answer, beginning, position};
use crate::places::Place;
use crate::{Gateway, Problem};

/// Streams at once.
pub(crate) const MAX_FEEDS: usize = 4096;
/// Of those for one member.
pub(crate) const MAX_FEEDS_PER_MEMBER: usize = 4;

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
    let next = beginning(&headers, size)?;
    let ended = gateway.sessions.watch();
    let feed = Feed { gateway, caller, ended, next, _place: place };
    Ok(answer(next, futures::stream::try_unfold(feed, Feed::step)))
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
                return Ok(Some((position(self.next), self)));
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
}

fn told(affair: &Affair) -> String {
    let Affair { event, time, effects } = affair;
    let effects: Vec<Value> = effects.iter().filter_map(shown).collect();
    let data = json!({ "event": event, "time": time.to_string(), "effects": effects });
    format!("id: {event}\ndata: {data}\n\n")
}
