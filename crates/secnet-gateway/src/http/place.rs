//! Which data centre a dataset is at, and where its door is: told to whoever may know of the dataset.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use secnet_app::Place;
use secnet_types::DatasetId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::http::query::At;
use crate::{Gateway, Problem};

/// Where a dataset is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Whereabouts {
    /// The dataset.
    dataset: String,
    /// The member whose data centre it is at.
    member: String,
    /// Where that one says that its door is: `https://`, or `http://` and a loopback address. Absent if this node has not heard of it lately.
    #[serde(skip_serializing_if = "Option::is_none")]
    door: Option<String>,
    /// That statement, signed with the member's key, as `docs/spec/network.md` says. Check it before you call there.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Base64>,
}

impl From<&Place> for Whereabouts {
    fn from(place: &Place) -> Self {
        Self {
            dataset: place.dataset.to_string(),
            member: place.member.to_string(),
            door: place.door.as_ref().map(|door| door.value.url.to_string()),
            statement: place.door.as_ref().map(|door| Base64(door.to_bytes())),
        }
    }
}

/// Which data centre a dataset is at, and where its door is.
#[utoipa::path(get, path = "/v1/datasets/{dataset}/place", tag = "datasets",
    params(("dataset" = String, Path, description = "The dataset's id.")),
    responses(
        (status = 200, description = "Where it is; that may be here.", body = Whereabouts),
        (status = 404, description = "There is nothing that the caller may know of, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn place(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(dataset): At<DatasetId>,
) -> Result<JsonAnswer<Whereabouts>, Box<Problem>> {
    let place = gateway.pdc.where_is(caller.member, dataset).ok_or_else(Problem::not_visible)?;
    Ok(JsonAnswer(Whereabouts::from(&place)))
}

/// The dataset in the path, if it is not at another data centre as far as the caller may know. What it is asked of a dataset that is
/// hidden from the caller, each operation answers as of one that there is not.
#[derive(Debug)]
pub(crate) struct NotElsewhere(pub DatasetId);

impl FromRequestParts<Arc<Gateway>> for NotElsewhere {
    type Rejection = Box<Problem>;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Arc<Gateway>,
    ) -> Result<Self, Box<Problem>> {
        let caller = Caller::from_request_parts(parts, gateway).await?;
        let At(dataset) = At::<DatasetId>::from_request_parts(parts, gateway).await?;
        gateway.pdc.not_elsewhere(caller.member, dataset)?;
        Ok(Self(dataset))
    }
}
