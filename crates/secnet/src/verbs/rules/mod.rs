//! `secnet rules`: rule bodies are Cedar text files; the ledger knows their digests, who offers them and who enforces
//! them.

mod body;
mod card;
mod edge;
mod elsewhere;
mod export;
mod install;
mod learn;
mod offer;
mod past;
mod safety;
mod sigma;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use secnet_app::Enclosures;
use secnet_types::{Amount, Digest, Operation, Rule, RuleAction, RuleId, check_safety};
use serde_json::{Value, json};

use self::body::{Which, find, read, stored, unknown};
use self::card::Card;
use self::offer::{Offer, affordable, bought};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::RemoteArgs;
use crate::sign;

pub(crate) use elsewhere::run as run_remote;
pub(crate) use install::{learnt as install_learnt, removed, respond};
pub(crate) use learn::{Learnt, Wish, counts, learn, needed};
pub(crate) use past::{DAY_MS, since as past_since};
pub(crate) use safety::{stops_everyone, treated};

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(flatten)]
    pub remote: RemoteArgs,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the rules on offer, and which are enforced here.
    Ls {
        /// Who asks, at a node elsewhere, which does not say what it enforces.
        #[arg(long = "as", value_name = "NAME")]
        reader: Option<String>,
    },
    /// Show a rule as a sentence and as Cedar text, with the evidence for it.
    Show {
        /// The rule: its id, or a file.
        #[arg(value_name = "RULE_OR_FILE")]
        rule: Which,
    },
    /// Learn rules from the requests that this data centre has seen and from what was said of them, each with its evidence.
    Learn {
        /// Write the first rule to this file as Cedar text, and its card to FILE.card.json.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// What the rules are to do.
        #[arg(long, value_enum, default_value_t = Doing::Hold)]
        action: Doing,
        /// From the requests of how many days.
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
        past: u64,
        /// How many days the rules are to hold.
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
        days: u64,
    },
    /// Say whom a rule would have stopped here, and how often.
    Simulate {
        /// The rule: its id, or a file.
        #[arg(value_name = "RULE_OR_FILE")]
        rule: Which,
        /// In the requests of how many days.
        #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3650))]
        days: u64,
    },
    /// Say what a rule would have done to the requests that this data centre has seen.
    Test {
        /// The rule as Cedar text.
        file: PathBuf,
    },
    /// Offer a rule to others.
    Publish {
        /// The rule as Cedar text.
        file: PathBuf,
        /// Who offers it.
        #[arg(long = "as", value_name = "NAME")]
        author: String,
        /// Price of one licence.
        #[arg(long, default_value = "0")]
        price: Amount,
        /// What the rule was found by and tried on; its digest is published.
        #[arg(long, value_name = "FILE")]
        evidence: Option<PathBuf>,
    },
    /// Buy a licence.
    Buy {
        /// The rule.
        rule: RuleId,
        /// Who buys. Default: this data centre, which can enforce it then.
        #[arg(long = "as", value_name = "NAME")]
        buyer: Option<String>,
        /// The most to pay. Default: the price it is offered at.
        #[arg(long, value_name = "AMOUNT")]
        max_price: Option<Amount>,
    },
    /// Have this data centre enforce a rule that it has a licence of, or one of its own from a file.
    Install {
        /// The rule: its id, or a file, such as `rules learn --out` writes.
        #[arg(value_name = "RULE_OR_FILE")]
        rule: Which,
        /// Its body as Cedar text, if this data centre does not have it yet.
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
        /// Only watch what it would do.
        #[arg(long)]
        simulate: bool,
    },
    /// Write a rule for another system.
    Export {
        /// The rule: its id, or a file.
        #[arg(value_name = "RULE_OR_FILE")]
        rule: Which,
        /// For which.
        #[arg(long = "as", value_enum, value_name = "FORM")]
        form: export::Form,
        /// Write it to this file. Default: print it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Stop enforcing a rule.
    Remove {
        /// The rule.
        rule: RuleId,
    },
}

/// What a learnt rule is to do.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Doing {
    /// Let it pass, tell the owner.
    Flag,
    /// Wait for the owner's answer.
    Hold,
    /// Refuse.
    Deny,
}

impl From<Doing> for RuleAction {
    fn from(doing: Doing) -> Self {
        match doing {
            Doing::Flag => Self::Flag,
            Doing::Hold => Self::Hold,
            Doing::Deny => Self::Deny,
        }
    }
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: RulesArgs,
) -> Result<(), Failure> {
    match args.what {
        What::Ls { .. } => list(node, out).await,
        What::Show { rule } => {
            let (rule, card) = find(node, &rule).await?;
            out.result(&describe(&rule, card.as_ref()), |_| shown(&rule, card.as_ref()));
            Ok(())
        }
        What::Learn { out: file, action, past, days } => {
            let wish = Wish { action: action.into(), days: past, lasts: days };
            learn::run(node, out, wish, file.as_deref(), globals.dry_run).await
        }
        What::Simulate { rule, days } => {
            let (rule, _) = find(node, &rule).await?;
            let seen = past::since(node, Some(days)).await?;
            let author = author(node, rule.id());
            let against = safety::against(node, &rule, author, &seen);
            let (value, text) = past::simulated(node, &rule, days, &seen, against.as_deref());
            out.result(&value, |_| text);
            Ok(())
        }
        What::Export { rule, form, out: file } => {
            let (rule, _) = find(node, &rule).await?;
            export::run(node, out, (&rule, form), file.as_deref().filter(|_| !globals.dry_run))
        }
        What::Test { file } => {
            let rule = read(&file)?;
            let seen = past::since(node, None).await?;
            out.result(&past::value(node, &rule, &seen), |_| past::text(node, &rule, &seen));
            Ok(())
        }
        What::Publish { file, author, price, evidence } => {
            publish(node, globals, out, &file, &author, (price, evidence.as_deref())).await
        }
        What::Buy { rule, buyer, max_price } => {
            buy(node, globals, out, rule, buyer.as_deref(), max_price).await
        }
        What::Install { rule, body, simulate } => {
            install::run(node, globals, out, &rule, body.as_deref(), simulate).await
        }
        What::Remove { rule } => {
            let operation = Operation::RemoveRule { rule };
            let would = format!("enforce {rule} no longer");
            if sign::order_own(node, globals, out, operation, &would).await?.is_some() {
                out.result(&json!({ "removed": rule.to_string() }), |_| {
                    format!("{rule} is not enforced here any more")
                });
            }
            Ok(())
        }
    }
}

async fn list(node: &Node, out: Output) -> Result<(), Failure> {
    let rows = node.pdc.view(|view| {
        let installed: Vec<_> = view.state.installed_rules(node.pdc.member, view.time).collect();
        view.state
            .rules()
            .map(|(id, state)| {
                (id, state.clone(), installed.iter().find(|(i, _)| *i == id).map(|(_, i)| *i))
            })
            .collect::<Vec<_>>()
    });
    let mut rules = Vec::new();
    let mut lines = Vec::new();
    for (id, state, installed) in rows.unwrap_or_default() {
        let body = stored(node, id).await?;
        let enforced = match installed {
            Some(install) if install.simulate => "watched",
            Some(_) => "enforced",
            None => "offered",
        };
        let sentence = match body {
            Some(rule) => Some(rule.to_string()),
            // The ledger lists learnt models as it lists rules.
            None => {
                let digest = Digest(id.0);
                let model = node.pdc.kept_model(digest).await.map_err(access_failure)?;
                model.map(|_| format!("hold what the learnt model {digest} finds like misuse"))
            }
        };
        rules.push(json!({
            "rule": id.to_string(), "author": node.name_of(state.author), "price": state.listing.price.to_string(),
            "expires": state.listing.expires.to_string(), "here": enforced, "sentence": sentence,
        }));
        lines.push(format!(
            "{id}  {enforced:8} {:>8} by {}\n    {}",
            state.listing.price,
            node.name_of(state.author),
            sentence.as_deref().unwrap_or("(its body is not here)"),
        ));
    }
    out.result(&json!({ "rules": rules }), |_| {
        if lines.is_empty() { "there are no rules".into() } else { lines.join("\n") }
    });
    Ok(())
}

async fn publish(
    node: &Node,
    globals: &Globals,
    out: Output,
    file: &Path,
    author: &str,
    (price, evidence): (Amount, Option<&Path>),
) -> Result<(), Failure> {
    let author = node.identity(author)?;
    let offer = Offer::read(file, (price, evidence))?;
    safety::safe(node, &offer.rule, author.member(), &past::since(node, None).await?)?;
    if !globals.dry_run {
        body::keep(node, &offer.rule, None).await?;
    }
    let operation = offer.operation();
    if sign::order(node, globals, out, &author, operation, &offer.would()).await?.is_some() {
        offer.tell(out);
    }
    Ok(())
}

async fn buy(
    node: &Node,
    globals: &Globals,
    out: Output,
    rule: RuleId,
    buyer: Option<&str>,
    max_price: Option<Amount>,
) -> Result<(), Failure> {
    let listed =
        node.pdc.view(|view| view.state.rule(rule).map(|state| state.listing.price)).flatten();
    let price = affordable(listed.ok_or_else(|| unknown(rule))?, max_price)?;
    let operation = Operation::BuyRule { rule, price };
    let would = format!("buy a licence of {rule} for {price}");
    let done = match buyer {
        Some(name) => {
            let operation = (operation, Enclosures::default());
            sign::order(node, globals, out, &node.identity(name)?, operation, &would).await?
        }
        None => sign::order_own(node, globals, out, operation, &would).await?,
    };
    if done.is_some() {
        bought(out, rule, price);
    }
    Ok(())
}

/// Whose rule it is; one that is not offered yet would be this data centre's own.
fn author(node: &Node, rule: RuleId) -> secnet_types::MemberId {
    let author = node.pdc.view(|view| view.state.rule(rule).map(|state| state.author)).flatten();
    author.unwrap_or(node.pdc.member)
}

fn describe(rule: &Rule, card: Option<&Card>) -> Value {
    json!({
        "rule": rule.id().to_string(), "sentence": rule.to_string(), "cedar": rule.to_cedar(),
        "action": rule.action().as_str(), "safe": check_safety(rule).is_ok(),
        "card": card.map(Card::value),
    })
}

fn shown(rule: &Rule, card: Option<&Card>) -> String {
    let mut lines = vec![rule.to_string()];
    lines.extend(card.iter().flat_map(|card| card.text()).map(|line| format!("  {line}")));
    lines.extend([String::new(), rule.to_cedar().trim_end().to_owned()]);
    lines.join("\n")
}
