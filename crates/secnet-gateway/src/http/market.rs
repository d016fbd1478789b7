//! Rules that members offer each other, and groups, for who runs them.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_ledger::RuleState;
use secnet_types::{Digest, GroupId, MemberId, RuleId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::http::query::{At, PageOf, Query, limited, optional};
use crate::{Gateway, Problem};

/// Most entries in a page.
const MAX_PAGE: usize = 1000;

/// A rule that somebody offers: what every node knows of it. Its body is with its author, and with who bought it; which data
/// centre enforces it is not told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OfferedRule {
    /// The rule's id: the digest of its body.
    rule: String,
    /// Who offers it.
    author: String,
    /// What a licence costs.
    price: String,
    /// Until when it holds; absent if there is no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// The digest of what it was found by and tried on, 32 bytes; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Base64>,
}

impl OfferedRule {
    fn of(id: RuleId, state: &RuleState) -> Self {
        let listing = &state.listing;
        let evidence =
            (listing.evidence != Digest::ZERO).then(|| Base64(listing.evidence.0.to_vec()));
        Self {
            rule: id.to_string(),
            author: state.author.to_string(),
            price: listing.price.to_string(),
            expires: (listing.expires != Timestamp::MAX).then(|| listing.expires.to_string()),
            evidence,
        }
    }
}

/// A page of rules, in the order of ids.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OfferedRules {
    /// The rules.
    rules: Vec<OfferedRule>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The rules on offer in the network.
#[utoipa::path(get, path = "/v1/rules", tag = "network", params(PageOf), responses(
    (status = 200, description = "A page.", body = OfferedRules),
))]
pub(crate) async fn rules(
    State(gateway): State<Arc<Gateway>>,
    _caller: Caller,
    Query(page): Query<PageOf>,
) -> Result<JsonAnswer<OfferedRules>, Box<Problem>> {
    let after = optional::<RuleId>("after", page.after.as_deref())?;
    let limit = limited(page.limit, MAX_PAGE)?;
    // Whoever offers many makes this long.
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let found = gateway.pdc.view(|view| {
        let behind = |id: &RuleId| after.is_none_or(|after| *id > after);
        let rules = view.state.rules().filter(|(id, _)| behind(id)).take(limit.saturating_add(1));
        rules.map(|(id, state)| (id, OfferedRule::of(id, state))).collect::<Vec<_>>()
    });
    let mut found = found.ok_or_else(Problem::busy)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map(|(id, _)| id.to_string()).filter(|_| more);
    Ok(JsonAnswer(OfferedRules { rules: found.into_iter().map(|(_, rule)| rule).collect(), next }))
}

/// A rule on offer.
#[utoipa::path(get, path = "/v1/rules/{rule}", tag = "network",
    params(("rule" = String, Path, description = "The rule's id.")),
    responses(
        (status = 200, description = "The rule.", body = OfferedRule),
        (status = 404, description = "Nobody offers it.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn rule(
    State(gateway): State<Arc<Gateway>>,
    _caller: Caller,
    At(id): At<RuleId>,
) -> Result<JsonAnswer<OfferedRule>, Box<Problem>> {
    let found = gateway.pdc.view(|view| view.state.rule(id).map(|rule| OfferedRule::of(id, rule)));
    found.flatten().map(JsonAnswer).ok_or_else(Problem::not_visible)
}

/// A page of who is in a group, in the order of ids.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupMembers {
    /// The group.
    group: String,
    /// Who runs it.
    admin: String,
    /// Who is in it.
    members: Vec<String>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Who is in a group, for who runs it: to everybody else a group that exists is as one that does not.
#[utoipa::path(get, path = "/v1/groups/{group}", tag = "network",
    params(("group" = String, Path, description = "The group's id."), PageOf),
    responses(
        (status = 200, description = "A page.", body = GroupMembers),
        (status = 404, description = "The caller runs no such group, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn group(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(group): At<GroupId>,
    Query(page): Query<PageOf>,
) -> Result<JsonAnswer<GroupMembers>, Box<Problem>> {
    let after = optional::<MemberId>("after", page.after.as_deref())?;
    let limit = limited(page.limit, MAX_PAGE)?;
    let _place = gateway.walks.try_acquire().map_err(|_| Problem::busy())?;
    let found = gateway.pdc.view(|view| {
        view.state.group(group).filter(|found| found.admin == caller.member)?;
        let behind = |id: &MemberId| after.is_none_or(|after| *id > after);
        let members = view.state.members_of(group).filter(behind).take(limit.saturating_add(1));
        Some(members.collect::<Vec<_>>())
    });
    let mut members = found.flatten().ok_or_else(Problem::not_visible)?;
    let more = members.len() > limit;
    members.truncate(limit);
    let next = members.last().map(ToString::to_string).filter(|_| more);
    Ok(JsonAnswer(GroupMembers {
        group: group.to_string(),
        admin: caller.member.to_string(),
        members: members.iter().map(ToString::to_string).collect(),
        next,
    }))
}
