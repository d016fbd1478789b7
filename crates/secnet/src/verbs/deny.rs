//! `secnet deny`

use clap::Args;
use secnet_types::{DatasetId, Denial, DenialId, Operation};
use serde_json::json;

use crate::actions;
use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use secnet_app::Enclosures;

#[derive(Debug, Args)]
pub(crate) struct DenyArgs {
    /// Who is denied: a name, a member id, or `org:NAME`.
    who: String,
    /// Whose denial.
    #[arg(long = "as", value_name = "NAME")]
    owner: String,
    /// Only this dataset. Default: everything the owner has.
    #[arg(long, value_name = "DATASET")]
    dataset: Option<DatasetId>,
    /// For how many days.
    #[arg(long, default_value_t = 3650)]
    days: u64,
    /// Not even in an emergency.
    #[arg(long)]
    even_in_emergency: bool,
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: DenyArgs,
) -> Result<(), Failure> {
    let owner = node.identity(&args.owner)?;
    let (party, _) = actions::party_of(node, &args.who)?;
    let denial = Denial {
        dataset: args.dataset,
        party,
        window: actions::days_from_now(args.days),
        even_in_emergency: args.even_in_emergency,
        detail: None,
    };
    if globals.dry_run {
        out.would(&format!("deny {} until {}", args.who, denial.window.until));
        return Ok(());
    }
    let command =
        actions::order(&node.pdc, &owner, Operation::Deny { denial }, Enclosures::default())
            .await?;
    let id = DenialId::derive(owner.member(), command.value.id);
    out.result(&json!({ "denial": id.to_string() }), |_| format!("denied {}: {id}", args.who));
    Ok(())
}
