//! `secnet id`

mod elsewhere;

pub(crate) use elsewhere::run as run_remote;

use clap::{Args, Subcommand, ValueEnum};
use secnet_types::{
    Amount, DatasetId, Delegation, MemberId, MemberKind, Operation, Power, Powers, Timestamp,
};
use serde_json::json;

use super::session;
use crate::actions;
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::keystore::{Card, Keystore, kind_word};
use crate::node::Node;
use crate::output::Output;
use crate::remote::RemoteArgs;
use crate::sign;
use secnet_app::Enclosures;

#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    #[command(flatten)]
    pub remote: RemoteArgs,
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
    /// End what was delegated, by the owner or the delegate.
    Undelegate {
        /// Whose name.
        owner: String,
        /// Who acts no longer.
        delegate: String,
        /// On this dataset, if it was delegated on one.
        #[arg(long, value_name = "DATASET")]
        dataset: Option<DatasetId>,
        /// Who ends it. Default: the owner.
        #[arg(long = "as", value_name = "NAME")]
        author: Option<String>,
    },
    /// Let a fresh key sign access requests for some hours, up to a limit; see `get --session`.
    Session(session::SessionArgs),
    /// Vouch no longer for a member, which is suspended.
    Disown {
        /// Whom.
        name: String,
        /// The organisation that vouched for it.
        #[arg(long, value_name = "NAME")]
        by: String,
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
        None => list(out, &node.keystore)?,
        Some(What::Delegate { owner, delegate, power, dataset, days }) => {
            let delegation = delegation(node.member(&delegate)?, &power, dataset, days);
            let author = node.identity(&owner)?;
            let (naming, until) = ((owner, delegate), delegation.window.until);
            let operation = (Operation::Delegate { delegation }, Enclosures::default());
            let would = would_name(&naming, until);
            if sign::order(node, globals, out, &author, operation, &would).await?.is_some() {
                was_named(out, &naming, until);
            }
        }
        Some(What::Undelegate { owner, delegate, dataset, author }) => {
            let author = node.identity(author.as_ref().unwrap_or(&owner))?;
            let operation = Operation::EndDelegation {
                owner: node.member(&owner)?,
                delegate: node.member(&delegate)?,
                dataset,
            };
            let would = would_end(&owner, &delegate);
            let operation = (operation, Enclosures::default());
            if sign::order(node, globals, out, &author, operation, &would).await?.is_some() {
                was_ended(out, &owner, &delegate);
            }
        }
        Some(What::Session(args)) => session::run(node, globals, out, &args).await?,
        Some(What::Disown { name, by }) => {
            let organisation = node.identity(&by)?;
            let operation = Operation::Disown { member: node.member(&name)? };
            let would = would_disown(&name);
            let operation = (operation, Enclosures::default());
            let done = sign::order(node, globals, out, &organisation, operation, &would).await?;
            if done.is_some() {
                was_disowned(out, &name, &by);
            }
        }
        Some(What::Rotate { name }) => rotate(node, globals, out, &name).await?,
        Some(What::Show { name }) => {
            let card = node.keystore.card(&name)?;
            let balance = node
                .pdc
                .view(|v| Ok::<_, Failure>(v.state.balance(card.id()?)))
                .transpose()?
                .unwrap_or_default();
            show(out, &card, balance);
        }
        Some(What::New { name, kind, by }) => {
            let kind = MemberKind::from(kind);
            let voucher = match (kind, &by) {
                (MemberKind::Organisation, _) => None,
                (_, Some(by)) => Some(node.identity(by)?),
                (_, None) => return Err(no_voucher(&name)),
            };
            if globals.dry_run {
                let would = would_make(&name, kind);
                let command = actions::admission(node, &name, kind, voucher.as_ref())?;
                let foreseen = sign::foresee(node, &command, &Enclosures::default());
                sign::tell(node, out, &would, &foreseen, &serde_json::Value::Null);
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
        let (_, operation) = crate::rotate::prepare(node.pdc.network(), &old);
        let would = would_rotate(name);
        let operation = (operation, Enclosures::default());
        sign::order(node, globals, out, &old, operation, &would).await?;
        return Ok(());
    }
    let card = crate::rotate::rotate(node, &old).await?;
    was_rotated(out, &card);
    Ok(())
}

fn list(out: Output, keystore: &Keystore) -> Result<(), Failure> {
    let cards = keystore.cards()?;
    out.result(&json!({ "identities": cards }), |_| {
        let line = |card: &Card| format!("{:20} {:13} {}", card.name, card.kind, card.member);
        cards.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn show(out: Output, card: &Card, balance: Amount) {
    let value = json!({ "card": card, "balance": balance.to_string() });
    out.result(&value, |_| {
        format!(
            "name      {}\nkind      {}\nmember    {}\ndid       {}\nbalance   {balance}",
            card.name, card.kind, card.member, card.did
        )
    });
}

fn delegation(
    delegate: MemberId,
    powers: &[PowerWord],
    dataset: Option<DatasetId>,
    days: u64,
) -> Delegation {
    let powers = powers.iter().fold(Powers::default(), |all, word| all.with((*word).into()));
    Delegation { delegate, powers, dataset, window: actions::days_from_now(days) }
}

/// Owner and delegate, as they were named.
type Naming = (String, String);

fn would_name((owner, delegate): &Naming, until: Timestamp) -> String {
    format!("let {delegate} act for {owner} until {until}")
}

fn was_named(out: Output, (owner, delegate): &Naming, until: Timestamp) {
    let value = json!({ "owner": owner, "delegate": delegate, "until": until.to_string() });
    out.result(&value, |_| format!("{delegate} acts for {owner} until {until}"));
}

fn would_end(owner: &str, delegate: &str) -> String {
    format!("end that {delegate} may act for {owner}")
}

fn was_ended(out: Output, owner: &str, delegate: &str) {
    let value = json!({ "owner": owner, "delegate": delegate, "ended": true });
    out.result(&value, |_| format!("{delegate} acts for {owner} no longer"));
}

fn would_disown(name: &str) -> String {
    format!("vouch for {name} no longer; it would be suspended")
}

fn was_disowned(out: Output, name: &str, by: &str) {
    out.result(&json!({ "disowned": name }), |_| {
        format!("{by} vouches for {name} no longer; it is suspended")
    });
}

fn would_make(name: &str, kind: MemberKind) -> String {
    format!("make keys for `{name}` and have it admitted as {}", kind_word(kind))
}

fn no_voucher(name: &str) -> Failure {
    Failure::new("no-voucher", format!("somebody must vouch for `{name}`"))
        .hint("name an organisation with --by")
        .exit(Exit::Usage)
}

fn would_rotate(name: &str) -> String {
    format!("make a new signing key for `{name}` and retire the one it has")
}

fn was_rotated(out: Output, card: &Card) {
    out.result(card, |card| format!("{} signs as {} from now on", card.name, card.did));
}
