//! What waits for an owner, and what somebody asked for.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use secnet_app::{InboxAsk, InboxHold, InboxReview, MAX_INBOX_ENTRIES, Mark, Notice};
use secnet_ledger::AskStatus;
use secnet_types::{AskId, Bargain, DecisionId, encode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::http::consent_shapes::{Detail, Window, party};
use crate::http::query::{At, PageOf, Query, Whose, limited, optional};
use crate::{Gateway, Problem};

/// Everything that waits for an answer, at most 1,000 of each kind: answering some brings the next.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Inbox {
    /// Wishes for grants.
    asks: Vec<Ask>,
    /// Requests that wait for the owner's answer.
    holds: Vec<Hold>,
    /// Emergency uses to be reviewed.
    reviews: Vec<Review>,
    /// Uses that went ahead and that the owner is to know of.
    notices: Vec<Told>,
    /// What could not be read of all this, one sentence each.
    damaged: Vec<String>,
}

/// One wish for a grant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ask {
    /// Its id.
    ask: String,
    /// Who asks.
    from: String,
    /// Who would be granted, as in a grant's `to`.
    to: String,
    /// Of what dataset.
    dataset: String,
    /// `open`, `countered`, `agreed`, `approved` or `refused`; what waits for an owner is one of the first three.
    status: &'static str,
    /// What is offered for one use; in an agreed ask, what was agreed, as for uses and window.
    price: String,
    /// How many uses; absent for any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<u32>,
    /// When the grant should hold.
    window: Window,
    /// By when to answer.
    answer_by: String,
    /// What the owner offers instead, if it is countered.
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<Counter>,
    /// By which grant it was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    /// What it should cover, if that was handed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
    /// All of it as the ledger has it, base64url: `ask-state` of docs/spec/state.md. Answers are made from this, since times
    /// above are to the second.
    state: Base64,
    /// The detail as it was handed in, base64url: `grant-detail` of docs/spec/requests.md.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail_bytes: Option<Base64>,
}

/// A counter-offer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Counter {
    /// What one use would cost.
    price: String,
    /// How many uses; absent for any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<u32>,
    /// When the grant would hold.
    window: Window,
}

impl From<Bargain> for Counter {
    fn from(bargain: Bargain) -> Self {
        let Bargain { price, uses, window } = bargain;
        Self { price: price.to_string(), uses, window: window.into() }
    }
}

impl From<&InboxAsk> for Ask {
    fn from(waiting: &InboxAsk) -> Self {
        let (ask, asker) = (&waiting.state.ask, waiting.state.asker);
        let (mut price, mut uses, mut window) = (ask.price, ask.uses, ask.window);
        let (mut counter, mut grant) = (None, None);
        let status = match waiting.state.status {
            AskStatus::Open => "open",
            AskStatus::Countered(bargain) => {
                counter = Some(Counter::from(bargain));
                "countered"
            }
            AskStatus::Agreed(bargain) => {
                (price, uses, window) = (bargain.price, bargain.uses, bargain.window);
                "agreed"
            }
            AskStatus::Approved(given) => {
                grant = Some(given.to_string());
                "approved"
            }
            AskStatus::Refused => "refused",
        };
        Self {
            ask: waiting.id.to_string(),
            from: asker.to_string(),
            to: party(ask.grantee),
            dataset: ask.dataset.to_string(),
            status,
            price: price.to_string(),
            uses,
            window: window.into(),
            answer_by: ask.deadline.to_string(),
            counter,
            grant,
            detail: waiting.detail.as_ref().map(Detail::from),
            state: encode(&waiting.state).into(),
            detail_bytes: waiting.detail.as_ref().map(|detail| encode(detail).into()),
        }
    }
}

/// One held request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hold {
    /// The decision.
    decision: String,
    /// Who asked.
    requester: String,
    /// The request.
    request: String,
    /// Of what dataset.
    dataset: String,
    /// By when to answer.
    answer_by: String,
    /// What for.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'static str>,
    /// Why it is held, in sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
}

impl From<InboxHold> for Hold {
    fn from(hold: InboxHold) -> Self {
        Self {
            decision: hold.decision.to_string(),
            requester: hold.requester.to_string(),
            request: hold.request.to_string(),
            dataset: hold.dataset.to_string(),
            answer_by: hold.answer_by.to_string(),
            purpose: hold.facts.as_ref().map(|facts| facts.detail.purpose.as_str()),
            reasons: hold.facts.map(|facts| facts.reasons),
        }
    }
}

/// One emergency use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Review {
    /// Who used it.
    requester: String,
    /// The request.
    request: String,
    /// Of what dataset.
    dataset: String,
    /// By when it is to be reviewed.
    due: String,
    /// It is too late already.
    overdue: bool,
}

impl From<InboxReview> for Review {
    fn from(review: InboxReview) -> Self {
        Self {
            requester: review.requester.to_string(),
            request: review.request.to_string(),
            dataset: review.dataset.to_string(),
            due: review.due.to_string(),
            overdue: review.overdue,
        }
    }
}

/// One use that went ahead.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Told {
    /// The decision that allowed it.
    decision: String,
    /// Who.
    requester: String,
    /// The request.
    request: String,
    /// Of what dataset.
    dataset: String,
    /// When.
    time: String,
    /// Something was wrong with it: look at it.
    review: bool,
    /// Why, in sentences.
    reasons: Vec<String>,
    /// Who put it aside or took it up again, oldest first; absent if nobody has yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    marks: Option<Vec<NoticeMark>>,
}

/// What somebody did with a notice.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoticeMark {
    /// Who.
    by: String,
    /// When.
    time: String,
    /// Put aside, or taken up again?
    aside: bool,
}

impl From<Mark> for NoticeMark {
    fn from(mark: Mark) -> Self {
        let Mark { by, at, aside } = mark;
        Self { by: by.to_string(), time: at.to_string(), aside }
    }
}

impl From<Notice> for Told {
    fn from(notice: Notice) -> Self {
        Self {
            decision: notice.decision.to_string(),
            requester: notice.requester.to_string(),
            request: notice.request.to_string(),
            dataset: notice.dataset.to_string(),
            time: notice.time.to_string(),
            review: notice.review,
            reasons: notice.reasons,
            marks: notice.marks.map(|marks| marks.into_iter().map(NoticeMark::from).collect()),
        }
    }
}

/// What waits for the caller, or for an owner that lets the caller grant.
#[utoipa::path(get, path = "/v1/inbox", tag = "owners", params(Whose), responses(
    (status = 200, description = "What waits.", body = Inbox),
    (status = 404, description = "The caller may not act for that member, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn inbox(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(whose): Query<Whose>,
) -> Result<JsonAnswer<Inbox>, Box<Problem>> {
    let owner = gateway.reads_as(&caller, &whose)?;
    let inbox = gateway.pdc.inbox(owner).await?;
    Ok(JsonAnswer(Inbox {
        asks: inbox.asks.iter().map(Ask::from).collect(),
        holds: inbox.holds.into_iter().map(Hold::from).collect(),
        reviews: inbox.reviews.into_iter().map(Review::from).collect(),
        notices: inbox.notices.into_iter().map(Told::from).collect(),
        damaged: inbox.damaged,
    }))
}

/// What somebody asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Asks {
    /// The asks whose deadline lies ahead, answered or not, in the order of ids. There is no total.
    asks: Vec<Ask>,
    /// What could not be read of all this, one sentence each.
    damaged: Vec<String>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What the caller has asked others for, and what they answered.
#[utoipa::path(get, path = "/v1/asks", tag = "consent", params(PageOf), responses(
    (status = 200, description = "A page.", body = Asks),
))]
pub(crate) async fn asks(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(page): Query<PageOf>,
) -> Result<JsonAnswer<Asks>, Box<Problem>> {
    let after = optional::<AskId>("after", page.after.as_deref())?;
    let limit = limited(page.limit, MAX_INBOX_ENTRIES)?;
    let page = gateway.pdc.asks_page(caller.member, after, limit).await?;
    Ok(JsonAnswer(Asks {
        asks: page.asked.asks.iter().map(Ask::from).collect(),
        damaged: page.asked.damaged,
        next: page.next.map(|next| next.to_string()),
    }))
}

/// Put a notice aside that has been read. The decision itself stays in the history. The call must be signed: who only has a
/// session must not keep an owner from knowing.
#[utoipa::path(delete, path = "/v1/inbox/notices/{decision}", tag = "owners",
    params(("decision" = String, Path, description = "The decision that it is about."), Whose),
    responses(
        (status = 204, description = "It is not in the inbox, whether it was there or not."),
        (status = 403, description = "A session is not enough for this.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller may not act for that member, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn put_aside(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(decision): At<DecisionId>,
    Query(whose): Query<Whose>,
) -> Result<StatusCode, Box<Problem>> {
    caller.must_sign()?;
    let owner = gateway.reads_as(&caller, &whose)?;
    gateway.pdc.put_aside(owner, caller.member, decision).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a notice up again that was put aside in the last 30 days: it waits in the inbox as before. The call must be signed.
#[utoipa::path(put, path = "/v1/inbox/notices/{decision}", tag = "owners",
    params(("decision" = String, Path, description = "The decision that it is about."), Whose),
    responses(
        (status = 204, description = "It is in the inbox, if it was aside."),
        (status = 403, description = "A session is not enough for this.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller may not act for that member, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn take_up(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    At(decision): At<DecisionId>,
    Query(whose): Query<Whose>,
) -> Result<StatusCode, Box<Problem>> {
    caller.must_sign()?;
    let owner = gateway.reads_as(&caller, &whose)?;
    gateway.pdc.take_up(owner, caller.member, decision).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Notices that were put aside.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Aside {
    /// The latest 1,000 of the last 30 days, the latest first.
    notices: Vec<Told>,
}

/// The notices that were put aside in the last 30 days, and by whom.
#[utoipa::path(get, path = "/v1/inbox/notices", tag = "owners", params(Whose), responses(
    (status = 200, description = "The notices.", body = Aside),
    (status = 404, description = "The caller may not act for that member, whether it exists or not.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn aside(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Query(whose): Query<Whose>,
) -> Result<JsonAnswer<Aside>, Box<Problem>> {
    let owner = gateway.reads_as(&caller, &whose)?;
    let mut notices = gateway.pdc.notices_aside(owner).await?;
    notices.truncate(MAX_INBOX_ENTRIES);
    Ok(JsonAnswer(Aside { notices: notices.into_iter().map(Told::from).collect() }))
}
