//! `secnet get --dry-run`: what policy, rules, guard and ledger would say, told to the requester as far as it may know.

use secnet_app::{AccessCall, Foreseen, Preview};
use secnet_types::{RequestId, Verdict};
use serde_json::{Value, json};

use crate::actions::{self, Wanted};
use crate::failure::Failure;
use crate::kept;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::show::{self, Names};

/// Nobody has been asked yet, so what the guard would say does not hold.
const WAIT: &str = "the owner would be asked";

pub(crate) async fn show(
    node: &Node,
    out: Output,
    requester: &Identity,
    wanted: &Wanted,
) -> Result<(), Failure> {
    let (call, _) = actions::request(&node.pdc, requester, wanted);
    tell(node, out, requester, (wanted, &call)).await
}

/// The same of a request that was sent before.
pub(crate) async fn show_again(
    node: &Node,
    out: Output,
    requester: &Identity,
    id: RequestId,
) -> Result<(), Failure> {
    let sent = kept::find(node, requester, id)?;
    tell(node, out, requester, (&sent.wanted()?, &sent.call)).await
}

async fn tell(
    node: &Node,
    out: Output,
    requester: &Identity,
    (wanted, call): (&Wanted, &AccessCall),
) -> Result<(), Failure> {
    let preview = node.pdc.preview(call).await.map_err(access_failure)?;
    let price = match &preview {
        Preview::Released { price, .. } => Some(price.to_string()),
        Preview::Decided(Verdict::Allow { .. }) => Some("0".into()),
        _ => None,
    };
    let value = json!({
        "dry_run": true,
        "would": format!("ask for {}, paying at most {}", wanted.dataset, wanted.max_price),
        "request": request(requester, wanted),
        "price": price,
        "decision": decision(&preview),
    });
    out.result(&value, |value| text(node, value, &preview));
    Ok(())
}

/// What would be asked, in words; the signed request's id and keys are drawn anew when it is sent.
fn request(requester: &Identity, wanted: &Wanted) -> Value {
    let mut value = show::command::scope(&wanted.scope);
    if let Value::Object(fields) = &mut value {
        fields.insert("requester".into(), requester.member().to_string().into());
        fields.insert("dataset".into(), wanted.dataset.to_string().into());
        fields.insert("purpose".into(), wanted.purpose.as_str().into());
        fields.insert("action".into(), wanted.action.as_str().into());
        fields.insert("max_price".into(), wanted.max_price.to_string().into());
    }
    value
}

fn decision(preview: &Preview) -> Value {
    let refusal = |verdict: &str, foreseen: &Foreseen, remedy: &str| {
        json!({
            "verdict": verdict, "reason": foreseen.class.as_str(), "remedy": remedy,
            "reasons": foreseen.reasons,
        })
    };
    match preview {
        Preview::Released { grant, records, fields, .. } => json!({
            "verdict": "allow", "grant": grant.to_string(), "records": records.len(),
            "fields": fields,
        }),
        Preview::Held(foreseen) => refusal("hold", foreseen, WAIT),
        Preview::Denied(foreseen) => refusal("deny", foreseen, &foreseen.remedy),
        Preview::Decided(verdict) => json!({
            "verdict": "decided", "before": show::verdict(verdict),
        }),
        Preview::NotVisible => json!({
            "verdict": "not-visible", "remedy": "check the id, or ask the owner for a grant",
        }),
    }
}

fn text(node: &Node, value: &Value, preview: &Preview) -> String {
    let names = Names::of(node);
    let of = |name: &str| value.get(name).map(|v| names.say(v)).unwrap_or_default();
    let mut lines = vec![format!("would {}", of("would"))];
    lines.push("the request, as it would be signed:".into());
    let request = value.get("request").unwrap_or(&Value::Null);
    lines.extend(names.lines(request).into_iter().map(|line| format!("  {line}")));
    lines.push(match preview {
        Preview::Released { grant, price, records, fields } => {
            let records = show::count(records.len(), "record");
            let only = fields.as_ref().map(show::only_fields).unwrap_or_default();
            format!("it would be allowed: {records}{only} for {price}, under {grant}")
        }
        Preview::Held(f) => format!("it would be held by the {}: {WAIT}", f.class.as_str()),
        Preview::Denied(f) => {
            format!("it would be denied, because of {}: {}", f.class.as_str(), f.remedy)
        }
        Preview::Decided(verdict) => format!(
            "it has been decided; sent again it gets the same: {}",
            names.say(&show::verdict(verdict))
        ),
        Preview::NotVisible => {
            "there is nothing here that you may know of: check the id, or ask the owner".into()
        }
    });
    if let Preview::Held(foreseen) | Preview::Denied(foreseen) = preview {
        lines.extend(foreseen.reasons.iter().map(|reason| format!("  {reason}")));
    }
    lines.join("\n")
}
