//! What an owner has committed to of a dataset: what the next command on it must go on from.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_types::DatasetId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::http::query::{At, Query, Whose};
use crate::{Gateway, Problem};

/// What the ledger's commitment to a dataset's records stands for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Manifest {
    /// The dataset.
    dataset: String,
    /// The commitment on the ledger, 32 bytes.
    commitment: Base64,
    /// The list of all uploads, CBOR, as `POST /v1/datasets` takes it.
    manifest: Base64,
    /// The digest of each upload in it, 32 bytes, in the order they were made.
    uploads: Vec<Base64>,
}

/// The list of a dataset's uploads, for its owner, and whom the owner lets grant: an update commits to it and to what is new.
#[utoipa::path(get, path = "/v1/datasets/{dataset}/manifest", tag = "owners",
    params(("dataset" = String, Path, description = "The dataset's id."), Whose),
    responses(
        (status = 200, description = "The list.", body = Manifest),
        (status = 404, description = "It is not the caller's, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It was erased.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn manifest(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(dataset): At<DatasetId>,
    Query(whose): Query<Whose>,
) -> Result<JsonAnswer<Manifest>, Box<Problem>> {
    let owner = gateway.reads_as(&caller, &whose)?;
    let manifest = gateway.pdc.owned_manifest(owner, dataset).await?;
    Ok(JsonAnswer(Manifest {
        dataset: dataset.to_string(),
        commitment: Base64(manifest.commitment().0.to_vec()),
        uploads: manifest.uploads.iter().map(|digest| Base64(digest.0.to_vec())).collect(),
        manifest: Base64(secnet_types::encode(&manifest)),
    }))
}
