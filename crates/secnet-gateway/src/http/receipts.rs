//! Receipts: what was decided, as anybody can verify offline.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use secnet_types::{DatasetId, MemberId, Operation, SignedCommand, encode};

use crate::auth::Caller;
use crate::http::query::At;
use crate::{Gateway, Problem};

/// The receipt of a command, for its author, and of a decision also for its requester and the owner of the data.
#[utoipa::path(get, path = "/v1/receipts/{event}", tag = "receipts",
    params(("event" = u64, Path, description = "Index of the event in the log.")),
    responses(
        (status = 200, description = "The receipt, CBOR as `docs/spec/receipts.md` says.", body = Vec<u8>, content_type = "application/cbor"),
        (status = "default", description = "A problem.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn receipt(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(event): At<u64>,
) -> Result<Response, Box<Problem>> {
    let pdc = &gateway.pdc;
    let command = match pdc.log.command_of(event).await {
        Ok(Some(command)) => command,
        Ok(None) | Err(secnet_app::ports::LogError::NoSuchEvent(_)) => {
            return Err(Problem::not_visible());
        }
        Err(error) => return Err(secnet_app::AccessError::from(error).into()),
    };
    let command = SignedCommand::parse(&command)
        .map_err(|error| secnet_app::AccessError::Damaged(error.to_string()))?;
    let concerns = |requester: MemberId, dataset: DatasetId| {
        let owner = pdc.view(|view| view.state.dataset(dataset).map(|d| d.owner));
        requester == caller.member || owner.flatten() == Some(caller.member)
    };
    let entitled = command.value.author == caller.member
        || match &command.value.operation {
            Operation::RecordDecision { decision } => {
                concerns(decision.request.value.requester, decision.request.value.dataset)
            }
            Operation::SummariseDenials { summary } => concerns(summary.requester, summary.dataset),
            _ => false,
        };
    if !entitled {
        return Err(Problem::not_visible());
    }
    let receipt = pdc.log.receipt(event).await.map_err(secnet_app::AccessError::from)?;
    Ok(([(CONTENT_TYPE, "application/cbor")], encode(&receipt)).into_response())
}
