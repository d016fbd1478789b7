//! `secnet id`

use clap::{Args, Subcommand, ValueEnum};
use secnet_types::{DatasetId, Delegation, MemberKind, Operation, Power, Powers};
use serde_json::json;

use crate::actions;
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::Node;
use crate::output::Output;
use secnet_app::Enclosures;

#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a new identity and a member of the network.
    New {
        /// What this folder is to call it.
        name: String,
        /// What kind of member.
        #[arg(long, value_enum, default_value_t = Kind::Person)]
        kind: Kind,
        /// The organisation that vouches for it; organisations are admitted by the governor instead.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Have somebody act in an owner's name, such as a guardian.
    Delegate {
        /// Whose name.
        owner: String,
        /// Who acts.
        delegate: String,
        /// What it may do; can be given several times.
        #[arg(long, value_enum, required = true)]
        power: Vec<PowerWord>,
        /// Only on this dataset. Default: on all the owner has.
        #[arg(long, value_name = "DATASET")]
        dataset: Option<DatasetId>,
        /// For how many days.
        #[arg(long, default_value_t = 365)]
        days: u64,
    },
    /// Sign with a new key from now on. The sealing key stays, since grants are sealed to it.
    Rotate {
        /// Whose.
        name: String,
    },
    /// Show one identity.
    Show {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PowerWord {
    /// Answer asks, grant, answer holds.
    Grant,
    /// Revoke grants, deny.
    Revoke,
    /// Change terms and prices.
    Price,
    /// Withdraw and erase.
    Erase,
}

impl From<PowerWord> for Power {
    fn from(word: PowerWord) -> Self {
        match word {
            PowerWord::Grant => Self::Grant,
            PowerWord::Revoke => Self::Revoke,
            PowerWord::Price => Self::Price,
            PowerWord::Erase => Self::Erase,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Person,
    Organisation,
    Node,
    Device,
}

impl From<Kind> for MemberKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Person => Self::Person,
            Kind::Organisation => Self::Organisation,
            Kind::Node => Self::Node,
            Kind::Device => Self::Device,
        }
    }
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: IdArgs,
) -> Result<(), Failure> {
    match args.what {
        None => {
            let cards = node.keystore.cards()?;
            out.result(&json!({ "identities": cards }), |_| {
                cards
                    .iter()
                    .map(|c| format!("{:20} {:13} {}", c.name, c.kind, c.member))
                    .collect::<Vec<_>>()
                    .join("\n")
            });
        }
        Some(What::Delegate { owner, delegate, power, dataset, days }) => {
            let powers =
                power.into_iter().fold(Powers::default(), |powers, word| powers.with(word.into()));
            let window = actions::days_from_now(days);
            let delegation =
                Delegation { delegate: node.member(&delegate)?, powers, dataset, window };
            name_delegate(node, globals, out, (&owner, &delegate), delegation).await?;
        }
        Some(What::Rotate { name }) => rotate(node, globals, out, &name).await?,
        Some(What::Show { name }) => {
            let card = node.keystore.card(&name)?;
            let balance = node
                .pdc
                .view(|v| Ok::<_, Failure>(v.state.balance(card.id()?)))
                .transpose()?
                .unwrap_or_default();
            let value = json!({ "card": card, "balance": balance.to_string() });
            out.result(&value, |_| {
                format!(
                    "name      {}\nkind      {}\nmember    {}\ndid       {}\nbalance   {balance}",
                    card.name, card.kind, card.member, card.did
                )
            });
        }
        Some(What::New { name, kind, by }) => {
            let kind = MemberKind::from(kind);
            let voucher = match (kind, &by) {
                (MemberKind::Organisation, _) => None,
                (_, Some(by)) => Some(node.identity(by)?),
                (_, None) => {
                    return Err(Failure::new(
                        "no-voucher",
                        format!("somebody must vouch for `{name}`"),
                    )
                    .hint("name an organisation with --by")
                    .exit(Exit::Usage));
                }
            };
            if globals.dry_run {
                out.would(&format!(
                    "make keys for `{name}` and have it admitted as {}",
                    crate::keystore::kind_word(kind)
                ));
                return Ok(());
            }
            let identity = actions::admit(node, &name, kind, voucher.as_ref()).await?;
            out.result(&identity.card, |card| format!("{} is {}", card.name, card.member));
        }
    }
    Ok(())
}

async fn rotate(node: &Node, globals: &Globals, out: Output, name: &str) -> Result<(), Failure> {
    let old = node.identity(name)?;
    if globals.dry_run {
        out.would(&format!("make a new signing key for `{name}` and retire the one it has"));
        return Ok(());
    }
    let card = crate::rotate::rotate(node, &old).await?;
    out.result(&card, |card| format!("{} signs as {} from now on", card.name, card.did));
    Ok(())
}

async fn name_delegate(
    node: &Node,
    globals: &Globals,
    out: Output,
    (owner, delegate): (&str, &str),
    delegation: Delegation,
) -> Result<(), Failure> {
    let author = node.identity(owner)?;
    let until = delegation.window.until;
    if globals.dry_run {
        out.would(&format!("let {delegate} act for {owner} until {until}"));
        return Ok(());
    }
    let operation = Operation::Delegate { delegation };
    actions::order(&node.pdc, &author, operation, Enclosures::default()).await?;
    let value = json!({ "owner": owner, "delegate": delegate, "until": until.to_string() });
    out.result(&value, |_| format!("{delegate} acts for {owner} until {until}"));
    Ok(())
}
