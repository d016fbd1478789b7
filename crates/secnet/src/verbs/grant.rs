//! `secnet grant`

use clap::Args;
use secnet_types::{
    Amount, Answer as AskAnswer, AskId, DatasetId, Grant, GrantDetail, GrantId, Operation, Party,
    Power,
};
use serde_json::{Value, json};

use super::{PriceArgs, ScopeArgs};
use crate::actions::{self, Permission};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::{self, RemoteArgs};
use crate::sign;

#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// The dataset.
    dataset: DatasetId,
    /// Whose it is.
    #[arg(long = "as", value_name = "NAME")]
    owner: String,
    /// To whom: a name, a member id, `org:NAME` for everybody an organisation vouches for, or `group:NAME`.
    #[arg(long, value_name = "NAME")]
    to: String,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    price: PriceArgs,
    /// Break-glass: price zero, only for emergencies, every use must be reviewed.
    #[arg(long)]
    emergency: bool,
    #[command(flatten)]
    pub remote: RemoteArgs,
}

impl GrantArgs {
    fn permission(&self, to: Party, price: Amount) -> Result<Permission, Failure> {
        Ok(Permission {
            dataset: self.dataset,
            to,
            purposes: self.scope.purposes()?,
            actions: self.scope.actions(),
            scope: self.scope.scope()?,
            window: self.price.time.window()?,
            uses: self.price.uses,
            price,
            emergency: self.emergency,
        })
    }
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: GrantArgs,
) -> Result<(), Failure> {
    let owner = node.identity(&args.owner)?;
    let to = actions::party_of(node, &args.to)?;
    let listed = node.pdc.view(|v| v.state.dataset(args.dataset).map(|d| d.terms.price)).flatten();
    let price = if args.emergency {
        Amount::ZERO
    } else {
        args.price.price.or(listed).unwrap_or(Amount::ZERO)
    };
    let permission = args.permission(to, price)?;
    if globals.dry_run {
        return preview(node, out, &owner, &permission, None).await;
    }
    let grant = actions::grant(node, &owner, &permission, None).await?;
    tell(out, grant, price, &permission);
    Ok(())
}

fn tell(out: Output, grant: GrantId, price: Amount, permission: &Permission) {
    let until = permission.window.until.to_string();
    let value = json!({ "grant": grant.to_string(), "price": price.to_string(), "until": until });
    out.result(&value, |_| format!("granted: {grant}, {price} a use, until {until}"));
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: GrantArgs,
) -> Result<(), Failure> {
    let (remote, owner, how) = args.remote.open_as(&args.owner, globals, out)?;
    let to = remote::party(&remote, &args.to)?;
    let price = if args.emergency { Some(Amount::ZERO) } else { args.price.price };
    let permission = args.permission(to, price.unwrap_or_default())?;
    let (grant, price, change) = remote::grant(&remote, &owner, &permission, price, how).await?;
    let would = format!("grant the use of {} at {price} a use", permission.dataset);
    change.tell(out, &would, || tell(out, grant, price, &permission));
    Ok(())
}

/// The command, what the ledger would say, what the grant would open, and what it would have changed in the past.
pub(crate) async fn preview(
    node: &Node,
    out: Output,
    owner: &Identity,
    permission: &Permission,
    ask: Option<AskId>,
) -> Result<(), Failure> {
    let (grant, enclosures) = actions::prepare_grant(node, owner, permission).await?;
    let price = grant.price;
    let more = match &enclosures.detail {
        // The past of a dataset, and how many records it has, is its owner's business.
        Some(detail) if may_grant(node, owner, permission.dataset) => {
            what_if(node, owner, &grant, detail).await?
        }
        _ => Value::Null,
    };
    let would = format!(
        "grant the use of {} at {price} a use until {}",
        permission.dataset, permission.window.until
    );
    let operation = match ask {
        Some(ask) => Operation::AnswerAsk { ask, answer: AskAnswer::Approve(grant) },
        None => Operation::Grant { grant },
    };
    let command = node.pdc.sign(owner.member(), operation, &owner.signing);
    sign::tell(node, out, &would, &sign::foresee(node, &command, &enclosures), &more);
    Ok(())
}

fn may_grant(node: &Node, author: &Identity, dataset: DatasetId) -> bool {
    let owner = node.pdc.view(|view| view.state.dataset(dataset).map(|d| d.owner)).flatten();
    owner.is_some_and(|owner| node.pdc.may_act_for(author.member(), owner, Power::Grant))
}

async fn what_if(
    node: &Node,
    owner: &Identity,
    grant: &Grant,
    detail: &GrantDetail,
) -> Result<Value, Failure> {
    let what = node.pdc.what_if(owner.member(), grant, detail).await.map_err(access_failure)?;
    let past: Vec<_> = what
        .would_allow
        .iter()
        .map(|attempt| {
            json!({
                "time": attempt.time.to_string(), "requester": node.name_of(attempt.requester),
                "purpose": attempt.facts.as_ref().map(|f| f.detail.purpose.as_str()),
            })
        })
        .collect();
    Ok(json!({
        "records": what.records, "of": what.of,
        "past_refusals_it_would_allow": past, "past_attempts_unchanged": what.unchanged,
    }))
}
