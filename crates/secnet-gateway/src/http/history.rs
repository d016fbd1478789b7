//! What was tried with an owner's data, and what moved a member's money.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::{Attempt as Tried, MAX_HISTORY_PAGE, MAX_STATEMENT_LINES, Summarised};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::http::consent_shapes::Verdict;
use crate::http::query::{Query, Whose, limited};
use crate::{Gateway, Problem};

/// Movements in a page of an account unless the caller says otherwise.
const MOVEMENTS: usize = 1000;

/// Which part of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// The `before` of the page that came first; absent for the newest.
    before: Option<u64>,
    /// Most entries; 100 if absent, at most 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// An owner that lets the caller grant; absent for the caller.
    #[serde(rename = "as")]
    owner: Option<String>,
}

/// Some attempts, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    /// The attempts, refused ones too.
    attempts: Vec<Attempt>,
    /// What was refused beyond the quota of its requester, and only counted.
    summaries: Vec<Counted>,
    /// There are earlier ones: give it as `before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
}

/// Attempts that were refused beyond a quota.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Counted {
    /// Index of the event in the log.
    event: u64,
    /// When it was stated.
    time: String,
    /// Who.
    requester: String,
    /// Of what dataset.
    dataset: String,
    /// How many.
    count: u32,
    /// When the first of them was refused; absent if that was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// When the last of them was.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// How many for what kind of reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<BTreeMap<&'static str, u32>>,
}

impl From<Summarised> for Counted {
    fn from(counted: Summarised) -> Self {
        let record = counted.record.as_ref();
        Self {
            event: counted.event,
            time: counted.time.to_string(),
            requester: counted.requester.to_string(),
            dataset: counted.dataset.to_string(),
            count: counted.count,
            from: record.map(|record| record.from.to_string()),
            until: record.map(|record| record.until.to_string()),
            classes: record.map(|record| {
                record.classes.iter().map(|(class, count)| (class.as_str(), *count)).collect()
            }),
        }
    }
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// Index of the event in the log.
    event: u64,
    /// When.
    time: String,
    /// Who.
    requester: String,
    /// Of what dataset.
    dataset: String,
    /// The request.
    request: String,
    /// The decision.
    decision: String,
    /// What was decided.
    outcome: Verdict,
    /// What for; absent if the facts were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'static str>,
    /// How many records were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<u32>,
    /// Why, in sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
    /// What rules that only watch would have done.
    #[serde(skip_serializing_if = "Option::is_none")]
    watched: Option<Vec<String>>,
}

impl From<Tried> for Attempt {
    fn from(tried: Tried) -> Self {
        Self {
            event: tried.event,
            time: tried.time.to_string(),
            requester: tried.requester.to_string(),
            dataset: tried.dataset.to_string(),
            request: tried.request.to_string(),
            decision: tried.decision.to_string(),
            outcome: Verdict::from(&tried.verdict),
            purpose: tried.facts.as_ref().map(|facts| facts.detail.purpose.as_str()),
            asked: tried.facts.as_ref().map(|facts| facts.asked),
            reasons: tried.facts.as_ref().map(|facts| facts.reasons.clone()),
            watched: tried.facts.map(|facts| facts.watched),
        }
    }
}

/// Every attempt on what the caller owned at the time, the newest page first.
#[utoipa::path(get, path = "/v1/history", tag = "owners", params(Part), responses(
    (status = 200, description = "A page.", body = History),
    (status = 404, description = "The caller may not act for that member, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn history(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(part): Query<Part>,
) -> Result<JsonAnswer<History>, Box<Problem>> {
    let owner = gateway.reads_as(&caller, &Whose { owner: part.owner })?;
    let limit = limited(part.limit, MAX_HISTORY_PAGE)?;
    let page = gateway.pdc.history_page(owner, part.before, limit).await?;
    Ok(JsonAnswer(History {
        attempts: page.attempts.into_iter().map(Attempt::from).collect(),
        summaries: page.summaries.into_iter().map(Counted::from).collect(),
        before: page.before,
    }))
}

/// Which part of an account.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Movements {
    /// The `before` of the page that came first; absent for the newest.
    before: Option<u64>,
    /// Most movements; 1,000 if absent, at most 10,000. Those of one event stay together.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
}

/// The caller's account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Statement {
    /// The newest movements, oldest first.
    lines: Vec<Line>,
    /// How many there were before those.
    earlier: u64,
    /// There are earlier ones: give it as `before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    /// What there was when this log began: 0, unless the network goes on from another one.
    brought: String,
    /// The balance now.
    balance: String,
    /// Set aside for grants.
    escrow: String,
    /// Charged, but neither paid out nor given back yet.
    held: String,
}

/// One movement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Line {
    /// Index of the event in the log.
    event: u64,
    /// When.
    time: String,
    /// What it was.
    what: String,
    /// Came in.
    credit: String,
    /// Went out.
    debit: String,
    /// The balance after it.
    balance: String,
}

impl From<secnet_app::Line> for Line {
    fn from(line: secnet_app::Line) -> Self {
        Self {
            event: line.event,
            time: line.time.to_string(),
            what: line.what,
            credit: line.credit.to_string(),
            debit: line.debit.to_string(),
            balance: line.balance.to_string(),
        }
    }
}

/// The caller's account, line by line. No power that can be delegated shows it to another.
#[utoipa::path(get, path = "/v1/statement", tag = "owners", params(Movements), responses(
    (status = 200, description = "A page of the account.", body = Statement),
))]
pub(crate) async fn statement(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(part): Query<Movements>,
) -> Result<JsonAnswer<Statement>, Box<Problem>> {
    let limit = limited(Some(part.limit.unwrap_or(MOVEMENTS)), MAX_STATEMENT_LINES)?;
    // The whole log is read for it.
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let statement = gateway.pdc.statement_page(caller.member, part.before, limit).await?;
    let first = statement.lines.first().map(|line| line.event);
    Ok(JsonAnswer(Statement {
        before: first.filter(|_| statement.earlier > 0),
        lines: statement.lines.into_iter().map(Line::from).collect(),
        earlier: statement.earlier,
        brought: statement.brought.to_string(),
        balance: statement.balance.to_string(),
        escrow: statement.escrow.to_string(),
        held: statement.held.to_string(),
    }))
}
