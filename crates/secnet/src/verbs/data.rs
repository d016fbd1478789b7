//! `secnet data`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use secnet_types::{Amount, DatasetId, Operation, Purpose, ServiceLevel};
use serde_json::json;

use crate::actions::{self, Offer};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::ingest;
use crate::node::{Node, access_failure};
use crate::output::Output;
use secnet_app::Enclosures;

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
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
        /// A title, for those who may know of the dataset.
        #[arg(long, default_value = "health records")]
        title: String,
        /// List price of one use.
        #[arg(long, default_value = "0")]
        price: Amount,
        /// Only for this purpose, whatever is granted; can be given several times.
        #[arg(long, value_name = "PURPOSE")]
        purpose: Vec<Purpose>,
        /// Only this patient's records, by FHIR id.
        #[arg(long, value_name = "ID")]
        patient: Option<String>,
    },
    /// List an owner's datasets, or all.
    Ls {
        /// Whose.
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
        What::Add { files, owner, title, price, purpose, patient } => {
            let owner = node.identity(&owner)?;
            let mut found = ingest::read(&files)?;
            let left_out = found.shared;
            let records = match patient {
                Some(id) => {
                    found
                        .patients
                        .remove(&id)
                        .ok_or_else(|| {
                            Failure::new(
                                "unknown-patient",
                                format!("there is no patient `{id}` in the files"),
                            )
                        })?
                        .records
                }
                None if found.patients.len() == 1 => {
                    found.patients.into_values().flat_map(|patient| patient.records).collect()
                }
                None => {
                    let ids: Vec<_> = found.patients.keys().take(5).cloned().collect();
                    return Err(Failure::new(
                        "several-patients",
                        format!("the files hold {} patients", found.patients.len()),
                    )
                    .hint(format!("name one with --patient, such as {}", ids.join(", ")))
                    .exit(Exit::Usage));
                }
            };
            if globals.dry_run {
                out.would(&format!(
                    "seal {} records and register them at {price} a use",
                    records.len()
                ));
                return Ok(());
            }
            let purposes = (!purpose.is_empty()).then(|| purpose.into_iter().collect());
            let offer = Offer {
                title,
                price,
                level: ServiceLevel::Sealed,
                purposes,
                beneficiaries: Vec::new(),
            };
            let bar = out.progress(records.len() as u64, "sealing");
            let dataset = actions::register(node, &owner, &records, &offer, |n| bar.inc(n)).await?;
            bar.finish_and_clear();
            let value = json!({
                "dataset": dataset.to_string(), "records": records.len(), "left_out": left_out,
            });
            out.result(&value, |_| format!("registered {} records as {dataset}", records.len()));
            if left_out > 0 {
                out.say(&format!(
                    "left out: {left_out} resources about no patient, such as organisations and practitioners"
                ));
            }
        }
        What::Ls { owner } => list(node, out, owner.as_deref())?,
        What::Show { dataset, owner } => {
            let owner = node.identity(&owner)?;
            let records = node
                .pdc
                .records_for_owner(owner.member(), dataset)
                .await
                .map_err(access_failure)?;
            let value: Vec<_> = records
                .iter()
                .map(|m| {
                    json!({
                        "record": m.id.to_string(), "type": m.kind, "category": m.category.as_str(),
                        "labels": m.labels.iter().map(|l| l.as_str()).collect::<Vec<_>>(),
                        "from": m.period.map(|p| p.from.to_string()),
                    })
                })
                .collect();
            out.result(&json!({ "dataset": dataset.to_string(), "records": value }), |_| {
                records
                    .iter()
                    .map(|m| {
                        let labels: Vec<_> =
                            m.labels.iter().map(secnet_types::Label::as_str).collect();
                        format!("{}  {:14} {:20} {}", m.id, m.category, m.kind, labels.join(","))
                    })
                    .collect::<Vec<_>>()
                    .join("\n")
            });
        }
        What::Rm { dataset, owner } => {
            let owner = node.identity(&owner)?;
            if globals.dry_run {
                out.would(&format!("withdraw {dataset}; every grant on it would end"));
                return Ok(());
            }
            actions::order(
                &node.pdc,
                &owner,
                Operation::WithdrawDataset { dataset },
                Enclosures::default(),
            )
            .await?;
            out.result(&json!({ "withdrawn": dataset.to_string() }), |_| {
                format!("withdrew {dataset}")
            });
        }
    }
    Ok(())
}

fn list(node: &Node, out: Output, owner: Option<&str>) -> Result<(), Failure> {
    let owner = owner.map(|name| node.member(name)).transpose()?;
    let rows = node.pdc.view(|view| {
        view.state
            .datasets()
            .filter(|(_, dataset)| owner.is_none_or(|owner| dataset.owner == owner))
            .map(|(id, dataset)| {
                let grants = view
                    .state
                    .grants_on(id)
                    .filter(|(_, g)| view.state.grant_is_live(g, view.time))
                    .count();
                (id, dataset.clone(), grants)
            })
            .collect::<Vec<_>>()
    });
    let rows = rows.unwrap_or_default();
    let value: Vec<_> = rows.iter().map(|(id, dataset, grants)| json!({
        "dataset": id.to_string(), "owner": node.name_of(dataset.owner),
        "price": dataset.terms.price.to_string(), "status": format!("{:?}", dataset.status).to_lowercase(),
        "grants": grants,
    })).collect();
    out.result(&json!({ "datasets": value }), |_| {
        rows.iter()
            .map(|(id, dataset, grants)| {
                format!(
                    "{id}  {:16} {:>8} a use  {grants} grants  {:?}",
                    node.name_of(dataset.owner),
                    dataset.terms.price,
                    dataset.status
                )
            })
            .collect::<Vec<_>>()
            .join("\n")
    });
    Ok(())
}
