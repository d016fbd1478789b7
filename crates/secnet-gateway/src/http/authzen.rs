//! AuthZEN Authorization API 1.0 on the same core. An evaluation is a decision like any other: recorded, priced, receipted; so
//! it takes the signed request, in `context`. Evaluations in a batch and searches are previews: nothing is decided, and
//! each says so.

mod model;
pub(crate) mod search;

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use secnet_app::{Door, Outcome, Preview, Refusal};
use secnet_types::Verdict;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::encode;
use crate::{Gateway, Problem};
use model::{AuthzenJson, Batch, Question, Semantic};

/// Most evaluations in one batch.
const MAX_EVALUATIONS: usize = 32;

/// A decision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Decided {
    /// May it be done?
    decision: bool,
    /// What the decision is, why, and what to do; previews are marked `preview: true`.
    #[schema(value_type = Object)]
    context: Value,
}

/// Decisions, in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Evaluated {
    evaluations: Vec<Decided>,
}

/// The answer of the batch endpoint: a list, or one decision if there was no list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One.
    One(Decided),
    /// Several.
    Many(Evaluated),
}

/// Where the API is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Configuration {
    policy_decision_point: String,
    access_evaluation_endpoint: String,
    access_evaluations_endpoint: String,
    search_subject_endpoint: String,
    search_action_endpoint: String,
    search_resource_endpoint: String,
}

/// Where the AuthZEN API of this node is.
#[utoipa::path(get, path = "/.well-known/authzen-configuration", tag = "authzen", responses(
    (status = 200, description = "Its metadata.", body = Configuration),
))]
pub(crate) async fn configuration(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<JsonAnswer<Configuration>, Box<Problem>> {
    let called = || {
        let host = headers.get(HOST)?.to_str().ok()?;
        Some(format!("http://{host}"))
    };
    let base = gateway.public_url.clone().or_else(called);
    let base = base.ok_or_else(|| Problem::malformed("the call has no `Host`"))?;
    Ok(JsonAnswer(Configuration {
        access_evaluation_endpoint: format!("{base}/access/v1/evaluation"),
        access_evaluations_endpoint: format!("{base}/access/v1/evaluations"),
        search_subject_endpoint: format!("{base}/access/v1/search/subject"),
        search_action_endpoint: format!("{base}/access/v1/search/action"),
        search_resource_endpoint: format!("{base}/access/v1/search/resource"),
        policy_decision_point: base,
    }))
}

/// One decision: recorded and priced. `context` carries the signed `request`, its `detail` and the `receiving_key`, as
/// `POST /v1/access` takes them; subject, action and resource must agree with it. What was granted is collected by the same
/// request at `/v1/access`, without a second charge.
#[utoipa::path(post, path = "/access/v1/evaluation", tag = "authzen", request_body = Question, responses(
    (status = 200, description = "The decision.", body = Decided),
    (status = 403, description = "Made by another key than the call.", body = String, content_type = "text/plain"),
))]
pub(crate) async fn evaluation(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    AuthzenJson(question): AuthzenJson<Question>,
) -> Result<JsonAnswer<Decided>, Box<Problem>> {
    Ok(JsonAnswer(gateway.evaluate(&caller, question).await?))
}

/// Previews of several decisions: nothing is decided, charged or released. Without `evaluations` this is the single
/// evaluation, as the standard says.
#[utoipa::path(post, path = "/access/v1/evaluations", tag = "authzen", request_body = Batch, responses(
    (status = 200, description = "The decisions.", body = OneOrMany),
    (status = 403, description = "Made by another key than the call.", body = String, content_type = "text/plain"),
))]
pub(crate) async fn evaluations(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    AuthzenJson(batch): AuthzenJson<Batch>,
) -> Result<JsonAnswer<OneOrMany>, Box<Problem>> {
    let semantic = batch.semantic()?;
    let questions = match batch.questions() {
        Ok(questions) => questions,
        Err(single) => {
            let decided = gateway.evaluate(&caller, *single).await?;
            return Ok(JsonAnswer(OneOrMany::One(decided)));
        }
    };
    if questions.len() > MAX_EVALUATIONS {
        let detail = format!("at most {MAX_EVALUATIONS} evaluations at once");
        return Err(Problem::malformed(detail));
    }
    let mut evaluations = Vec::with_capacity(questions.len());
    for (number, question) in questions.into_iter().enumerate() {
        // The call itself has been counted.
        let may = number == 0 || gateway.rates.may_call(caller.member, gateway.pdc.clock.now());
        let decided =
            if may { gateway.preview(&caller, question).await } else { Err(Problem::too_often()) };
        let decided = decided.unwrap_or_else(|problem| failed(&problem));
        let last = match semantic {
            Semantic::ExecuteAll => false,
            Semantic::DenyOnFirstDeny => !decided.decision,
            Semantic::PermitOnFirstPermit => decided.decision,
        };
        evaluations.push(decided);
        if last {
            break;
        }
    }
    Ok(JsonAnswer(OneOrMany::Many(Evaluated { evaluations })))
}

/// One of several that could not be evaluated: closed, and said why.
fn failed(problem: &Problem) -> Decided {
    let error = json!({ "status": problem.status().as_u16(), "message": problem.sentence() });
    Decided { decision: false, context: json!({ "preview": true, "error": error }) }
}

impl Gateway {
    async fn evaluate(&self, caller: &Caller, question: Question) -> Result<Decided, Box<Problem>> {
        let call = question.call(caller, Door::AuthZen)?;
        let (decision, context) = match self.pdc.access(&call).await? {
            Outcome::Released(delivery) => {
                let context = json!({
                    "decision": delivery.granted.decision().to_string(),
                    "request": delivery.granted.request().to_string(),
                    "grant": delivery.granted.grant().to_string(),
                    "price": delivery.price.to_string(),
                    "collect_by": delivery.granted.collect_by().to_string(),
                    "receipt": encode(&secnet_types::encode(&delivery.receipt)),
                });
                self.deliveries.keep(delivery.granted, self.pdc.clock.now());
                (true, context)
            }
            Outcome::Projected(projected) => {
                let granted = &projected.granted;
                let context = json!({
                    "decision": granted.decision().to_string(),
                    "request": granted.request().to_string(),
                    "grant": granted.grant().to_string(),
                    "price": projected.price.to_string(),
                    "collect_by": granted.collect_by().to_string(),
                    "receipt": encode(&secnet_types::encode(&projected.receipt)),
                    "fields": granted.fields(),
                });
                (true, context)
            }
            Outcome::Held(refusal) => (false, refused(&refusal, true)),
            Outcome::Denied(refusal) => (false, refused(&refusal, false)),
            Outcome::NotVisible => (false, not_visible(false)),
        };
        Ok(Decided { decision, context })
    }

    async fn preview(&self, caller: &Caller, question: Question) -> Result<Decided, Box<Problem>> {
        let call = question.call(caller, Door::AuthZen)?;
        let mut context = Map::new();
        context.insert("preview".into(), true.into());
        let mut because = |reason: &str, remedy: &str, held: bool| {
            context.insert("reason".into(), reason.into());
            context.insert("remedy".into(), remedy.into());
            context.insert("held".into(), held.into());
        };
        let decision = match self.pdc.preview_at_door(&call).await? {
            Preview::Released { price, records, fields, .. } => {
                if let Some(fields) = fields {
                    context.insert("fields".into(), json!(fields));
                }
                context.insert("price".into(), price.to_string().into());
                context.insert("records".into(), records.len().into());
                true
            }
            Preview::Held(foreseen) => {
                because(foreseen.class.as_str(), &foreseen.remedy, true);
                false
            }
            Preview::Denied(foreseen) => {
                because(foreseen.class.as_str(), &foreseen.remedy, false);
                false
            }
            Preview::Decided(verdict) => {
                context.insert("decided".into(), true.into());
                if let Verdict::Hold { reason, .. } | Verdict::Deny { reason } = verdict {
                    context.insert("reason".into(), reason.as_str().into());
                }
                matches!(verdict, Verdict::Allow { .. })
            }
            Preview::NotVisible => {
                return Ok(Decided { decision: false, context: not_visible(true) });
            }
        };
        Ok(Decided { decision, context: Value::Object(context) })
    }
}

fn refused(refusal: &Refusal, held: bool) -> Value {
    let mut context = json!({
        "decision": refusal.decision.map(|decision| decision.to_string()),
        "held": held,
        "reason": refusal.class.as_str(),
        "remedy": refusal.remedy,
        "receipt": encode(&secnet_types::encode(&refusal.receipt)),
    });
    if let (Some(seconds), Some(fields)) = (refusal.wait_s, context.as_object_mut()) {
        fields.insert("wait".into(), seconds.into());
    }
    context
}

/// The same whether there is something or not.
fn not_visible(preview: bool) -> Value {
    let problem = Problem::not_visible();
    let mut context = json!({ "reason": problem.code(), "remedy": problem.hint() });
    if let (true, Some(fields)) = (preview, context.as_object_mut()) {
        fields.insert("preview".into(), true.into());
    }
    context
}

/// Errors of this API are a sentence, as the standard says.
pub(crate) fn in_a_sentence(problem: &Problem) -> (StatusCode, String) {
    // What the media type or the coding of a body should be is a matter of the request here.
    let status = match problem.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::BAD_REQUEST,
        status => status,
    };
    (status, problem.sentence())
}
