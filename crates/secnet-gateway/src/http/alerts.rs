//! What the administrators of a node are told: requests that are held, stopped by guard or rule, or fail because something is
//! broken, and how the node itself is. As webhooks are told, as a stream.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use secnet_app::{AccessError, Alert, AlertKind, Pdc};
use secnet_types::{Event, MemberId, ReasonClass, decode, limits};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::auth::Caller;
use crate::http::stream::{HEARTBEAT, StreamEvent, answer, beginning, position};
use crate::places::Place;
use crate::{Gateway, Problem};

/// Events of the log looked at at once.
const MAX_LOOKED_AT: usize = 256;

/// What administrators of this data centre are told of an event: of what it has decided itself, and of whatever is decided on datasets
/// that are at it. The log of a network has the decisions of all others as well.
///
/// # Errors
/// The log cannot be read.
pub async fn alerts_of(pdc: &Pdc, index: u64, event: &Event) -> Result<Vec<Value>, AccessError> {
    let alerts = pdc.alerts(index, event).await?;
    Ok(alerts.iter().map(|(alert, incident)| told(alert, *incident)).collect())
}

/// An alert, and the incident that it belongs to.
fn told(alert: &Alert, incident: Option<u64>) -> Value {
    let mut told = json!({
        "event": alert.event, "time": alert.at.to_string(), "kind": alert.kind.as_str(),
        "dataset": alert.dataset.to_string(), "requester": alert.requester.to_string(),
    });
    let answer_by = alert.answer_by.map(|at| at.to_string());
    let more = match alert.kind {
        AlertKind::Flood => json!({ "count": alert.requests }),
        AlertKind::Held | AlertKind::Stopped | AlertKind::Broken => json!({
            "reason": alert.reason.map(ReasonClass::as_str),
            "decision": alert.decision.map(|id| id.to_string()),
            "request": alert.request.map(|id| id.to_string()), "answer_by": answer_by,
        }),
    };
    if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
        told.extend(more);
        told.extend(incident.map(|incident| ("incident".to_owned(), incident.into())));
    }
    told
}

/// One stream.
struct Feed {
    gateway: Arc<Gateway>,
    caller: Caller,
    /// Changes when any session is ended.
    ended: watch::Receiver<u64>,
    /// Changes when the node says something of itself.
    said: watch::Receiver<u64>,
    /// Changes when others are told.
    administrators: watch::Receiver<BTreeSet<MemberId>>,
    /// The next event to look at.
    next: u64,
    /// The next of the node's own alerts.
    next_own: u64,
    /// The place it takes among all streams.
    _place: Place,
}

/// What the administrators of this node are told, of its own data centre alone, from now on or from `Last-Event-ID` on; for members that the node's
/// configuration names. `data` is a JSON object: of a request that is held, that guard or rules have stopped, or that failed
/// because something is broken, `{event, time, kind, reason, decision, dataset, requester, request, answer_by, incident}`, with the index of
/// the event in the log as `id`; of refusals that are only counted `{event, time, kind, dataset, requester, count, incident}`; of the node itself, and of what looks irregular on the ledger, `{alert, time, kind, said, do, finding?}`,
/// without an `id`, those since its start first.
/// The stream ends with the session or the key that opened it, and when the caller is an administrator no more.
#[utoipa::path(get, path = "/v1/alerts", tag = "events",
    params(("last-event-id" = Option<u64>, Header, description = "The `id` that came last.")),
    responses(
        (status = 200, description = "The stream, alert by alert.", body = StreamEvent, content_type = "text/event-stream"),
        (status = 404, description = "The caller is none of those who are told.", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "That event is too far back: begin anew.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn alerts(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Box<Problem>> {
    gateway.administers(&caller)?;
    let place = gateway.feeds.take(caller.member).ok_or_else(Problem::too_often)?;
    let size = gateway.pdc.view(|view| view.log_size).ok_or_else(Problem::busy)?;
    let next = beginning(&headers, size)?;
    let (ended, said) = (gateway.sessions.watch(), gateway.bulletin.watch());
    let administrators = gateway.watch_administrators();
    let feed =
        Feed { gateway, caller, ended, said, administrators, next, next_own: 0, _place: place };
    Ok(answer(next, futures::stream::try_unfold(feed, Feed::step)))
}

impl Feed {
    /// The next bytes; none if the stream is over.
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, AccessError> {
        loop {
            // Asked before anything is read: what is over sees nothing more.
            let is_told = self.gateway.administers(&self.caller).is_ok();
            if !is_told || !self.gateway.goes_on(&self.caller) {
                return Ok(None);
            }
            self.said.mark_unchanged();
            let (own, next_own) = self.gateway.bulletin.from(self.next_own);
            self.next_own = next_own;
            let mut text: String = own.iter().map(|alert| format!("data: {alert}\n\n")).collect();
            let events = self.gateway.pdc.log.events(self.next, MAX_LOOKED_AT).await?;
            let at_the_end = events.is_empty();
            for (index, bytes) in events {
                let event = decode::<Event>("event", &bytes, limits::MAX_EVENT_BYTES);
                let event = event.map_err(|error| AccessError::Damaged(error.to_string()))?;
                let alerts = alerts_of(&self.gateway.pdc, index, &event).await?;
                text.extend(alerts.iter().map(|alert| format!("id: {index}\ndata: {alert}\n\n")));
                self.next = index.saturating_add(1);
            }
            if !text.is_empty() {
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
            // The senders live as long as the gateway, which the stream holds.
            _ = self.ended.changed() => Ok(false),
            _ = self.said.changed() => Ok(false),
            _ = self.administrators.changed() => Ok(false),
            () = tokio::time::sleep(HEARTBEAT) => Ok(true),
        }
    }
}
