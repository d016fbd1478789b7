//! `secnet revoke`

use clap::Args;
use secnet_types::{DenialId, GrantId, Operation, Reason};
use serde_json::json;

use crate::actions;
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::Node;
use crate::output::Output;
use secnet_app::Enclosures;

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// A grant to end, or a denial to lift, by id.
    id: String,
    /// Who ends it: the owner, its delegate, or the grantee.
    #[arg(long = "as", value_name = "NAME")]
    author: String,
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: RevokeArgs,
) -> Result<(), Failure> {
    let author = node.identity(&args.author)?;
    let operation = match (args.id.parse::<GrantId>(), args.id.parse::<DenialId>()) {
        (Ok(grant), _) => Operation::Revoke { grant, reason: Reason::NoLongerWanted },
        (_, Ok(denial)) => Operation::LiftDenial { denial },
        (Err(error), _) => {
            return Err(Failure::new("bad-id", error.to_string())
                .hint("give a grant (sngrant1...) or a denial (sndenial1...)")
                .exit(Exit::Usage));
        }
    };
    if globals.dry_run {
        out.would(&format!("end {}; what is unspent in its escrow goes back", args.id));
        return Ok(());
    }
    actions::order(&node.pdc, &author, operation, Enclosures::default()).await?;
    out.result(&json!({ "ended": args.id }), |_| format!("ended {}", args.id));
    Ok(())
}
