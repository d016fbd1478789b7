//! `secnet revoke`

use clap::{Args, ValueEnum};
use secnet_types::{DenialId, GrantId, Operation, Reason};
use serde_json::json;

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::Node;
use crate::output::Output;
use crate::remote::{self, RemoteArgs};
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
    #[command(flatten)]
    pub remote: RemoteArgs,
}

impl RevokeArgs {
    fn operation(&self) -> Result<Operation, Failure> {
        match (self.id.parse::<GrantId>(), self.id.parse::<DenialId>()) {
            (Ok(grant), _) => Ok(Operation::Revoke { grant, reason: self.reason.into() }),
            (_, Ok(denial)) => Ok(Operation::LiftDenial { denial }),
            (Err(error), _) => Err(Failure::new("bad-id", error.to_string())
                .hint("give a grant (sngrant1...) or a denial (sndenial1...)")
                .exit(Exit::Usage)),
        }
    }
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
    let operation = args.operation()?;
    let would = format!("end {}", args.id);
    let operation = (operation, Enclosures::default());
    if sign::order(node, globals, out, &author, operation, &would).await?.is_some() {
        tell(out, &args.id);
    }
    Ok(())
}

fn tell(out: Output, id: &str) {
    out.result(&json!({ "ended": id }), |_| format!("ended {id}"));
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: RevokeArgs,
) -> Result<(), Failure> {
    let (remote, author, how) = args.remote.open_as(&args.author, globals, out)?;
    let operation = (args.operation()?, Enclosures::default());
    let change = remote::order(&remote, &author, operation, how).await?;
    change.tell(out, &format!("end {}", args.id), || tell(out, &args.id));
    Ok(())
}
