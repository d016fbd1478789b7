//! Who calls: by an HTTP message signature (RFC 9421) over this very call, or by a short session that was opened with one.

mod nonces;
mod sessions;
mod signature;
mod signing;
mod source;

use core::net::IpAddr;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secnet_crypto::sign::verify_zip215;
use secnet_types::{Digest, MemberId, Timestamp};
use std::sync::Arc;

pub(crate) use nonces::Nonces;
pub(crate) use sessions::{Sessions, Token};
pub(crate) use signature::{MAX_SKEW_MS, SignatureError};
pub use signing::{Call, CallSignature, sign_call};
pub(crate) use source::Peer;
pub use source::{ForwardedBy, Proxies};

use crate::body::Expected;
use crate::{Gateway, Problem};

/// Whoever makes a call, and has shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The member.
    pub member: MemberId,
    /// The key that showed it: the member's own, or one it delegated on the ledger. What is signed within the call must be
    /// signed by this key too.
    pub key: [u8; 32],
    /// The session that the call is made in, by its token's digest; none if this very call has been signed.
    pub session: Option<Digest>,
    /// Where the call comes from; none if that is not known.
    pub source: Option<IpAddr>,
}

impl Caller {
    /// A session will not do for this call.
    pub(crate) fn must_sign(&self) -> Result<(), Box<Problem>> {
        if self.session.is_none() {
            return Ok(());
        }
        let hint = "sign this call with the key that opened the session";
        let detail = "a session is not enough for this";
        Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "must-be-signed", detail, hint))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Box<Problem>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Box<Problem>> {
        parts.extensions.get::<Self>().copied().ok_or_else(Problem::unauthenticated)
    }
}

/// Lets nobody through who has not shown who it is, and nobody too often.
pub(crate) async fn authenticate(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match caller(&gateway, &mut parts) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let Some(_place) = gateway.calls.take(caller.member) else {
        return Problem::busy().into_response();
    };
    parts.extensions.insert(caller);
    next.run(Request::from_parts(parts, body)).await
}

fn caller(gateway: &Gateway, parts: &mut Parts) -> Result<Caller, Box<Problem>> {
    let (now, source) = (gateway.pdc.clock.now(), gateway.proxies.source_of(parts)?);
    if let Some(value) = parts.headers.get(AUTHORIZATION) {
        let token = value.to_str().ok().and_then(Token::from_header);
        let token = token.ok_or_else(Problem::unauthenticated)?;
        let found = gateway.sessions.find(&token, now);
        let (member, key) = found.ok_or_else(Problem::unauthenticated)?;
        let caller = Caller { member, key, session: Some(token.digest()), source };
        if !gateway.holds(&caller, now) {
            return Err(Problem::unauthenticated());
        }
        return gateway.not_too_often(caller, now);
    }
    let read = signature::read(parts, now);
    let signed = read.map_err(|error| match error {
        SignatureError::None => Problem::unauthenticated(),
        error => Problem::new(
            axum::http::StatusCode::UNAUTHORIZED,
            "bad-signature",
            error.to_string(),
            "see the guide on signing calls; nothing was changed",
        ),
    })?;
    let key = signed.session_key.or_else(|| gateway.key_of(signed.member));
    let key = key.ok_or_else(Problem::unauthenticated)?;
    let caller = Caller { member: signed.member, key, session: None, source };
    let genuine = gateway.holds(&caller, now)
        && verify_zip215(&caller.key, signed.base.as_bytes(), &signed.signature);
    if !genuine {
        return Err(Problem::unauthenticated());
    }
    // A call that is sent again counts for nothing, and one that comes too often takes no room among those remembered.
    if !gateway.nonces.could_be_new(caller.member, &signed.nonce, signed.created) {
        return Err(Problem::unauthenticated());
    }
    let caller = gateway.not_too_often(caller, now)?;
    match gateway.nonces.first_time(caller.member, &signed.nonce, now) {
        Some(true) => {}
        Some(false) => return Err(Problem::unauthenticated()),
        None => return Err(Problem::busy()),
    }
    if let Some(digest) = signed.content_digest {
        parts.extensions.insert(Expected(digest));
    }
    Ok(caller)
}

impl Gateway {
    fn not_too_often(&self, caller: Caller, now: Timestamp) -> Result<Caller, Box<Problem>> {
        if self.rates.may_call(caller.member, now) { Ok(caller) } else { Err(Problem::too_often()) }
    }
}
