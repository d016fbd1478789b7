//! What a node's answers mean here.

use serde_json::Value;

use super::{bytes, wrong};
use crate::failure::{Exit, Failure};
use crate::show;

/// What a node answered.
pub(crate) enum Answer {
    /// It did what was asked.
    Done(Value),
    /// It waits for somebody.
    Accepted(Value),
    /// The call was printed instead of made.
    Printed,
}

/// An answer, if it is a good one.
pub(super) fn read(status: u16, bytes: &[u8]) -> Result<(u16, Value), Failure> {
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(_) if bytes.is_empty() => Value::Null,
        Err(error) => return Err(wrong(&error)),
    };
    if (200..300).contains(&status) { Ok((status, value)) } else { Err(problem(status, &value)) }
}

/// A problem document as a failure, with the exit code that the same refusal has in a folder.
fn problem(status: u16, problem: &Value) -> Failure {
    let word = |field: &str| problem.get(field).and_then(Value::as_str);
    let code = word("code").unwrap_or("bad-answer").to_owned();
    let reason = problem.pointer("/refusal/reason").and_then(Value::as_str);
    let exit = match (status, code.as_str(), reason) {
        (_, _, Some("guard" | "rule" | "step-up" | "throttle")) => Exit::Held,
        (_, "insufficient-funds", _) | (_, _, Some("funds")) => Exit::Funds,
        (_, "elsewhere", _) => Exit::Unreachable,
        (401 | 403 | 404, ..) => Exit::Denied,
        (429 | 502..=504, ..) => Exit::Unreachable,
        (500, ..) => Exit::Verification,
        _ => Exit::Failed,
    };
    let detail =
        word("detail").map_or_else(|| format!("the node answered {status}"), str::to_owned);
    let failure = Failure::new(code, detail).exit(exit);
    let decision = problem.pointer("/refusal/decision").and_then(Value::as_str);
    let failure = match (decision, problem.get("refusal")) {
        // A receipt that cannot be read proves as little as none.
        (Some(_), Some(refusal)) => failure.decided(bytes(refusal, "receipt").unwrap_or_default()),
        _ => failure,
    };
    match (word("hint"), decision) {
        (Some(hint), Some(decision)) => {
            let wait = show::wait(problem.pointer("/refusal/wait").and_then(Value::as_u64));
            failure.hint(format!("{hint}; decision {decision}{wait}"))
        }
        (Some(hint), None) => failure.hint(hint),
        (None, _) => failure,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_elsewhere_has_the_exit_code_it_has_here() {
        let refused = |reason: &str| {
            let said = json!({ "code": "denied", "detail": "no", "hint": "ask", "refusal": {
                "reason": reason, "decision": "sndec1x" } });
            problem(403, &said)
        };
        assert_eq!(refused("consent").exit, Exit::Denied);
        assert_eq!(refused("guard").exit, Exit::Held);
        assert_eq!(refused("step-up").exit, Exit::Held);
        assert_eq!(refused("throttle").exit, Exit::Held);
        assert_eq!(refused("funds").exit, Exit::Funds);
        assert!(
            refused("consent").decided.is_some()
                && problem(403, &json!({ "code": "bad-signature" })).decided.is_none()
        );
        assert_eq!(refused("consent").hint.as_deref(), Some("ask; decision sndec1x"));
        assert_eq!(problem(503, &json!({ "code": "busy" })).exit, Exit::Unreachable);
        assert_eq!(problem(409, &json!({ "code": "insufficient-funds" })).exit, Exit::Funds);
        assert_eq!(problem(502, &Value::Null).exit, Exit::Unreachable);
    }
}
