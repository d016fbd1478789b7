//! `secnet rules install`: a rule is put in force at this data centre, by its own signed command.

use std::path::Path;

use secnet_app::Enclosures;
use secnet_types::{Amount, Digest, MemberId, Operation, Rule, RuleId, RuleListing, Timestamp};
use serde_json::Value;

use super::body::{self, Which};
use super::card::Card;
use super::{past, safety};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::Node;
use crate::output::Output;
use crate::sign;

/// Whose rule it is, and until when it is offered.
fn listed(node: &Node, rule: RuleId) -> Option<(MemberId, Timestamp)> {
    let of = |view: &secnet_app::ports::View<'_>| {
        view.state.rule(rule).map(|state| (state.author, state.listing.expires))
    };
    node.pdc.view(of).flatten()
}

pub(super) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    which: &Which,
    given: Option<&Path>,
    simulate: bool,
) -> Result<(), Failure> {
    let (rule, card) = match (which, given) {
        (Which::Id(_), Some(file)) => body::find(node, &Which::File(file.to_owned())).await?,
        (which, _) => body::find(node, which).await?,
    };
    let id = rule.id();
    if let Which::Id(named) = which
        && *named != id
    {
        return Err(Failure::new("other-rule", format!("the file holds {id}, not {named}"))
            .exit(Exit::Usage));
    }
    let before = listed(node, id);
    // A rule of others is enforced if they offer it; what is in a file of one's own is offered by this data centre, for nothing.
    if before.is_none() && matches!(which, Which::Id(_)) {
        return Err(body::unknown(id));
    }
    let (author, until) = before.unwrap_or((node.pdc.member, rule.expires()));
    let seen = past::since(node, None).await?;
    safety::safe(node, &rule, author, &seen)?;
    let install = Operation::InstallRule { rule: id, until, simulate };
    let mut value = past::value(node, &rule, &seen);
    if globals.dry_run {
        // What is not offered yet is offered first: that is the command that is shown.
        let operation = if before.is_some() { install } else { publish(&rule, card.as_ref()) };
        let command = node.pdc.sign(node.pdc.member, operation, node.pdc.signer.as_ref());
        let foreseen = sign::foresee(node, &command, &Enclosures::default());
        let doing = if simulate { "watch" } else { "enforce" };
        sign::tell(node, out, &format!("{doing} {id}"), &foreseen, &value);
        return Ok(());
    }
    put_in_force(node, &rule, card.as_ref(), (author, before.is_none()), install).await?;
    if let Value::Object(fields) = &mut value {
        fields.insert("simulate".into(), simulate.into());
    }
    out.result(&value, |_| {
        let doing = if simulate { "watches" } else { "enforces" };
        format!("this data centre {doing}: {}", past::text(node, &rule, &seen))
    });
    Ok(())
}

fn publish(rule: &Rule, card: Option<&Card>) -> Operation {
    let evidence = card.map_or(Digest::ZERO, Card::digest);
    let (id, expires) = (rule.id(), rule.expires());
    Operation::PublishRule {
        listing: RuleListing { rule: id, price: Amount::ZERO, evidence, expires },
    }
}

async fn put_in_force(
    node: &Node,
    rule: &Rule,
    card: Option<&Card>,
    (author, new): (MemberId, bool),
    install: Operation,
) -> Result<(), Failure> {
    // The card is kept only where the ledger commits to it.
    body::keep(node, rule, card.filter(|_| new && author == node.pdc.member)).await?;
    if new {
        own(node, publish(rule, card)).await?;
    }
    own(node, install).await
}

async fn own(node: &Node, operation: Operation) -> Result<(), Failure> {
    let command = node.pdc.sign(node.pdc.member, operation, node.pdc.signer.as_ref());
    let ordered = node.pdc.order(&command, Enclosures::default()).await;
    ordered.map(|_| ()).map_err(crate::node::access_failure)
}

/// Put a response in force, and note it with the incident that it is about. How many requests of the past it would have met; none in a dry
/// run, which has been told then.
pub(crate) async fn respond(
    node: &Node,
    globals: &Globals,
    out: Output,
    (rule, incident): (&Rule, Option<u64>),
    would: &str,
) -> Result<Option<usize>, Failure> {
    let seen = past::since(node, None).await?;
    safety::aimed(node, rule, &seen)?;
    if globals.dry_run {
        let command = node.pdc.sign(node.pdc.member, publish(rule, None), node.pdc.signer.as_ref());
        let foreseen = sign::foresee(node, &command, &Enclosures::default());
        sign::tell(node, out, would, &foreseen, &past::value(node, rule, &seen));
        return Ok(None);
    }
    if let Some(incident) = incident {
        let noted = node.pdc.respond_to_incident(incident, rule.id()).await;
        noted.map_err(crate::node::access_failure)?;
    }
    let (rule_id, until) = (rule.id(), rule.expires());
    let install = Operation::InstallRule { rule: rule_id, until, simulate: false };
    put_in_force(node, rule, None, (node.pdc.member, true), install).await?;
    Ok(Some(past::met(rule, &seen).len()))
}

/// Offer a rule of this data centre's own and put it in force, for the demo.
pub(crate) async fn learnt(node: &Node, rule: &Rule, card: &Card) -> Result<(), Failure> {
    let seen = past::since(node, None).await?;
    safety::safe(node, rule, node.pdc.member, &seen)?;
    let (rule_id, until) = (rule.id(), rule.expires());
    let install = Operation::InstallRule { rule: rule_id, until, simulate: false };
    put_in_force(node, rule, Some(card), (node.pdc.member, true), install).await
}

/// Take it out of force, for the demo.
pub(crate) async fn removed(node: &Node, rule: RuleId) -> Result<(), Failure> {
    own(node, Operation::RemoveRule { rule }).await
}
