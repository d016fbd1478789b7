//! What is said of decisions: by owners, and by whom they let grant. Kept in the data centre, not on the ledger.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use secnet_app::{Feedback, FeedbackError};
use secnet_types::{DecisionId, Signed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::body::Json;
use crate::http::commands::other_key;
use crate::http::query::At;
use crate::{Gateway, Problem};

/// Signed statements.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackBody {
    /// Statements of the caller's about as many decisions: each a COSE_Sign1, as `docs/spec/requests.md` says in section 7.
    #[schema(min_items = 1, max_items = 1024)]
    statements: Vec<Base64>,
    /// Also where the caller said something else before, which is replaced then.
    #[serde(default)]
    change: bool,
}

/// Keep what the caller says of decisions, all of it or nothing. The same statement once more changes nothing.
#[utoipa::path(post, path = "/v1/feedback", tag = "owners", request_body = FeedbackBody, responses(
    (status = 204, description = "It is kept, and durable."),
    (status = 403, description = "Made by another key than the call.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "The caller may not speak about one of them, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The caller has said something else of one of them, or something newer.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn say(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<FeedbackBody>,
) -> Result<StatusCode, Box<Problem>> {
    if body.statements.is_empty() {
        return Err(Problem::malformed("`statements` is empty"));
    }
    let mut statements = Vec::with_capacity(body.statements.len());
    for statement in &body.statements {
        let statement = Signed::<Feedback>::parse(&statement.0)
            .map_err(|error| Problem::malformed(format!("a statement: {error}")))?;
        if (statement.value.author, statement.envelope.key) != (caller.member, caller.key) {
            return Err(other_key());
        }
        statements.push(statement);
    }
    gateway.pdc.take_feedback(&statements, body.change).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A decision that the caller may speak about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct About {
    /// The decision.
    decision: String,
    /// What dataset it was on: a statement names it.
    dataset: String,
    /// What the caller has said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<Said>,
}

/// What was said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Said {
    /// `wrong` or `fine`.
    finding: &'static str,
    /// When, by the author's clock.
    time: String,
    /// In words; may be empty.
    note: String,
}

/// What a statement about a decision needs, and what the caller has said of it until now.
#[utoipa::path(get, path = "/v1/feedback/{decision}", tag = "owners",
    params(("decision" = String, Path, description = "The decision.")),
    responses(
        (status = 200, description = "The decision.", body = About),
        (status = 404, description = "The caller may not speak about it, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn about(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(decision): At<DecisionId>,
) -> Result<JsonAnswer<About>, Box<Problem>> {
    let known = gateway.pdc.datasets_decided(caller.member, &[decision].into()).await?;
    let dataset = known.get(&decision).copied().ok_or_else(Problem::not_visible)?;
    let said = gateway.pdc.feedback_of(caller.member, (decision, dataset)).await?;
    Ok(JsonAnswer(About {
        decision: decision.to_string(),
        dataset: dataset.to_string(),
        said: said.map(|said| Said {
            finding: said.finding.as_str(),
            time: said.at.to_string(),
            note: said.note,
        }),
    }))
}

fn problem(error: FeedbackError) -> Box<Problem> {
    let said = error.to_string();
    match error {
        FeedbackError::Unknown(_) => Problem::not_visible(),
        FeedbackError::Already { .. } => Problem::new(
            StatusCode::CONFLICT,
            "already-said",
            said,
            "with `change` it is replaced; `secnet guard feedback --change` does that",
        ),
        FeedbackError::Older(_) => Problem::new(
            StatusCode::CONFLICT,
            "already-said",
            said,
            "say it anew: what is signed now is newer, if the clock is right",
        ),
        FeedbackError::Malformed(_) => Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid-feedback",
            said,
            "name each decision once, at most 1,024 of them, with a note of at most 1,024 bytes",
        ),
        FeedbackError::Access(error) => error.into(),
    }
}
