//! `secnet guard feedback`: what the owner, or the data centre's analyst, says of recorded decisions.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use secnet_app::ports::Clock as _;
use secnet_app::{Feedback, FeedbackError, Finding};
use secnet_types::{DecisionId, MemberId, Signed, Signer};
use serde_json::json;

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};
use crate::output::Output;
use crate::remote::{Answer, How, RemoteArgs, encoded, text, wrong};
use crate::show;
use crate::system::SystemClock;

#[derive(Debug, Args)]
pub(crate) struct FeedbackArgs {
    /// The decision; several can be given.
    #[arg(required = true, value_name = "DECISION")]
    decisions: Vec<DecisionId>,
    /// Was it right? A use that was let through and should not have been is wrong; so is one that was stopped for no reason.
    #[arg(long, value_enum)]
    verdict: Said,
    /// Why, in words; kept in the data centre.
    #[arg(long, default_value = "")]
    note: String,
    /// Who says so: the owner, or a delegate. Default, in the folder: the data centre itself.
    #[arg(long = "as", value_name = "NAME")]
    author: Option<String>,
    /// Say otherwise than before.
    #[arg(long)]
    change: bool,
    #[command(flatten)]
    pub remote: RemoteArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Said {
    /// It should have been the other way.
    Wrong,
    /// It was as it should be.
    Fine,
}

impl From<Said> for Finding {
    fn from(said: Said) -> Self {
        match said {
            Said::Wrong => Self::Wrong,
            Said::Fine => Self::Fine,
        }
    }
}

impl FeedbackArgs {
    fn what(&self) -> String {
        show::count(self.decisions.len(), "decision")
    }

    fn would(&self) -> String {
        format!("say of {} that it was {}", self.what(), Finding::from(self.verdict).as_str())
    }

    fn tell(&self, out: Output, by: &str) {
        let said = Finding::from(self.verdict).as_str();
        let decisions: Vec<String> = self.decisions.iter().map(ToString::to_string).collect();
        let value = json!({ "said": said, "by": by, "decisions": decisions });
        out.result(&value, |_| format!("{by} says of {}: {said}", self.what()));
    }
}

pub(super) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: FeedbackArgs,
) -> Result<(), Failure> {
    let identity = args.author.as_deref().map(|name| node.identity(name)).transpose()?;
    let (member, signer): (MemberId, &dyn Signer) = match &identity {
        Some(identity) => (identity.member(), &identity.signing),
        None => (node.pdc.member, node.pdc.signer.as_ref()),
    };
    if globals.dry_run {
        out.would(&args.would());
        return Ok(());
    }
    let statement = (args.verdict.into(), args.note.as_str(), args.change);
    say(node, (member, signer), &args.decisions, statement).await?;
    args.tell(out, &node.name_of(member));
    Ok(())
}

/// At a node elsewhere: signed here, kept there.
pub(super) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: FeedbackArgs,
) -> Result<(), Failure> {
    let name = args.author.as_deref().ok_or_else(|| {
        Failure::new("usage", "say who speaks")
            .hint("secnet guard feedback DECISION --verdict wrong --as NAME --url URL")
            .exit(Exit::Usage)
    })?;
    let (remote, author, how) = args.remote.open_as(name, globals, out)?;
    let (network, mut statements) = (remote.network().await?, Vec::new());
    for decision in &args.decisions {
        let about = remote.client.look(&author, &format!("/v1/feedback/{decision}")).await?;
        let dataset = text(&about, "dataset")?.parse().map_err(|error| wrong(&error))?;
        let feedback = Feedback {
            network,
            decision: *decision,
            dataset,
            author: author.member(),
            finding: args.verdict.into(),
            at: SystemClock.now(),
            note: args.note.clone(),
        };
        statements.push(encoded(&Signed::sign(feedback, &author.signing).to_bytes()));
    }
    if how == How::Foresee {
        out.would(&args.would());
        return Ok(());
    }
    let body = json!({ "statements": statements, "change": args.change });
    if let Answer::Done(_) = remote.client.call(&author, "/v1/feedback", &body).await? {
        args.tell(out, &author.card.name);
    }
    Ok(())
}

/// Sign and keep it.
pub(crate) async fn say(
    node: &Node,
    (author, signer): (MemberId, &dyn Signer),
    decisions: &[DecisionId],
    (finding, note, change): (Finding, &str, bool),
) -> Result<(), Failure> {
    let wanted: BTreeSet<DecisionId> = decisions.iter().copied().collect();
    let known = node.pdc.datasets_decided(author, &wanted).await.map_err(access_failure)?;
    let at = node.pdc.now();
    let mut statements = Vec::with_capacity(decisions.len());
    for decision in decisions {
        let dataset = known.get(decision).ok_or(FeedbackError::Unknown(*decision));
        let feedback = Feedback {
            network: node.pdc.network(),
            decision: *decision,
            dataset: *dataset.map_err(failure)?,
            author,
            finding,
            at,
            note: note.to_owned(),
        };
        statements.push(Signed::sign(feedback, signer));
    }
    node.pdc.take_feedback(&statements, change).await.map_err(failure)
}

fn failure(error: FeedbackError) -> Failure {
    let said = error.to_string();
    match error {
        FeedbackError::Unknown(_) => Failure::new("unknown-decision", said)
            .hint("`secnet log --as OWNER --json` has the decisions on an owner's data; of others' nobody but their owners and this data centre speaks"),
        FeedbackError::Already { .. } => Failure::new("already-said", said)
            .hint("--change replaces it"),
        FeedbackError::Older(_) => Failure::new("already-said", said)
            .hint("say it anew: what is signed now is newer"),
        FeedbackError::Malformed(_) => Failure::new("invalid-feedback", said)
            .hint("name each decision once, at most 1,024 of them, with a note of at most 1,024 bytes")
            .exit(Exit::Usage),
        FeedbackError::Access(error) => access_failure(error),
    }
}
