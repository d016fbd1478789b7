//! What went wrong, as RFC 9457 says it.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use secnet_app::ports::{ArchiveError, VaultError};
use secnet_app::{AccessError, Refusal};
use secnet_types::ReasonClass;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{Refused, Whereabouts};
use crate::metrics::Decided;

/// Seconds after which whoever was turned away for load may come again.
const RETRY_SECONDS: u32 = 1;

/// A problem document. Its `code` is stable; its sentences may change.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A page about this kind of problem, relative to the node.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A stable word for programs.
    code: String,
    /// What is wrong with this very call.
    detail: String,
    /// What to do about it.
    hint: String,
    /// May the same call succeed a little later?
    retryable: bool,
    /// The decision, if the call was decided on and refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Refused>,
    /// Where the dataset is, if it is at another data centre.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Box<Whereabouts>>,
}

impl Problem {
    /// A problem with a code, a sentence and a hint.
    pub(crate) fn new(
        status: StatusCode,
        code: &str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Box<Self> {
        Box::new(Self {
            kind: format!("/problems/{code}"),
            title: code.replace('-', " "),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            hint: hint.into(),
            retryable: status == StatusCode::SERVICE_UNAVAILABLE
                || status == StatusCode::TOO_MANY_REQUESTS,
            refusal: None,
            place: None,
        })
    }

    /// Something handed in is not well-formed.
    pub(crate) fn malformed(detail: impl Into<String>) -> Box<Self> {
        let hint = "see /openapi.json for what is expected; nothing was changed";
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail, hint)
    }

    /// The one answer to whoever has not shown who it is.
    pub(crate) fn unauthenticated() -> Box<Self> {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "the call is not signed by a current key of an active member, nor made in an open session",
            "sign it as RFC 9421 says, with a fresh nonce and the right time; the key may have been rotated",
        )
    }

    /// The one answer to a question about what the caller may not know of, whether it exists or not.
    pub(crate) fn not_visible() -> Box<Self> {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-visible",
            "there is nothing here that you may know of",
            "check the id, or ask the owner of the data",
        )
    }

    /// There is no such part of a published log.
    pub(crate) fn not_published() -> Box<Self> {
        let detail = "there is no such file of a published log here";
        let hint = "see whether the node publishes its log, and how large /checkpoint says it is";
        Self::new(StatusCode::NOT_FOUND, "not-published", detail, hint)
    }

    /// The node has as much to do as it takes on.
    pub(crate) fn busy() -> Box<Self> {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "the node has as much to do as it takes on",
            "try again in a moment",
        )
    }

    /// The call is for somebody else.
    pub(crate) fn misdirected() -> Box<Self> {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "misdirected",
            "the call is to a name that this node does not answer to, or to none",
            "use one of the node's public names; whoever runs it sets them as `authorities`",
        )
    }

    /// One member calls too often.
    pub(crate) fn too_often() -> Box<Self> {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-often",
            "you call more often than the node allows one member",
            "wait a moment, then call less often",
        )
    }

    /// The refusal of a decided request.
    pub(crate) fn refused(refusal: &Refusal) -> Box<Self> {
        let hint = refusal.remedy.as_str();
        let mut problem = match refusal.class {
            ReasonClass::StepUp => {
                let detail = "the request was refused until a fresh proof of who asks";
                Self::new(StatusCode::FORBIDDEN, "step-up", detail, hint)
            }
            ReasonClass::Throttle => {
                let detail = "the request was refused until some time has passed";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", detail, hint)
            }
            class => {
                let detail = format!("the request was refused, for reasons of {}", class.as_str());
                Self::new(StatusCode::FORBIDDEN, "denied", detail, hint)
            }
        };
        // It has been decided on: only a new request is another one.
        problem.retryable = false;
        problem.refusal = Some(Refused::from(refusal));
        problem
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn sentence(&self) -> String {
        format!("{}; {}", self.detail, self.hint)
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl From<AccessError> for Box<Problem> {
    fn from(error: AccessError) -> Self {
        let (code, hint) = (error.code(), error.hint());
        let status = match code {
            "malformed" | "invalid-command" => StatusCode::BAD_REQUEST,
            "unauthenticated" => return Problem::unauthenticated(),
            "unknown" => return Problem::not_visible(),
            "elsewhere" => StatusCode::MISDIRECTED_REQUEST,
            "busy" | "unavailable" | "disk-full" => StatusCode::SERVICE_UNAVAILABLE,
            "no-such-event" | "no-receipt" => StatusCode::NOT_FOUND,
            "not-entitled" | "not-released" => StatusCode::FORBIDDEN,
            "too-often" => StatusCode::TOO_MANY_REQUESTS,
            "damaged" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::CONFLICT,
        };
        let mut problem = Problem::new(status, code, for_callers(&error), hint);
        problem.retryable = error.retryable();
        if let AccessError::Elsewhere(place) = &error {
            problem.place = Some(Box::new(Whereabouts::from(&**place)));
        }
        problem
    }
}

/// Where the storage is, and what it said, is for whoever runs the node.
fn for_callers(error: &AccessError) -> String {
    let (what, why) = match error {
        AccessError::Vault(VaultError::Storage(why)) => ("the vault's storage failed", why),
        AccessError::Archive(ArchiveError::Storage(why)) => ("the archive's storage failed", why),
        error => return error.to_string(),
    };
    tracing::error!(why, "{what}");
    what.into()
}

impl IntoResponse for Box<Problem> {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        if let Some(refusal) = &self.refusal {
            response.extensions_mut().insert(Decided("deny", refusal.reason.clone()));
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"secnet\""));
        }
        let wait = self.refusal.as_ref().and_then(|refusal| refusal.wait);
        if let Some(seconds) = wait.or(self.retryable.then_some(RETRY_SECONDS)) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        // For whoever has to say it in another way.
        response.extensions_mut().insert(*self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_not_told_where_the_storage_is() {
        let why = || "GET https://s3.internal/clinic: access is refused".to_owned();
        for error in [
            AccessError::Vault(VaultError::Storage(why())),
            AccessError::Archive(ArchiveError::Storage(why())),
        ] {
            let problem: Box<Problem> = error.into();
            let told = serde_json::to_string(&problem).unwrap();
            assert!(told.contains("storage failed") && !told.contains("s3.internal"), "{told}");
            assert!(problem.retryable);
        }
    }
}
