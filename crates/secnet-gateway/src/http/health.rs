//! Is the node alive, and is it ready to decide?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secnet_app::ports::Unaged;
use secnet_app::{AccessError, MAX_VIEW_AGE_MS};
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
    let unseen = (u64::MAX, Some(Unaged::Failing));
    let (age_ms, unaged) = gateway.pdc.view(|view| (view.age_ms, view.unaged)).unwrap_or(unseen);
    if age_ms <= MAX_VIEW_AGE_MS {
        return Ok(Json(Health { status: "ready" }));
    }
    let hint = match unaged {
        Some(Unaged::NoRoom) => "make room on the node's disk: it goes on by itself",
        // Why it cannot write is the operator's to know, from the log.
        Some(Unaged::Failing) => {
            "look at the node's log; `secnet doctor` on its machine tells more"
        }
        Some(Unaged::ClockBehind) => {
            "set the clock of the node's machine: the next block shows that it is right"
        }
        Some(Unaged::Unheard) | None => {
            "see whether the node reaches its network's validators, and whether enough of them run"
        }
    };
    let stale = AccessError::StaleLedger { age_ms, unaged }.to_string();
    const STATUS: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    Err(match unaged {
        Some(Unaged::NoRoom) => Problem::new(STATUS, "disk-full", stale, hint),
        _ => Problem::new(STATUS, "unavailable", stale, hint),
    })
}
