//! `secnet grants`

use clap::Args;
use secnet_app::{DenialLine, GrantLine};
use secnet_types::DatasetId;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::RemoteArgs;
use crate::show::fields::{entries, of};
use crate::show::{Names, command};

#[derive(Debug, Args)]
pub(crate) struct GrantsArgs {
    /// Whose: what it granted, what was granted to it, whom it denied.
    #[arg(long = "as", value_name = "NAME")]
    member: String,
    /// Only on this dataset.
    #[arg(long, value_name = "DATASET")]
    dataset: Option<DatasetId>,
    /// Also those that have ended.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    pub remote: RemoteArgs,
}

pub(crate) async fn run(node: &Node, out: Output, args: GrantsArgs) -> Result<(), Failure> {
    let member = node.identity(&args.member)?.member();
    let mut found = node.pdc.consents(member, member, args.all).await.map_err(access_failure)?;
    if let Some(dataset) = args.dataset {
        found.given.retain(|line| line.state.grant.dataset == dataset);
        found.received.retain(|line| line.state.grant.dataset == dataset);
        found.denials.retain(|line| line.state.denial.dataset.is_none_or(|d| d == dataset));
    }
    let all = |lines: &[GrantLine]| lines.iter().map(grant_value).collect::<Vec<_>>();
    let value = json!({
        "given": all(&found.given), "received": all(&found.received),
        "denials": found.denials.iter().map(denial_value).collect::<Vec<_>>(),
    });
    out.result(&value, |value| text(value, &Names::of(node)));
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: GrantsArgs,
) -> Result<(), Failure> {
    const LISTS: [&str; 3] = ["given", "received", "denials"];
    let remote = args.remote.open(globals, out)?;
    let member = remote.identity(&args.member, false)?;
    let dataset = args.dataset.map(|id| format!("&dataset={id}")).unwrap_or_default();
    let path = format!("/v1/consents?all={}{dataset}", args.all);
    let Some(found) = remote.all(&member, &path, &LISTS).await? else { return Ok(()) };
    let list = |name: &str| found.get(name).cloned().unwrap_or_else(|| json!([]));
    let value = json!({
        "given": list("given"), "received": list("received"), "denials": list("denials"),
    });
    out.result(&value, |value| text(value, &remote.names()));
    Ok(())
}

/// For people.
fn text(value: &Value, names: &Names) -> String {
    let mut lines = Vec::new();
    for grant in entries(value, "given") {
        lines.extend(grant_text(names, grant, "given to", "to"));
    }
    for grant in entries(value, "received") {
        lines.extend(grant_text(names, grant, "received from", "owner"));
    }
    for denial in entries(value, "denials") {
        lines.extend(denial_text(names, denial));
    }
    if lines.is_empty() { "there are no grants and no denials".into() } else { lines.join("\n") }
}

fn grant_value(line: &GrantLine) -> Value {
    let grant = &line.state.grant;
    json!({
        "grant": line.id.to_string(), "dataset": grant.dataset.to_string(),
        "owner": line.state.owner.to_string(), "to": command::party(grant.grantee),
        "status": line.status(), "price": grant.price.to_string(), "uses": grant.uses,
        "used": grant.uses.map(|_| line.state.used), "emergency": grant.emergency, "window": command::window(grant.window),
        "set_aside": line.escrow.map(|escrow| escrow.amount.to_string()),
        "detail": line.detail.as_ref().map(command::detail),
    })
}

fn denial_value(line: &DenialLine) -> Value {
    let denial = &line.state.denial;
    json!({
        "denial": line.id.to_string(), "dataset": denial.dataset.map(|id| id.to_string()),
        "party": command::party(denial.party), "window": command::window(denial.window),
        "even_in_emergency": denial.even_in_emergency,
        "detail": line.detail.as_ref().map(command::detail),
    })
}

fn grant_text(names: &Names, grant: &Value, how: &str, who: &str) -> Vec<String> {
    let uses = match grant.get("uses").filter(|uses| !uses.is_null()) {
        Some(uses) => format!("{} of {uses} uses", of(grant, "used")),
        None => "any number of uses".into(),
    };
    let emergency = if is_true(grant, "emergency") { ", for emergencies" } else { "" };
    let mut lines = vec![
        format!(
            "grant   {}  {} {how} {}{emergency}",
            of(grant, "grant"),
            of(grant, "status"),
            names.say(grant.get(who).unwrap_or(&Value::Null))
        ),
        format!(
            "        {} at {} a use, {uses}, until {}",
            of(grant, "dataset"),
            of(grant, "price"),
            end(grant)
        ),
    ];
    lines.extend(scope_line(grant));
    lines
}

fn denial_text(names: &Names, denial: &Value) -> Vec<String> {
    let on = match of(denial, "dataset") {
        all if all.is_empty() => "everything".to_owned(),
        dataset => dataset,
    };
    let emergency =
        if is_true(denial, "even_in_emergency") { ", even in an emergency" } else { "" };
    let mut lines = vec![
        format!(
            "denial  {}  of {}{emergency}",
            of(denial, "denial"),
            names.say(denial.get("party").unwrap_or(&Value::Null))
        ),
        format!("        {on}, until {}", end(denial)),
    ];
    lines.extend(scope_line(denial));
    lines
}

fn scope_line(consent: &Value) -> Option<String> {
    let detail = consent.get("detail").filter(|detail| !detail.is_null())?;
    Some(format!("        {}", in_words(detail)))
}

fn is_true(value: &Value, field: &str) -> bool {
    value.get(field).and_then(Value::as_bool) == Some(true)
}

fn end(consent: &Value) -> String {
    let until = consent.pointer("/window/until").and_then(Value::as_str);
    until.unwrap_or("further notice").to_owned()
}

/// A scope in one line.
pub(crate) fn in_words(detail: &Value) -> String {
    let list = |name: &str| {
        let items = detail.get(name)?.as_array()?;
        let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
        (!items.is_empty()).then(|| items.join(", "))
    };
    let mut words = vec![list("categories").unwrap_or_else(|| "all categories".into())];
    words.extend(list("types").map(|types| format!("of type {types}")));
    words.extend(list("records").map(|records| format!("only {records}")));
    words.push(match list("labels") {
        Some(labels) => format!("also labelled {labels}"),
        None => "without a label".into(),
    });
    let moment = |name: &str| detail.get("data")?.get(name)?.as_str();
    if let Some(from) = moment("from") {
        words.push(format!("data from {from} until {}", moment("until").unwrap_or("today")));
    }
    words.extend(list("actions").map(|actions| format!("to {actions}")));
    words.extend(list("purposes").map(|purposes| format!("for {purposes}")));
    words.join("; ")
}
