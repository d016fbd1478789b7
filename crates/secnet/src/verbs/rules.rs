//! `secnet rules`: rule bodies are Cedar text files; the ledger knows their digests, who offers them and who enforces
//! them.

mod elsewhere;
mod past;

pub(crate) use elsewhere::run as run_remote;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use past::{past, past_text, past_value};
use secnet_types::{
    Amount, Digest, Operation, Rule, RuleId, RuleListing, check_safety, encode, limits,
};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::RemoteArgs;
use crate::sign;
use secnet_app::Enclosures;
use secnet_app::ports::{Archive as _, Change, EntryKind, EntryName};

/// Largest file of evidence, in bytes.
const MAX_EVIDENCE_BYTES: u64 = 256 * 1024 * 1024;

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
    /// Show a rule as a sentence and as Cedar text.
    Show {
        /// The rule.
        rule: RuleId,
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
    /// Have this data centre enforce a rule that it has a licence of.
    Install {
        /// The rule.
        rule: RuleId,
        /// Its body as Cedar text, if this data centre does not have it yet.
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
        /// Only watch what it would do.
        #[arg(long)]
        simulate: bool,
    },
    /// Stop enforcing a rule.
    Remove {
        /// The rule.
        rule: RuleId,
    },
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
            let body = body(node, rule).await?;
            out.result(&describe(&body), |_| format!("{body}\n\n{}", body.to_cedar().trim_end()));
            Ok(())
        }
        What::Test { file } => {
            let rule = read(&file)?;
            let past = past(node, &rule).await?;
            out.result(&past_value(node, &rule, &past), |_| past_text(node, &rule, &past));
            Ok(())
        }
        What::Publish { file, author, price, evidence } => {
            publish(node, globals, out, &file, &author, (price, evidence.as_deref())).await
        }
        What::Buy { rule, buyer, max_price } => {
            buy(node, globals, out, rule, buyer.as_deref(), max_price).await
        }
        What::Install { rule, body, simulate } => {
            install(node, globals, out, rule, body.as_deref(), simulate).await
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
        let sentence = body.map(|body| body.to_string());
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
    if !globals.dry_run {
        keep(node, &offer.rule).await?;
    }
    let operation = offer.operation();
    if sign::order(node, globals, out, &author, operation, &offer.would()).await?.is_some() {
        offer.tell(out);
    }
    Ok(())
}

/// A rule that somebody offers.
struct Offer {
    rule: Rule,
    price: Amount,
    evidence: Digest,
}

impl Offer {
    fn read(file: &Path, (price, evidence): (Amount, Option<&Path>)) -> Result<Self, Failure> {
        let rule = read(file)?;
        safe(&rule)?;
        let evidence = match evidence {
            Some(path) => Digest::of(&crate::files::read(path, MAX_EVIDENCE_BYTES)?),
            None => Digest::ZERO,
        };
        Ok(Self { rule, price, evidence })
    }

    fn operation(&self) -> (Operation, Enclosures) {
        let Self { rule, price, evidence } = self;
        let (price, evidence) = (*price, *evidence);
        let listing = RuleListing { rule: rule.id(), price, evidence, expires: rule.expires() };
        (Operation::PublishRule { listing }, Enclosures::default())
    }

    fn would(&self) -> String {
        format!("offer {} at {} a licence: {}", self.rule.id(), self.price, self.rule)
    }

    fn tell(&self, out: Output) {
        let Self { rule, price, .. } = self;
        let value = json!({
            "rule": rule.id().to_string(), "sentence": rule.to_string(), "price": price.to_string(),
        });
        out.result(&value, |_| format!("offered {} at {price} a licence: {rule}", rule.id()));
    }
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

/// The price, if it is not more than what somebody wants to pay.
fn affordable(price: Amount, max_price: Option<Amount>) -> Result<Amount, Failure> {
    match max_price.filter(|most| *most < price) {
        Some(most) => {
            Err(Failure::new("too-expensive", format!("a licence costs {price}, more than {most}")))
        }
        None => Ok(price),
    }
}

fn bought(out: Output, rule: RuleId, price: Amount) {
    let value = json!({ "bought": rule.to_string(), "price": price.to_string() });
    out.result(&value, |_| format!("bought a licence of {rule} for {price}"));
}

async fn install(
    node: &Node,
    globals: &Globals,
    out: Output,
    id: RuleId,
    given: Option<&Path>,
    simulate: bool,
) -> Result<(), Failure> {
    let rule = match given {
        Some(file) => read(file)?,
        None => body(node, id).await?,
    };
    if rule.id() != id {
        return Err(Failure::new("other-rule", format!("the file holds {}, not {id}", rule.id()))
            .exit(Exit::Usage));
    }
    safe(&rule)?;
    let past = past(node, &rule).await?;
    let listed =
        node.pdc.view(|view| view.state.rule(id).map(|state| state.listing.expires)).flatten();
    let until = listed.ok_or_else(|| unknown(id))?;
    let operation = Operation::InstallRule { rule: id, until, simulate };
    let mut value = past_value(node, &rule, &past);
    if globals.dry_run {
        let command = node.pdc.sign(node.pdc.member, operation, node.pdc.signer.as_ref());
        let foreseen = sign::foresee(node, &command, &Enclosures::default());
        let doing = if simulate { "watch" } else { "enforce" };
        sign::tell(node, out, &format!("{doing} {id}"), &foreseen, &value);
        return Ok(());
    }
    keep(node, &rule).await?;
    sign::order_own(node, globals, out, operation, "").await?;
    if let Value::Object(fields) = &mut value {
        fields.insert("simulate".into(), simulate.into());
    }
    out.result(&value, |_| {
        let doing = if simulate { "watches" } else { "enforces" };
        format!("this data centre {doing}: {}", past_text(node, &rule, &past))
    });
    Ok(())
}

fn read(file: &Path) -> Result<Rule, Failure> {
    let text = crate::files::read_text(file, limits::MAX_RULE_TEXT_BYTES as u64)?;
    Rule::from_cedar(&text).map_err(|error| {
        Failure::new("invalid-rule", format!("`{}` is not a rule", file.display()))
            .because(&error)
            .hint("docs/spec says which part of Cedar rules are written in")
            .exit(Exit::Usage)
    })
}

fn safe(rule: &Rule) -> Result<(), Failure> {
    check_safety(rule).map_err(|error| {
        Failure::new("unsafe-rule", "the rule must not be enforced")
            .because(&error)
            .hint("narrow it, or let it only flag")
    })
}

async fn keep(node: &Node, rule: &Rule) -> Result<(), Failure> {
    let name = EntryName::new(EntryKind::Rule, &[], &rule.id().0);
    let change = Change { name, value: Some(encode(rule)) };
    node.archive.write(vec![change]).await.map_err(|error| access_failure(error.into()))
}

async fn stored(node: &Node, rule: RuleId) -> Result<Option<Rule>, Failure> {
    let bytes = node.archive.get(&EntryName::new(EntryKind::Rule, &[], &rule.0)).await;
    let bytes = bytes.map_err(|error| access_failure(error.into()))?;
    let damaged = |error: secnet_types::DecodeError| {
        Failure::new("damaged", format!("the body of {rule} is damaged"))
            .because(&error)
            .exit(Exit::Verification)
    };
    bytes.map(|bytes| Rule::from_bytes(&bytes).map_err(damaged)).transpose()
}

async fn body(node: &Node, rule: RuleId) -> Result<Rule, Failure> {
    stored(node, rule).await?.ok_or_else(|| {
        Failure::new("no-body", format!("the body of {rule} is not here"))
            .hint("`secnet rules install RULE --body FILE` brings it in")
    })
}

fn unknown(rule: RuleId) -> Failure {
    Failure::new("unknown-rule", format!("{rule} is not on offer"))
        .hint("`secnet rules ls` lists those that are")
}

fn describe(rule: &Rule) -> Value {
    json!({
        "rule": rule.id().to_string(), "sentence": rule.to_string(), "cedar": rule.to_cedar(),
        "action": rule.action().as_str(), "safe": check_safety(rule).is_ok(),
    })
}
