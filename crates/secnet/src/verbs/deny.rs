//! `secnet deny`

use clap::Args;
use secnet_types::{
    Action, DatasetId, Denial, DenialId, GrantDetail, Operation, Party, Purpose, Window,
};
use serde_json::json;

use super::{ScopeArgs, TimeArgs};
use crate::actions;
use crate::cli::Globals;
use crate::dates::Moment;
use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use crate::remote::{self, RemoteArgs};
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
    #[command(flatten)]
    pub remote: RemoteArgs,
}

impl DenyArgs {
    fn window(&self) -> Result<Window, Failure> {
        TimeArgs { days: self.days, from: self.from, until: self.until }.window()
    }

    /// The denial, and what the data centre keeps of it.
    fn operation(&self, party: Party, window: Window) -> Result<(Operation, Enclosures), Failure> {
        let detail = detail(&self.scope)?;
        let denial = Denial {
            dataset: self.dataset,
            party,
            window,
            even_in_emergency: self.even_in_emergency,
            detail: detail.as_ref().map(GrantDetail::commitment),
        };
        Ok((Operation::Deny { denial }, Enclosures { detail, wraps: None }))
    }

    fn would(&self, window: Window) -> String {
        format!("deny {} until {}", self.who, window.until)
    }

    fn tell(&self, out: Output, id: DenialId) {
        out.result(&json!({ "denial": id.to_string() }), |_| format!("denied {}: {id}", self.who));
    }
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: DenyArgs,
) -> Result<(), Failure> {
    let owner = node.identity(&args.owner)?;
    let party = actions::party_of(node, &args.who)?;
    let window = args.window()?;
    let (operation, would) = (args.operation(party, window)?, args.would(window));
    let Some(command) = sign::order(node, globals, out, &owner, operation, &would).await? else {
        return Ok(());
    };
    args.tell(out, DenialId::derive(owner.member(), command.value.id));
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: DenyArgs,
) -> Result<(), Failure> {
    let (remote, owner, how) = args.remote.open_as(&args.owner, globals, out)?;
    let (party, window) = (remote::party(&remote, &args.who)?, args.window()?);
    let change = remote::order(&remote, &owner, args.operation(party, window)?, how).await?;
    let id = DenialId::derive(owner.member(), change.id);
    change.tell(out, &args.would(window), || args.tell(out, id));
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
