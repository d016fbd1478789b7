//! `secnet grant`

use clap::Args;
use secnet_types::{Amount, DatasetId};
use serde_json::json;

use super::{PriceArgs, ScopeArgs};
use crate::actions::{self, Permission};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::{Node, access_failure};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// The dataset.
    dataset: DatasetId,
    /// Whose it is.
    #[arg(long = "as", value_name = "NAME")]
    owner: String,
    /// To whom: a name, a member id, or `org:NAME` for everybody an organisation vouches for.
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
    let (to, _) = actions::party_of(node, &args.to)?;
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
        scope: args.scope.scope(),
        window: actions::days_from_now(args.price.days),
        uses: args.price.uses,
        price,
        emergency: args.emergency,
    };
    if globals.dry_run {
        return preview(node, out, &owner, &permission).await;
    }
    let grant = actions::grant(node, &owner, &permission, None).await?;
    let value = json!({ "grant": grant.to_string(), "price": price.to_string(), "until": permission.window.until.to_string() });
    out.result(&value, |_| {
        format!("granted: {grant}, {price} a use, until {}", permission.window.until)
    });
    Ok(())
}

/// What the grant would open, and what it would have changed in the past.
async fn preview(
    node: &Node,
    out: Output,
    owner: &crate::keystore::Identity,
    permission: &Permission,
) -> Result<(), Failure> {
    let (grant, enclosures) = actions::prepare_grant(node, owner, permission).await?;
    let detail =
        enclosures.detail.ok_or_else(|| Failure::new("internal", "a grant has a detail"))?;
    let what = node.pdc.what_if(owner.member(), &grant, &detail).await.map_err(access_failure)?;
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
    let value = json!({
        "dry_run": true, "price": grant.price.to_string(), "records": what.records, "of": what.of,
        "past_refusals_it_would_allow": past, "past_attempts_unchanged": what.unchanged,
    });
    out.result(&value, |_| {
        let mut text = format!(
            "would grant {} of {} records at {} a use until {}\nof the past attempts it would have allowed {} that were refused, and changed nothing in {}",
            what.records, what.of, grant.price, grant.window.until, what.would_allow.len(), what.unchanged
        );
        for attempt in &what.would_allow {
            text.push_str(&format!("\n  {}  {}", attempt.time, node.name_of(attempt.requester)));
        }
        text
    });
    Ok(())
}
