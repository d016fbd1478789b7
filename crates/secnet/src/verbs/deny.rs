//! `secnet deny`

use clap::Args;
use secnet_types::{Action, DatasetId, Denial, DenialId, GrantDetail, Operation, Purpose};
use serde_json::json;

use super::{ScopeArgs, TimeArgs};
use crate::actions;
use crate::cli::Globals;
use crate::dates::Moment;
use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use crate::sign;
use crate::system::random;
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
    /// Only for these purposes, actions and records. Default: all.
    #[command(flatten)]
    scope: ScopeArgs,
    /// For how many days.
    #[arg(long, default_value_t = 3650)]
    days: u64,
    /// From this day or moment on. Default: now.
    #[arg(long, value_name = "DAY")]
    from: Option<Moment>,
    /// Until the end of this day, or this moment, instead of --days.
    #[arg(long, value_name = "DAY", conflicts_with = "days")]
    until: Option<Moment>,
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
    let party = actions::party_of(node, &args.who)?;
    let window = TimeArgs { days: args.days, from: args.from, until: args.until }.window()?;
    let detail = detail(&args.scope)?;
    let denial = Denial {
        dataset: args.dataset,
        party,
        window,
        even_in_emergency: args.even_in_emergency,
        detail: detail.as_ref().map(GrantDetail::commitment),
    };
    let would = format!("deny {} until {}", args.who, window.until);
    let operation = (Operation::Deny { denial }, Enclosures { detail, wraps: None });
    let Some(command) = sign::order(node, globals, out, &owner, operation, &would).await? else {
        return Ok(());
    };
    let id = DenialId::derive(owner.member(), command.value.id);
    out.result(&json!({ "denial": id.to_string() }), |_| format!("denied {}: {id}", args.who));
    Ok(())
}

/// What is denied; none if all is, which the ledger itself enforces, too.
fn detail(scope: &ScopeArgs) -> Result<Option<GrantDetail>, Failure> {
    if scope.is_empty() {
        return Ok(None);
    }
    let all = |given: &[Purpose]| {
        let list = if given.is_empty() { Purpose::ALL } else { given };
        list.iter().copied().collect()
    };
    let actions = if scope.action.is_empty() { Action::ALL } else { &scope.action };
    Ok(Some(GrantDetail {
        purposes: all(&scope.purpose),
        actions: actions.iter().copied().collect(),
        scope: scope.scope()?,
        salt: random(),
    }))
}
