//! `secnet guard shadow|promote|roll-back`: a model watches, is in force, or is not, by this data centre's own signed commands.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use secnet_app::{Enclosures, Standing, Unreadable, listed_as};
use secnet_guard::Learnt;
use secnet_guard::learnt::MAX_LEARNT_BYTES;
use secnet_types::{Amount, Digest, Effect, Operation, RuleListing};
use serde_json::{Value, json};

use super::here::{Here, here};
use super::train::unsafe_model;
use super::{card, safety};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::sign;
use crate::verbs::rules;

#[derive(Debug, Args)]
pub(crate) struct ShadowArgs {
    /// What `guard train` has written.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    /// The model: one that `guard shadow` has brought in.
    model: Digest,
    /// What becomes of uses while the model's file is missing or damaged.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Otherwise::Hold)]
    unreadable: Otherwise,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Otherwise {
    /// They wait for the owner.
    Hold,
    /// They go ahead, and the owner is told of each.
    Pass,
}

impl From<Otherwise> for Unreadable {
    fn from(otherwise: Otherwise) -> Self {
        match otherwise {
            Otherwise::Hold => Self::Hold,
            Otherwise::Pass => Self::Pass,
        }
    }
}

/// Bring a model in and let it watch. One that is in force already stays so: its file is there again.
pub(in crate::verbs::guard) async fn shadow(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: ShadowArgs,
) -> Result<(), Failure> {
    let bytes = files::read(&args.file, MAX_LEARNT_BYTES as u64)?;
    let learnt = Learnt::from_bytes(&bytes).map_err(|error| {
        Failure::new("invalid-model", format!("`{}` is not a model", args.file.display()))
            .because(&error)
            .hint("`secnet guard train --out FILE` writes one")
            .exit(Exit::Verification)
    })?;
    in_time(node, &learnt)?;
    let digest = learnt.digest();
    let before = here(node).await?.into_iter().find(|one| one.digest == digest);
    let unreadable = before.as_ref().and_then(|one| one.kept.standing).map(|s| s.unreadable);
    let standing = standing(&learnt, unreadable.unwrap_or(Unreadable::Hold));
    let stays = before.is_some_and(|one| !one.watches);
    if globals.dry_run {
        let would = format!("let model {digest} watch");
        foreseen(node, out, (&learnt, &standing), !stays, &would);
        return Ok(());
    }
    put(node, &learnt, &standing, !stays).await?;
    let doing = if stays { "in force" } else { "watches" };
    out.result(&json!({ "doing": doing, "card": card::value(&learnt) }), |_| {
        let said = if stays {
            "it is in force already, and its file is here".to_owned()
        } else {
            format!(
                "it watches: `secnet guard status` says what it would have held; `secnet guard promote {digest}` puts it in force"
            )
        };
        [card::text(&learnt), vec![said]].concat().join("\n")
    });
    Ok(())
}

/// Put a model in force, and those before it out of force.
pub(in crate::verbs::guard) async fn promote(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: PromoteArgs,
) -> Result<(), Failure> {
    let digest = args.model;
    let kept = node.pdc.kept_model(digest).await.map_err(access_failure)?.ok_or_else(|| {
        Failure::new("unknown-model", format!("there is no model {digest} here"))
            .hint("`secnet guard shadow FILE` brings one in and lets it watch")
    })?;
    let learnt = kept.model.map_err(|why| unreadable(digest, &why))?;
    in_time(node, &learnt)?;
    let seen = rules::past_since(node, None).await?;
    if let Some(why) = safety::against(&learnt, &seen, node.pdc.member) {
        return Err(unsafe_model(&why));
    }
    let standing = standing(&learnt, args.unreadable.into());
    if globals.dry_run {
        foreseen(node, out, (&learnt, &standing), false, &format!("put model {digest} in force"));
        return Ok(());
    }
    let before = here(node).await?;
    put(node, &learnt, &standing, false).await?;
    let others = before.into_iter().filter(|one| !one.watches && one.digest != digest);
    let mut replaced = Vec::new();
    for Here { digest, .. } in others {
        own(node, Operation::RemoveRule { rule: listed_as(digest) }).await?;
        replaced.push(digest.to_string());
    }
    let value = json!({ "model": digest.to_string(), "until": learnt.parts().expires.to_string(), "replaced": replaced });
    out.result(&value, |_| {
        let mut lines =
            vec![format!("model {digest} is in force until {}", learnt.parts().expires)];
        lines.extend(replaced.iter().map(|other| format!("model {other} is not any more")));
        lines.push("`secnet guard roll-back` undoes it".into());
        lines.join("\n")
    });
    Ok(())
}

/// Take the model in force out of force, and put the one before it back.
pub(in crate::verbs::guard) async fn roll_back(
    node: &Node,
    globals: &Globals,
    out: Output,
) -> Result<(), Failure> {
    let mut stack = promoted(node).await?;
    let acting: Vec<Digest> =
        here(node).await?.iter().filter(|one| !one.watches).map(|one| one.digest).collect();
    let current = acting.iter().copied().find(|one| stack.last() == Some(one));
    let current = current.or_else(|| acting.first().copied()).ok_or_else(|| {
        Failure::new("not-in-force", "no learnt model is in force here").hint(
            "`secnet guard status` says what is; `secnet guard promote MODEL` puts one in force",
        )
    })?;
    stack.retain(|one| *one != current);
    let now = node.pdc.now();
    let mut back = None;
    while back.is_none() {
        let Some(digest) = stack.pop() else { break };
        let kept = node.pdc.kept_model(digest).await.map_err(access_failure)?;
        back = kept
            .and_then(|kept| kept.standing)
            .filter(|s| s.expires > now && !acting.contains(&digest));
    }
    let remove = Operation::RemoveRule { rule: listed_as(current) };
    let would = format!("take model {current} out of force");
    if sign::order_own(node, globals, out, remove, &would).await?.is_none() {
        return Ok(());
    }
    if let Some(standing) = &back {
        own(node, install(standing, false)).await?;
    }
    let again = back.map(|standing| standing.model.to_string());
    out.result(&json!({ "removed": current.to_string(), "again_in_force": again }), |_| {
        let now = again.as_ref().map_or_else(
            || "no learnt model is in force".to_owned(),
            |other| format!("model {other} is in force again"),
        );
        format!("model {current} is out of force; {now}")
    });
    Ok(())
}

/// What was put in force here and not taken back, oldest first. What was put in force over another stands above it.
async fn promoted(node: &Node) -> Result<Vec<Digest>, Failure> {
    let mut stack: Vec<Digest> = Vec::new();
    let pdc = node.pdc.member;
    let walked = node.pdc.for_each_event(|_, event| {
        for effect in &event.effects {
            match effect {
                Effect::RuleInstalled { rule, by, simulate: false } if *by == pdc => {
                    let digest = Digest(rule.0);
                    if stack.last() != Some(&digest) {
                        stack.push(digest);
                    }
                }
                Effect::RuleInstalled { rule, by, .. } | Effect::RuleRemoved { rule, by }
                    if *by == pdc && stack.last() == Some(&Digest(rule.0)) =>
                {
                    stack.pop();
                }
                _ => {}
            }
        }
    });
    walked.await.map_err(access_failure)?;
    Ok(stack)
}

fn in_time(node: &Node, learnt: &Learnt) -> Result<(), Failure> {
    let (expires, now) = (learnt.parts().expires, node.pdc.now());
    if expires > now {
        return Ok(());
    }
    Err(Failure::new("model-expired", format!("the model ended at {expires}"))
        .hint("`secnet guard train` learns a new one from what was recorded since"))
}

pub(super) fn unreadable(digest: Digest, why: &str) -> Failure {
    Failure::new("model-unreadable", format!("the model {digest} cannot be read: {why}"))
        .hint("`secnet guard shadow FILE` brings its file back, `secnet guard roll-back` takes it out of force")
        .exit(Exit::Verification)
}

pub(super) fn standing(learnt: &Learnt, unreadable: Unreadable) -> Standing {
    Standing { model: learnt.digest(), expires: learnt.parts().expires, unreadable }
}

fn publish(standing: &Standing) -> Operation {
    Operation::PublishRule {
        listing: RuleListing {
            rule: listed_as(standing.model),
            price: Amount::ZERO,
            evidence: standing.digest(),
            expires: standing.expires,
        },
    }
}

fn install(standing: &Standing, simulate: bool) -> Operation {
    Operation::InstallRule { rule: listed_as(standing.model), until: standing.expires, simulate }
}

/// Does the ledger list it with this standing?
fn is_listed(node: &Node, standing: &Standing) -> bool {
    let rule = listed_as(standing.model);
    let listed = node.pdc.view(|view| view.state.rule(rule).map(|s| s.listing.evidence));
    listed.flatten() == Some(standing.digest())
}

/// Keep it, list it, and put it in its place.
pub(super) async fn put(
    node: &Node,
    learnt: &Learnt,
    standing: &Standing,
    simulate: bool,
) -> Result<(), Failure> {
    node.pdc.keep_model(learnt, standing).await.map_err(|error| access_failure(error.into()))?;
    if !is_listed(node, standing) {
        own(node, publish(standing)).await?;
    }
    own(node, install(standing, simulate)).await
}

async fn own(node: &Node, operation: Operation) -> Result<(), Failure> {
    let command = node.pdc.sign(node.pdc.member, operation, node.pdc.signer.as_ref());
    let ordered = node.pdc.order(&command, Enclosures::default()).await;
    ordered.map(|_| ()).map_err(access_failure)
}

/// A dry run: what is not listed yet is listed first, and that is the command that is shown.
fn foreseen(
    node: &Node,
    out: Output,
    (learnt, standing): (&Learnt, &Standing),
    simulate: bool,
    would: &str,
) {
    let listed = is_listed(node, standing);
    let operation = if listed { install(standing, simulate) } else { publish(standing) };
    let command = node.pdc.sign(node.pdc.member, operation, node.pdc.signer.as_ref());
    let said = sign::foresee(node, &command, &Enclosures::default());
    let more: Value = json!({ "card": card::value(learnt) });
    sign::tell(node, out, would, &said, &more);
}
