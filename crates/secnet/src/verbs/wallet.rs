//! `secnet wallet`

use clap::{Args, Subcommand};
use secnet_types::{Amount, Change, GrantId, MemberId, Operation};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::{GOVERNOR, Node, access_failure, approved};
use crate::output::Output;
use crate::remote::{self, RemoteArgs};
use crate::show::fields::{entries, of};
use crate::sign;
use secnet_app::{Enclosures, MAX_STATEMENT_LINES};

#[derive(Debug, Args)]
pub(crate) struct WalletArgs {
    /// Whose account.
    #[arg(long = "as", value_name = "NAME", global = true)]
    member: Option<String>,
    #[command(flatten)]
    pub remote: RemoteArgs,
    #[command(subcommand)]
    what: Option<What>,
}

impl WalletArgs {
    fn who(&self) -> Result<&str, Failure> {
        self.member.as_deref().ok_or_else(|| {
            Failure::new("usage", "say whose account")
                .hint("secnet wallet --as NAME")
                .exit(Exit::Usage)
        })
    }
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
    #[command(flatten)]
    Own(Own),
}

/// What members do with what is theirs.
#[derive(Debug, Subcommand)]
enum Own {
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

/// What is ordered, what to say afterwards, and what in a dry run.
struct Move {
    operation: (Operation, Enclosures),
    said: String,
    would: String,
}

impl Own {
    fn order(
        &self,
        member: impl FnOnce(&str) -> Result<MemberId, Failure>,
    ) -> Result<Move, Failure> {
        let (operation, said, would) = match self {
            Self::Send { to, amount } => (
                Operation::Transfer { to: member(to)?, amount: *amount },
                format!("sent {amount} to {to}"),
                format!("send {amount} to {to}"),
            ),
            Self::Fund { grant, amount } => (
                Operation::FundGrant { grant: *grant, amount: *amount },
                format!("set {amount} aside for {grant}"),
                format!("set {amount} aside for {grant}"),
            ),
            Self::Redeem { amount } => (
                Operation::Redeem { amount: *amount },
                format!("took {amount} out of the network"),
                format!("take {amount} out of the network"),
            ),
        };
        Ok(Move { operation: (operation, Enclosures::default()), said, would })
    }
}

fn would_issue(to: &str, amount: Amount) -> String {
    format!("issue {amount} to {to}")
}

fn issued(to: &str, amount: Amount) -> String {
    format!("issued {amount} to {to}")
}

fn done(out: Output, said: &str) {
    out.result(&json!({ "done": said }), |_| said.to_owned());
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: WalletArgs,
) -> Result<(), Failure> {
    let own = match &args.what {
        None => return statement(node, out, args.who()?).await,
        Some(What::Own(own)) => own,
        Some(What::Issue { to, amount }) => {
            let change = Change::Issue { to: node.member(to)?, amount: *amount };
            if globals.dry_run {
                let command = node.proposed(change)?;
                let foreseen = sign::foresee(node, &command, &Enclosures::default());
                sign::tell(node, out, &would_issue(to, *amount), &foreseen, &Value::Null);
                return Ok(());
            }
            node.govern(change).await?;
            done(out, &issued(to, *amount));
            return Ok(());
        }
    };
    let Move { operation, said, would } = own.order(|name| node.member(name))?;
    let author = node.identity(args.who()?)?;
    if sign::order(node, globals, out, &author, operation, &would).await?.is_some() {
        done(out, &said);
    }
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: WalletArgs,
) -> Result<(), Failure> {
    let own = match &args.what {
        Some(What::Own(own)) => own,
        Some(What::Issue { to, amount }) => {
            // By the governor: its key must be among those here.
            let (remote, governor, how) = args.remote.open_as(GOVERNOR, globals, out)?;
            let change = Change::Issue { to: remote.member(to)?, amount: *amount };
            let operation = approved(remote.network().await?, &governor, change);
            let operation = (operation, Enclosures::default());
            let change = remote::order(&remote, &governor, operation, how).await?;
            change.tell(out, &would_issue(to, *amount), || done(out, &issued(to, *amount)));
            return Ok(());
        }
        None => {
            let remote = args.remote.open(globals, out)?;
            let member = remote.identity(args.who()?, false)?;
            let path = format!("/v1/statement?limit={MAX_STATEMENT_LINES}");
            let Some(told) = remote.client.show(&member, &path).await? else { return Ok(()) };
            let part = |field: &str| told.get(field).cloned().unwrap_or_default();
            let value = json!({
                "lines": part("lines"), "brought": part("brought"), "balance": part("balance"),
                "escrow": part("escrow"), "held": part("held"),
            });
            out.result(&value, text);
            return Ok(());
        }
    };
    let (remote, author, how) = args.remote.open_as(args.who()?, globals, out)?;
    let Move { operation, said, would } = own.order(|name| remote.member(name))?;
    let change = remote::order(&remote, &author, operation, how).await?;
    change.tell(out, &would, || done(out, &said));
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
        "lines": lines, "brought": statement.brought.to_string(),
        "balance": statement.balance.to_string(),
        "escrow": statement.escrow.to_string(), "held": statement.held.to_string(),
    });
    out.result(&value, text);
    Ok(())
}

/// For people.
fn text(statement: &Value) -> String {
    let nothing = Amount::ZERO.to_string();
    let lines = entries(statement, "lines").map(|line| {
        let debit = of(line, "debit");
        let (sign, amount) =
            if debit == nothing { ('+', of(line, "credit")) } else { ('-', debit) };
        let (time, balance, what) = (of(line, "time"), of(line, "balance"), of(line, "what"));
        format!("{time}  {sign}{amount:<12} {balance:>12}  {what}")
    });
    let brought = of(statement, "brought");
    let brought =
        (brought != nothing).then(|| format!("brought along from the network before: {brought}"));
    let mut lines: Vec<String> = brought.into_iter().chain(lines).collect();
    lines.push(format!(
        "balance {}; set aside {}; charged but not yet settled {}",
        of(statement, "balance"),
        of(statement, "escrow"),
        of(statement, "held"),
    ));
    lines.join("\n")
}
