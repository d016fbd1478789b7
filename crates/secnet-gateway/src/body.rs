//! Bodies of calls: never longer than they may be, never slower, and the ones that were signed.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::Problem;

/// Longest JSON body, in bytes.
pub(crate) const MAX_JSON_BYTES: usize = 4 * 1024 * 1024;
/// How long a whole JSON body may take.
const JSON_TIME: Duration = Duration::from_secs(10);
/// The same where longer ones are taken.
const LONG_JSON_TIME: Duration = Duration::from_secs(60);

/// The SHA-256 that the caller has signed for the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected(pub [u8; 32]);

/// A JSON body of at most so many bytes, strictly read.
#[derive(Debug)]
pub(crate) struct Json<T, const MAX: usize = MAX_JSON_BYTES>(pub T);

impl<T: DeserializeOwned, S: Sync, const MAX: usize> FromRequest<S> for Json<T, MAX> {
    type Rejection = Box<Problem>;

    async fn from_request(request: Request, _: &S) -> Result<Self, Box<Problem>> {
        let (parts, body) = request.into_parts();
        of_type(&parts, "application/json")?;
        let time = if MAX > MAX_JSON_BYTES { LONG_JSON_TIME } else { JSON_TIME };
        let bytes = collect(&parts, body, MAX, time).await?;
        // A list of the values in the order of the fields would do as well for the parser, and for no reader.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Problem::malformed("the body is not a JSON object"));
        }
        let value = serde_json::from_slice(&bytes);
        value.map(Self).map_err(|error| Problem::malformed(format!("the body: {error}")))
    }
}

/// The body must be of this type, and not compressed: what a small body unpacks to has no limit.
pub(crate) fn of_type(parts: &Parts, wanted: &str) -> Result<(), Box<Problem>> {
    let unsupported = |detail: String| {
        let hint = "send the body plain, with the content type that /openapi.json names";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail, hint)
    };
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Err(unsupported("compressed bodies are not taken".into()));
    }
    let given = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|given| given.split(';').next()).map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    Err(unsupported(format!("the body must be {wanted}")))
}

/// The whole body, at most `limit` bytes of it, within `time`, and with the digest that was signed.
pub(crate) async fn collect(
    parts: &Parts,
    body: Body,
    limit: usize,
    time: Duration,
) -> Result<Bytes, Box<Problem>> {
    let collected = tokio::time::timeout(time, frames(body, limit)).await;
    let bytes = collected.map_err(|_| too_slow())??;
    match parts.extensions.get::<Expected>() {
        Some(Expected(digest)) if Sha256::digest(&bytes).as_slice() != digest => {
            Err(wrong_digest())
        }
        _ => Ok(bytes),
    }
}

/// The body did not come in time.
pub(crate) fn too_slow() -> Box<Problem> {
    let hint = "send it at once, over a faster connection";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the body took too long", hint)
}

/// What arrived is not what was signed.
pub(crate) fn wrong_digest() -> Box<Problem> {
    Problem::malformed("the body is not the one whose digest was signed")
}

/// The body is longer than it may be.
pub(crate) fn too_long(limit: u64) -> Box<Problem> {
    let hint = "split it; /openapi.json names the limits";
    let detail = format!("the body is longer than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail, hint)
}

async fn frames(mut body: Body, limit: usize) -> Result<Bytes, Box<Problem>> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::malformed("the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > limit {
            return Err(too_long(limit as u64));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
