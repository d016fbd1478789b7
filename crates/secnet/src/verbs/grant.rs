//! `secnet grant`

use clap::Args;
use secnet_types::{Amount, Answer, AskId, DatasetId, Grant, GrantDetail, Operation, Power};
use serde_json::{Value, json};

use super::{PriceArgs, ScopeArgs};
use crate::actions::{self, Permission};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::output::Output;
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
    let permission = Permission {
        dataset: args.dataset,
        to,
        purposes: args.scope.purposes()?,
        actions: args.scope.actions(),
        scope: args.scope.scope()?,
        window: args.price.time.window()?,
        uses: args.price.uses,
        price,
        emergency: args.emergency,
    };
    if globals.dry_run {
        return preview(node, out, &owner, &permission, None).await;
    }
    let grant = actions::grant(node, &owner, &permission, None).await?;
    let value = json!({ "grant": grant.to_string(), "price": price.to_string(), "until": permission.window.until.to_string() });
    out.result(&value, |_| {
        format!("granted: {grant}, {price} a use, until {}", permission.window.until)
    });
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
        Some(ask) => Operation::AnswerAsk { ask, answer: Answer::Approve(grant) },
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
