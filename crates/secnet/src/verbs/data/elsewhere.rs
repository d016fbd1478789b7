//! Datasets at a node elsewhere: what is there, who sees it, whose it is to be. What is sealed is sealed beside the records.
//!
//! An update signs all terms again, and the node says which they are. What would let the node open records, or somebody share in
//! payments, is signed only if whoever calls has named it too.

use std::path::PathBuf;

use secnet_app::{Enclosures, TermsDetail};
use secnet_types::{DatasetId, Operation, Terms};
use serde_json::{Value, json};

use super::{DataArgs, What, moving, records, told};
use crate::actions::{self, PlainRecord};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::output::Output;
use crate::remote::{self, How, Remote, Task};
use crate::show::fields::{entries, of};
use crate::verbs::see;
use crate::verbs::terms::TermsArgs;

#[expect(clippy::too_many_lines, reason = "a dispatcher: one arm for each thing to do")]
pub(crate) async fn run(globals: &Globals, out: Output, args: DataArgs) -> Result<(), Failure> {
    let on = &args.remote;
    match args.what {
        What::Add { files, owner, terms, patient } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            add(out, (&remote, &owner), (&files, patient), &terms, how).await
        }
        What::Extend { dataset, files, owner, patient, terms } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            sealed_here(&remote)?;
            let (records, left_out) = records(out, &files, patient)?;
            let (detail, terms) = changed((&remote, &owner), dataset, &terms).await?;
            let what = (Task::Update(dataset), &records[..], (&detail, terms));
            let would = told::would_extend(dataset, records.len());
            if hand_in(out, (&remote, &owner), what, how, &would).await?.is_some() {
                told::extended(out, dataset, records.len(), left_out);
            }
            Ok(())
        }
        What::Set { dataset, owner, terms } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            let (detail, terms) = changed((&remote, &owner), dataset, &terms).await?;
            let what = (Task::Update(dataset), &[][..], (&detail, terms.clone()));
            let would = told::would_set(dataset, &terms);
            if hand_in(out, (&remote, &owner), what, how, &would).await?.is_some() {
                told::set(out, dataset, &terms);
            }
            Ok(())
        }
        What::Accept { dataset, files, owner, patient, terms } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            sealed_here(&remote)?;
            let (records, left_out) = records(out, &files, patient)?;
            let (detail, terms) = terms.fresh(|name| remote.member(name))?;
            let what = (Task::Accept(dataset), &records[..], (&detail, terms));
            let would = told::would_accept(dataset, records.len());
            if hand_in(out, (&remote, &owner), what, how, &would).await?.is_some() {
                let owner = &owner.card.name;
                told::accepted(out, dataset, owner, (records.len(), left_out));
            }
            Ok(())
        }
        What::Move { dataset, to, owner } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            moving::run(out, (&remote, &owner), (dataset, &to), how).await
        }
        What::Offer { dataset, owner, to } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            let heir = to.as_deref().map(|name| remote.member(name)).transpose()?;
            let operation = (Operation::OfferDataset { dataset, to: heir }, Enclosures::default());
            let change = remote::order(&remote, &owner, operation, how).await?;
            let would = told::would_offer(dataset, to.as_deref());
            change.tell(out, &would, || told::offered(out, dataset, to.as_deref()));
            Ok(())
        }
        What::Rm { dataset, owner } => {
            let (remote, owner, how) = on.open_as(&owner, globals, out)?;
            let operation = (Operation::WithdrawDataset { dataset }, Enclosures::default());
            let change = remote::order(&remote, &owner, operation, how).await?;
            change.tell(out, &told::would_withdraw(dataset), || told::withdrawn(out, dataset));
            Ok(())
        }
        What::Who { dataset, record, owner } => {
            see::who_at(&on.open(globals, out)?, out, &owner, (dataset, record)).await
        }
        What::See { dataset, requester, purpose, action, after, limit } => {
            let (wish, page) = ((dataset, purpose, action), (after, limit.into()));
            see::see_at(&on.open(globals, out)?, out, &requester, wish, page).await
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
    sealed_here(remote)?;
    let (records, left_out) = records(out, files, patient)?;
    actions::require_records(&records)?;
    let (detail, terms) = terms.fresh(|name| remote.member(name))?;
    let would = told::would_add(records.len(), &terms);
    let what = (Task::Register, &records[..], (&detail, terms));
    if let Some(dataset) = hand_in(out, (remote, owner), what, how, &would).await? {
        told::added(out, dataset, records.len(), left_out);
    }
    Ok(())
}

/// The terms that a dataset has there, with what was named put in their place.
async fn changed(
    (remote, owner): (&Remote, &Identity),
    dataset: DatasetId,
    named: &TermsArgs,
) -> Result<(TermsDetail, Terms), Failure> {
    let (detail, terms) = remote.terms_of(owner, dataset).await?;
    let (detail, terms) = named.changed(|name| remote.member(name), detail, terms)?;
    named.confirm(&terms)?;
    Ok((detail, terms))
}

/// The dataset; none if it was only foreseen, or the call printed.
async fn hand_in(
    out: Output,
    (remote, owner): (&Remote, &Identity),
    (task, records, (detail, terms)): (Task, &[PlainRecord], (&TermsDetail, Terms)),
    how: How,
    would: &str,
) -> Result<Option<DatasetId>, Failure> {
    if how == How::Foresee {
        let change = remote::foresee_dataset((remote, owner), task, terms).await?;
        change.tell(out, would, || ());
        return Ok(None);
    }
    let bar = out.progress(records.len() as u64, "sealing");
    let what = (detail, terms);
    let done = remote::hand_in((remote, owner), task, records, what, |n| bar.inc(n)).await?;
    bar.finish_and_clear();
    Ok(done)
}

fn sealed_here(remote: &Remote) -> Result<(), Failure> {
    if !remote.client.prints() {
        return Ok(());
    }
    Err(Failure::new("usage", "sealed records cannot be sent by a command that is printed")
        .hint("leave --print-curl out")
        .exit(Exit::Usage))
}
