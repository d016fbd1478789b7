//! The questions of AuthZEN, as far as this node looks at them. What else there is in a question is ignored, as the standard
//! says: it decides nothing, because nothing that is not signed does.

use core::str::FromStr;

use axum::extract::{FromRequest, Request};
use secnet_app::{AccessCall, Door};
use secnet_types::{AccessRequest, Action, RecordId, RequestDetail, Signed, decode, limits};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use utoipa::ToSchema;

use crate::Problem;
use crate::auth::Caller;
use crate::base64::Base64;
use crate::body::Json;
use crate::http::commands::other_key;

/// A JSON body of this API.
pub(crate) struct AuthzenJson<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for AuthzenJson<T> {
    type Rejection = Box<Problem>;

    async fn from_request(request: Request, state: &S) -> Result<Self, Box<Problem>> {
        let Json(value) = <Json<T>>::from_request(request, state).await?;
        Ok(Self(value))
    }
}

/// A subject or resource.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct Entity {
    /// `member`, `dataset` or `record`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its id.
    pub id: Option<String>,
    /// More about it: of a record, the `dataset` it is in.
    #[serde(default)]
    pub properties: Option<Properties>,
    /// What else there is. It takes an object to have it: a list of the values is none.
    #[serde(flatten)]
    #[schema(ignore)]
    _more: IgnoredAny,
}

/// What is looked at of a resource's properties.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct Properties {
    /// The dataset that a record is in.
    pub dataset: Option<String>,
    /// What else there is. It takes an object to have it: a list of the values is none.
    #[serde(flatten)]
    #[schema(ignore)]
    _more: IgnoredAny,
}

/// What is to be done.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Deed {
    /// Such as `read`.
    pub name: Option<String>,
    /// What else there is. It takes an object to have it: a list of the values is none.
    #[serde(flatten)]
    #[schema(ignore)]
    _more: IgnoredAny,
}

/// What the question is about besides.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct Context {
    /// The signed request: a COSE_Sign1, as `docs/spec/requests.md` says.
    request: Option<Base64>,
    /// The detail that the request commits to, CBOR.
    detail: Option<Base64>,
    /// The X-Wing public key that key parts are to be sealed to.
    receiving_key: Option<Base64>,
    /// What for; for searches.
    pub purpose: Option<String>,
    /// What else there is. It takes an object to have it: a list of the values is none.
    #[serde(flatten)]
    #[schema(ignore)]
    _more: IgnoredAny,
}

/// May this subject do this with that?
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct Question {
    subject: Option<Entity>,
    action: Option<Deed>,
    resource: Option<Entity>,
    context: Option<Context>,
    /// What else there is. It takes an object to have it: a list of the values is none.
    #[serde(flatten)]
    #[schema(ignore)]
    _more: IgnoredAny,
}

/// Several questions; what they have in common may stand beside them.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Batch {
    #[serde(flatten)]
    common: Question,
    evaluations: Option<Vec<Question>>,
    options: Option<Options>,
}

/// How several questions are gone through.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Options {
    /// `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    evaluations_semantic: Option<String>,
    /// What else there is. It takes an object to have it: a list of the values is none.
    #[serde(flatten)]
    #[schema(ignore)]
    _more: IgnoredAny,
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Batch {
    pub(crate) fn semantic(&self) -> Result<Semantic, Box<Problem>> {
        let named = self.options.as_ref().and_then(|o| o.evaluations_semantic.as_deref());
        match named {
            None | Some("execute_all") => Ok(Semantic::ExecuteAll),
            Some("deny_on_first_deny") => Ok(Semantic::DenyOnFirstDeny),
            Some("permit_on_first_permit") => Ok(Semantic::PermitOnFirstPermit),
            Some(_) => Err(Problem::malformed("`options.evaluations_semantic` is not known")),
        }
    }

    /// The questions, each with what they have in common; or the one question, if there is no list.
    pub(crate) fn questions(self) -> Result<Vec<Question>, Box<Question>> {
        let Self { common, evaluations, .. } = self;
        match evaluations {
            Some(all) if !all.is_empty() => {
                Ok(all.into_iter().map(|own| own.or(&common)).collect())
            }
            _ => Err(Box::new(common)),
        }
    }
}

impl Entity {
    /// Own values, the common ones where there are none.
    fn or(self, common: Option<&Self>) -> Self {
        let Some(common) = common else { return self };
        Self {
            kind: self.kind.or_else(|| common.kind.clone()),
            id: self.id.or_else(|| common.id.clone()),
            properties: self.properties,
            _more: IgnoredAny,
        }
    }
}

impl Question {
    fn or(self, common: &Self) -> Self {
        let entity = |own: Option<Entity>, common: &Option<Entity>| match own {
            Some(own) => Some(own.or(common.as_ref())),
            None => common.clone(),
        };
        Self {
            subject: entity(self.subject, &common.subject),
            action: self.action.or_else(|| common.action.clone()),
            resource: entity(self.resource, &common.resource),
            context: self.context.or_else(|| common.context.clone()),
            _more: IgnoredAny,
        }
    }

    /// What kind of subject it is about.
    pub(crate) fn subject_type(&self) -> Option<&str> {
        self.subject.as_ref()?.kind.as_deref()
    }

    /// The same about any subject: who it is is what is asked.
    pub(crate) fn with_any_subject(self) -> Self {
        let any = Some(String::new());
        let subject = Entity { kind: any.clone(), id: any, ..Entity::default() };
        Self { subject: Some(subject), ..self }
    }

    /// The same about any action.
    pub(crate) fn with_any_action(self) -> Self {
        let action = Deed { name: Some(String::new()), _more: IgnoredAny };
        Self { action: Some(action), ..self }
    }

    /// The parts of the question, with the type and id of its subject; its resource's id may be missing.
    pub(crate) fn parts(self) -> Result<Parts, Box<Problem>> {
        let missing = |what: &str| Problem::malformed(format!("`{what}` is missing"));
        let subject = self.subject.ok_or_else(|| missing("subject"))?;
        let action = self.action.ok_or_else(|| missing("action"))?;
        let resource = self.resource.ok_or_else(|| missing("resource"))?;
        Ok(Parts {
            subject_type: subject.kind.ok_or_else(|| missing("subject.type"))?,
            subject: subject.id.ok_or_else(|| missing("subject.id"))?,
            action: action.name.ok_or_else(|| missing("action.name"))?,
            resource_type: resource.kind.ok_or_else(|| missing("resource.type"))?,
            resource: resource.id,
            dataset: resource.properties.and_then(|properties| properties.dataset),
            context: self.context.unwrap_or_default(),
        })
    }

    /// The access request that the question carries, if the question is about what the request asks.
    pub(crate) fn call(self, caller: &Caller, door: Door) -> Result<AccessCall, Box<Problem>> {
        let parts = self.parts()?;
        let id = parts.resource.as_deref();
        let id = id.ok_or_else(|| Problem::malformed("`resource.id` is missing"))?;
        let unsigned = |what: &str| {
            let detail =
                format!("`context.{what}` is missing: decisions are made on signed requests");
            Problem::malformed(detail)
        };
        let Context { request, detail, receiving_key, .. } = parts.context;
        let request = request.ok_or_else(|| unsigned("request"))?.0;
        let detail = detail.ok_or_else(|| unsigned("detail"))?.0;
        let receiving_key = receiving_key.ok_or_else(|| unsigned("receiving_key"))?.0;
        let signed = Signed::<AccessRequest>::parse(&request)
            .map_err(|error| Problem::malformed(format!("the request: {error}")))?;
        let asked: RequestDetail = decode("request detail", &detail, limits::MAX_DETAIL_BYTES)
            .map_err(|error| Problem::malformed(error.to_string()))?;
        if (signed.value.requester, signed.envelope.key) != (caller.member, caller.key) {
            return Err(other_key());
        }
        let named = |what: &str| match what {
            "subject" => {
                parts.subject_type == "member"
                    && parts.subject == signed.value.requester.to_string()
            }
            "action" => Action::from_str(&parts.action).is_ok_and(|named| named == asked.action),
            _ => match parts.resource_type.as_str() {
                "dataset" => id == signed.value.dataset.to_string(),
                "record" => RecordId::from_str(id).is_ok_and(|record| {
                    let only = asked.scope.records.as_ref();
                    only.is_some_and(|only| only.len() == 1 && only.contains(&record))
                }),
                _ => false,
            },
        };
        for part in ["subject", "action", "resource"] {
            if !named(part) {
                let detail = format!("`{part}` is not what the signed request is about");
                return Err(Problem::malformed(detail));
            }
        }
        Ok(AccessCall { request, detail, receiving_key, door, source: caller.source })
    }
}

/// A question that has all its parts.
#[derive(Debug)]
pub(crate) struct Parts {
    pub subject_type: String,
    pub subject: String,
    pub action: String,
    pub resource_type: String,
    pub resource: Option<String>,
    pub dataset: Option<String>,
    pub context: Context,
}
