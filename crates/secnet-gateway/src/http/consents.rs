//! Who may see what: the grants and denials of a member, and who can see its records.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_types::{DatasetId, RecordId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::http::consent_shapes::{Denial, Grant, party};
use crate::http::datasets::{MAX_RECORDS_PAGE, Records};
use crate::http::query::{At, Query, Whose, limited, optional};
use crate::http::shapes::Record;
use crate::{Gateway, Problem};

/// Which consents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Also those that have ended.
    #[serde(default)]
    all: bool,
    /// Only on this dataset.
    dataset: Option<String>,
    /// An owner that lets the caller grant; absent for the caller.
    #[serde(rename = "as")]
    owner: Option<String>,
}

/// Everything a member has a hand in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consents {
    /// What it granted.
    given: Vec<Grant>,
    /// What was granted to it, to its organisation or to a group it is in.
    received: Vec<Grant>,
    /// Whom it denied.
    denials: Vec<Denial>,
}

/// The caller's grants and denials, or those of an owner that lets the caller grant.
#[utoipa::path(get, path = "/v1/consents", tag = "owners", params(Which), responses(
    (status = 200, description = "The consents.", body = Consents),
    (status = 404, description = "The caller may not act for that member, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn consents(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<JsonAnswer<Consents>, Box<Problem>> {
    let only = optional::<DatasetId>("dataset", which.dataset.as_deref())?;
    let owner = gateway.reads_as(&caller, &Whose { owner: which.owner })?;
    let found = gateway.pdc.consents(caller.member, owner, which.all).await?;
    let wanted = |dataset: DatasetId| only.is_none_or(|only| only == dataset);
    let grants = |lines: &[secnet_app::GrantLine]| {
        let lines = lines.iter().filter(|line| wanted(line.state.grant.dataset));
        lines.map(Grant::from).collect()
    };
    let denials = found.denials.iter().filter(|line| line.state.denial.dataset.is_none_or(wanted));
    Ok(JsonAnswer(Consents {
        given: grants(&found.given),
        received: grants(&found.received),
        denials: denials.map(Denial::from).collect(),
    }))
}

/// Of which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Of {
    /// Only this record.
    record: Option<String>,
}

/// Who can see a dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Seers {
    /// The dataset.
    dataset: String,
    /// Only this record was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    /// Who, besides the owner.
    who: Vec<Seer>,
}

/// Somebody who can see something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Seer {
    /// Who, as in a grant's `to`.
    who: String,
    /// By which grant.
    grant: String,
    /// How many records.
    records: usize,
}

/// Who can see a dataset, for at least one purpose; for its owner, and whom the owner lets grant.
#[utoipa::path(get, path = "/v1/datasets/{dataset}/who", tag = "owners",
    params(("dataset" = String, Path, description = "The dataset's id."), Of),
    responses(
        (status = 200, description = "Who can see it.", body = Seers),
        (status = 404, description = "It is not the caller's, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn seers(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(dataset): At<DatasetId>,
    Query(of): Query<Of>,
) -> Result<JsonAnswer<Seers>, Box<Problem>> {
    let record = optional::<RecordId>("record", of.record.as_deref())?;
    // Every record is asked about.
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let seers = gateway.pdc.seers(caller.member, dataset, record).await?;
    let who = seers.iter().map(|seer| Seer {
        who: party(seer.party),
        grant: seer.grant.to_string(),
        records: seer.records,
    });
    Ok(JsonAnswer(Seers {
        dataset: dataset.to_string(),
        record: record.map(|id| id.to_string()),
        who: who.collect(),
    }))
}

/// Where a page of a dataset's content begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Contents {
    /// The `next` of the page before.
    after: Option<String>,
    /// Most entries; 100 if absent, at most 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// An owner that lets the caller grant; absent for the caller.
    #[serde(rename = "as")]
    owner: Option<String>,
}

/// All records of a dataset, for its owner, and whom the owner lets grant.
#[utoipa::path(get, path = "/v1/datasets/{dataset}/contents", tag = "owners",
    params(("dataset" = String, Path, description = "The dataset's id."), Contents),
    responses(
        (status = 200, description = "A page.", body = Records),
        (status = 404, description = "It is not the caller's, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn contents(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(dataset): At<DatasetId>,
    Query(part): Query<Contents>,
) -> Result<JsonAnswer<Records>, Box<Problem>> {
    let after = optional::<RecordId>("after", part.after.as_deref())?;
    let limit = limited(part.limit, MAX_RECORDS_PAGE)?;
    let owner = gateway.reads_as(&caller, &Whose { owner: part.owner })?;
    let page = gateway.pdc.owned_page(owner, dataset, after, limit).await?;
    Ok(JsonAnswer(Records {
        records: page.records.iter().map(Record::from).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}
