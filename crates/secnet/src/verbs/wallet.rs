//! `secnet wallet`

use clap::{Args, Subcommand};
use secnet_types::{Amount, Change, GrantId, Operation};
use serde_json::json;

use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::sign;
use secnet_app::Enclosures;

#[derive(Debug, Args)]
pub(crate) struct WalletArgs {
    /// Whose account.
    #[arg(long = "as", value_name = "NAME", global = true)]
    member: Option<String>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Issue money to a member; takes the governor's key.
    Issue {
        /// To whom.
        to: String,
        /// How much.
        amount: Amount,
    },
    /// Send money.
    Send {
        /// To whom.
        to: String,
        /// How much.
        amount: Amount,
    },
    /// Set money aside for uses under a grant.
    Fund {
        /// The grant.
        grant: GrantId,
        /// How much.
        amount: Amount,
    },
    /// Take money out of the network: it is destroyed here, and paid out where it was paid in.
    Redeem {
        /// How much.
        amount: Amount,
    },
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: WalletArgs,
) -> Result<(), Failure> {
    let who = || {
        args.member.clone().ok_or_else(|| {
            Failure::new("usage", "say whose account")
                .hint("secnet wallet --as NAME")
                .exit(crate::failure::Exit::Usage)
        })
    };
    let (operation, said, would) = match args.what {
        None => return statement(node, out, &who()?).await,
        Some(What::Issue { to, amount }) => {
            let change = Change::Issue { to: node.member(&to)?, amount };
            let would = format!("issue {amount} to {to}");
            if globals.dry_run {
                let command = node.proposed(change)?;
                let foreseen = sign::foresee(node, &command, &Enclosures::default());
                sign::tell(node, out, &would, &foreseen, &serde_json::Value::Null);
                return Ok(());
            }
            node.govern(change).await?;
            let said = format!("issued {amount} to {to}");
            out.result(&json!({ "done": said }), |_| said.clone());
            return Ok(());
        }
        Some(What::Send { ref to, amount }) => (
            Operation::Transfer { to: node.member(to)?, amount },
            format!("sent {amount} to {to}"),
            format!("send {amount} to {to}"),
        ),
        Some(What::Fund { grant, amount }) => (
            Operation::FundGrant { grant, amount },
            format!("set {amount} aside for {grant}"),
            format!("set {amount} aside for {grant}"),
        ),
        Some(What::Redeem { amount }) => (
            Operation::Redeem { amount },
            format!("took {amount} out of the network"),
            format!("take {amount} out of the network"),
        ),
    };
    let author = node.identity(&who()?)?;
    let operation = (operation, Enclosures::default());
    if sign::order(node, globals, out, &author, operation, &would).await?.is_some() {
        out.result(&json!({ "done": said }), |_| said.clone());
    }
    Ok(())
}

async fn statement(node: &Node, out: Output, name: &str) -> Result<(), Failure> {
    let member = node.member(name)?;
    let statement = node.pdc.statement(member).await.map_err(access_failure)?;
    let lines: Vec<_> = statement.lines.iter().map(|line| json!({
        "event": line.event, "time": line.time.to_string(), "what": line.what,
        "credit": line.credit.to_string(), "debit": line.debit.to_string(), "balance": line.balance.to_string(),
    })).collect();
    let value = json!({
        "lines": lines, "balance": statement.balance.to_string(),
        "escrow": statement.escrow.to_string(), "held": statement.held.to_string(),
    });
    out.result(&value, |_| {
        let mut text: Vec<String> = statement
            .lines
            .iter()
            .map(|line| {
                let (sign, amount) =
                    if line.debit == Amount::ZERO { ('+', line.credit) } else { ('-', line.debit) };
                format!("{}  {sign}{amount:<12} {:>12}  {}", line.time, line.balance, line.what)
            })
            .collect();
        text.push(format!(
            "balance {}; set aside {}; charged but not yet settled {}",
            statement.balance, statement.escrow, statement.held
        ));
        text.join("\n")
    });
    Ok(())
}
