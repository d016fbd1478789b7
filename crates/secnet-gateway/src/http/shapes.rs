//! Shapes that several answers have.

use secnet_app::Refusal;
use secnet_types::{RecordMeta, Window};
use serde::Serialize;
use utoipa::ToSchema;

use crate::base64::Base64;

/// A decision that released nothing: what kind of reason, what to do, and the proof that it was recorded. No thresholds,
/// and nobody's ids.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Refused {
    /// The decision's id; absent if it was only counted, because the caller had been refused so often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// `consent`, `terms`, `rule`, `guard`, `fault`, `funds`, `step-up` or `throttle`.
    pub reason: String,
    /// What to do.
    pub remedy: String,
    /// Seconds after which to ask again, with a new request; only if it was refused for asking too often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<u32>,
    /// The receipt, CBOR.
    pub receipt: Base64,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        Self {
            decision: refusal.decision.map(|decision| decision.to_string()),
            reason: refusal.class.as_str().to_owned(),
            remedy: refusal.remedy.clone(),
            wait: refusal.wait_s,
            receipt: Base64(secnet_types::encode(&refusal.receipt)),
        }
    }
}

/// One record.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Record {
    /// Its id.
    pub record: String,
    /// What it is, such as `Observation`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    pub category: String,
    /// How sensitive it is.
    pub labels: Vec<String>,
    /// From when its content is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl From<&RecordMeta> for Record {
    fn from(meta: &RecordMeta) -> Self {
        let period = |end: fn(Window) -> secnet_types::Timestamp| {
            meta.period.map(|period| end(period).to_string())
        };
        Self {
            record: meta.id.to_string(),
            kind: meta.kind.clone(),
            category: meta.category.to_string(),
            labels: meta.labels.iter().map(|label| label.to_string()).collect(),
            from: period(|window| window.from),
            until: period(|window| window.until),
        }
    }
}
