//! What all server-sent streams have in common: where they begin, how they show that they are alive, and their answer.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use secnet_app::AccessError;
use utoipa::ToSchema;

use crate::Problem;

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

/// The event that a stream begins with: the one after the last that the client has seen, or whatever happens next.
pub(crate) fn beginning(headers: &HeaderMap, size: u64) -> Result<u64, Box<Problem>> {
    let Some(last) = headers.get(LAST_EVENT_ID) else { return Ok(size) };
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

/// A comment that shows that the stream is alive, and where to go on: events that are not the client's concern do not leave
/// it behind.
pub(crate) fn position(next: u64) -> Bytes {
    let said = match next.checked_sub(1) {
        Some(last) => format!(": here\nid: {last}\n\n"),
        None => ": here\n\n".into(),
    };
    Bytes::from(said)
}

/// The answer: the position at once, so that also a client that is cut off before the first event knows where to go on;
/// then the rest.
pub(crate) fn answer(
    next: u64,
    rest: impl Stream<Item = Result<Bytes, AccessError>> + Send + 'static,
) -> Response {
    let all = futures::stream::iter([Ok(position(next))]).chain(rest);
    let mut response = Response::new(Body::from_stream(all));
    let own = response.headers_mut();
    own.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    own.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
