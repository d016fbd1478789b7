//! `secnet guard train`: a model from what this data centre itself has recorded, and from what was said of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use secnet_app::PastRequest;
use secnet_guard::Learnt;
use secnet_guard::learnt::OwnPast;
use secnet_types::{MemberId, Timestamp};
use serde_json::json;

use super::fit::{Goal, Unfit, fit, small};
use super::rows::{is_asked, rows};
use super::{card, safety};
use crate::failure::Failure;
use crate::files;
use crate::node::Node;
use crate::output::Output;
use crate::verbs::rules::{self, DAY_MS};

/// Over how many days of the own past a model is tried.
const PAST_DAYS: u32 = 30;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Write the model to this file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// From the requests of how many days.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
    past: u64,
    /// How many days the model may be in force.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
    /// For a model that only watches: it is to find about so many in a hundred of all uses, for somebody to look at.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(1..=10))]
    flags: Option<u64>,
}

pub(in crate::verbs::guard) async fn run(
    node: &Node,
    out: Output,
    args: TrainArgs,
    dry_run: bool,
) -> Result<(), Failure> {
    let seen = rules::past_since(node, Some(args.past)).await?;
    let now = node.pdc.now();
    // The end of a day reads better than a moment.
    let end = now.0.saturating_add(args.days.saturating_mul(DAY_MS)) / DAY_MS * DAY_MS;
    let goal = args.flags.map_or(Goal::Hold, Goal::Flag);
    let learnt = learn(&seen, node.pdc.member, (now, Timestamp(end)), goal)?;
    if !dry_run {
        files::write_private(&args.out, &learnt.to_bytes())?;
    }
    let written = (!dry_run).then(|| args.out.display().to_string());
    let value = json!({ "card": card::value(&learnt), "written": written });
    out.result(&value, |_| {
        let mut lines = card::text(&learnt);
        lines.extend(
            written
                .as_ref()
                .map(|file| format!("wrote {file}; `secnet guard shadow {file}` lets it watch")),
        );
        lines.join("\n")
    });
    Ok(())
}

/// Learn, try it on the own past, and check it.
fn learn(
    seen: &[PastRequest],
    pdc: MemberId,
    (now, expires): (Timestamp, Timestamp),
    goal: Goal,
) -> Result<Learnt, Failure> {
    let learnt = fit(&rows(seen, pdc), (now, expires), goal).map_err(failure)?;
    // What only watches stops nobody; putting it in force looks at this again.
    let against = || safety::against(&learnt, seen, pdc);
    if let Some(why) = (goal == Goal::Hold).then(against).flatten() {
        return Err(unsafe_model(&why));
    }
    let mut parts = learnt.parts().clone();
    parts.card.past = past(&learnt, seen, pdc, now);
    Learnt::new(parts).map_err(|error| {
        Failure::new("no-model", "no model was learnt that may be put in force").because(&error)
    })
}

fn past(learnt: &Learnt, seen: &[PastRequest], pdc: MemberId, now: Timestamp) -> OwnPast {
    let since = now.0.saturating_sub(u64::from(PAST_DAYS) * DAY_MS);
    let ahead: Vec<&PastRequest> =
        seen.iter().filter(|r| r.went_ahead() && r.time.0 >= since && is_asked(r, pdc)).collect();
    let held: Vec<&&PastRequest> = ahead.iter().filter(|r| learnt.holds(&r.features)).collect();
    let requesters: BTreeSet<MemberId> = held.iter().map(|r| r.requester).collect();
    OwnPast {
        days: PAST_DAYS,
        requests: small(ahead.len()),
        would_hold: small(held.len()),
        objected_to: small(held.iter().filter(|r| !r.unobjected()).count()),
        requesters: small(requesters.len()),
    }
}

fn failure(unfit: Unfit) -> Failure {
    let hint = "`secnet guard feedback DECISION... --verdict wrong` says of more decisions what they were; `secnet log --as OWNER --json` has the decisions";
    match unfit {
        Unfit::TooLittle { .. } => Failure::new("too-little", unfit.to_string()).hint(hint),
        Unfit::Learn(error) => {
            Failure::new("too-little", "nothing can be learnt from what was recorded")
                .because(&error)
        }
        Unfit::Nothing(_) | Unfit::Uncertain { .. } => {
            Failure::new("no-model", "no model was learnt that may be put in force")
                .because(&unfit)
                .hint(hint)
        }
    }
}

pub(super) fn unsafe_model(why: &str) -> Failure {
    Failure::new("unsafe-model", format!("the model must not be in force: {why}"))
        .hint("say of these uses that they were wrong, if they were, and train again; `secnet rules learn` finds narrower rules")
}
