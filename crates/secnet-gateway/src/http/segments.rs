//! Ciphertext that comes ahead of the command that registers it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use http_body_util::BodyExt as _;
use secnet_app::{Incoming, MAX_SEGMENT_BYTES};
use secnet_crypto::Address;
use sha2::{Digest as _, Sha256};

use crate::auth::Caller;
use crate::body::{Expected, of_type, too_long, too_slow, wrong_digest};
use crate::http::query::At;
use crate::{Gateway, Problem};

/// Segments that are taken in at once; each keeps up to two parts of 8 MiB in memory.
pub(crate) const MAX_INCOMING: usize = 8;
/// Of those for one member.
pub(crate) const MAX_INCOMING_PER_MEMBER: usize = 2;
/// How long a segment may take besides what its length allows.
const BASE_TIME: Duration = Duration::from_secs(60);
/// The slowest pace, in bytes a second.
const MIN_PACE: u64 = 64 * 1024;

/// Store a segment of ciphertext that a later `POST /v1/datasets` of the same member points at. It counts against the
/// member's quota (8 GiB) until a command that points at it is accepted; what none claims within 24 hours is cleared away.
#[utoipa::path(put, path = "/v1/segments/{address}", tag = "datasets",
    params(("address" = String, Path, description = "BLAKE3 of the segment: `b3:` and 64 hexadecimal digits.")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The segment, at most 4 GiB, with a `Content-Length`."),
    responses(
        (status = 204, description = "It is durable."),
        (status = 409, description = "The member's quota is used up.", body = Problem, content_type = "application/problem+json"),
        (status = 411, description = "Its length is not announced.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "It is too long.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn put(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(address): At<Address>,
    request: Request,
) -> Result<StatusCode, Box<Problem>> {
    let (parts, body) = request.into_parts();
    of_type(&parts, "application/octet-stream")?;
    let length = announced(&parts)?;
    let _place = gateway.incoming.take(caller.member).ok_or_else(Problem::busy)?;
    gateway.pdc.clear_ahead().await?;
    let mut incoming = gateway.pdc.begin_segment(caller.member, address, length).await?;
    let time = BASE_TIME.saturating_add(Duration::from_secs(length / MIN_PACE));
    let poured = tokio::time::timeout(time, pour(&parts, body, &mut incoming)).await;
    match poured.unwrap_or_else(|_| Err(too_slow())) {
        Ok(()) => gateway.pdc.finish_segment(incoming).await?,
        Err(problem) => {
            incoming.abort().await?;
            return Err(problem);
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

fn announced(parts: &Parts) -> Result<u64, Box<Problem>> {
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse().ok()).ok_or_else(|| {
        let (detail, hint) = ("the length is not announced", "send a Content-Length, not chunks");
        Problem::new(StatusCode::LENGTH_REQUIRED, "length-required", detail, hint)
    })?;
    if length > MAX_SEGMENT_BYTES { Err(too_long(MAX_SEGMENT_BYTES)) } else { Ok(length) }
}

/// The body into the vault, a frame at a time.
async fn pour(parts: &Parts, mut body: Body, incoming: &mut Incoming) -> Result<(), Box<Problem>> {
    let mut digest = parts.extensions.get::<Expected>().map(|expected| (expected.0, Sha256::new()));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::malformed("the body broke off"))?;
        let Ok(bytes) = frame.into_data() else { continue };
        if let Some((_, digest)) = &mut digest {
            digest.update(&bytes);
        }
        incoming.write(bytes).await?;
    }
    let others = |(expected, digest): ([u8; 32], Sha256)| digest.finalize().as_slice() != expected;
    if digest.is_some_and(others) { Err(wrong_digest()) } else { Ok(()) }
}
