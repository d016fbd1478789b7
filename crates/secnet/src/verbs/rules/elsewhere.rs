//! Rules at a node elsewhere: what is on offer, and what members do about it. What a data centre enforces is decided in its
//! folder, with its own key.

use secnet_types::{Amount, MoneyError, Operation, RuleId};
use serde_json::{Value, json};

use super::body::unknown;
use super::offer::{Offer, affordable, bought};
use super::{RulesArgs, What};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::remote::{self, RemoteArgs, not_remote};
use crate::show::fields::{entries, of};
use secnet_app::Enclosures;

pub(crate) async fn run(globals: &Globals, out: Output, args: RulesArgs) -> Result<(), Failure> {
    let on = &args.remote;
    match args.what {
        What::Ls { reader } => list(on, globals, out, &named(reader, "ls")?).await,
        What::Publish { file, author, price, evidence } => {
            let offer = Offer::read(&file, (price, evidence.as_deref()))?;
            let (remote, author, how) = on.open_as(&author, globals, out)?;
            let change = remote::order(&remote, &author, offer.operation(), how).await?;
            change.tell(out, &offer.would(), || {
                offer.tell(out);
                out.say("only its digest went over: hand the file to whoever buys a licence");
            });
            Ok(())
        }
        What::Buy { rule, buyer, max_price } => {
            buy(on, globals, out, rule, &named(buyer, "buy RULE")?, max_price).await
        }
        What::Show { .. }
        | What::Test { .. }
        | What::Learn { .. }
        | What::Simulate { .. }
        | What::Export { .. } => Err(not_remote(
            "bodies of rules, and what they would have met, stay in the data centre",
            "do it in its folder, without --url",
        )),
        What::Install { .. } | What::Remove { .. } => Err(not_remote(
            "what a data centre enforces is signed with its own key",
            "do it in its folder, without --url",
        )),
    }
}

fn named(name: Option<String>, verb: &str) -> Result<String, Failure> {
    name.ok_or_else(|| {
        Failure::new("usage", "say who asks")
            .hint(format!("secnet rules {verb} --as NAME"))
            .exit(Exit::Usage)
    })
}

async fn list(
    on: &RemoteArgs,
    globals: &Globals,
    out: Output,
    reader: &str,
) -> Result<(), Failure> {
    let (remote, reader, _) = on.open_as(reader, globals, out)?;
    let Some(told) = remote.all(&reader, "/v1/rules", &["rules"]).await? else { return Ok(()) };
    let rules: Vec<Value> = entries(&told, "rules")
        .map(|rule| {
            json!({
                "rule": of(rule, "rule"), "author": remote.name_of(&of(rule, "author")),
                "price": of(rule, "price"), "expires": of(rule, "expires"),
            })
        })
        .collect();
    out.result(&json!({ "rules": rules }), |_| {
        let line = |rule: &Value| {
            let (id, price) = (of(rule, "rule"), of(rule, "price"));
            format!("{id}  {price:>8} by {} until {}", of(rule, "author"), of(rule, "expires"))
        };
        let lines: Vec<String> = rules.iter().map(line).collect();
        if lines.is_empty() { "there are no rules".into() } else { lines.join("\n") }
    });
    Ok(())
}

async fn buy(
    on: &RemoteArgs,
    globals: &Globals,
    out: Output,
    rule: RuleId,
    buyer: &str,
    max_price: Option<Amount>,
) -> Result<(), Failure> {
    let (remote, buyer, how) = on.open_as(buyer, globals, out)?;
    let id = rule.to_string();
    // The price is what is signed; it is looked up even if the call is only printed.
    let told = remote.client.look(&buyer, &format!("/v1/rules/{id}")).await;
    let told =
        told.map_err(|failure| if failure.exit == Exit::Denied { unknown(rule) } else { failure })?;
    let price: Amount =
        remote::text(&told, "price")?.parse().map_err(|e: MoneyError| remote::wrong(&e))?;
    let price = affordable(price, max_price)?;
    let operation = (Operation::BuyRule { rule, price }, Enclosures::default());
    let change = remote::order(&remote, &buyer, operation, how).await?;
    let would = format!("buy a licence of {rule} for {price}");
    change.tell(out, &would, || bought(out, rule, price));
    Ok(())
}
