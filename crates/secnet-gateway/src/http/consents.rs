//! Who may see what: the grants and denials of a member, and who can see its records.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::{ConsentPlace, MAX_CONSENTS_PAGE, Which};
use secnet_types::{DatasetId, GrantId, RecordId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::http::consent_shapes::{Denial, Grant, party};
use crate::http::datasets::{MAX_RECORDS_PAGE, Records};
use crate::http::place::NotElsewhere;
use crate::http::query::{Query, Whose, limited, optional};
use crate::http::shapes::Record;
use crate::{Gateway, Problem};

/// Most grants in a page of who can see a dataset.
const MAX_SEERS_PAGE: usize = 1000;

/// Which consents, and where the page begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Also those that have ended.
    #[serde(default)]
    all: bool,
    /// Only on this dataset.
    dataset: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Most entries; 100 if absent, at most 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// An owner that lets the caller grant; absent for the caller.
    #[serde(rename = "as")]
    owner: Option<String>,
}

/// A page of what a member has a hand in: first what it granted, then what it received, then its denials, each in the order
/// of ids. There is no total.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consents {
    /// What it granted.
    given: Vec<Grant>,
    /// What was granted to it, to its organisation or to a group it is in.
    received: Vec<Grant>,
    /// Whom it denied.
    denials: Vec<Denial>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The caller's grants and denials, or those of an owner that lets the caller grant.
#[utoipa::path(get, path = "/v1/consents", tag = "owners", params(Part), responses(
    (status = 200, description = "A page.", body = Consents),
    (status = 404, description = "The caller may not act for that member, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn consents(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(part): Query<Part>,
) -> Result<JsonAnswer<Consents>, Box<Problem>> {
    let dataset = optional::<DatasetId>("dataset", part.dataset.as_deref())?;
    let after = optional::<ConsentPlace>("after", part.after.as_deref())?;
    let limit = limited(part.limit, MAX_CONSENTS_PAGE)?;
    let owner = gateway.reads_as(&caller, &Whose { owner: part.owner })?;
    let (who, which) = ((caller.member, owner), Which { over: part.all, dataset });
    let page = gateway.pdc.consents_page(who, which, after, limit).await?;
    let found = page.consents;
    Ok(JsonAnswer(Consents {
        given: found.given.iter().map(Grant::from).collect(),
        received: found.received.iter().map(Grant::from).collect(),
        denials: found.denials.iter().map(Denial::from).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}

/// Of which records, and where the page begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Of {
    /// Only this record.
    record: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Most entries; 100 if absent, at most 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Who can see a dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Seers {
    /// The dataset.
    dataset: String,
    /// Only this record was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    /// Who, besides the owner, in the order of grants.
    who: Vec<Seer>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
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
        (status = 409, description = "It was erased.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn seers(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    NotElsewhere(dataset): NotElsewhere,
    Query(of): Query<Of>,
) -> Result<JsonAnswer<Seers>, Box<Problem>> {
    let record = optional::<RecordId>("record", of.record.as_deref())?;
    let after = optional::<GrantId>("after", of.after.as_deref())?;
    let limit = limited(of.limit, MAX_SEERS_PAGE)?;
    // Every record is asked about.
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let mut seers = gateway.pdc.seers(caller.member, dataset, record).await?;
    seers.retain(|seer| after.is_none_or(|after| seer.grant > after));
    seers.sort_unstable_by_key(|seer| seer.grant);
    let more = seers.len() > limit;
    seers.truncate(limit);
    let next = seers.last().map(|seer| seer.grant.to_string()).filter(|_| more);
    let who = seers.iter().map(|seer| Seer {
        who: party(seer.party),
        grant: seer.grant.to_string(),
        records: seer.records,
    });
    Ok(JsonAnswer(Seers {
        dataset: dataset.to_string(),
        record: record.map(|id| id.to_string()),
        who: who.collect(),
        next,
    }))
}

/// Where a page of what an owner sees of a dataset begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Contents {
    /// The `next` of the page before.
    pub after: Option<String>,
    /// Most entries; 100 if absent, at most 1,000.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// An owner that lets the caller grant; absent for the caller.
    #[serde(rename = "as")]
    pub owner: Option<String>,
}

/// All records of a dataset, for its owner, and whom the owner lets grant.
#[utoipa::path(get, path = "/v1/datasets/{dataset}/contents", tag = "owners",
    params(("dataset" = String, Path, description = "The dataset's id."), Contents),
    responses(
        (status = 200, description = "A page.", body = Records),
        (status = 404, description = "It is not the caller's, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn contents(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    NotElsewhere(dataset): NotElsewhere,
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
