//! `secnet inbox`

use clap::{Args, Subcommand};
use secnet_types::{
    Amount, Answer, AskId, DecisionId, HoldAnswer, Operation, Power, RequestId, Review,
    ReviewFinding,
};
use serde_json::json;

use super::TimeArgs;
use super::grant;
use super::revoke::Why;
use crate::actions::{self, Permission};
use crate::cli::Globals;
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::sign;
use secnet_app::{Enclosures, Inbox};

#[derive(Debug, Args)]
pub(crate) struct InboxArgs {
    /// Whose inbox.
    #[arg(long = "as", value_name = "NAME", global = true)]
    owner: Option<String>,
    /// The owner in whose name, if it is another's inbox: see `secnet id delegate`.
    #[arg(long = "for", value_name = "OWNER", global = true)]
    on_behalf_of: Option<String>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say yes to an ask, as it was asked or agreed.
    Approve {
        /// The ask.
        ask: AskId,
    },
    /// Say no to an ask.
    Refuse {
        /// The ask.
        ask: AskId,
        /// Why; the asker is told.
        #[arg(long, value_enum, default_value_t = Why::Unstated)]
        reason: Why,
    },
    /// Make a counter-offer.
    Counter {
        /// The ask.
        ask: AskId,
        /// The price of one use; a counter-offer without one is refused.
        #[arg(long)]
        price: Amount,
        /// How many uses.
        #[arg(long)]
        uses: Option<u32>,
        #[command(flatten)]
        time: TimeArgs,
    },
    /// Let a held request be decided again, the hold notwithstanding.
    Release {
        /// The held decision.
        decision: DecisionId,
    },
    /// Keep a held request refused.
    Keep {
        /// The held decision.
        decision: DecisionId,
    },
    /// Put a notice aside that has been read.
    Aside {
        /// The decision that it is about.
        decision: DecisionId,
    },
    /// Review an emergency use.
    Review {
        /// Who used it.
        requester: String,
        /// The request.
        request: RequestId,
        /// It was no emergency.
        #[arg(long)]
        unjustified: bool,
    },
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: InboxArgs,
) -> Result<(), Failure> {
    let name = args.owner.ok_or_else(|| {
        Failure::new("usage", "say whose inbox")
            .hint("secnet inbox --as NAME")
            .exit(crate::failure::Exit::Usage)
    })?;
    let owner = node.identity(&name)?;
    let Some(what) = args.what else {
        return look(node, out, &owner, args.on_behalf_of.as_deref()).await;
    };
    let operation = match what {
        What::Approve { .. } if args.on_behalf_of.is_some() => {
            return Err(Failure::new(
                "no-keys",
                "a delegate has no keys of the owner's records to hand on",
            )
            .hint("the owner approves; a delegate can refuse, counter, release and keep"));
        }
        What::Approve { ask } if globals.dry_run => {
            let permission = permission(node, &owner, ask).await?;
            return grant::preview(node, out, &owner, &permission, Some(ask)).await;
        }
        What::Approve { ask } => {
            let grant = approve(node, &owner, ask).await?;
            out.result(&json!({ "grant": grant.to_string() }), |_| format!("granted: {grant}"));
            return Ok(());
        }
        What::Refuse { ask, reason } => {
            Operation::AnswerAsk { ask, answer: Answer::Refuse(reason.into()) }
        }
        What::Counter { ask, price, uses, time } => {
            let window = time.window()?;
            Operation::AnswerAsk {
                ask,
                answer: Answer::Counter { price: Some(price), uses, window },
            }
        }
        What::Release { decision } => {
            Operation::AnswerHold { decision, answer: HoldAnswer::Release }
        }
        What::Keep { decision } => Operation::AnswerHold { decision, answer: HoldAnswer::Refuse },
        What::Aside { decision } => {
            if globals.dry_run {
                out.would(&format!("put the notice of {decision} aside"));
                return Ok(());
            }
            put_aside(node, &owner, args.on_behalf_of.as_deref(), decision).await?;
            out.result(&json!({ "put_aside": true }), |_| "put aside".to_owned());
            return Ok(());
        }
        What::Review { requester, request, unjustified } => {
            let finding =
                if unjustified { ReviewFinding::Unjustified } else { ReviewFinding::Justified };
            let requester = node.member(&requester)?;
            Operation::ReviewEmergency { review: Review { requester, request, finding } }
        }
    };
    let operation = (operation, Enclosures::default());
    if sign::order(node, globals, out, &owner, operation, "answer").await?.is_some() {
        out.result(&json!({ "answered": true }), |_| "answered".to_owned());
    }
    Ok(())
}

/// What waits for the owner, or for the one on whose behalf somebody looks.
async fn look(
    node: &Node,
    out: Output,
    who: &Identity,
    on_behalf_of: Option<&str>,
) -> Result<(), Failure> {
    let whose = match on_behalf_of {
        Some(name) => node.member(name)?,
        None => who.member(),
    };
    if !node.pdc.may_act_for(who.member(), whose, Power::Grant) {
        return Err(not_entitled(&who.card.name));
    }
    let inbox = node.pdc.inbox(whose).await.map_err(access_failure)?;
    show(node, out, &inbox);
    Ok(())
}

async fn put_aside(
    node: &Node,
    author: &crate::keystore::Identity,
    on_behalf_of: Option<&str>,
    decision: DecisionId,
) -> Result<(), Failure> {
    let whose = on_behalf_of.map_or(Ok(author.member()), |name| node.member(name))?;
    if !node.pdc.may_act_for(author.member(), whose, Power::Grant) {
        return Err(not_entitled(&author.card.name));
    }
    node.pdc.put_aside(whose, decision).await.map_err(access_failure)
}

fn not_entitled(name: &str) -> Failure {
    Failure::new("not-entitled", format!("{name} may not act for that owner"))
        .hint("the owner can allow it with `secnet id delegate OWNER DELEGATE --power grant`")
        .exit(crate::failure::Exit::Denied)
}

/// Grant what an ask says, or what was agreed on it.
pub(crate) async fn approve(
    node: &Node,
    owner: &crate::keystore::Identity,
    ask: AskId,
) -> Result<secnet_types::GrantId, Failure> {
    let permission = permission(node, owner, ask).await?;
    actions::grant(node, owner, &permission, Some(ask)).await
}

/// What an ask says, or what was agreed on it.
async fn permission(
    node: &Node,
    owner: &crate::keystore::Identity,
    ask: AskId,
) -> Result<Permission, Failure> {
    let inbox = node.pdc.inbox(owner.member()).await.map_err(access_failure)?;
    let unknown = || Failure::new("unknown-ask", format!("{ask} does not wait in this inbox"));
    let waiting = inbox.asks.into_iter().find(|waiting| waiting.id == ask).ok_or_else(unknown)?;
    let detail = waiting.detail.ok_or_else(|| {
        Failure::new("no-detail", "the ask came without its detail")
            .hint("refuse it; have it asked again")
    })?;
    let mut permission = Permission {
        dataset: waiting.state.ask.dataset,
        to: waiting.state.ask.grantee,
        purposes: detail.purposes,
        actions: detail.actions,
        scope: detail.scope,
        window: waiting.state.ask.window,
        uses: waiting.state.ask.uses,
        price: waiting.state.ask.price,
        emergency: false,
    };
    if let secnet_ledger::AskStatus::Agreed(bargain) = waiting.state.status {
        (permission.price, permission.uses, permission.window) =
            (bargain.price, bargain.uses, bargain.window);
    }
    Ok(permission)
}

fn show(node: &Node, out: Output, inbox: &Inbox) {
    let asks: Vec<_> = inbox.asks.iter().map(|ask| json!({
        "ask": ask.id.to_string(), "from": node.name_of(ask.state.asker),
        "dataset": ask.state.ask.dataset.to_string(), "price": ask.state.ask.price.to_string(),
        "uses": ask.state.ask.uses, "answer_by": ask.state.ask.deadline.to_string(),
        "purposes": ask.detail.as_ref().map(|d| d.purposes.iter().map(|p| p.as_str()).collect::<Vec<_>>()),
        "categories": ask.detail.as_ref().and_then(|d| d.scope.categories.as_ref())
            .map(|all| all.iter().map(|c| c.as_str()).collect::<Vec<_>>()),
    })).collect();
    let holds: Vec<_> = inbox
        .holds
        .iter()
        .map(|hold| {
            json!({
                "decision": hold.decision.to_string(), "requester": node.name_of(hold.requester),
                "dataset": hold.dataset.to_string(), "answer_by": hold.answer_by.to_string(),
                "purpose": hold.facts.as_ref().map(|f| f.detail.purpose.as_str()),
                "reasons": hold.facts.as_ref().map(|f| f.reasons.clone()),
            })
        })
        .collect();
    let reviews: Vec<_> = inbox.reviews.iter().map(|review| json!({
        "requester": node.name_of(review.requester), "request": review.request.to_string(),
        "dataset": review.dataset.to_string(), "due": review.due.to_string(), "overdue": review.overdue,
    })).collect();
    let notices: Vec<_> = inbox.notices.iter().map(|notice| json!({
        "decision": notice.decision.to_string(), "requester": node.name_of(notice.requester),
        "dataset": notice.dataset.to_string(), "request": notice.request.to_string(),
        "time": notice.time.to_string(), "review": notice.review, "reasons": notice.reasons,
    })).collect();
    let value = json!({
        "asks": asks, "holds": holds, "reviews": reviews, "notices": notices, "damaged": inbox.damaged,
    });
    out.result(&value, |_| text(node, inbox));
}

fn text(node: &Node, inbox: &Inbox) -> String {
    let mut lines = Vec::new();
    for ask in &inbox.asks {
        let wanted = &ask.state.ask;
        lines.push(format!(
            "ask   {}  {} offers {} a use for {}",
            ask.id,
            node.name_of(ask.state.asker),
            wanted.price,
            wanted.dataset
        ));
        if let Some(detail) = &ask.detail {
            let purposes: Vec<_> = detail.purposes.iter().map(|p| p.as_str()).collect();
            let categories: Vec<_> =
                detail.scope.categories.iter().flatten().map(|c| c.as_str()).collect();
            let what =
                if categories.is_empty() { "everything".to_owned() } else { categories.join(", ") };
            lines.push(format!(
                "      {what}, for {}; answer by {}",
                purposes.join(", "),
                wanted.deadline
            ));
        }
    }
    for hold in &inbox.holds {
        lines.push(format!(
            "hold  {}  {} on {}; answer by {}",
            hold.decision,
            node.name_of(hold.requester),
            hold.dataset,
            hold.answer_by
        ));
        for reason in hold.facts.iter().flat_map(|facts| &facts.reasons) {
            lines.push(format!("      {reason}"));
        }
    }
    for review in &inbox.reviews {
        let late = if review.overdue { " (overdue)" } else { "" };
        lines.push(format!(
            "review  {} used the emergency grant on {}: {}, by {}{late}",
            node.name_of(review.requester),
            review.dataset,
            review.request,
            review.due
        ));
    }
    for notice in &inbox.notices {
        lines.push(format!(
            "notice  {}  {} used {} at {}",
            notice.decision,
            node.name_of(notice.requester),
            notice.dataset,
            notice.time
        ));
        lines.extend(notice.reasons.iter().map(|reason| format!("      {reason}")));
    }
    lines.extend(inbox.damaged.iter().map(|what| format!("damaged  {what}")));
    if lines.is_empty() { "nothing waits".into() } else { lines.join("\n") }
}
