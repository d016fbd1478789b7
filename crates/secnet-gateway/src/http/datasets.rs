//! What a member may know of, a page at a time.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::{Known, Wish};
use secnet_ledger::DatasetStatus;
use secnet_types::{Action, DatasetId, Purpose, RecordId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::http::place::NotElsewhere;
use crate::http::query::{PageOf, Query, limited, optional, parse};
use crate::http::shapes::Record;
use crate::{Gateway, Problem};

/// Most records in a page.
pub(crate) const MAX_RECORDS_PAGE: usize = 1000;

/// One dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dataset {
    /// Its id.
    dataset: String,
    /// What it is called, if that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Whose it is.
    owner: String,
    /// Grows whenever all grants on it end at once; a grant names the tenure that it is given in.
    tenure: u32,
    /// `active`, `withdrawn` or `erased`.
    status: &'static str,
    /// What one use costs unless a grant says otherwise.
    price: String,
    /// `sealed` or `hosted`.
    level: &'static str,
    /// Until when it is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl From<Known> for Dataset {
    fn from(known: Known) -> Self {
        let Known { id, dataset, title } = known;
        Self {
            dataset: id.to_string(),
            title,
            owner: dataset.owner.to_string(),
            tenure: dataset.tenure,
            status: match dataset.status {
                DatasetStatus::Active => "active",
                DatasetStatus::Withdrawn => "withdrawn",
                DatasetStatus::Erased => "erased",
            },
            price: dataset.terms.price.to_string(),
            level: dataset.terms.level.as_str(),
            until: (dataset.terms.expires != Timestamp::MAX)
                .then(|| dataset.terms.expires.to_string()),
        }
    }
}

/// A page of datasets, in the order of ids.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Datasets {
    /// Those that the caller owns, was granted something of, or asked for. There is no total.
    datasets: Vec<Dataset>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The datasets that the caller may know of.
#[utoipa::path(get, path = "/v1/datasets", tag = "datasets", params(PageOf), responses(
    (status = 200, description = "A page.", body = Datasets),
))]
pub(crate) async fn catalogue(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(page): Query<PageOf>,
) -> Result<JsonAnswer<Datasets>, Box<Problem>> {
    let after = optional::<DatasetId>("after", page.after.as_deref())?;
    let limit = limited(page.limit, secnet_app::MAX_CATALOGUE_PAGE)?;
    let page = gateway.pdc.catalogue(caller.member, after, limit).await?;
    Ok(JsonAnswer(Datasets {
        datasets: page.datasets.into_iter().map(Dataset::from).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}

/// One dataset that the caller may know of.
#[utoipa::path(get, path = "/v1/datasets/{dataset}", tag = "datasets",
    params(("dataset" = String, Path, description = "The dataset's id.")),
    responses(
        (status = 200, description = "The dataset.", body = Dataset),
        (status = 404, description = "There is nothing that the caller may know of, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn dataset(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    NotElsewhere(dataset): NotElsewhere,
) -> Result<JsonAnswer<Dataset>, Box<Problem>> {
    let known = gateway.pdc.known(caller.member, dataset).await?;
    Ok(JsonAnswer(known.into()))
}

/// What for, and where the page begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// What the records would be used for, such as `treatment`.
    purpose: String,
    /// What would be done with them; `read` if absent.
    action: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Most entries; 100 if absent, at most 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of records, in the order of ids.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Records {
    /// Those that consent covers now, or all to whoever owns them. There is no total.
    pub records: Vec<Record>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The records of a dataset that the caller could ask for. Each page is decided on the consent of its own moment.
#[utoipa::path(get, path = "/v1/datasets/{dataset}/records", tag = "datasets",
    params(("dataset" = String, Path, description = "The dataset's id."), Wanted),
    responses(
        (status = 200, description = "A page.", body = Records),
        (status = 404, description = "There is nothing that the caller may know of, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It was erased.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn records(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    NotElsewhere(dataset): NotElsewhere,
    Query(wanted): Query<Wanted>,
) -> Result<JsonAnswer<Records>, Box<Problem>> {
    let wish = Wish {
        requester: caller.member,
        dataset,
        purpose: parse::<Purpose>("purpose", &wanted.purpose)?,
        action: optional("action", wanted.action.as_deref())?.unwrap_or(Action::Read),
    };
    let after = optional::<RecordId>("after", wanted.after.as_deref())?;
    let limit = limited(wanted.limit, MAX_RECORDS_PAGE)?;
    let page = gateway.pdc.visible(wish, after, limit).await?.ok_or_else(Problem::not_visible)?;
    Ok(JsonAnswer(Records {
        records: page.records.iter().map(Record::from).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}
