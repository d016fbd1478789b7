//! What an owner has committed to of a dataset: what the next command on it must go on from.

use core::str::FromStr;
use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::{ToHost, ToHostPage};
use secnet_lock::UploadId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::http::place::NotElsewhere;
use crate::http::query::{PageOf, Query, Whose, limited, optional};
use crate::{Gateway, Problem};

/// Most uploads in a page.
const MAX_UPLOADS_PAGE: usize = 1000;
/// A page with so many bytes of packets is over, however few uploads are on it.
const MAX_PACKETS_PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Digits of an upload's id.
const UPLOAD_ID_DIGITS: usize = 32;

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
    NotElsewhere(dataset): NotElsewhere,
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

/// What a dataset is offered on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatedTerms {
    /// The dataset.
    dataset: String,
    /// The terms on the ledger, CBOR, as `docs/spec/commands.md` says.
    terms: Base64,
    /// The detailed terms that they commit to, CBOR, as `POST /v1/datasets` takes them.
    detail: Base64,
}

/// The terms of a dataset, for its owner, and whom the owner lets grant: an update states all of them, also those that it leaves as
/// they are.
#[utoipa::path(get, path = "/v1/datasets/{dataset}/terms", tag = "owners",
    params(("dataset" = String, Path, description = "The dataset's id."), Whose),
    responses(
        (status = 200, description = "The terms.", body = StatedTerms),
        (status = 404, description = "It is not the caller's, or at another data centre, or does not exist.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn terms(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    NotElsewhere(dataset): NotElsewhere,
    Query(whose): Query<Whose>,
) -> Result<JsonAnswer<StatedTerms>, Box<Problem>> {
    let owner = gateway.reads_as(&caller, &whose)?;
    let (terms, detail) = gateway.pdc.owned_terms(owner, dataset).await?;
    Ok(JsonAnswer(StatedTerms {
        dataset: dataset.to_string(),
        terms: Base64(secnet_types::encode(&terms)),
        detail: Base64(secnet_types::encode(&detail)),
    }))
}

/// A page of uploads, in the order of ids.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Uploads {
    /// The dataset.
    dataset: String,
    /// The uploads. There is no total.
    uploads: Vec<OwnUpload>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One upload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnUpload {
    /// Its id: 32 hexadecimal digits.
    upload: String,
    /// Its records that are not erased.
    records: Vec<String>,
    /// Its compartment packets, CBOR, which the owner's keys open.
    packets: Vec<Base64>,
}

impl From<&ToHost> for OwnUpload {
    fn from(upload: &ToHost) -> Self {
        Self {
            upload: upload.upload.to_string(),
            records: upload.records.iter().map(ToString::to_string).collect(),
            packets: upload.packets.iter().map(|packet| Base64(packet.to_bytes())).collect(),
        }
    }
}

/// An upload's id, as a page's `next` writes it.
struct Digits(UploadId);

impl FromStr for Digits {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != UPLOAD_ID_DIGITS || !text.bytes().all(digits) {
            return Err("the id of an upload has 32 hexadecimal digits in small letters");
        }
        let id = u128::from_str_radix(text, 16).map_err(|_| "the id is no number")?;
        Ok(Self(UploadId(id.to_be_bytes())))
    }
}

/// What a dataset's records are sealed in, for its owner, who makes of it what lets this data centre open them
/// (`docs/spec/lock.md`, hosting packets). A page ends early at some megabytes of packets.
#[utoipa::path(get, path = "/v1/datasets/{dataset}/uploads", tag = "owners",
    params(("dataset" = String, Path, description = "The dataset's id."), PageOf),
    responses(
        (status = 200, description = "A page.", body = Uploads),
        (status = 404, description = "It is not the caller's, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn uploads(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    NotElsewhere(dataset): NotElsewhere,
    Query(page): Query<PageOf>,
) -> Result<JsonAnswer<Uploads>, Box<Problem>> {
    let after = optional::<Digits>("after", page.after.as_deref())?.map(|Digits(id)| id);
    let limit = limited(page.limit, MAX_UPLOADS_PAGE)?;
    // All lists of the dataset are read.
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let (pdc, most) = (&gateway.pdc, MAX_PACKETS_PAGE_BYTES);
    let page = pdc.uploads_to_host_page(caller.member, dataset, after, limit, most).await?;
    let ToHostPage { uploads, next } = page;
    Ok(JsonAnswer(Uploads {
        dataset: dataset.to_string(),
        uploads: uploads.iter().map(OwnUpload::from).collect(),
        next: next.map(|next| next.to_string()),
    }))
}
