//! What others tried out with an owner's data before they asked.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::{MAX_PREVIEWS_PAGE, PreviewPlace, Previewed as Tried};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::http::consents::Contents;
use crate::http::place::NotElsewhere;
use crate::http::query::{Query, Whose, limited, optional};
use crate::{Gateway, Problem};

/// A page of what was tried out, by day and then by member.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Previews {
    /// One for each member and day.
    previews: Vec<TriedOut>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What one member tried out on one day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TriedOut {
    /// Who.
    requester: String,
    /// The first time that day.
    from: String,
    /// The last time.
    until: String,
    /// How many would have been allowed.
    allowed: u32,
    /// How many would have waited for the owner.
    held: u32,
    /// How many would have been denied.
    denied: u32,
    /// What for.
    purposes: Vec<&'static str>,
}

impl From<Tried> for TriedOut {
    fn from(tried: Tried) -> Self {
        Self {
            requester: tried.requester.to_string(),
            from: tried.from.to_string(),
            until: tried.until.to_string(),
            allowed: tried.allowed,
            held: tried.held,
            denied: tried.denied,
            purposes: tried.purposes.iter().map(|purpose| purpose.as_str()).collect(),
        }
    }
}

/// What others tried out with a dataset by previews while it was the owner's, for the owner, and whom the owner lets grant.
#[utoipa::path(get, path = "/v1/datasets/{dataset}/previews", tag = "owners",
    params(("dataset" = String, Path, description = "The dataset's id."), Contents),
    responses(
        (status = 200, description = "A page.", body = Previews),
        (status = 404, description = "It is not the caller's, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn previews(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    NotElsewhere(dataset): NotElsewhere,
    Query(part): Query<Contents>,
) -> Result<JsonAnswer<Previews>, Box<Problem>> {
    let after = optional::<PreviewPlace>("after", part.after.as_deref())?;
    let limit = limited(part.limit, MAX_PREVIEWS_PAGE)?;
    let owner = gateway.reads_as(&caller, &Whose { owner: part.owner })?;
    let page = gateway.pdc.previews_page(owner, dataset, after, limit).await?;
    Ok(JsonAnswer(Previews {
        previews: page.previews.into_iter().map(TriedOut::from).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}
