//! Is the node alive, and is it ready to decide?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secnet_app::MAX_VIEW_AGE_MS;
use secnet_app::ports::Trouble;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Gateway, Problem};

/// How the node is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `alive` or `ready`.
    status: &'static str,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses(
    (status = 200, description = "It does.", body = Health),
))]
pub(crate) async fn alive() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// The ledger can be written, so that data can be released.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "It can.", body = Health),
    (status = 503, description = "It cannot; nothing is released meanwhile.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn ready(
    State(gateway): State<Arc<Gateway>>,
) -> Result<Json<Health>, Box<Problem>> {
    let age = gateway.pdc.view(|view| view.age_ms);
    if age.is_some_and(|age| age <= MAX_VIEW_AGE_MS) {
        return Ok(Json(Health { status: "ready" }));
    }
    const STATUS: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    Err(match &gateway.pdc.log.standing().trouble {
        Some(trouble @ Trouble::NoRoom) => {
            let hint = "make room on the node's disk: it goes on by itself";
            Problem::new(STATUS, "disk-full", trouble.to_string(), hint)
        }
        // Why it cannot write is the operator's to know, from the log.
        _ => {
            let why = "the ledger cannot be written, so nothing is released";
            let hint = "look at the node's log; `secnet doctor` on its machine tells more";
            Problem::new(STATUS, "unavailable", why, hint)
        }
    })
}
