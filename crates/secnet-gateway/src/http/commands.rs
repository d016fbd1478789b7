//! Commands: signed by the caller's key, ordered by the ledger. The command's id makes it idempotent: handed in again, it
//! is applied once and answered the same.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::Enclosures;
use secnet_lock::GrantWraps;
use secnet_types::{AskId, DatasetId, DenialId, GrantDetail, GrantId, GroupId};
use secnet_types::{Operation, SignedCommand, decode, limits};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::body::Json;
use crate::{Gateway, Problem};

/// A signed command with what it commits to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandBody {
    /// The command: a COSE_Sign1, as `docs/spec/commands.md` says.
    command: Base64,
    /// The detail that a grant, denial or ask commits to, CBOR.
    detail: Option<Base64>,
    /// The sealed packets that a grant commits to, CBOR.
    wraps: Option<Base64>,
}

/// Where a command ended up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ordered {
    /// Index of its event in the log.
    event: u64,
    /// Height of the ledger when it was durable.
    height: u64,
    /// It had been applied before.
    repeated: bool,
    /// The id of what it made, if it made something: a dataset, an ask, a grant, a denial or a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<String>,
}

/// What a command would change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Foreseen {
    /// Its effects, one sentence each, as `secnet log` prints their kinds.
    effects: Vec<String>,
}

/// Order a command.
#[utoipa::path(post, path = "/v1/commands", tag = "commands", request_body = CommandBody, responses(
    (status = 200, description = "It is durable.", body = Ordered),
    (status = 403, description = "Made by another key than the call.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "What it is about is not kept here.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The ledger refuses it; nothing was changed.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn order(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<CommandBody>,
) -> Result<JsonAnswer<Ordered>, Box<Problem>> {
    let (command, enclosures) = body.parse(&caller)?;
    if matches!(
        command.value.operation,
        Operation::RegisterDataset { .. }
            | Operation::UpdateDataset { .. }
            | Operation::AcceptDataset { .. }
    ) {
        return Err(Problem::malformed("a dataset is registered together with its upload"));
    }
    let committed = gateway.pdc.order(&command, enclosures).await?;
    Ok(JsonAnswer(Ordered {
        event: committed.event,
        height: committed.height,
        repeated: committed.repeated,
        made: made(&command),
    }))
}

/// What a command would change if it were ordered now. Nothing is ordered or kept. Of a command about a dataset, what it commits to
/// need not be there yet.
#[utoipa::path(post, path = "/v1/commands/forecast", tag = "commands", request_body = CommandBody, responses(
    (status = 200, description = "The ledger would take it.", body = Foreseen),
    (status = 403, description = "Made by another key than the call.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "What it is about is not kept here.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The ledger would refuse it.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn forecast(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<CommandBody>,
) -> Result<JsonAnswer<Foreseen>, Box<Problem>> {
    let (command, enclosures) = body.parse(&caller)?;
    let effects = gateway.pdc.forecast(&command, &enclosures)?;
    let effects = effects.iter().map(|effect| format!("{effect:?}")).collect();
    Ok(JsonAnswer(Foreseen { effects }))
}

impl CommandBody {
    fn parse(self, caller: &Caller) -> Result<(SignedCommand, Enclosures), Box<Problem>> {
        let command = own_command(caller, &self.command)?;
        // The ledger would say that something was destroyed which is still here.
        if matches!(command.value.operation, Operation::RecordErasure { .. }) {
            return Err(Problem::malformed(
                "an erasure is recorded by the data centre that carries it out: `secnet shred`",
            ));
        }
        let detail = self.detail.map(|detail| {
            decode::<GrantDetail>("detail", &detail.0, limits::MAX_DETAIL_BYTES)
                .map_err(|error| Problem::malformed(error.to_string()))
        });
        let wraps = self.wraps.map(|wraps| {
            GrantWraps::from_bytes(&wraps.0).map_err(|error| Problem::malformed(error.to_string()))
        });
        let enclosures = Enclosures { detail: detail.transpose()?, wraps: wraps.transpose()? };
        Ok((command, enclosures))
    }
}

/// A command that is signed by the caller's key.
pub(crate) fn own_command(
    caller: &Caller,
    command: &Base64,
) -> Result<SignedCommand, Box<Problem>> {
    let command = SignedCommand::parse(&command.0)
        .map_err(|error| Problem::malformed(format!("the command: {error}")))?;
    if (command.value.author, command.envelope.key) == (caller.member, caller.key) {
        Ok(command)
    } else {
        Err(other_key())
    }
}

/// What is signed within a call is signed by whoever makes the call: a stolen session is of no use to another key.
pub(crate) fn other_key() -> Box<Problem> {
    Problem::new(
        axum::http::StatusCode::FORBIDDEN,
        "other-key",
        "what was handed in is signed by another member or key than the call",
        "sign both with the same key, or open a session with that key",
    )
}

fn made(command: &SignedCommand) -> Option<String> {
    let (author, id) = (command.value.author, command.value.id);
    match &command.value.operation {
        Operation::RegisterDataset { .. } => Some(DatasetId::derive(author, id).to_string()),
        Operation::CreateGroup => Some(GroupId::derive(author, id).to_string()),
        Operation::OpenAsk { .. } => Some(AskId::derive(author, id).to_string()),
        Operation::Deny { .. } => Some(DenialId::derive(author, id).to_string()),
        _ => secnet_app::Pdc::grant_made_by(command).map(|grant: GrantId| grant.to_string()),
    }
}
