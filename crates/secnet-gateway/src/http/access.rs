//! Access requests: asked, decided, recorded, and only then answered with what opens the records.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use secnet_app::ports::VaultError;
use secnet_app::{AccessCall, AccessError, Door, Granted, Outcome, Preview};
use secnet_types::{AccessRequest, RecordId, RequestId, Signed, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::body::Json;
use crate::http::commands::other_key;
use crate::http::query::AtBoth;
use crate::http::released::Released;
use crate::http::shapes::Refused;
use crate::metrics::Decided;
use crate::{Gateway, Problem};

/// Ciphertext read at once, in bytes. Consent is asked again before each piece.
const PIECE: u64 = 1024 * 1024;

/// A signed access request with what it commits to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessBody {
    /// The request: a COSE_Sign1, as `docs/spec/requests.md` says. Its id makes it idempotent.
    request: Base64,
    /// The detail that the request commits to, CBOR: action, purpose, scope.
    detail: Base64,
    /// The X-Wing public key that key parts are to be sealed to.
    receiving_key: Base64,
    /// Put the ciphertext into the answer, as far as it is short.
    #[serde(default)]
    inline: bool,
}

/// Ask for data. Whatever is decided is on the ledger before this is answered.
#[utoipa::path(post, path = "/v1/access", tag = "access", request_body = AccessBody, responses(
    (status = 200, description = "Allowed, and paid.", body = Released),
    (status = 202, description = "Held: send the same request again when the owner has answered.", body = Refused),
    (status = 403, description = "Denied, for good or until a fresh proof (`step-up`); or made by another key than the call.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is nothing that the caller may know of, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The request is over, or its id was used for another one.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn access(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<AccessBody>,
) -> Result<Response, Box<Problem>> {
    let inline = body.inline;
    let call = body.parse(&caller)?;
    match gateway.pdc.access(&call).await? {
        Outcome::Released(delivery) => {
            let released = gateway.released(*delivery, inline).await?;
            let answer = ([(CACHE_CONTROL, "no-store")], released).into_response();
            Ok(decided(answer, "allow", String::new()))
        }
        Outcome::Projected(projected) => {
            let released = gateway.released_fields(*projected);
            let answer = ([(CACHE_CONTROL, "no-store")], released).into_response();
            Ok(decided(answer, "allow", String::new()))
        }
        Outcome::Held(refusal) => {
            let refused = Refused::from(&*refusal);
            let reason = refused.reason.clone();
            let answer = (StatusCode::ACCEPTED, JsonAnswer(refused)).into_response();
            Ok(decided(answer, "hold", reason))
        }
        Outcome::Denied(refusal) => Err(Problem::refused(&refusal)),
        Outcome::NotVisible => Err(Problem::not_visible()),
    }
}

/// For whoever counts.
fn decided(mut answer: Response, verdict: &'static str, reason: String) -> Response {
    answer.extensions_mut().insert(Decided(verdict, reason));
    answer
}

/// What would become of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Previewed {
    /// Always true: nothing was decided, charged or released.
    preview: bool,
    /// `allow`, `hold` or `deny`.
    verdict: &'static str,
    /// The request has been decided already: a retry gets this again.
    decided: bool,
    /// What it would cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    /// The records that would be released.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<String>>,
    /// Only these fields of them; absent for whole records.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<String>>,
    /// What kind of reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// What a request would be answered, without deciding, charging or releasing anything. A member has 120 previews a minute, and
/// the owner can see that there were any.
#[utoipa::path(post, path = "/v1/access/preview", tag = "access", request_body = AccessBody, responses(
    (status = 200, description = "What would become of it.", body = Previewed),
    (status = 403, description = "Made by another key than the call.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is nothing that the caller may know of, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The request is over, or its id was used for another one.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn preview(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<AccessBody>,
) -> Result<JsonAnswer<Previewed>, Box<Problem>> {
    let call = body.parse(&caller)?;
    previewed(gateway.pdc.preview_at_door(&call).await?).map(JsonAnswer)
}

/// The ciphertext of a record that a request was granted. Consent is asked again before every piece: a revocation breaks
/// a download off.
#[utoipa::path(get, path = "/v1/access/{request}/records/{record}", tag = "access",
    params(
        ("request" = String, Path, description = "The request's id."),
        ("record" = String, Path, description = "The record's id."),
        ("range" = Option<String>, Header, description = "One range of bytes, such as `bytes=0-65535`."),
    ),
    responses(
        (status = 200, description = "All of it.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The range.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 403, description = "It is not released any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nothing that the caller was granted; send the request again if it was.", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range is not in it.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn download(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    AtBoth(request, record): AtBoth<RequestId, RecordId>,
    headers: HeaderMap,
) -> Result<Response, Box<Problem>> {
    let Some(granted) = gateway.deliveries.find(caller.member, request) else {
        gateway.pdc.request_not_elsewhere(caller.member, request)?;
        return Err(Problem::not_visible());
    };
    let length = gateway.pdc.ciphertext_len(&granted, record).await?;
    let range = match headers.get(RANGE) {
        None => None,
        Some(range) => wanted(range, length)?,
    };
    let (start, end) = range.unwrap_or((0, length));
    let first = piece(&gateway, &granted, record, (start, end)).await?;
    let body = Body::from_stream(pieces(gateway, granted, record, (start, end), first));
    let mut response = Response::new(body);
    let own = response.headers_mut();
    own.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    own.insert(CONTENT_LENGTH, HeaderValue::from(end.saturating_sub(start)));
    own.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    own.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if range.is_some() {
        let shown = format!("bytes {start}-{}/{length}", end.saturating_sub(1));
        own.extend(HeaderValue::try_from(shown).ok().map(|shown| (CONTENT_RANGE, shown)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// One piece, from the start of a range.
async fn piece(
    gateway: &Gateway,
    granted: &Granted,
    record: RecordId,
    (start, end): (u64, u64),
) -> Result<Bytes, AccessError> {
    let stop = end.min(start.saturating_add(PIECE));
    gateway.pdc.ciphertext_part(granted, record, start..stop).await
}

/// The first piece, then the others as the connection takes them. While one is sent the next is read; consent is asked before
/// it is read, and once more before it leaves.
fn pieces(
    gateway: Arc<Gateway>,
    granted: Arc<Granted>,
    record: RecordId,
    (start, end): (u64, u64),
    first: Bytes,
) -> impl futures::Stream<Item = Result<Bytes, AccessError>> {
    let ahead = move |start: u64| {
        let (gateway, granted) = (Arc::clone(&gateway), Arc::clone(&granted));
        let reading = async move {
            let bytes = piece(&gateway, &granted, record, (start, end)).await?;
            Ok::<_, AccessError>((bytes, gateway, granted))
        };
        (start < end).then(|| tokio::spawn(reading))
    };
    let second = start.saturating_add(first.len() as u64);
    let begun = (second, Some(first), ahead(second));
    futures::stream::try_unfold(begun, move |(next, ready, reading)| {
        let ahead = ahead.clone();
        async move {
            if let Some(bytes) = ready {
                return Ok::<_, AccessError>(Some((bytes, (next, None, reading))));
            }
            let Some(reading) = reading else { return Ok(None) };
            let read = reading.await.map_err(|error| VaultError::Storage(error.to_string()))?;
            let (bytes, gateway, granted) = read?;
            gateway.pdc.still_granted(&granted).await?;
            let next = next.saturating_add(bytes.len() as u64);
            Ok(Some((bytes, (next, None, ahead(next)))))
        }
    })
}

/// The range of bytes that is asked for, end excluded. Of what is not one range of bytes the header says nothing (RFC 9110
/// section 14.2), and all is sent.
fn wanted(range: &HeaderValue, length: u64) -> Result<Option<(u64, u64)>, Box<Problem>> {
    let outside = || {
        let hint = format!("the ciphertext has {length} bytes");
        let detail = "the range is not in the ciphertext";
        Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "bad-range", detail, hint)
    };
    let one = range.to_str().ok().and_then(|range| range.strip_prefix("bytes="));
    let Some((first, last)) = one.and_then(|range| range.split_once('-')) else { return Ok(None) };
    let number = |text: &str| match text {
        "" => Some(None),
        // A number that is too large to be one lies behind every end.
        text if text.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else { return Ok(None) };
    match (first, last) {
        (Some(first), last) if first < length && last.is_none_or(|last| first <= last) => {
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            Ok(Some((first, end)))
        }
        (None, Some(suffix)) if suffix > 0 && length > 0 => {
            Ok(Some((length.saturating_sub(suffix), length)))
        }
        (None, None) => Ok(None),
        _ => Err(outside()),
    }
}

impl AccessBody {
    fn parse(self, caller: &Caller) -> Result<AccessCall, Box<Problem>> {
        let request = Signed::<AccessRequest>::parse(&self.request.0)
            .map_err(|error| Problem::malformed(format!("the request: {error}")))?;
        if (request.value.requester, request.envelope.key) != (caller.member, caller.key) {
            return Err(other_key());
        }
        Ok(AccessCall {
            request: self.request.0,
            detail: self.detail.0,
            receiving_key: self.receiving_key.0,
            door: Door::Http,
            source: caller.source,
        })
    }
}

fn previewed(preview: Preview) -> Result<Previewed, Box<Problem>> {
    let mut answer = Previewed {
        preview: true,
        verdict: "deny",
        decided: false,
        price: None,
        records: None,
        fields: None,
        reason: None,
        remedy: None,
    };
    match preview {
        Preview::Released { price, records, fields, .. } => {
            answer.fields = fields.map(|fields| fields.into_iter().collect());
            answer.verdict = "allow";
            answer.price = Some(price.to_string());
            answer.records = Some(records.iter().map(ToString::to_string).collect());
        }
        Preview::Held(foreseen) => {
            answer.verdict = "hold";
            answer.reason = Some(foreseen.class.as_str());
            answer.remedy = Some(foreseen.remedy);
        }
        Preview::Denied(foreseen) => {
            answer.reason = Some(foreseen.class.as_str());
            answer.remedy = Some(foreseen.remedy);
        }
        Preview::Decided(verdict) => {
            answer.decided = true;
            answer.verdict = verdict.as_str();
            if let Verdict::Hold { reason, .. } | Verdict::Deny { reason } = verdict {
                answer.reason = Some(reason.as_str());
            }
        }
        Preview::NotVisible => return Err(Problem::not_visible()),
    }
    Ok(answer)
}
