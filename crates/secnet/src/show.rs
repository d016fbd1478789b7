//! Values as people and programs read them.

use secnet_app::Outcome;
use secnet_types::{Effect, ReasonClass, Verdict};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};

/// A verdict for programs.
pub(crate) fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Allow { grant, price, records, .. } => json!({
            "verdict": "allow", "grant": grant.to_string(), "price": price.to_string(), "records": records,
        }),
        Verdict::Hold { reason, answer_by } => json!({
            "verdict": "hold", "reason": reason.as_str(), "answer_by": answer_by.to_string(),
        }),
        Verdict::Deny { reason } => json!({ "verdict": "deny", "reason": reason.as_str() }),
    }
}

/// An effect in a few words.
pub(crate) fn effect(effect: &Effect) -> String {
    let debug = format!("{effect:?}");
    // The variant's name and its fields are the field's own terms; only the punctuation is for programs.
    debug.replace(" { ", ": ").replace(" }", "").replace("Amount(", "(")
}

/// A refusal as a failure, so that the exit code tells it.
pub(crate) fn refusal(outcome: &Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Released(_) => None,
        Outcome::Held(refusal) => Some(
            Failure::new(
                "held",
                format!("held by the {}; the owner has been asked", refusal.class.as_str()),
            )
            .hint(format!("{}; decision {}", refusal.remedy, refusal.decision))
            .exit(Exit::Held),
        ),
        Outcome::Denied(refusal) => {
            let exit = match refusal.class {
                ReasonClass::Guard | ReasonClass::Rule => Exit::Held,
                ReasonClass::Funds => Exit::Funds,
                ReasonClass::Consent | ReasonClass::Terms | ReasonClass::Fault => Exit::Denied,
            };
            Some(
                Failure::new("denied", format!("denied, because of {}", refusal.class.as_str()))
                    .hint(format!("{}; decision {}", refusal.remedy, refusal.decision))
                    .exit(exit),
            )
        }
        Outcome::NotVisible => Some(
            Failure::new("not-visible", "there is nothing here that you may know of")
                .hint("check the id, or ask the owner for a grant")
                .exit(Exit::Denied),
        ),
    }
}
