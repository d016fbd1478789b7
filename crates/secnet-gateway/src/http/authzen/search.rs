//! Which records may I use? A preview, one page at a time.

use core::str::FromStr;
use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::Wish;
use secnet_types::{Action, DatasetId, Purpose, RecordId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::model::{AuthzenJson, Question};
use crate::auth::Caller;
use crate::http::datasets::MAX_RECORDS_PAGE;
use crate::http::query::{PAGE, parse};
use crate::http::shapes::Record;
use crate::{Gateway, Problem};

/// Which resources may this subject use?
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
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Found {
    results: Vec<Resource>,
    page: Page,
    /// Always `{"preview": true}`: nothing was decided.
    #[schema(value_type = Object)]
    context: Value,
}

/// One result.
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

/// Where to go on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    /// Give it as `page.token`; empty at the end. There is no total.
    next_token: String,
    /// How many results this page has.
    count: usize,
}

/// The records of a dataset that the caller could ask for: `resource.type` is `record`, `resource.properties.dataset` the
/// dataset, `context.purpose` what for. What the caller may not know of is found as little as what does not exist.
#[utoipa::path(post, path = "/access/v1/search/resource", tag = "authzen", request_body = Search, responses(
    (status = 200, description = "A page.", body = Found),
    (status = "default", description = "An error.", body = String, content_type = "text/plain"),
))]
pub(crate) async fn search_resource(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    AuthzenJson(Search { question, page }): AuthzenJson<Search>,
) -> Result<JsonAnswer<Found>, Box<Problem>> {
    let parts = question.parts()?;
    let page = page.unwrap_or_default();
    let limit = page.limit.unwrap_or(PAGE).clamp(1, MAX_RECORDS_PAGE);
    let token = page.token.filter(|token| !token.is_empty());
    let after = token.map(|token| parse::<RecordId>("page.token", &token)).transpose()?;
    // Nobody searches for another; a type or an action that is not known here finds nothing.
    let own = parts.subject_type == "member" && parts.subject == caller.member.to_string();
    let action = Action::from_str(&parts.action).ok();
    let (true, "record", Some(action)) = (own, parts.resource_type.as_str(), action) else {
        return Ok(JsonAnswer(Found::of(Vec::new(), None)));
    };
    let missing = |what: &str| Problem::malformed(format!("`{what}` is missing"));
    let dataset = parts.dataset.ok_or_else(|| missing("resource.properties.dataset"))?;
    let dataset = parse::<DatasetId>("resource.properties.dataset", &dataset)?;
    let purpose = parts.context.purpose.ok_or_else(|| missing("context.purpose"))?;
    let purpose = parse::<Purpose>("context.purpose", &purpose)?;
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
    Ok(JsonAnswer(Found::of(results.collect(), visible.next)))
}

impl Found {
    fn of(results: Vec<Resource>, next: Option<RecordId>) -> Self {
        let next_token = next.map(|next| next.to_string()).unwrap_or_default();
        let page = Page { next_token, count: results.len() };
        Self { results, page, context: json!({ "preview": true }) }
    }
}
