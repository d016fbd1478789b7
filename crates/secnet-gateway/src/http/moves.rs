//! A dataset moves from one data centre to another: the owner says so to the one it is to move to, which asks the one where it is.

use std::sync::Arc;
use std::time::Duration;

use axum::Json as JsonAnswer;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use secnet_app::{MAX_COPY_CALL_BYTES, MoveStanding};
use secnet_types::{DatasetId, SignedMove};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::body::{Json, collect, of_type};
use crate::http::commands::other_key;
use crate::http::query::At;
use crate::{Gateway, Problem};

/// How long a question for a copy may take to come.
const QUESTION_TIME: Duration = Duration::from_secs(10);
/// What questions and answers are written in.
const CBOR: &str = "application/cbor";

/// The owner's word that a dataset is to move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveBody {
    /// The statement: a COSE_Sign1, as `docs/spec/network.md` says, section 12.
    statement: Base64,
}

/// How a move stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Move {
    /// The dataset.
    dataset: String,
    /// How far it is: `copying`, `arrived` (the owner can move the dataset now), `settling` (it is here by the ledger), `settled`.
    stage: &'static str,
    /// Uploads that were looked at, or taken.
    uploads: u64,
    /// Segments that are here of these.
    segments: u64,
    /// Bytes of segments that were taken since this data centre started.
    bytes: u64,
    /// What the other data centre did not give, or gave otherwise than the ledger has it, in sentences.
    lacking: Vec<String>,
    /// Why nothing goes on, if the other data centre cannot be asked. It is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// This data centre's word that it has everything, a COSE_Sign1 for the command MoveDataset. It counts for an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    arrival: Option<Base64>,
}

impl Move {
    fn of(dataset: DatasetId, standing: MoveStanding) -> Self {
        Self {
            dataset: dataset.to_string(),
            stage: standing.stage.as_str(),
            uploads: standing.uploads,
            segments: standing.segments,
            bytes: standing.bytes,
            lacking: standing.lacking,
            why: standing.why,
            arrival: standing.arrival.map(|arrival| Base64(arrival.to_bytes())),
        }
    }
}

/// Take a copy of a dataset that is at another data centre, so that its owner can move it here.
#[utoipa::path(post, path = "/v1/moves", tag = "owners", request_body = MoveBody, responses(
    (status = 200, description = "It is being taken; the same again changes nothing.", body = Move),
    (status = 403, description = "Signed by another key than the call.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "It is not the caller's, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The dataset cannot be moved, or too many are on their way here.", body = Problem, content_type = "application/problem+json"),
    (status = 421, description = "It is to move to another data centre: say it there.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn begin(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<MoveBody>,
) -> Result<JsonAnswer<Move>, Box<Problem>> {
    let statement = SignedMove::parse(&body.statement.0)
        .map_err(|error| Problem::malformed(format!("the statement: {error}")))?;
    if statement.envelope.key != caller.key {
        return Err(other_key());
    }
    let standing = gateway.pdc.begin_move(caller.member, &statement).await?;
    Ok(JsonAnswer(Move::of(statement.value.dataset, standing)))
}

/// How the move of a dataset to this data centre stands, for its owner.
#[utoipa::path(get, path = "/v1/moves/{dataset}", tag = "owners",
    params(("dataset" = String, Path, description = "The dataset's id.")),
    responses(
        (status = 200, description = "How far it is.", body = Move),
        (status = 404, description = "None is on its way here that is the caller's.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn standing(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(dataset): At<DatasetId>,
) -> Result<JsonAnswer<Move>, Box<Problem>> {
    let standing = match gateway.pdc.move_standing(caller.member, dataset) {
        Ok(standing) => standing,
        // Where it is, is told to whoever may know of it, as of all that is asked about a dataset.
        Err(error) => {
            gateway.pdc.not_elsewhere(caller.member, dataset)?;
            return Err(error.into());
        }
    };
    Ok(JsonAnswer(Move::of(dataset, standing)))
}

/// A question of the data centre that a dataset is to move to, or has moved to, as `docs/spec/network.md` says, section 12. What is
/// refused is an answer too.
#[utoipa::path(post, path = "/v1/copies", tag = "datasets",
    request_body(content = Vec<u8>, content_type = "application/cbor", description = "The question, with the owner's statement."),
    responses(
        (status = 200, description = "The answer.", body = Vec<u8>, content_type = "application/cbor"),
        (status = 403, description = "A session is not enough.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn copy(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    request: Request,
) -> Result<impl IntoResponse, Box<Problem>> {
    caller.must_sign()?;
    let (parts, body) = request.into_parts();
    of_type(&parts, CBOR)?;
    let question = collect(&parts, body, MAX_COPY_CALL_BYTES, QUESTION_TIME).await?;
    // Some answers go through all lists of a dataset.
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let answer = gateway.pdc.answer_copy(caller.member, &question).await?;
    Ok(([(CONTENT_TYPE, CBOR)], answer))
}
