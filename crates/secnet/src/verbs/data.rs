//! `secnet data`

mod elsewhere;
mod ls;
mod moving;
mod told;

pub(crate) use elsewhere::run as run_remote;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use secnet_app::{Enclosures, TermsDetail};
use secnet_types::{Action, DatasetId, Digest, Operation, Purpose, RecordId, Terms};
use serde_json::json;

use super::see;
use super::terms::TermsArgs;
use crate::actions::{self, PlainRecord};
use crate::cli::Globals;
use crate::datasets;
use crate::failure::{Exit, Failure};
use crate::ingest;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::RemoteArgs;
use crate::sign;

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    #[command(flatten)]
    pub remote: RemoteArgs,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Seal FHIR records and register them as a dataset.
    Add {
        /// Files or folders: FHIR R4 bundles (.json) or bulk NDJSON (.ndjson).
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Whose they are.
        #[arg(long = "as", value_name = "NAME")]
        owner: String,
        #[command(flatten)]
        terms: TermsArgs,
        /// Only this patient's records, by FHIR id.
        #[arg(long, value_name = "ID")]
        patient: Option<String>,
    },
    /// Add records to a dataset: what was granted covers them at once, as far as its scope goes. Terms that are named change.
    Extend {
        /// Which.
        dataset: DatasetId,
        /// Files or folders, as for `data add`.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Whose.
        #[arg(long = "as", value_name = "NAME")]
        owner: String,
        /// Only this patient's records, by FHIR id.
        #[arg(long, value_name = "ID")]
        patient: Option<String>,
        #[command(flatten)]
        terms: TermsArgs,
    },
    /// Set other terms: what is named changes, the price of a signed grant stands.
    Set {
        /// Which.
        dataset: DatasetId,
        /// Whose.
        #[arg(long = "as", value_name = "NAME")]
        owner: String,
        #[command(flatten)]
        terms: TermsArgs,
    },
    /// Offer a dataset to a new owner.
    Offer {
        /// Which.
        dataset: DatasetId,
        /// Whose.
        #[arg(long = "as", value_name = "NAME")]
        owner: String,
        /// The new owner. Default: nobody, which takes an offer back.
        #[arg(long, value_name = "NAME")]
        to: Option<String>,
    },
    /// Take over an offered dataset: every grant on it ends, and its records are sealed anew, under the new owner's keys.
    Accept {
        /// Which.
        dataset: DatasetId,
        /// Its records, as files or folders; the former owner hands them over outside of the network.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The new owner.
        #[arg(long = "as", value_name = "NAME")]
        owner: String,
        /// Only this patient's records, by FHIR id.
        #[arg(long, value_name = "ID")]
        patient: Option<String>,
        #[command(flatten)]
        terms: TermsArgs,
    },
    /// Move a dataset to another data centre of the network: that one takes a copy of everything, which is checked, and then decides
    /// in the place of the other one. What was granted stays granted. If it is cut off, the same command goes on.
    Move {
        /// Which.
        dataset: DatasetId,
        /// At whose data centre it is to be: a name, or an id.
        #[arg(long, value_name = "MEMBER")]
        to: String,
        /// Whose.
        #[arg(long = "as", value_name = "NAME")]
        owner: String,
    },
    /// Say who can see a dataset, or one of its records, and by which grant.
    Who {
        /// Which.
        dataset: DatasetId,
        /// Only this record.
        record: Option<RecordId>,
        /// Whose.
        #[arg(long = "as", value_name = "NAME")]
        owner: String,
    },
    /// List what somebody can see in a dataset, page by page; nothing is released and nothing charged.
    See {
        /// Which.
        dataset: DatasetId,
        /// Who.
        #[arg(long = "as", value_name = "NAME")]
        requester: String,
        /// What for.
        #[arg(long, default_value = "treatment")]
        purpose: Purpose,
        /// What is to be done with it.
        #[arg(long, default_value = "read")]
        action: Action,
        /// Go on after this record, as the page before says.
        #[arg(long, value_name = "RECORD")]
        after: Option<RecordId>,
        /// Records on one page, at most 1000.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// List an owner's datasets, or all; at a node elsewhere those that somebody may know of.
    #[command(visible_alias = "list")]
    Ls {
        /// Whose; at a node elsewhere, who asks.
        #[arg(long = "as", value_name = "NAME")]
        owner: Option<String>,
    },
    /// Show an owner one of its datasets, record by record.
    Show {
        /// Which.
        dataset: DatasetId,
        /// Whose.
        #[arg(long = "as", value_name = "NAME")]
        owner: String,
    },
    /// Withdraw a dataset: every grant on it ends.
    Rm {
        /// Which.
        dataset: DatasetId,
        /// Whose.
        #[arg(long = "as", value_name = "NAME")]
        owner: String,
    },
}

#[expect(clippy::too_many_lines, reason = "a dispatcher: one arm for each thing to do")]
pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: DataArgs,
) -> Result<(), Failure> {
    match args.what {
        What::Add { files, owner, terms, patient } => {
            let owner = node.identity(&owner)?;
            let (records, left_out) = records(out, &files, patient)?;
            let (detail, terms) = terms.fresh(|name| node.member(name))?;
            if globals.dry_run {
                let would = told::would_add(records.len(), &terms);
                // The commitment to the records is not known before they are sealed; the ledger takes any.
                let manifest = Digest::ZERO;
                let pdc = node.pdc.member;
                let operation = Operation::RegisterDataset { pdc, terms, manifest };
                let operation = (operation, Enclosures::default());
                sign::order(node, globals, out, &owner, operation, &would).await?;
                return Ok(());
            }
            let bar = out.progress(records.len() as u64, "sealing");
            let step = |n| bar.inc(n);
            let dataset =
                actions::register_at(node, &owner, &records, (detail, terms), step).await?;
            bar.finish_and_clear();
            told::added(out, dataset, records.len(), left_out);
        }
        What::Extend { dataset, files, owner, patient, terms } => {
            let owner = node.identity(&owner)?;
            let before = datasets::owned(node, owner.member(), dataset)?;
            let detail = datasets::detail(node, owner.member(), dataset).await?;
            let (records, left_out) = records(out, &files, patient)?;
            let (detail, terms) =
                terms.changed(|name| node.member(name), detail, before.terms.clone())?;
            let change = datasets::Change::Update(&before, &records);
            let update = (dataset, &change, (&terms, &detail));
            let would = told::would_extend(dataset, records.len());
            if alter(node, globals, out, &owner, update, &would).await? {
                told::extended(out, dataset, records.len(), left_out);
            }
        }
        What::Set { dataset, owner, terms } => {
            let owner = node.identity(&owner)?;
            let before = datasets::owned(node, owner.member(), dataset)?;
            let detail = datasets::detail(node, owner.member(), dataset).await?;
            let (detail, terms) =
                terms.changed(|name| node.member(name), detail, before.terms.clone())?;
            let change = datasets::Change::Update(&before, &[]);
            let update = (dataset, &change, (&terms, &detail));
            let would = told::would_set(dataset, &terms);
            if alter(node, globals, out, &owner, update, &would).await? {
                told::set(out, dataset, &terms);
            }
        }
        What::Offer { dataset, owner, to } => {
            let owner = node.identity(&owner)?;
            let heir = to.as_deref().map(|name| node.member(name)).transpose()?;
            let would = told::would_offer(dataset, to.as_deref());
            let operation = (Operation::OfferDataset { dataset, to: heir }, Enclosures::default());
            if sign::order(node, globals, out, &owner, operation, &would).await?.is_some() {
                told::offered(out, dataset, to.as_deref());
            }
        }
        What::Accept { dataset, files, owner, patient, terms } => {
            let owner = node.identity(&owner)?;
            datasets::offered(node, owner.member(), dataset)?;
            let (records, left_out) = records(out, &files, patient)?;
            let (detail, terms) = terms.fresh(|name| node.member(name))?;
            let change = datasets::Change::Accept(&records);
            let update = (dataset, &change, (&terms, &detail));
            let would = told::would_accept(dataset, records.len());
            if alter(node, globals, out, &owner, update, &would).await? {
                let owner = &owner.card.name;
                told::accepted(out, dataset, owner, (records.len(), left_out));
            }
        }
        What::Move { .. } => return Err(moving::not_here()),
        What::Who { dataset, record, owner } => {
            see::who(node, out, &owner, (dataset, record)).await?;
        }
        What::See { dataset, requester, purpose, action, after, limit } => {
            let wish = (dataset, purpose, action);
            see::see(node, out, &requester, wish, (after, limit.into())).await?;
        }
        What::Ls { owner } => ls::list(node, out, owner.as_deref())?,
        What::Show { dataset, owner } => {
            let owner = node.identity(&owner)?;
            let records = node
                .pdc
                .records_for_owner(owner.member(), dataset)
                .await
                .map_err(access_failure)?;
            let value: Vec<_> = records.iter().map(see::record).collect();
            let value = json!({ "dataset": dataset.to_string(), "records": value });
            out.result(&value, see::records_text);
        }
        What::Rm { dataset, owner } => {
            let owner = node.identity(&owner)?;
            let operation = (Operation::WithdrawDataset { dataset }, Enclosures::default());
            let would = told::would_withdraw(dataset);
            if sign::order(node, globals, out, &owner, operation, &would).await?.is_some() {
                told::withdrawn(out, dataset);
            }
        }
    }
    Ok(())
}

/// Change a dataset, or say in a dry run what would become of it. True if it was done.
async fn alter(
    node: &Node,
    globals: &Globals,
    out: Output,
    author: &Identity,
    (dataset, change, (terms, detail)): (DatasetId, &datasets::Change<'_>, (&Terms, &TermsDetail)),
    would: &str,
) -> Result<bool, Failure> {
    if globals.dry_run {
        let operation = datasets::operation(node, dataset, change, terms);
        let operation = (operation, Enclosures::default());
        sign::order(node, globals, out, author, operation, would).await?;
        return Ok(false);
    }
    let records = change.records();
    let bar = out.progress(records.len() as u64, "sealing");
    let what = (change, terms, detail);
    datasets::carry_out(node, author, dataset, what, |n| bar.inc(n)).await?;
    bar.finish_and_clear();
    Ok(true)
}

/// The records of one patient, and how many resources were about none.
fn records(
    out: Output,
    files: &[PathBuf],
    patient: Option<String>,
) -> Result<(Vec<PlainRecord>, usize), Failure> {
    let mut found = ingest::read(out, files)?;
    let left_out = found.shared;
    if left_out > 0 {
        out.say(&format!(
            "left out: {left_out} resources about no patient, such as organisations and practitioners"
        ));
    }
    match patient {
        Some(id) => match found.patients.remove(&id) {
            Some(patient) => Ok((patient.records, left_out)),
            None => Err(Failure::new(
                "unknown-patient",
                format!("there is no patient `{id}` in the files"),
            )),
        },
        None if found.patients.len() == 1 => Ok((
            found.patients.into_values().flat_map(|patient| patient.records).collect(),
            left_out,
        )),
        None => {
            let ids: Vec<_> = found.patients.keys().take(5).cloned().collect();
            Err(Failure::new(
                "several-patients",
                format!("the files hold {} patients", found.patients.len()),
            )
            .hint(format!("name one with --patient, such as {}", ids.join(", ")))
            .exit(Exit::Usage))
        }
    }
}
