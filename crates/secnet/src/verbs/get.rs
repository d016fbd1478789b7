//! `secnet get`

use std::path::PathBuf;

use clap::Args;
use secnet_types::{
    Action, Amount, Category, DatasetId, DecisionId, Label, Purpose, ReasonClass, RecordId,
    RequestId,
};
use serde_json::json;

use super::foreseen;
use crate::actions::{self, Wanted};
use crate::cli::Globals;
use crate::dates::Moment;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::node::Node;
use crate::output::Output;
use crate::remote::{self, Answer, Got, RemoteArgs};
use crate::show;
use secnet_app::Outcome;

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The dataset.
    #[arg(required_unless_present = "request")]
    dataset: Option<DatasetId>,
    /// Who asks.
    #[arg(long = "as", value_name = "NAME")]
    requester: String,
    /// What for.
    #[arg(long, required_unless_present = "request")]
    purpose: Option<Purpose>,
    /// What is done with it.
    #[arg(long, default_value = "read")]
    action: Action,
    /// Only this category; can be given several times.
    #[arg(long)]
    category: Vec<Category>,
    /// Also records with this label; can be given several times.
    #[arg(long)]
    label: Vec<Label>,
    /// Only this record; can be given several times.
    #[arg(long)]
    record: Vec<RecordId>,
    /// Only this type, such as Observation; can be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Vec<String>,
    /// Only this field of each record, such as valueQuantity or name.family; can be given several times.
    #[arg(long = "field", value_name = "FIELD")]
    field: Vec<String>,
    /// Only data of this day or later.
    #[arg(long, value_name = "DAY")]
    data_from: Option<Moment>,
    /// Only data of this day or earlier.
    #[arg(long, value_name = "DAY")]
    data_until: Option<Moment>,
    /// Sign with the session key; see `id session`.
    #[arg(long)]
    session: bool,
    /// If a fresh proof of who asks is wanted, give it: ask once more, signed with the member's own key. The passphrase is asked
    /// for again, if it is not in a file.
    #[arg(long, conflicts_with = "request")]
    step_up: bool,
    /// The most to pay.
    #[arg(long, default_value = "0", value_name = "AMOUNT")]
    max_price: Amount,
    /// Write each record to a file in this folder instead of standard output.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the receipt to this file.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Send an earlier request again, exactly as it was: after the owner has released a hold, or when the answer was
    /// lost. It is not charged a second time.
    #[arg(long, value_name = "REQUEST", conflicts_with_all = [
        "dataset", "purpose", "action", "category", "label", "record", "kind", "field", "data_from", "data_until", "max_price",
    ])]
    request: Option<RequestId>,
    #[command(flatten)]
    pub remote: RemoteArgs,
}

impl GetArgs {
    /// The request's id, new or of an earlier one.
    fn id(&self, wanted: Option<&Wanted>) -> Result<RequestId, Failure> {
        self.request.or(wanted.map(|wanted| wanted.id)).ok_or_else(|| {
            Failure::new("usage", "say what to ask for")
                .hint("secnet get DATASET --as NAME --purpose treatment")
                .exit(Exit::Usage)
        })
    }

    /// What is asked for; nothing if an earlier request is sent again.
    fn wanted(&self) -> Result<Option<Wanted>, Failure> {
        let (Some(dataset), Some(purpose)) = (self.dataset, self.purpose) else { return Ok(None) };
        let mut scope = actions::scope_of(&self.category, self.label.iter().copied().collect());
        scope.kinds = super::set(&self.kind);
        scope.fields = super::set(&self.field);
        scope.period = super::period(self.data_from, self.data_until)?;
        scope.records = (!self.record.is_empty()).then(|| self.record.iter().copied().collect());
        Ok(Some(Wanted {
            dataset,
            action: self.action,
            purpose,
            scope,
            max_price: self.max_price,
            id: actions::fresh_request(),
            proof_for: None,
        }))
    }
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: GetArgs,
) -> Result<(), Failure> {
    let requester = if args.session {
        node.by_session(&args.requester)?
    } else {
        node.identity(&args.requester)?
    };
    let wanted = args.wanted()?;
    let id = args.id(wanted.as_ref())?;
    if globals.dry_run {
        match &wanted {
            Some(wanted) => foreseen::show(node, out, &requester, wanted).await?,
            None => foreseen::show_again(node, out, &requester, id).await?,
        }
        return Ok(());
    }
    let bar = out.progress(0, "opening");
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let answered = match &wanted {
        Some(wanted) => actions::get(node, &requester, wanted, &progress).await,
        None => actions::get_again(node, &requester, id, &progress).await,
    };
    let answered = answered.map_err(|failure| failure.request(id))?;
    let (requester, id, answered) = match (to_prove(&answered.0), wanted) {
        (Some(decision), Some(wanted)) if args.step_up => {
            let own = node.keystore.open(&args.requester, &globals.passphrase_of(&globals.dir)?)?;
            let wanted = wanted.proving(decision);
            let again = actions::get(node, &own, &wanted, &progress).await;
            (own, wanted.id, again.map_err(|failure| failure.request(wanted.id))?)
        }
        _ => (requester, id, answered),
    };
    bar.finish_and_clear();
    tell(out, &args, id, &answered).map_err(|failure| failure.request(id))?;
    actions::collected(node, &requester, id)
}

/// The decision that asks for a fresh proof of who asks, if that is what came of the request.
fn to_prove(outcome: &Outcome) -> Option<DecisionId> {
    match outcome {
        Outcome::Denied(refusal) if refusal.class == ReasonClass::StepUp => refusal.decision,
        _ => None,
    }
}

/// What to do about a refusal that is no hold.
fn then_do(failure: Failure) -> Failure {
    if failure.code != "step-up" {
        return failure;
    }
    let said = failure.hint.as_deref().unwrap_or_default();
    let hint = format!("{said}; the same command with --step-up does it");
    failure.hint(hint)
}

/// Write down or print what came. Whatever goes wrong, the request can be sent again.
fn tell(
    out: Output,
    args: &GetArgs,
    id: RequestId,
    (outcome, opened): &actions::Answered,
) -> Result<(), Failure> {
    let receipt = match outcome {
        Outcome::Released(delivery) => Some(delivery.receipt.to_bytes()),
        Outcome::Projected(projected) => Some(projected.receipt.to_bytes()),
        Outcome::Held(refusal) | Outcome::Denied(refusal) => Some(refusal.receipt.to_bytes()),
        Outcome::NotVisible => None,
    };
    if let (Some(path), Some(receipt)) = (&args.receipt, receipt) {
        files::write_private(path, &receipt)?;
        out.say(&format!("receipt: {}", path.display()));
    }
    if let Some(failure) = show::refusal(outcome) {
        return Err(match outcome {
            Outcome::Held(refusal) => failure.hint(format!(
                "{}; once it is released: secnet get --as {} --request {id}",
                show::recorded(refusal),
                args.requester
            )),
            _ => then_do(failure),
        });
    }
    let (decision, price, fields, nodes) = match outcome {
        Outcome::Released(delivery) => {
            (delivery.granted.decision(), delivery.price, None, delivery.shares.len())
        }
        Outcome::Projected(projected) => {
            let granted = &projected.granted;
            (granted.decision(), projected.price, Some(granted.fields()), 0)
        }
        Outcome::Held(_) | Outcome::Denied(_) | Outcome::NotVisible => return Ok(()),
    };
    if let Some(folder) = &args.out {
        let bar = out.progress(opened.len() as u64, "writing");
        for (meta, plain) in opened {
            files::write_private(&folder.join(format!("{}.json", meta.id)), plain)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
    }
    let listed: Vec<_> = opened.iter().map(|(meta, plain)| {
        let content = args.out.is_none().then(|| String::from_utf8_lossy(plain).into_owned());
        json!({ "record": meta.id.to_string(), "type": meta.kind, "category": meta.category.as_str(), "content": content })
    }).collect();
    let value = json!({
        "request": id.to_string(), "decision": decision.to_string(), "price": price.to_string(),
        "fields": fields, "release_nodes": nodes, "faulty_nodes": [], "records": listed,
    });
    let only = fields.map(show::only_fields).unwrap_or_default();
    let records = format!("{}{only}", show::count(opened.len(), "record"));
    out.deliver(&value, |_| match &args.out {
        Some(folder) => format!("{records} in {}", folder.display()),
        None => opened
            .iter()
            .map(|(_, plain)| String::from_utf8_lossy(plain).into_owned())
            .collect::<Vec<_>>()
            .join("\n"),
    })?;
    out.say(&format!("{records} for {price}; request {id}, decision {decision}"));
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: GetArgs,
) -> Result<(), Failure> {
    let remote = args.remote.open(globals, out)?;
    let requester = remote.identity(&args.requester, args.session)?;
    let wanted = args.wanted()?;
    let id = args.id(wanted.as_ref())?;
    if globals.dry_run {
        return foresee_remote(&remote, out, &requester, wanted.as_ref()).await;
    }
    let got = remote::get(&remote, &requester, id, wanted.as_ref()).await;
    let got = got.map_err(|failure| failure.request(id))?;
    let (requester, id, got) = match (got, wanted) {
        (Got::ToProve { decision, .. }, Some(wanted)) if args.step_up => {
            let (keystore, passphrase) = args.remote.keys(globals)?;
            let own = keystore.open(&args.requester, &passphrase)?;
            let wanted = wanted.proving(decision);
            let got = remote::get(&remote, &own, wanted.id, Some(&wanted)).await;
            (own, wanted.id, got.map_err(|failure| failure.request(wanted.id))?)
        }
        (got, _) => (requester, id, got),
    };
    match got {
        Got::ToProve { failure, .. } => Err(then_do(failure).request(id)),
        Got::Printed => {
            out.say(&format!(
                "what it is answered opens with: secnet get --as {} --request {id} --url ...",
                args.requester
            ));
            Ok(())
        }
        Got::Held { receipt, decision, reason, remedy } => {
            save_receipt(out, &args, &receipt)?;
            Err(Failure::new("held", format!("held by the {reason}; the owner has been asked"))
                .hint(format!(
                    "{remedy}; decision {decision}; once it is released: secnet get --as {} --request {id}",
                    args.requester
                ))
                .exit(Exit::Held)
                .request(id))
        }
        Got::Released(released) => {
            tell_remote(out, &args, id, &released).map_err(|failure| failure.request(id))?;
            crate::kept::forget(&remote, &requester, id)
        }
    }
}

fn save_receipt(out: Output, args: &GetArgs, receipt: &[u8]) -> Result<(), Failure> {
    if let Some(path) = &args.receipt {
        files::write_private(path, receipt)?;
        out.say(&format!("receipt: {}", path.display()));
    }
    Ok(())
}

fn tell_remote(
    out: Output,
    args: &GetArgs,
    id: RequestId,
    released: &remote::Released,
) -> Result<(), Failure> {
    save_receipt(out, args, &released.receipt)?;
    if let Some(folder) = &args.out {
        for (record, _, _, plain) in &released.records {
            // The id is a text of the node's: only one that is an id becomes a file name.
            let record = record.parse::<RecordId>().map_err(|error| remote::wrong(&error))?;
            files::write_private(&folder.join(format!("{record}.json")), plain)?;
        }
    }
    let said = |plain: &[u8]| String::from_utf8_lossy(plain).into_owned();
    let records: Vec<_> = released
        .records
        .iter()
        .map(|(record, kind, category, plain)| {
            let content = args.out.is_none().then(|| said(plain));
            json!({ "record": record, "type": kind, "category": category, "content": content })
        })
        .collect();
    let value = json!({
        "request": id.to_string(), "decision": released.decision, "price": released.price,
        "fields": released.fields, "release_nodes": released.nodes,
        "faulty_nodes": released.faulty.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "records": records,
    });
    out.deliver(&value, |_| match &args.out {
        Some(folder) => format!("{} records in {}", released.records.len(), folder.display()),
        None => {
            let lines: Vec<String> =
                released.records.iter().map(|(.., plain)| said(plain)).collect();
            lines.join("\n")
        }
    })?;
    let nodes = match released.nodes {
        0 | 1 => String::new(),
        nodes => format!("; {nodes} release nodes gave their part of the keys"),
    };
    out.say(&format!(
        "{} records for {}; request {id}, decision {}{nodes}",
        released.records.len(),
        released.price,
        released.decision
    ));
    for node in &released.faulty {
        out.say(&format!("release node {node} sent something else than its part: tell the owner and whoever runs it"));
    }
    for dealer in &released.misdealt {
        out.say(&format!("former release node {dealer} handed over another share than its own: tell the owner, who knows which one it was"));
    }
    Ok(())
}

async fn foresee_remote(
    remote: &remote::Remote,
    out: Output,
    requester: &crate::keystore::Identity,
    wanted: Option<&Wanted>,
) -> Result<(), Failure> {
    let Some(wanted) = wanted else {
        return Err(Failure::new("no-dry-run", "what was sent before is not previewed at a node")
            .hint("leave --dry-run out: sent again it is decided and charged once")
            .exit(Exit::Usage));
    };
    let would = format!("ask for {}, paying at most {}", wanted.dataset, wanted.max_price);
    if let Answer::Done(answer) | Answer::Accepted(answer) =
        remote::foresee(remote, requester, wanted).await?
    {
        let value = json!({ "dry_run": true, "would": would, "decision": answer });
        let verdict = answer.get("verdict").and_then(|v| v.as_str()).unwrap_or_default();
        out.result(&value, |_| format!("would {would}\nit would be answered: {verdict}"));
    }
    Ok(())
}
