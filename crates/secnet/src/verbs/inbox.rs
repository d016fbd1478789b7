//! `secnet inbox`

mod show;

use clap::{Args, Subcommand};
use secnet_types::{
    Amount, Answer, AskId, DecisionId, GrantId, HoldAnswer, MemberId, Operation, Power, RequestId,
    Review, ReviewFinding,
};
use serde_json::{Value, json};

use super::TimeArgs;
use super::grant;
use super::revoke::Why;
use crate::actions::{self, Permission};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::{self, RemoteArgs};
use crate::sign;
use secnet_app::{Asked, Enclosures};

#[derive(Debug, Args)]
pub(crate) struct InboxArgs {
    /// Whose inbox.
    #[arg(long = "as", value_name = "NAME", global = true)]
    owner: Option<String>,
    /// The owner in whose name, if it is another's inbox: see `secnet id delegate`.
    #[arg(long = "for", value_name = "OWNER", global = true)]
    on_behalf_of: Option<String>,
    #[command(flatten)]
    pub remote: RemoteArgs,
    #[command(subcommand)]
    what: Option<What>,
}

impl InboxArgs {
    fn owner(&self) -> Result<&str, Failure> {
        self.owner.as_deref().ok_or_else(|| {
            Failure::new("usage", "say whose inbox")
                .hint("secnet inbox --as NAME")
                .exit(Exit::Usage)
        })
    }
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say yes to an ask, as it was asked or agreed.
    Approve {
        /// The ask.
        ask: AskId,
    },
    #[command(flatten)]
    Answer(Plain),
    /// Put a notice aside that has been read, or take it up again.
    Aside {
        /// The decision that it is about.
        decision: DecisionId,
        /// Take it up again: it waits as before.
        #[arg(long)]
        undo: bool,
    },
    /// List the notices that were put aside in the last 30 days, and by whom.
    Noted,
}

/// Answers that take no keys.
#[derive(Debug, Subcommand)]
enum Plain {
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
    let owner = node.identity(args.owner()?)?;
    let Some(what) = args.what else {
        return look(node, out, &owner, args.on_behalf_of.as_deref()).await;
    };
    let operation = match what {
        What::Approve { .. } if args.on_behalf_of.is_some() => return Err(no_keys()),
        What::Approve { ask } if globals.dry_run => {
            let permission = permission(node, &owner, ask).await?;
            return grant::preview(node, out, &owner, &permission, Some(ask)).await;
        }
        What::Approve { ask } => {
            let grant = approve(node, &owner, ask).await?;
            granted(out, grant);
            return Ok(());
        }
        What::Aside { decision, undo } => {
            if globals.dry_run {
                out.would(&would_put(decision, undo));
                return Ok(());
            }
            put_aside(node, &owner, args.on_behalf_of.as_deref(), (decision, undo)).await?;
            was_put_aside(out, undo);
            return Ok(());
        }
        What::Noted => {
            let whose = acts_for(node, &owner, args.on_behalf_of.as_deref())?;
            let notices = node.pdc.notices_aside(whose).await.map_err(access_failure)?;
            out.result(&show::noted_here(node, &notices), show::noted_text);
            return Ok(());
        }
        What::Answer(answer) => answer.operation(|name| node.member(name))?,
    };
    let operation = (operation, Enclosures::default());
    if sign::order(node, globals, out, &owner, operation, "answer").await?.is_some() {
        answered(out);
    }
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: InboxArgs,
) -> Result<(), Failure> {
    let (remote, owner, how) = args.remote.open_as(args.owner()?, globals, out)?;
    let whose = args.on_behalf_of.as_deref().map(|name| remote.member(name)).transpose()?;
    let query = whose.map(|whose| format!("?as={whose}")).unwrap_or_default();
    let Some(what) = args.what else {
        let path = format!("/v1/inbox{query}");
        let Some(inbox) = remote.client.show(&owner, &path).await? else { return Ok(()) };
        let asked = match whose {
            // What somebody asked others for is shown to no delegate.
            Some(_) => Value::Null,
            None => remote.gather(&owner, "/v1/asks", &["asks", "damaged"]).await?,
        };
        out.result(&show::elsewhere(&remote, &inbox, &asked), show::text);
        return Ok(());
    };
    let operation = match what {
        What::Approve { .. } if whose.is_some() => return Err(no_keys()),
        What::Approve { ask } => {
            let (grant, permission, change) = remote::approve(&remote, &owner, ask, how).await?;
            let would = format!(
                "grant the use of {} at {} a use until {}",
                permission.dataset, permission.price, permission.window.until
            );
            change.tell(out, &would, || granted(out, grant));
            return Ok(());
        }
        What::Aside { decision, undo } => {
            if globals.dry_run {
                out.would(&would_put(decision, undo));
                return Ok(());
            }
            let path = format!("/v1/inbox/notices/{decision}{query}");
            let done = match undo {
                true => remote.put(&owner, &path, None).await?,
                false => remote.client.remove(&owner, &path).await?,
            };
            if done {
                was_put_aside(out, undo);
            }
            return Ok(());
        }
        What::Noted => {
            let path = format!("/v1/inbox/notices{query}");
            if let Some(told) = remote.client.show(&owner, &path).await? {
                out.result(&show::noted_elsewhere(&remote, &told), show::noted_text);
            }
            return Ok(());
        }
        What::Answer(answer) => answer.operation(|name| remote.member(name))?,
    };
    let change = remote::order(&remote, &owner, (operation, Enclosures::default()), how).await?;
    change.tell(out, "answer", || answered(out));
    Ok(())
}

impl Plain {
    fn operation(
        self,
        member: impl FnOnce(&str) -> Result<MemberId, Failure>,
    ) -> Result<Operation, Failure> {
        Ok(match self {
            Self::Refuse { ask, reason } => {
                Operation::AnswerAsk { ask, answer: Answer::Refuse(reason.into()) }
            }
            Self::Counter { ask, price, uses, time } => {
                let window = time.window()?;
                let answer = Answer::Counter { price: Some(price), uses, window };
                Operation::AnswerAsk { ask, answer }
            }
            Self::Release { decision } => {
                Operation::AnswerHold { decision, answer: HoldAnswer::Release }
            }
            Self::Keep { decision } => {
                Operation::AnswerHold { decision, answer: HoldAnswer::Refuse }
            }
            Self::Review { requester, request, unjustified } => {
                let finding =
                    if unjustified { ReviewFinding::Unjustified } else { ReviewFinding::Justified };
                let requester = member(&requester)?;
                Operation::ReviewEmergency { review: Review { requester, request, finding } }
            }
        })
    }
}

fn granted(out: Output, grant: GrantId) {
    out.result(&json!({ "grant": grant.to_string() }), |_| format!("granted: {grant}"));
}

fn answered(out: Output) {
    out.result(&json!({ "answered": true }), |_| "answered".to_owned());
}

fn would_put(decision: DecisionId, undo: bool) -> String {
    match undo {
        true => format!("take the notice of {decision} up again"),
        false => format!("put the notice of {decision} aside"),
    }
}

fn was_put_aside(out: Output, undo: bool) {
    let said = if undo { "taken up again" } else { "put aside" };
    out.result(&json!({ "put_aside": !undo }), |_| said.to_owned());
}

fn no_keys() -> Failure {
    Failure::new("no-keys", "a delegate has no keys of the owner's records to hand on")
        .hint("the owner approves; a delegate can refuse, counter, release and keep")
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
    // What somebody asked others for is shown to no delegate.
    let asked = match whose == who.member() {
        true => node.pdc.asks_of(whose).await.map_err(access_failure)?,
        false => Asked::default(),
    };
    out.result(&show::here(node, &inbox, &asked), show::text);
    Ok(())
}

async fn put_aside(
    node: &Node,
    author: &Identity,
    on_behalf_of: Option<&str>,
    (decision, undo): (DecisionId, bool),
) -> Result<(), Failure> {
    let (whose, by) = (acts_for(node, author, on_behalf_of)?, author.member());
    let done = match undo {
        true => node.pdc.take_up(whose, by, decision).await,
        false => node.pdc.put_aside(whose, by, decision).await,
    };
    done.map_err(access_failure)
}

/// In whose name somebody acts.
fn acts_for(
    node: &Node,
    author: &Identity,
    on_behalf_of: Option<&str>,
) -> Result<MemberId, Failure> {
    let whose = on_behalf_of.map_or(Ok(author.member()), |name| node.member(name))?;
    if node.pdc.may_act_for(author.member(), whose, Power::Grant) {
        return Ok(whose);
    }
    Err(not_entitled(&author.card.name))
}

fn not_entitled(name: &str) -> Failure {
    Failure::new("not-entitled", format!("{name} may not act for that owner"))
        .hint("the owner can allow it with `secnet id delegate OWNER DELEGATE --power grant`")
        .exit(Exit::Denied)
}

/// Grant what an ask says, or what was agreed on it.
pub(crate) async fn approve(node: &Node, owner: &Identity, ask: AskId) -> Result<GrantId, Failure> {
    let permission = permission(node, owner, ask).await?;
    actions::grant(node, owner, &permission, Some(ask)).await
}

/// What an ask says, or what was agreed on it.
async fn permission(node: &Node, owner: &Identity, ask: AskId) -> Result<Permission, Failure> {
    let inbox = node.pdc.inbox(owner.member()).await.map_err(access_failure)?;
    let unknown = || Failure::new("unknown-ask", format!("{ask} does not wait in this inbox"));
    let waiting = inbox.asks.into_iter().find(|waiting| waiting.id == ask).ok_or_else(unknown)?;
    let detail = waiting.detail.ok_or_else(|| {
        Failure::new("no-detail", "the ask came without its detail")
            .hint("refuse it; have it asked again")
    })?;
    Ok(Permission::of_ask(&waiting.state, detail))
}
