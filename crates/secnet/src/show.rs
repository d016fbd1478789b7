//! Values as people and programs read them.

pub(crate) mod command;
pub(crate) mod effect;
pub(crate) mod fields;
mod names;

pub(crate) use names::Names;

use secnet_app::Outcome;
use secnet_types::{
    Feature, FeatureKind, FeatureValue, FeatureVector, Reason, ReasonClass, ReviewFinding, Verdict,
    decode,
};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use effect::did;

/// So many of something, in words.
pub(crate) fn count(number: impl std::fmt::Display, one: &str) -> String {
    let number = number.to_string();
    match one.strip_suffix('y') {
        _ if number == "1" => format!("1 {one}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {one}s"),
    }
}

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

/// Longest recorded features, in bytes.
const MAX_FEATURES_BYTES: usize = 64 * 1024;

/// The features of a request by their names: numbers, words, lists of words, texts. Nothing if they cannot be read.
pub(crate) fn features(recorded: &[u8]) -> Value {
    let Ok(vector) = decode::<FeatureVector>("features", recorded, MAX_FEATURES_BYTES) else {
        return Value::Null;
    };
    let value = |(feature, value): (Feature, &FeatureValue)| {
        let shown = match (value, feature.kind()) {
            (FeatureValue::Number(number), _) => json!(number),
            (FeatureValue::Words(mask), FeatureKind::Words(list)) => {
                list.names(*mask).collect::<Vec<_>>().into()
            }
            (FeatureValue::Words(mask), FeatureKind::Word(list)) => {
                json!(list.names(*mask).next())
            }
            (FeatureValue::Text(text), _) => json!(text),
            (FeatureValue::Address(address), _) => json!(address.to_string()),
            // INVARIANT: words are of a list.
            (FeatureValue::Words(_), _) => Value::Null,
        };
        (feature.name().to_owned(), shown)
    };
    Value::Object(vector.iter().map(value).collect())
}

/// Why, in a word.
pub(crate) const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unstated => "unstated",
        Reason::NoLongerWanted => "no-longer-wanted",
        Reason::Purpose => "purpose",
        Reason::Price => "price",
        Reason::Scope => "scope",
        Reason::Misuse => "misuse",
    }
}

const fn finding(finding: ReviewFinding) -> &'static str {
    match finding {
        ReviewFinding::Justified => "justified",
        ReviewFinding::Unjustified => "unjustified",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What to do about a refusal, and where it is recorded.
pub(crate) fn recorded(refusal: &secnet_app::Refusal) -> String {
    match refusal.decision {
        Some(decision) => format!("{}; decision {decision}", refusal.remedy),
        None => format!("{}; counted with other denials, in the receipt's summary", refusal.remedy),
    }
}

/// How long to wait, if that is known.
pub(crate) fn wait(seconds: Option<u64>) -> String {
    seconds.map(|seconds| format!("; wait {}", count(seconds, "second"))).unwrap_or_default()
}

/// What a release is limited to.
pub(crate) fn only_fields(fields: &std::collections::BTreeSet<String>) -> String {
    let names: Vec<&str> = fields.iter().map(String::as_str).collect();
    format!(" (only {})", names.join(", "))
}

/// A refusal as a failure, so that the exit code tells it.
pub(crate) fn refusal(outcome: &Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Released(_) | Outcome::Projected(_) => None,
        Outcome::Held(refusal) => Some(
            Failure::new(
                "held",
                format!("held by the {}; the owner has been asked", refusal.class.as_str()),
            )
            .hint(recorded(refusal))
            .exit(Exit::Held),
        ),
        Outcome::Denied(refusal) if refusal.class == ReasonClass::StepUp => {
            let what = "refused until a fresh proof of who asks";
            Some(Failure::new("step-up", what).hint(recorded(refusal)).exit(Exit::Held))
        }
        Outcome::Denied(refusal) if refusal.class == ReasonClass::Throttle => {
            let what = "refused until some time has passed";
            let wait = wait(refusal.wait_s.map(u64::from));
            let hint = format!("{}{wait}", recorded(refusal));
            Some(Failure::new("throttled", what).hint(hint).exit(Exit::Held))
        }
        Outcome::Denied(refusal) => {
            let exit = match refusal.class {
                ReasonClass::Guard
                | ReasonClass::Rule
                | ReasonClass::StepUp
                | ReasonClass::Throttle => Exit::Held,
                ReasonClass::Funds => Exit::Funds,
                ReasonClass::Consent | ReasonClass::Terms | ReasonClass::Fault => Exit::Denied,
            };
            Some(
                Failure::new("denied", format!("denied, because of {}", refusal.class.as_str()))
                    .hint(recorded(refusal))
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

/// A word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=,@".contains(c);
    if word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_word_stays_one_word_for_a_shell() {
        assert_eq!(quoted("/data/clinic-1"), "/data/clinic-1");
        assert_eq!(quoted("my folder"), "'my folder'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
