//! `secnet grants`

use clap::Args;
use secnet_app::{DenialLine, GrantLine};
use secnet_types::DatasetId;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::node::{Node, access_failure};
use crate::output::Output;
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
    out.result(&value, |_| {
        let names = Names::of(node);
        let mut lines = Vec::new();
        for line in &found.given {
            lines.extend(grant_text(
                &names,
                line,
                "given to",
                &command::party(line.state.grant.grantee),
            ));
        }
        for line in &found.received {
            lines.extend(grant_text(&names, line, "received from", &line.state.owner.to_string()));
        }
        for line in &found.denials {
            lines.extend(denial_text(&names, line));
        }
        if lines.is_empty() {
            "there are no grants and no denials".into()
        } else {
            lines.join("\n")
        }
    });
    Ok(())
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

fn grant_text(names: &Names, line: &GrantLine, how: &str, who: &str) -> Vec<String> {
    let grant = &line.state.grant;
    let uses = match grant.uses {
        Some(uses) => format!("{} of {uses} uses", line.state.used),
        None => "any number of uses".into(),
    };
    let emergency = if grant.emergency { ", for emergencies" } else { "" };
    let mut lines = vec![
        format!(
            "grant   {}  {} {how} {}{emergency}",
            line.id,
            line.status(),
            names.say(&who.into())
        ),
        format!(
            "        {} at {} a use, {uses}, until {}",
            grant.dataset,
            grant.price,
            end(grant.window.until)
        ),
    ];
    lines.extend(
        line.detail
            .as_ref()
            .map(|detail| format!("        {}", in_words(&command::detail(detail)))),
    );
    lines
}

fn denial_text(names: &Names, line: &DenialLine) -> Vec<String> {
    let denial = &line.state.denial;
    let on = denial.dataset.map_or_else(|| "everything".to_owned(), |id| id.to_string());
    let emergency = if denial.even_in_emergency { ", even in an emergency" } else { "" };
    let mut lines = vec![
        format!(
            "denial  {}  of {}{emergency}",
            line.id,
            names.say(&command::party(denial.party).into())
        ),
        format!("        {on}, until {}", end(denial.window.until)),
    ];
    lines.extend(
        line.detail
            .as_ref()
            .map(|detail| format!("        {}", in_words(&command::detail(detail)))),
    );
    lines
}

fn end(at: secnet_types::Timestamp) -> String {
    command::until(at).unwrap_or_else(|| "further notice".into())
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
