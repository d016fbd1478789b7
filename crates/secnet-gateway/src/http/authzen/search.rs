//! Which records may I use, who may use mine, and what may I do with them? Previews, one page at a time.

use core::str::FromStr;
use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::{AccessError, Wish};
use secnet_types::{Action, DatasetId, Party, Purpose, RecordId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::model::{AuthzenJson, Parts, Question};
use crate::auth::Caller;
use crate::http::datasets::MAX_RECORDS_PAGE;
use crate::http::query::{PAGE, parse};
use crate::http::shapes::Record;
use crate::{Gateway, Problem};

/// Which resources, subjects or actions?
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Search {
    #[serde(flatten)]
    question: Question,
    page: Option<PageWanted>,
}

/// Where the page begins.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct PageWanted {
    /// The `next_token` of the page before.
    token: Option<String>,
    /// Most results; at most 1,000.
    limit: Option<usize>,
    /// What else there is. It takes an object to have it: a list of the values is none.
    #[serde(flatten)]
    #[schema(ignore)]
    _more: IgnoredAny,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Found<T> {
    results: Vec<T>,
    page: Page,
    /// Always `{"preview": true}`: nothing was decided.
    #[schema(value_type = Object)]
    context: Value,
}

/// One resource.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resource {
    /// `record`.
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    /// Its dataset, and what it is.
    #[schema(value_type = Object)]
    properties: Value,
}

/// One subject.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Subject {
    /// `member`, `organisation` for everybody it vouches for, or `group` for everybody in it.
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
}

/// One action.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Possible {
    /// Such as `read`.
    name: &'static str,
}

/// Where to go on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    /// Give it as `page.token`; empty at the end. There is no total.
    next_token: String,
    /// How many results this page has.
    count: usize,
}

/// What a search is about, apart from what it searches for.
struct About {
    dataset: DatasetId,
    record: Option<RecordId>,
    purpose: Purpose,
}

/// The records of a dataset that the caller could ask for: `resource.type` is `record`, `resource.properties.dataset` the
/// dataset, `context.purpose` what for. What the caller may not know of is found as little as what does not exist.
#[utoipa::path(post, path = "/access/v1/search/resource", tag = "authzen", request_body = Search, responses(
    (status = 200, description = "A page.", body = Found<Resource>),
))]
pub(crate) async fn search_resource(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    AuthzenJson(Search { question, page }): AuthzenJson<Search>,
) -> Result<JsonAnswer<Found<Resource>>, Box<Problem>> {
    // Which one is what is asked: an id says nothing.
    let parts = Parts { resource: None, ..question.parts()? };
    let page = page.unwrap_or_default();
    let limit = page.limit();
    let after = page.token().map(|token| parse::<RecordId>("page.token", token)).transpose()?;
    // Nobody searches for another; a type or an action that is not known here finds nothing.
    let own = parts.subject_type == "member" && parts.subject == caller.member.to_string();
    let action = Action::from_str(&parts.action).ok();
    let (true, "record", Some(action)) = (own, parts.resource_type.as_str(), action) else {
        return Ok(JsonAnswer(Found::of(Vec::new(), None)));
    };
    let About { dataset, purpose, .. } = about(&parts)?;
    gateway.pdc.not_elsewhere(caller.member, dataset)?;
    let wish = Wish { requester: caller.member, dataset, purpose, action };
    let visible = gateway.pdc.visible(wish, after, limit).await?;
    let Some(visible) = visible else { return Ok(JsonAnswer(Found::of(Vec::new(), None))) };
    let results = visible.records.iter().map(|meta| {
        let record = Record::from(meta);
        let properties = json!({
            "dataset": dataset.to_string(), "type": record.kind, "category": record.category,
            "labels": record.labels,
        });
        Resource { kind: "record", id: record.record, properties }
    });
    let next = visible.next.map(|next| next.to_string());
    Ok(JsonAnswer(Found::of(results.collect(), next)))
}

/// Who could do this with a record, or with any of a dataset: for whoever owns it, or may grant in the owner's name. To anybody
/// else nobody could, whether it exists or not. `subject.type` is what is searched for.
#[utoipa::path(post, path = "/access/v1/search/subject", tag = "authzen", request_body = Search, responses(
    (status = 200, description = "A page, in the order of ids.", body = Found<Subject>),
))]
pub(crate) async fn search_subject(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    AuthzenJson(Search { question, page }): AuthzenJson<Search>,
) -> Result<JsonAnswer<Found<Subject>>, Box<Problem>> {
    let missing = |what: &str| Problem::malformed(format!("`{what}` is missing"));
    let searched = question.subject_type().ok_or_else(|| missing("subject.type"))?.to_owned();
    let parts = question.with_any_subject().parts()?;
    let page = page.unwrap_or_default();
    let Ok(action) = Action::from_str(&parts.action) else {
        return Ok(JsonAnswer(Found::of(Vec::new(), None)));
    };
    let About { dataset, record, purpose } = about(&parts)?;
    gateway.pdc.not_elsewhere(caller.member, dataset)?;
    // Everybody with a grant is asked about.
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let found = gateway.pdc.could_use(caller.member, (dataset, record), (purpose, action)).await;
    let parties = match found {
        Err(AccessError::Unknown(_) | AccessError::Erased(_)) => Vec::new(),
        found => found?,
    };
    let after = page.token().unwrap_or_default();
    let mut subjects: Vec<Subject> = parties.into_iter().map(Subject::from).collect();
    subjects.retain(|subject| subject.kind == searched && subject.id.as_str() > after);
    subjects.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let more = subjects.len() > page.limit();
    subjects.truncate(page.limit());
    let next = subjects.last().map(|subject| subject.id.clone()).filter(|_| more);
    Ok(JsonAnswer(Found::of(subjects, next)))
}

/// What the caller could do with a record, or with any of a dataset. What it may not know of, it can do nothing with.
#[utoipa::path(post, path = "/access/v1/search/action", tag = "authzen", request_body = Search, responses(
    (status = 200, description = "All of it, on one page.", body = Found<Possible>),
))]
pub(crate) async fn search_action(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    AuthzenJson(Search { question, .. }): AuthzenJson<Search>,
) -> Result<JsonAnswer<Found<Possible>>, Box<Problem>> {
    let parts = question.with_any_action().parts()?;
    let About { dataset, record, purpose } = about(&parts)?;
    gateway.pdc.not_elsewhere(caller.member, dataset)?;
    let mut possible = Vec::new();
    // Nobody searches for another.
    if parts.subject_type == "member" && parts.subject == caller.member.to_string() {
        for action in Action::ALL {
            let wish = Wish { requester: caller.member, dataset, purpose, action: *action };
            let could = match gateway.pdc.could(wish, record).await {
                Err(AccessError::Erased(_)) => false,
                could => could?,
            };
            if could {
                possible.push(Possible { name: action.as_str() });
            }
        }
    }
    Ok(JsonAnswer(Found::of(possible, None)))
}

/// The dataset or record, and what for. A type that is not known here is about nothing that there is, but not an error.
fn about(parts: &Parts) -> Result<About, Box<Problem>> {
    let missing = |what: &str| Problem::malformed(format!("`{what}` is missing"));
    let within = "resource.properties.dataset";
    let (dataset, record) = match parts.resource_type.as_str() {
        "dataset" => {
            let id = parts.resource.as_deref().ok_or_else(|| missing("resource.id"))?;
            (parse("resource.id", id)?, None)
        }
        _ => {
            let dataset = parts.dataset.as_deref().ok_or_else(|| missing(within))?;
            let record = parts.resource.as_deref().map(|id| parse("resource.id", id));
            (parse(within, dataset)?, record.transpose()?)
        }
    };
    let purpose = parts.context.purpose.as_deref().ok_or_else(|| missing("context.purpose"))?;
    Ok(About { dataset, record, purpose: parse("context.purpose", purpose)? })
}

impl From<Party> for Subject {
    fn from(party: Party) -> Self {
        let (kind, id) = match party {
            Party::Member(id) => ("member", id.to_string()),
            Party::Organisation(id) => ("organisation", id.to_string()),
            Party::Group(id) => ("group", id.to_string()),
        };
        Self { kind, id }
    }
}

impl PageWanted {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE).clamp(1, MAX_RECORDS_PAGE)
    }

    fn token(&self) -> Option<&str> {
        self.token.as_deref().filter(|token| !token.is_empty())
    }
}

impl<T> Found<T> {
    fn of(results: Vec<T>, next: Option<String>) -> Self {
        let next_token = next.unwrap_or_default();
        let page = Page { next_token, count: results.len() };
        Self { results, page, context: json!({ "preview": true }) }
    }
}
