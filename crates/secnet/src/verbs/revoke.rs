//! `secnet revoke`

use clap::{Args, ValueEnum};
use secnet_types::{DenialId, GrantId, Operation, Reason};
use serde_json::json;

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::Node;
use crate::output::Output;
use crate::sign;
use secnet_app::Enclosures;

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// A grant to end, or a denial to lift, by id.
    id: String,
    /// Who ends it: the owner, its delegate, or the grantee.
    #[arg(long = "as", value_name = "NAME")]
    author: String,
    /// Why; the grantee is told.
    #[arg(long, value_enum, default_value_t = Why::NoLongerWanted)]
    reason: Why,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Why {
    /// None is given.
    Unstated,
    /// No longer wanted or needed.
    NoLongerWanted,
    /// The purpose is not accepted.
    Purpose,
    /// The price is not accepted.
    Price,
    /// The scope is too wide.
    Scope,
    /// Trust was broken.
    Misuse,
}

impl From<Why> for Reason {
    fn from(why: Why) -> Self {
        match why {
            Why::Unstated => Self::Unstated,
            Why::NoLongerWanted => Self::NoLongerWanted,
            Why::Purpose => Self::Purpose,
            Why::Price => Self::Price,
            Why::Scope => Self::Scope,
            Why::Misuse => Self::Misuse,
        }
    }
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: RevokeArgs,
) -> Result<(), Failure> {
    let author = node.identity(&args.author)?;
    let operation = match (args.id.parse::<GrantId>(), args.id.parse::<DenialId>()) {
        (Ok(grant), _) => Operation::Revoke { grant, reason: args.reason.into() },
        (_, Ok(denial)) => Operation::LiftDenial { denial },
        (Err(error), _) => {
            return Err(Failure::new("bad-id", error.to_string())
                .hint("give a grant (sngrant1...) or a denial (sndenial1...)")
                .exit(Exit::Usage));
        }
    };
    let would = format!("end {}", args.id);
    let operation = (operation, Enclosures::default());
    if sign::order(node, globals, out, &author, operation, &would).await?.is_some() {
        out.result(&json!({ "ended": args.id }), |_| format!("ended {}", args.id));
    }
    Ok(())
}
