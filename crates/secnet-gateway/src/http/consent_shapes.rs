//! Shapes of consent: grants, denials, what they cover, what was decided on them.

use secnet_app::{DenialLine, GrantLine};
use secnet_types::{GrantDetail, Party, Scope, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A span of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Window {
    /// From when.
    from: String,
    /// Until when; absent if there is no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl From<secnet_types::Window> for Window {
    fn from(window: secnet_types::Window) -> Self {
        let until = (window.until != Timestamp::MAX).then(|| window.until.to_string());
        Self { from: window.from.to_string(), until }
    }
}

/// What a grant, denial or ask covers; the part that stays in the data centre.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Detail {
    /// What for.
    purposes: Vec<&'static str>,
    /// What may be done.
    actions: Vec<&'static str>,
    /// Only these records.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<String>>,
    /// Only these types.
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<Vec<String>>,
    /// Only these categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<String>>,
    /// Also records with these labels; absent for none with a label.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
    /// Only these fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<String>>,
    /// Only data of this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Window>,
}

impl From<&GrantDetail> for Detail {
    fn from(detail: &GrantDetail) -> Self {
        let Scope { records, kinds, categories, labels, period, fields } = &detail.scope;
        Self {
            purposes: detail.purposes.iter().map(|purpose| purpose.as_str()).collect(),
            actions: detail.actions.iter().map(|action| action.as_str()).collect(),
            records: records.as_ref().map(texts),
            types: kinds.as_ref().map(texts),
            categories: categories.as_ref().map(texts),
            labels: labels.map(|labels| labels.iter().map(|label| label.to_string()).collect()),
            fields: fields.as_ref().map(texts),
            data: period.map(Window::from),
        }
    }
}

fn texts<'i, T: ToString + 'i>(all: impl IntoIterator<Item = &'i T>) -> Vec<String> {
    all.into_iter().map(ToString::to_string).collect()
}

/// What was decided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// `allow`, `hold` or `deny`.
    verdict: &'static str,
    /// By which grant it was allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    /// How many records.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u32>,
    /// What kind of reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Until when the owner can answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_by: Option<String>,
}

impl From<&secnet_types::Verdict> for Verdict {
    fn from(verdict: &secnet_types::Verdict) -> Self {
        let mut shown = Self {
            verdict: verdict.as_str(),
            grant: None,
            price: None,
            records: None,
            reason: None,
            answer_by: None,
        };
        match verdict {
            secnet_types::Verdict::Allow { grant, price, records, .. } => {
                shown.grant = Some(grant.to_string());
                shown.price = Some(price.to_string());
                shown.records = Some(*records);
            }
            secnet_types::Verdict::Hold { reason, answer_by } => {
                shown.reason = Some(reason.as_str());
                shown.answer_by = Some(answer_by.to_string());
            }
            secnet_types::Verdict::Deny { reason } => shown.reason = Some(reason.as_str()),
        }
        shown
    }
}

/// One grant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Grant {
    /// Its id.
    grant: String,
    /// On what dataset.
    dataset: String,
    /// By whom.
    owner: String,
    /// To a member, `org:` and a member for all it vouches for, or `group:` and a group.
    to: String,
    /// `active`, `inactive`, `used-up`, `ended` or `revoked`.
    status: &'static str,
    /// What one use costs.
    price: String,
    /// How many uses; absent for any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<u32>,
    /// How many of them are used, where they are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u32>,
    /// For emergencies.
    emergency: bool,
    /// When it holds.
    window: Window,
    /// What is set aside for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<String>,
    /// What it covers, if that is kept here.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
}

impl From<&GrantLine> for Grant {
    fn from(line: &GrantLine) -> Self {
        let grant = &line.state.grant;
        Self {
            grant: line.id.to_string(),
            dataset: grant.dataset.to_string(),
            owner: line.state.owner.to_string(),
            to: party(grant.grantee),
            status: line.status(),
            price: grant.price.to_string(),
            uses: grant.uses,
            used: grant.uses.map(|_| line.state.used),
            emergency: grant.emergency,
            window: grant.window.into(),
            set_aside: line.escrow.map(|escrow| escrow.amount.to_string()),
            detail: line.detail.as_ref().map(Detail::from),
        }
    }
}

/// One denial.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Denial {
    /// Its id.
    denial: String,
    /// On what dataset; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    /// Whom it denies, as in a grant's `to`.
    party: String,
    /// When it holds.
    window: Window,
    /// Does it hold against emergency grants too?
    even_in_emergency: bool,
    /// What it covers; absent for everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
}

impl From<&DenialLine> for Denial {
    fn from(line: &DenialLine) -> Self {
        let denial = &line.state.denial;
        Self {
            denial: line.id.to_string(),
            dataset: denial.dataset.map(|id| id.to_string()),
            party: party(denial.party),
            window: denial.window.into(),
            even_in_emergency: denial.even_in_emergency,
            detail: line.detail.as_ref().map(Detail::from),
        }
    }
}

/// Whom a grant or denial is about.
pub(crate) fn party(party: Party) -> String {
    match party {
        Party::Member(id) => id.to_string(),
        Party::Group(id) => format!("group:{id}"),
        Party::Organisation(id) => format!("org:{id}"),
    }
}
