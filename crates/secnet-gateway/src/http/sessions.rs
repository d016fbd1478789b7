//! Sessions: opened by a signed call, used with a token.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Token};
use crate::{Gateway, Problem};

/// The header by which a call that is made again is known.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Shortest and longest value of it, in bytes.
const KEY_LENGTH: core::ops::RangeInclusive<usize> = 16..=128;

/// An open session.
#[derive(Serialize, ToSchema)]
pub(crate) struct Opened {
    /// Send it as `Authorization: Bearer ...`. It is shown once.
    token: String,
    /// Until when it lasts.
    until: String,
    /// As whom it reads.
    member: String,
}

/// Open a session. The call must be signed; what is signed within the session must be signed by the same key. Made again by
/// the same key with the same `Idempotency-Key`, it is answered the same as long as the session is open.
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions",
    params(("idempotency-key" = Option<String>, Header, description = "16 to 128 visible characters, random, of this call alone.", min_length = 16, max_length = 128, pattern = "^[!-~]*$")),
    responses(
        (status = 201, description = "It is open.", body = Opened),
        (status = 403, description = "A session is not enough for this.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn open(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], JsonAnswer<Opened>), Box<Problem>> {
    caller.must_sign()?;
    let call = headers.get(IDEMPOTENCY_KEY).map(idempotency_key).transpose()?;
    let mut secret = [0; 32];
    gateway.pdc.entropy.fill(&mut secret);
    let (who, now) = ((caller.member, caller.key), gateway.pdc.clock.now());
    let opened = match call {
        Some(call) => gateway.sessions.open_once(who, (call, secret), now),
        None => {
            let token = Token::new(&secret);
            gateway.sessions.open(who, &token, now).map(|until| (token, until))
        }
    };
    let (token, until) = opened.ok_or_else(Problem::busy)?;
    let opened = Opened {
        token: token.reveal().to_owned(),
        until: until.to_string(),
        member: caller.member.to_string(),
    };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], JsonAnswer(opened)))
}

fn idempotency_key(value: &HeaderValue) -> Result<&str, Box<Problem>> {
    let visible = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let key = value.to_str().ok().filter(visible).filter(|key| KEY_LENGTH.contains(&key.len()));
    key.ok_or_else(|| Problem::malformed("`idempotency-key` is not 16 to 128 visible characters"))
}

/// End all sessions that were opened with the key of this call or session.
#[utoipa::path(delete, path = "/v1/sessions", tag = "sessions", responses(
    (status = 204, description = "They are ended."),
))]
pub(crate) async fn end(State(gateway): State<Arc<Gateway>>, caller: Caller) -> StatusCode {
    gateway.sessions.end(caller.member, caller.key);
    StatusCode::NO_CONTENT
}
