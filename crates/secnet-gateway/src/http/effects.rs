//! Effects that concern members, as JSON: `effect` is the word of `docs/spec/events.md` in small letters with hyphens, the
//! other fields are named as there.

use secnet_crypto::VerifyingKey;
use secnet_types::{Effect, Reason, ReviewFinding};
use serde_json::{Value, json};

use crate::http::consent_shapes::Verdict;

/// An effect; none for those that are nobody's in particular.
pub(crate) fn shown(effect: &Effect) -> Option<Value> {
    asks(effect)
        .or_else(|| grants(effect))
        .or_else(|| decisions(effect))
        .or_else(|| members(effect))
}

fn asks(effect: &Effect) -> Option<Value> {
    Some(match effect {
        Effect::AskOpened { ask, dataset, asker } => json!({
            "effect": "ask-opened", "ask": ask.to_string(), "dataset": dataset.to_string(),
            "asker": asker.to_string(),
        }),
        Effect::AskCountered { ask, price } => json!({
            "effect": "ask-countered", "ask": ask.to_string(), "price": price.to_string(),
        }),
        Effect::AskAgreed { ask } => json!({ "effect": "ask-agreed", "ask": ask.to_string() }),
        Effect::AskApproved { ask, grant } => json!({
            "effect": "ask-approved", "ask": ask.to_string(), "grant": grant.to_string(),
        }),
        Effect::AskRefused { ask, reason: why } => json!({
            "effect": "ask-refused", "ask": ask.to_string(), "reason": reason(*why),
        }),
        Effect::AskWithdrawn { ask } => {
            json!({ "effect": "ask-withdrawn", "ask": ask.to_string() })
        }
        Effect::AskExpired { ask } => json!({ "effect": "ask-expired", "ask": ask.to_string() }),
        Effect::AskLapsed { ask, dataset } => json!({
            "effect": "ask-lapsed", "ask": ask.to_string(), "dataset": dataset.to_string(),
        }),
        _ => return None,
    })
}

fn grants(effect: &Effect) -> Option<Value> {
    Some(match effect {
        Effect::Granted { grant, dataset, by } => json!({
            "effect": "granted", "grant": grant.to_string(), "dataset": dataset.to_string(),
            "by": by.to_string(),
        }),
        Effect::GrantRevoked { grant, by, reason: why } => json!({
            "effect": "grant-revoked", "grant": grant.to_string(), "by": by.to_string(),
            "reason": reason(*why),
        }),
        Effect::GrantEnded { grant } => {
            json!({ "effect": "grant-ended", "grant": grant.to_string() })
        }
        Effect::DenialMade { denial, owner } => json!({
            "effect": "denial-made", "denial": denial.to_string(), "owner": owner.to_string(),
        }),
        _ => return None,
    })
}

fn decisions(effect: &Effect) -> Option<Value> {
    Some(match effect {
        Effect::Decided { decision, dataset, requester, request, verdict } => json!({
            "effect": "decided", "decision": decision.to_string(), "dataset": dataset.to_string(),
            "requester": requester.to_string(), "request": request.to_string(),
            "verdict": Verdict::from(verdict),
        }),
        Effect::HoldReleased { decision } => {
            json!({ "effect": "hold-released", "decision": decision.to_string() })
        }
        Effect::HoldRefused { decision } => {
            json!({ "effect": "hold-refused", "decision": decision.to_string() })
        }
        Effect::HoldExpired { decision } => {
            json!({ "effect": "hold-expired", "decision": decision.to_string() })
        }
        Effect::HoldLapsed { decision, dataset } => json!({
            "effect": "hold-lapsed", "decision": decision.to_string(),
            "dataset": dataset.to_string(),
        }),
        Effect::ReviewDue { requester, request, by } => json!({
            "effect": "review-due", "requester": requester.to_string(),
            "request": request.to_string(), "by": by.to_string(),
        }),
        Effect::Reviewed { requester, request, finding } => json!({
            "effect": "reviewed", "requester": requester.to_string(),
            "request": request.to_string(),
            "finding": match finding {
                ReviewFinding::Justified => "justified",
                ReviewFinding::Unjustified => "unjustified",
            },
        }),
        Effect::ReviewOverdue { requester, request } => json!({
            "effect": "review-overdue", "requester": requester.to_string(),
            "request": request.to_string(),
        }),
        Effect::ReviewAbandoned { requester, request } => json!({
            "effect": "review-abandoned", "requester": requester.to_string(),
            "request": request.to_string(),
        }),
        _ => return None,
    })
}

fn members(effect: &Effect) -> Option<Value> {
    Some(match effect {
        Effect::DatasetOffered { dataset, to } => json!({
            "effect": "dataset-offered", "dataset": dataset.to_string(),
            "to": to.map(|id| id.to_string()),
        }),
        Effect::DatasetTransferred { dataset, from, to } => json!({
            "effect": "dataset-transferred", "dataset": dataset.to_string(),
            "from": from.to_string(), "to": to.to_string(),
        }),
        Effect::Delegated { owner, delegate } => json!({
            "effect": "delegated", "owner": owner.to_string(), "delegate": delegate.to_string(),
        }),
        Effect::DelegationEnded { owner, delegate } => json!({
            "effect": "delegation-ended", "owner": owner.to_string(),
            "delegate": delegate.to_string(),
        }),
        Effect::KeyRotated { member, key } => json!({
            "effect": "key-rotated", "member": member.to_string(), "key": did(*key),
        }),
        Effect::SessionOpened { member, key } => json!({
            "effect": "session-opened", "member": member.to_string(), "key": did(*key),
        }),
        Effect::SessionEnded { member, key } => json!({
            "effect": "session-ended", "member": member.to_string(), "key": did(*key),
        }),
        _ => return None,
    })
}

/// A key as a DID; the ledger holds none that is not one.
fn did(key: [u8; 32]) -> String {
    VerifyingKey::from_bytes(key).map(|key| key.to_did_key()).unwrap_or_default()
}

const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unstated => "unstated",
        Reason::NoLongerWanted => "no-longer-wanted",
        Reason::Purpose => "purpose",
        Reason::Price => "price",
        Reason::Scope => "scope",
        Reason::Misuse => "misuse",
    }
}
