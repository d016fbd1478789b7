//! Datasets at a node elsewhere: what is there, who sees it, whose it is to be. What is sealed is sealed beside the records.

use std::path::PathBuf;

use secnet_app::Enclosures;
use secnet_types::Operation;
use serde_json::{Value, json};

use super::{
    DataArgs, What, added, offered, records, withdrawn, would_add, would_offer, would_withdraw,
};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::output::Output;
use crate::remote::{self, How, Remote, not_remote};
use crate::show::fields::{entries, of};
use crate::verbs::see;
use crate::verbs::terms::TermsArgs;

pub(crate) async fn run(globals: &Globals, out: Output, args: DataArgs) -> Result<(), Failure> {
    let on = &args.remote;
    match args.what {
        What::Add { files, owner, terms, patient } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            add(out, (&remote, &owner), (&files, patient), &terms, how).await
        }
        What::Extend { .. } | What::Set { .. } | What::Accept { .. } => Err(not_remote(
            "what a dataset has already is described in the folder that has it",
            "do it there, without --url; programs send what they sealed with POST /v1/datasets (docs/spec/http.md)",
        )),
        What::Offer { dataset, owner, to } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            let heir = to.as_deref().map(|name| remote.member(name)).transpose()?;
            let operation = (Operation::OfferDataset { dataset, to: heir }, Enclosures::default());
            let change = remote::order(&remote, &owner, operation, how).await?;
            let would = would_offer(dataset, to.as_deref());
            change.tell(out, &would, || offered(out, dataset, to.as_deref()));
            Ok(())
        }
        What::Rm { dataset, owner } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            let operation = (Operation::WithdrawDataset { dataset }, Enclosures::default());
            let change = remote::order(&remote, &owner, operation, how).await?;
            change.tell(out, &would_withdraw(dataset), || withdrawn(out, dataset));
            Ok(())
        }
        What::Who { dataset, record, owner } => {
            see::who_at(&on.open(globals, out)?, out, &owner, (dataset, record)).await
        }
        What::See { dataset, requester, purpose, action, after, limit } => {
            let wish = (dataset, purpose, action);
            see::see_at(&on.open(globals, out)?, out, &requester, wish, (after, limit)).await
        }
        What::Ls { owner } => list(&on.open(globals, out)?, out, owner.as_deref()).await,
        What::Show { dataset, owner } => {
            let remote = on.open(globals, out)?;
            let owner = remote.identity(&owner, false)?;
            let path = format!("/v1/datasets/{dataset}/contents");
            let Some(told) = remote.all(&owner, &path, &["records"]).await? else { return Ok(()) };
            let mut value = see::records_value(dataset, &told);
            if let Value::Object(fields) = &mut value {
                fields.remove("next");
            }
            out.result(&value, see::records_text);
            Ok(())
        }
    }
}

async fn list(remote: &Remote, out: Output, reader: Option<&str>) -> Result<(), Failure> {
    let reader = reader.ok_or_else(|| {
        Failure::new("usage", "say who asks").hint("secnet data ls --as NAME").exit(Exit::Usage)
    })?;
    let reader = remote.identity(reader, false)?;
    let Some(told) = remote.all(&reader, "/v1/datasets", &["datasets"]).await? else {
        return Ok(());
    };
    let datasets: Vec<Value> = entries(&told, "datasets")
        .map(|dataset| {
            json!({
                "dataset": of(dataset, "dataset"), "title": dataset.get("title"),
                "owner": remote.name_of(&of(dataset, "owner")), "price": of(dataset, "price"),
                "level": of(dataset, "level"), "status": of(dataset, "status"),
            })
        })
        .collect();
    out.result(&json!({ "datasets": datasets }), |_| {
        let line = |dataset: &Value| {
            let part = |field: &str| of(dataset, field);
            let (id, owner, price) = (part("dataset"), part("owner"), part("price"));
            let (level, status, title) = (part("level"), part("status"), part("title"));
            format!("{id}  {owner:16} {price:>8} a use  {level}  {status}  {title}")
        };
        datasets.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// Seal records here, and register them there.
async fn add(
    out: Output,
    (remote, owner): (&Remote, &Identity),
    (files, patient): (&[PathBuf], Option<String>),
    terms: &TermsArgs,
    how: How,
) -> Result<(), Failure> {
    if remote.client.prints() {
        return Err(Failure::new(
            "usage",
            "sealed records cannot be sent by a command that is printed",
        )
        .hint("leave --print-curl out")
        .exit(Exit::Usage));
    }
    let (records, left_out) = records(out, files, patient)?;
    let (detail, terms) = terms.fresh(|name| remote.member(name))?;
    if how == How::Foresee {
        // A node forecasts no registration: it takes one together with what was sealed for it.
        out.would(&would_add(records.len(), &terms));
        return Ok(());
    }
    let bar = out.progress(records.len() as u64, "sealing");
    let what = (&detail, terms);
    let dataset = remote::register((remote, owner), &records, what, |n| bar.inc(n)).await?;
    bar.finish_and_clear();
    added(out, dataset, records.len(), left_out);
    Ok(())
}
