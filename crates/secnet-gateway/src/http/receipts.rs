//! Receipts: what was decided, as anybody can verify offline.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use secnet_app::AccessError;
use secnet_types::{DatasetId, MemberId, Operation, SignedCommand, encode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::http::query::{At, Query};
use crate::{Gateway, Problem};

const COSE_SIGN1: &str = "application/cose; cose-type=\"cose-sign1\"";

/// In which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Form {
    /// `scitt` for a COSE Receipt (RFC 9942), in a network one by each validator of a quorum; absent for SecNet's own form, which proves more.
    #[param(inline)]
    format: Option<Format>,
}

/// A form of receipts.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// COSE Receipt.
    Scitt,
}

/// The receipt of a command, for its author, and of a decision also for its requester and the owner of the data.
#[utoipa::path(get, path = "/v1/receipts/{event}", tag = "receipts",
    params(("event" = u64, Path, description = "Index of the event in the log."), Form),
    responses(
        (status = 200, description = "The receipt, as `docs/spec/receipts.md` says; with `format=scitt` as `application/cose`, or in a network as an array of these.",
            content((Vec<u8> = "application/cbor"), (Vec<u8> = "application/cose"))),
        (status = 404, description = "There is none that the caller may see.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn receipt(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(event): At<u64>,
    Query(form): Query<Form>,
) -> Result<Response, Box<Problem>> {
    let pdc = &gateway.pdc;
    let command = match pdc.log.command_of(event).await {
        Ok(Some(command)) => command,
        Ok(None) | Err(secnet_app::ports::LogError::NoSuchEvent(_)) => {
            return Err(Problem::not_visible());
        }
        Err(error) => return Err(AccessError::from(error).into()),
    };
    let command =
        SignedCommand::parse(&command).map_err(|error| AccessError::Damaged(error.to_string()))?;
    // The denial of a stranger's request is recorded; that there is something to deny, it does not learn.
    let concerns = |requester: MemberId, dataset: DatasetId| {
        let owner = pdc.view(|view| view.state.dataset(dataset).map(|d| d.owner));
        owner.flatten() == Some(caller.member)
            || (requester == caller.member && pdc.may_know_of(caller.member, dataset))
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
    let (kind, receipt) = match form.format {
        None => {
            let receipt = pdc.log.receipt(event).await.map_err(AccessError::from)?;
            ("application/cbor", encode(&receipt))
        }
        Some(Format::Scitt) => {
            let receipt = pdc.log.cose_receipt(event).await.map_err(AccessError::from)?;
            // One of a sequencer, or several of validators in an array.
            let one = pdc.log.genesis().validators.is_none();
            let kind = if one { COSE_SIGN1 } else { "application/cbor" };
            (kind, receipt)
        }
    };
    Ok(([(CONTENT_TYPE, kind)], receipt).into_response())
}
