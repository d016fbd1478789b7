//! `secnet guard incidents`, `incident` and `acknowledge`: alerts about decisions that belong together, and who has seen them.

use clap::{Args, ValueEnum};
use secnet_app::{IncidentAct, IncidentStatus, MAX_INCIDENTS_PAGE};
use secnet_gateway::{IncidentEntry, IncidentStory};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::RemoteArgs;
use crate::show::fields::{entries, of};
use crate::show::{Names, count};

/// Incidents in a list unless somebody wants more.
const LIMIT: u64 = 100;

#[derive(Debug, Args)]
pub(crate) struct IncidentsArgs {
    /// Only those that stand so.
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Only those that began before this one.
    #[arg(long, value_name = "INCIDENT")]
    before: Option<u64>,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = LIMIT, value_parser = clap::value_parser!(u64).range(1..=MAX_INCIDENTS_PAGE as u64))]
    limit: u64,
    /// Who asks, at a node elsewhere: one of its administrators.
    #[arg(long = "as", value_name = "NAME")]
    reader: Option<String>,
    #[command(flatten)]
    pub remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IncidentArgs {
    /// The incident: its number, as alerts and `guard incidents` name it.
    incident: u64,
    /// Who asks, at a node elsewhere: one of its administrators.
    #[arg(long = "as", value_name = "NAME")]
    reader: Option<String>,
    #[command(flatten)]
    pub remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AcknowledgeArgs {
    /// The incident: its number, as alerts and `guard incidents` name it.
    incident: u64,
    /// Nothing more is to be done about it.
    #[arg(long, conflicts_with = "undo")]
    close: bool,
    /// Take back what was said: it is open again.
    #[arg(long)]
    undo: bool,
}

/// How an incident stands.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    /// Nobody has said of its last alert that it was seen.
    Open,
    /// Somebody has, or a response to it is in force.
    Acknowledged,
    /// Nothing more is to be done.
    Closed,
}

impl From<Status> for IncidentStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Open => Self::Open,
            Status::Acknowledged => Self::Acknowledged,
            Status::Closed => Self::Closed,
        }
    }
}

pub(super) async fn list(node: &Node, out: Output, args: &IncidentsArgs) -> Result<(), Failure> {
    let limit = usize::try_from(args.limit).unwrap_or(MAX_INCIDENTS_PAGE);
    let page = node.pdc.incidents(args.before, limit, args.status.map(Into::into)).await;
    let page = page.map_err(access_failure)?;
    let incidents: Vec<IncidentEntry> = page.incidents.iter().map(IncidentEntry::of).collect();
    let value = json!({ "incidents": incidents, "before": page.before });
    out.result(&value, |value| listed(value, &Names::of(node)));
    Ok(())
}

pub(super) async fn list_remote(
    globals: &Globals,
    out: Output,
    args: &IncidentsArgs,
) -> Result<(), Failure> {
    let name = reader(args.reader.as_deref(), "incidents")?;
    let (remote, who, _) = args.remote.open_as(name, globals, out)?;
    let mut path = format!("/v1/incidents?limit={}", args.limit);
    if let Some(before) = args.before {
        path.push_str(&format!("&before={before}"));
    }
    if let Some(status) = args.status {
        path.push_str(&format!("&status={}", IncidentStatus::from(status).as_str()));
    }
    let Some(value) = remote.client.show(&who, &path).await? else { return Ok(()) };
    out.result(&value, |value| listed(value, &remote.names()));
    Ok(())
}

pub(super) async fn show(node: &Node, out: Output, args: &IncidentArgs) -> Result<(), Failure> {
    let story = node.pdc.incident(args.incident).await.map_err(access_failure)?;
    let story = story.ok_or_else(|| unknown(args.incident))?;
    let value = serde_json::to_value(IncidentStory::of(&story)).unwrap_or_default();
    out.result(&value, |value| told(value, &Names::of(node)));
    Ok(())
}

pub(super) async fn show_remote(
    globals: &Globals,
    out: Output,
    args: &IncidentArgs,
) -> Result<(), Failure> {
    let name = reader(args.reader.as_deref(), "incident INCIDENT")?;
    let (remote, who, _) = args.remote.open_as(name, globals, out)?;
    let path = format!("/v1/incidents/{}", args.incident);
    let Some(value) = remote.client.show(&who, &path).await? else { return Ok(()) };
    out.result(&value, |value| told(value, &remote.names()));
    Ok(())
}

pub(super) async fn acknowledge(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: &AcknowledgeArgs,
) -> Result<(), Failure> {
    let (act, said) = match (args.close, args.undo) {
        (true, _) => (IncidentAct::Close, "closed"),
        (_, true) => (IncidentAct::Reopen, "open"),
        _ => (IncidentAct::Acknowledge, "acknowledged"),
    };
    let id = args.incident;
    if globals.dry_run {
        node.pdc.incident(id).await.map_err(access_failure)?.ok_or_else(|| unknown(id))?;
        out.would(&format!("say of incident {id} that it is {said}"));
        return Ok(());
    }
    if !node.pdc.act_on_incident(id, act).await.map_err(access_failure)? {
        return Err(unknown(id));
    }
    out.result(&json!({ "incident": id, "said": said }), |_| format!("incident {id} is {said}"));
    Ok(())
}

fn reader<'a>(name: Option<&'a str>, verb: &str) -> Result<&'a str, Failure> {
    name.ok_or_else(|| {
        Failure::new("usage", "say which administrator asks")
            .hint(format!("secnet guard {verb} --as NAME --url URL"))
            .exit(Exit::Usage)
    })
}

pub(super) fn unknown(incident: u64) -> Failure {
    Failure::new("unknown-incident", format!("there is no incident {incident} here"))
        .hint("`secnet guard incidents` lists them; the oldest of an organisation with very many are forgotten")
}

/// For people: one line each, newest first.
fn listed(value: &Value, names: &Names) -> String {
    let mut lines: Vec<String> =
        entries(value, "incidents").map(|incident| line(incident, names)).collect();
    if lines.is_empty() {
        return "there are no incidents".into();
    }
    let heads = ("INCIDENT", "STATUS", "LAST SEEN", "ALERTS", "ABOUT");
    lines.insert(
        0,
        format!("{:>8}  {:12}  {:24}  {:>6}  {}", heads.0, heads.1, heads.2, heads.3, heads.4),
    );
    let before = of(value, "before");
    if !before.is_empty() {
        lines.push(format!("there are earlier ones: --before {before}"));
    }
    lines.join("\n")
}

fn line(incident: &Value, names: &Names) -> String {
    let field = |name: &str| of(incident, name);
    format!(
        "{:>8}  {:12}  {:24}  {:>6}  {}: {}",
        field("incident"),
        field("status"),
        field("last_seen"),
        field("count"),
        about(incident, names),
        kinds(incident)
    )
}

fn about(incident: &Value, names: &Names) -> String {
    let subject = incident.get("subject").unwrap_or(&Value::Null);
    let id = subject.get("id").map(|id| names.say(id)).unwrap_or_default();
    match of(subject, "kind").as_str() {
        "organisation" => format!("others of {id}"),
        "dataset" => format!("what is broken about {id}"),
        "data-centre" => "what is broken about other datasets".into(),
        _ => id,
    }
}

fn kinds(incident: &Value) -> String {
    let kinds = entries(incident, "kinds").map(|kind| {
        let reason = of(kind, "reason");
        let why = if reason.is_empty() { reason } else { format!(" ({reason})") };
        format!("{} {}{why}", of(kind, "count"), of(kind, "kind"))
    });
    kinds.collect::<Vec<_>>().join(", ")
}

/// For people: what it comes to, then what happened.
fn told(value: &Value, names: &Names) -> String {
    let incident = value.get("incident").unwrap_or(&Value::Null);
    let field = |name: &str| of(incident, name);
    let mut lines = vec![
        format!("incident {}, {}: {}", field("incident"), field("status"), about(incident, names)),
        format!("  {} between {} and {}", kinds(incident), field("first_seen"), field("last_seen")),
        format!("  by {}", tally(incident, ("requesters", "other_requesters"), names)),
        format!("  for {}", tally(incident, ("datasets", "other_datasets"), names)),
    ];
    let waiting = incident.get("waiting").and_then(Value::as_u64).unwrap_or_default();
    if waiting > 0 {
        lines.push(format!("  waiting for owners' answers: {}", count(waiting, "use")));
    }
    let in_force = entries(incident, "responses").map(|rule| names.say(rule));
    lines.extend(in_force.map(|rule| {
        format!("  in force because of it: {rule}; `secnet rules remove {rule}` undoes it")
    }));
    lines.extend(entries(value, "timeline").map(|entry| happened(entry, names)));
    let left_out = value.get("left_out").and_then(Value::as_u64).unwrap_or_default();
    if left_out > 0 {
        lines.push(format!("and {left_out} more between those of their kind"));
    }
    lines.join("\n")
}

fn tally(incident: &Value, (named, others): (&str, &str), names: &Names) -> String {
    let mut all: Vec<String> = entries(incident, named)
        .map(|one| {
            let id = one.get("id").map(|id| names.say(id)).unwrap_or_default();
            format!("{id} {}", of(one, "count"))
        })
        .collect();
    let others = of(incident, others);
    if others != "0" {
        all.push(format!("others {others}"));
    }
    all.join(", ")
}

fn happened(entry: &Value, names: &Names) -> String {
    let field = |name: &str| of(entry, name);
    let named = |name: &str| entry.get(name).map(|value| names.say(value)).unwrap_or_default();
    let what = field("what");
    let more = match what.as_str() {
        "flood" => format!(
            "{} asked for {}: refused {} times",
            named("requester"),
            named("dataset"),
            field("count")
        ),
        "feedback" => {
            format!("{} was {}, says {}", field("decision"), field("finding"), named("by"))
        }
        "acknowledged" | "closed" | "reopened" => format!("by {}", named("by")),
        "response" => format!("{} {}", field("action"), field("rule")),
        "response-removed" | "response-ended" => field("rule"),
        "hold-released" | "hold-refused" | "hold-expired" => field("decision"),
        _ => format!(
            "{} asked for {}: {}, {}",
            named("requester"),
            named("dataset"),
            field("reason"),
            field("decision")
        ),
    };
    format!("{}  {what}  {more}", field("time"))
}
