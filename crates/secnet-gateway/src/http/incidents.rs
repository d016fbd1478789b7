//! Incidents, for the administrators of a node: alerts that belong together, and what was done about them.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::{
    Happened, HoldEnd, IncidentAct, IncidentLine, IncidentStatus, MAX_INCIDENTS_PAGE, Story,
    Subject, TimelineEntry,
};
use secnet_types::{ReasonClass, RuleAction};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::http::query::{At, Query, limited};
use crate::{Gateway, Problem};

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// The `before` of the page that came first; absent for the newest.
    before: Option<u64>,
    /// Most entries; 100 if absent, at most 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Only those that stand so; absent for all.
    #[param(inline)]
    status: Option<StatusWanted>,
}

/// How an incident stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusWanted {
    /// Nobody has said of its last alert that it was seen.
    Open,
    /// Somebody has, or a response to it is in force.
    Acknowledged,
    /// Nothing more is to be done.
    Closed,
}

impl From<StatusWanted> for IncidentStatus {
    fn from(status: StatusWanted) -> Self {
        match status {
            StatusWanted::Open => Self::Open,
            StatusWanted::Acknowledged => Self::Acknowledged,
            StatusWanted::Closed => Self::Closed,
        }
    }
}

/// What an incident is about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentSubject {
    /// `member`, `organisation`, `dataset` or `data-centre`.
    kind: &'static str,
    /// Which; absent for the data centre.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// How many alerts of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertCount {
    /// `held`, `stopped`, `broken` or `flood`.
    kind: &'static str,
    /// Why; absent of a flood.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// How many.
    count: u64,
}

/// How many alerts about one requester, or one dataset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertsAbout {
    /// Its id.
    id: String,
    /// How many.
    count: u64,
}

/// Alerts that belong together.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentEntry {
    /// Its number: the index of the event of its first alert.
    incident: u64,
    /// `open`, `acknowledged` or `closed`.
    status: &'static str,
    /// What it is about.
    subject: IncidentSubject,
    /// When its first alert was.
    first_seen: String,
    /// When its last alert was.
    last_seen: String,
    /// Index of the event of its last alert.
    last_event: u64,
    /// How many alerts.
    count: u64,
    /// About how many requests: floods count many at once.
    requests: u64,
    /// How many of its holds wait for their owners.
    waiting: u64,
    /// How many alerts of each kind and reason.
    kinds: Vec<AlertCount>,
    /// How many by each requester, at most 64 of them.
    requesters: Vec<AlertsAbout>,
    /// How many by others.
    other_requesters: u64,
    /// How many about each dataset, at most 64 of them.
    datasets: Vec<AlertsAbout>,
    /// How many about others.
    other_datasets: u64,
    /// Rules that are in force because of it.
    responses: Vec<String>,
}

impl IncidentEntry {
    /// An incident as it is shown.
    #[must_use]
    pub fn of(line: &IncidentLine) -> Self {
        let incident = &line.incident;
        let (kind, id) = match incident.subject {
            Subject::Member(member) => ("member", Some(member.to_string())),
            Subject::Organisation(organisation) => ("organisation", Some(organisation.to_string())),
            Subject::Dataset(dataset) => ("dataset", Some(dataset.to_string())),
            Subject::DataCentre => ("data-centre", None),
        };
        let kinds = incident.kinds().map(|(kind, reason, count)| AlertCount {
            kind: kind.as_str(),
            reason: reason.map(ReasonClass::as_str),
            count,
        });
        let requesters = incident.requesters.named.iter();
        let datasets = incident.datasets.named.iter();
        Self {
            incident: incident.id,
            status: line.status.as_str(),
            subject: IncidentSubject { kind, id },
            first_seen: incident.first_seen.to_string(),
            last_seen: incident.last_seen.to_string(),
            last_event: incident.last_event,
            count: incident.count,
            requests: incident.requests,
            waiting: incident.waiting,
            kinds: kinds.collect(),
            requesters: requesters
                .map(|(id, count)| AlertsAbout { id: id.to_string(), count: *count })
                .collect(),
            other_requesters: incident.requesters.others,
            datasets: datasets
                .map(|(id, count)| AlertsAbout { id: id.to_string(), count: *count })
                .collect(),
            other_datasets: incident.datasets.others,
            responses: line.in_force.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A page of incidents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentList {
    /// The incidents, newest first.
    incidents: Vec<IncidentEntry>,
    /// There are earlier ones: give it as `before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
}

/// One entry of a timeline.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct TimelineLine {
    /// When.
    time: String,
    /// `held`, `stopped`, `broken` or `flood`, which are alerts; `hold-released`, `hold-refused` or `hold-expired`; `feedback` of the data
    /// centre's analyst; `acknowledged`, `closed` or `reopened`; `response`, `response-removed` or `response-ended`.
    what: &'static str,
    /// Index of the event in the log; absent of what is not on the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<u64>,
    /// Why; of an alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Who asked; of an alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    requester: Option<String>,
    /// For what; of an alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    /// The decision that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    /// How many requests; of a flood.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    /// `wrong` or `fine`; of feedback.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<&'static str>,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// The rule; of a response.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// What it does: `flag`, `step-up`, `throttle`, `hold` or `deny`; absent if its body is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
}

impl TimelineLine {
    fn of(entry: &TimelineEntry) -> Self {
        let bare =
            |what| Self { time: entry.at.to_string(), what, event: entry.event, ..Self::default() };
        match entry.what {
            Happened::Alert(alert) => Self {
                reason: alert.reason.map(ReasonClass::as_str),
                requester: Some(alert.requester.to_string()),
                dataset: Some(alert.dataset.to_string()),
                decision: alert.decision.map(|decision| decision.to_string()),
                count: alert.decision.is_none().then_some(alert.requests),
                ..bare(alert.kind.as_str())
            },
            Happened::Answered(decision, answer) => {
                let what = match answer {
                    HoldEnd::Released => "hold-released",
                    HoldEnd::Refused => "hold-refused",
                    HoldEnd::Expired => "hold-expired",
                };
                Self { decision: Some(decision.to_string()), ..bare(what) }
            }
            Happened::Said(decision, finding, by) => Self {
                decision: Some(decision.to_string()),
                finding: Some(finding.as_str()),
                by: Some(by.to_string()),
                ..bare("feedback")
            },
            Happened::Act(act) => {
                let what = match act.act {
                    IncidentAct::Acknowledge => "acknowledged",
                    IncidentAct::Close => "closed",
                    IncidentAct::Reopen => "reopened",
                };
                Self { by: Some(act.by.to_string()), ..bare(what) }
            }
            Happened::Responded(rule, action) => Self {
                rule: Some(rule.to_string()),
                action: action.map(RuleAction::as_str),
                ..bare("response")
            },
            Happened::Removed(rule) => {
                Self { rule: Some(rule.to_string()), ..bare("response-removed") }
            }
            Happened::Ended(rule) => {
                Self { rule: Some(rule.to_string()), ..bare("response-ended") }
            }
        }
    }
}

/// An incident with its timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentStory {
    /// The incident.
    incident: IncidentEntry,
    /// What happened, oldest first: of each kind and reason the first 8 and the last 24.
    timeline: Vec<TimelineLine>,
    /// How many alerts and answers between those are not in the timeline.
    left_out: u64,
}

impl IncidentStory {
    /// An incident as it is shown with its timeline.
    #[must_use]
    pub fn of(story: &Story) -> Self {
        Self {
            incident: IncidentEntry::of(&story.line),
            timeline: story.timeline.iter().map(TimelineLine::of).collect(),
            left_out: story.left_out,
        }
    }
}

/// The incidents at this node's data centre, newest first; for members that the node's configuration names.
#[utoipa::path(get, path = "/v1/incidents", tag = "events", params(Part), responses(
    (status = 200, description = "A page.", body = IncidentList),
    (status = 404, description = "The caller is none of those who are told.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn incidents(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(part): Query<Part>,
) -> Result<JsonAnswer<IncidentList>, Box<Problem>> {
    gateway.administers(&caller)?;
    let limit = limited(part.limit, MAX_INCIDENTS_PAGE)?;
    // The first call reads the whole log.
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let page = gateway.pdc.incidents(part.before, limit, part.status.map(Into::into)).await?;
    let incidents = page.incidents.iter().map(IncidentEntry::of).collect();
    Ok(JsonAnswer(IncidentList { incidents, before: page.before }))
}

/// An incident with its timeline.
#[utoipa::path(get, path = "/v1/incidents/{incident}", tag = "events",
    params(("incident" = u64, Path, description = "The incident's number.")),
    responses(
        (status = 200, description = "The incident.", body = IncidentStory),
        (status = 404, description = "There is none of this number, or the caller is none of those who are told.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn incident(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(incident): At<u64>,
) -> Result<JsonAnswer<IncidentStory>, Box<Problem>> {
    gateway.administers(&caller)?;
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let story = gateway.pdc.incident(incident).await?.ok_or_else(Problem::not_visible)?;
    Ok(JsonAnswer(IncidentStory::of(&story)))
}
