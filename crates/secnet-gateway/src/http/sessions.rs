//! Sessions: opened by a signed call, used with a token.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Token};
use crate::{Gateway, Problem};

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

/// Open a session. The call must be signed; what is signed within the session must be signed by the same key.
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions", responses(
    (status = 201, description = "It is open.", body = Opened),
    (status = "default", description = "A problem.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn open(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], JsonAnswer<Opened>), Box<Problem>> {
    caller.must_sign()?;
    let mut secret = [0; 32];
    gateway.pdc.entropy.fill(&mut secret);
    let token = Token::new(&secret);
    let now = gateway.pdc.clock.now();
    let until = gateway.sessions.open((caller.member, caller.key), &token, now);
    let until = until.ok_or_else(Problem::busy)?;
    let opened = Opened {
        token: token.reveal().to_owned(),
        until: until.to_string(),
        member: caller.member.to_string(),
    };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], JsonAnswer(opened)))
}

/// End all sessions that were opened with the key of this call or session.
#[utoipa::path(delete, path = "/v1/sessions", tag = "sessions", responses(
    (status = 204, description = "They are ended."),
    (status = "default", description = "A problem.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn end(State(gateway): State<Arc<Gateway>>, caller: Caller) -> StatusCode {
    gateway.sessions.end(caller.member, caller.key);
    StatusCode::NO_CONTENT
}
