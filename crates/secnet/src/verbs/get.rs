//! `secnet get`

use std::path::PathBuf;

use clap::Args;
use secnet_types::{Action, Amount, Category, DatasetId, Label, Purpose, RecordId, RequestId};
use serde_json::json;

use crate::actions::{self, Wanted};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::files;
use crate::node::Node;
use crate::output::Output;
use crate::show;
use secnet_app::Outcome;

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The dataset.
    dataset: DatasetId,
    /// Who asks.
    #[arg(long = "as", value_name = "NAME")]
    requester: String,
    /// What for.
    #[arg(long)]
    purpose: Purpose,
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
    /// The most to pay.
    #[arg(long, default_value = "0", value_name = "AMOUNT")]
    max_price: Amount,
    /// Write each record to a file in this folder instead of standard output.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the receipt to this file.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// The id of an earlier request that is tried again: it is not charged a second time.
    #[arg(long, value_name = "REQUEST")]
    request: Option<RequestId>,
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: GetArgs,
) -> Result<(), Failure> {
    let requester = node.identity(&args.requester)?;
    let mut scope = actions::scope_of(&args.category, args.label.iter().copied().collect());
    scope.records = (!args.record.is_empty()).then(|| args.record.iter().copied().collect());
    let wanted = Wanted {
        dataset: args.dataset,
        action: args.action,
        purpose: args.purpose,
        scope,
        max_price: args.max_price,
        id: args.request.unwrap_or_else(actions::fresh_request),
    };
    if globals.dry_run {
        out.would(&format!(
            "ask for {} as request {}, paying at most {}",
            args.dataset, wanted.id, args.max_price
        ));
        return Ok(());
    }
    let (outcome, opened) = actions::get(node, &requester, &wanted).await?;
    let receipt = match &outcome {
        Outcome::Released(delivery) => Some(delivery.receipt.to_bytes()),
        Outcome::Held(refusal) | Outcome::Denied(refusal) => Some(refusal.receipt.to_bytes()),
        Outcome::NotVisible => None,
    };
    if let (Some(path), Some(receipt)) = (&args.receipt, receipt) {
        files::write_private(path, &receipt)?;
        out.say(&format!("receipt: {}", path.display()));
    }
    if let Some(failure) = show::refusal(&outcome) {
        return Err(failure);
    }
    let Outcome::Released(delivery) = &outcome else { return Ok(()) };
    if let Some(folder) = &args.out {
        for (meta, plain) in &opened {
            files::write_private(&folder.join(format!("{}.json", meta.id)), plain)?;
        }
    }
    let records: Vec<_> = opened.iter().map(|(meta, plain)| {
        let content = args.out.is_none().then(|| String::from_utf8_lossy(plain).into_owned());
        json!({ "record": meta.id.to_string(), "type": meta.kind, "category": meta.category.as_str(), "content": content })
    }).collect();
    let value = json!({
        "request": wanted.id.to_string(), "decision": delivery.granted.decision().to_string(),
        "price": delivery.price.to_string(), "records": records,
    });
    out.result(&value, |_| match &args.out {
        Some(folder) => format!("{} records in {}", opened.len(), folder.display()),
        None => opened
            .iter()
            .map(|(_, plain)| String::from_utf8_lossy(plain).into_owned())
            .collect::<Vec<_>>()
            .join("\n"),
    });
    out.say(&format!(
        "{} records for {}; decision {}",
        opened.len(),
        delivery.price,
        delivery.granted.decision()
    ));
    Ok(())
}
