//! Signing: a command is ordered, or, in a dry run, shown as it would be signed, with what it costs and what the ledger
//! would say. A dry run orders nothing and keeps nothing.

use secnet_app::{AccessError, Enclosures};
use secnet_types::{Operation, SignedCommand};
use serde_json::{Map, Value, json};

use crate::actions;
use crate::cli::Globals;
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::Node;
use crate::output::Output;
use crate::show::{self, Names};

/// Sign an operation and hand it in; none in a dry run, which has been told then.
pub(crate) async fn order(
    node: &Node,
    globals: &Globals,
    out: Output,
    author: &Identity,
    (operation, enclosures): (Operation, Enclosures),
    would: &str,
) -> Result<Option<SignedCommand>, Failure> {
    if globals.dry_run {
        let command = node.pdc.sign(author.member(), operation, &author.signing);
        tell(node, out, would, &foresee(node, &command, &enclosures), &Value::Null);
        return Ok(None);
    }
    actions::order(&node.pdc, author, operation, enclosures).await.map(Some)
}

/// As [`order`], for what the data centre itself signs.
pub(crate) async fn order_own(
    node: &Node,
    globals: &Globals,
    out: Output,
    operation: Operation,
    would: &str,
) -> Result<Option<SignedCommand>, Failure> {
    let command = node.pdc.sign(node.pdc.member, operation, node.pdc.signer.as_ref());
    let none = Enclosures::default();
    if globals.dry_run {
        tell(node, out, would, &foresee(node, &command, &none), &Value::Null);
        return Ok(None);
    }
    node.pdc.order(&command, none).await.map_err(crate::node::access_failure)?;
    Ok(Some(command))
}

/// What would become of a command: fields `command`, `price`, `decision`.
pub(crate) fn foresee(node: &Node, command: &SignedCommand, enclosures: &Enclosures) -> Value {
    let mut shown = show::command::command(command);
    if let (Value::Object(fields), Some(detail)) = (&mut shown, &enclosures.detail) {
        fields.insert("detail".into(), show::command::detail(detail));
    }
    json!({
        "command": shown,
        "price": show::command::price(&command.value.operation).to_string(),
        "decision": decision(node.pdc.forecast(command, enclosures)),
    })
}

fn decision(said: Result<Vec<secnet_types::Effect>, AccessError>) -> Value {
    match said {
        Ok(effects) => {
            let effects: Vec<_> = effects.iter().map(show::effect::value).collect();
            json!({ "verdict": "accept", "effects": effects })
        }
        Err(error) => {
            let failure = crate::node::access_failure(error);
            json!({
                "verdict": "refuse", "code": failure.code, "why": failure.message,
                "hint": failure.hint,
            })
        }
    }
}

/// Print a dry run: what would be done, what [`foresee`] says, and what else there is to say.
pub(crate) fn tell(node: &Node, out: Output, would: &str, foreseen: &Value, more: &Value) {
    let mut fields = Map::new();
    fields.insert("dry_run".into(), true.into());
    fields.insert("would".into(), would.into());
    for part in [foreseen, more] {
        fields.extend(part.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
    }
    out.result(&Value::Object(fields), |_| text(node, would, foreseen, more));
}

fn text(node: &Node, would: &str, foreseen: &Value, more: &Value) -> String {
    let names = Names::of(node);
    let mut lines = vec![format!("would {would}")];
    if let Some(command) = foreseen.get("command") {
        let mut command = command.clone();
        // Bytes are for programs: `--json` has them.
        if let Some(fields) = command.as_object_mut() {
            fields.remove("payload");
        }
        lines.push("the command, as it would be signed:".into());
        lines.extend(names.lines(&command).into_iter().map(|line| format!("  {line}")));
    }
    if let Some(price) = foreseen.get("price") {
        lines.push(format!("price: {}", names.say(price)));
    }
    let decision = foreseen.get("decision").unwrap_or(&Value::Null);
    let of = |name: &str| decision.get(name).map(|v| names.say(v)).unwrap_or_default();
    match decision.get("verdict").and_then(Value::as_str) {
        Some("accept") => lines.push("the ledger would accept it".into()),
        Some("refuse") => lines.push(format!("it would fail: {}\n  {}", of("why"), of("hint"))),
        Some(_) | None => {}
    }
    // What the command says already is not said twice.
    let said = foreseen.pointer("/command/with");
    if let Value::Object(fields) = more {
        let new = fields.iter().filter(|(key, value)| said.and_then(|s| s.get(key)) != Some(value));
        let new = new.map(|(key, value)| (key.clone(), value.clone())).collect();
        lines.extend(names.lines(&Value::Object(new)));
    }
    lines.join("\n")
}
