//! `secnet govern`: what takes several governors. One proposes and writes it down, others approve, anybody hands it in.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use minicbor::{Decode, Encode};
use secnet_app::Enclosures;
use secnet_app::ports::Clock as _;
use secnet_types::{
    Amount, Change, CommandId, GovernorApproval, MemberId, Namespace, NetworkId, Operation,
    Proposal, SignedBytes, Timestamp, ValidatorKey, decode, encode, limits,
};
use serde_json::{Value, json};

use super::net::{members, read_card};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::keystore::Identity;
use crate::node::GOVERNOR;
use crate::output::Output;
use crate::remote::{self, Remote, RemoteArgs};
use crate::show;
use crate::system::{SystemClock, random};

/// Longest file of proposals, in bytes.
const MAX_DRAFT_BYTES: usize = 256 * 1024;
/// Most proposals in one file.
const MAX_DRAFTED: usize = 16;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Args)]
pub(crate) struct GovernArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a proposal down, with this governor's approval.
    Propose(ProposeArgs),
    /// Show what a file proposes, and who has approved it.
    Show {
        /// The proposal.
        file: PathBuf,
    },
    /// Add this governor's approval.
    Approve {
        /// The proposal.
        file: PathBuf,
    },
    /// Hand in a proposal that enough governors have approved.
    Order {
        /// The proposal.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct ProposeArgs {
    /// Where to.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// For how many days it can be approved and ordered.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=30))]
    days: u16,
    #[command(subcommand)]
    change: Proposed,
}

#[derive(Debug, Subcommand)]
enum Proposed {
    /// Let a node into the network, and its data centre.
    Admit {
        /// The node's card, as `secnet net card --genesis FILE` prints it with --json.
        card: PathBuf,
        /// It follows and serves, without a vote.
        #[arg(long)]
        follower: bool,
    },
    /// Let a node go.
    Dismiss {
        /// The node, by its id.
        node: MemberId,
        /// Whose data centre it is: its node then holds no shares of keys any more either.
        #[arg(long, value_name = "MEMBER")]
        member: Option<MemberId>,
    },
    /// Let a member neither sign nor be granted anything until it is reinstated.
    Suspend {
        /// Whom.
        member: String,
    },
    /// End a suspension.
    Reinstate {
        /// Whom.
        member: String,
    },
    /// Issue money to a member.
    Issue {
        /// To whom.
        to: String,
        /// How much.
        amount: Amount,
    },
    /// Pay a member out of the treasury, where fees go.
    Pay {
        /// To whom.
        to: String,
        /// How much.
        amount: Amount,
    },
    /// Say who governs, and how many of them must agree.
    Governors {
        /// How many must agree: more than half.
        #[arg(long)]
        threshold: u32,
        /// All who govern from then on.
        #[arg(required = true)]
        governors: Vec<String>,
    },
}

/// A proposal and who has approved it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Drafted {
    #[n(0)]
    proposal: Proposal,
    #[n(1)]
    approvals: Vec<GovernorApproval>,
}

impl GovernArgs {
    /// Does it write what cannot be foreseen?
    pub(crate) fn writes(&self) -> bool {
        matches!(self.what, What::Propose(_) | What::Approve { .. })
    }
}

pub(crate) async fn run(globals: &Globals, out: Output, args: GovernArgs) -> Result<(), Failure> {
    match args.what {
        What::Propose(what) => propose(globals, out, &args.remote, &what).await,
        What::Show { file } => show(out, &file),
        What::Approve { file } => approve(globals, out, &args.remote, &file),
        What::Order { file } => order(globals, out, &args.remote, &file).await,
    }
}

async fn propose(
    globals: &Globals,
    out: Output,
    at: &RemoteArgs,
    args: &ProposeArgs,
) -> Result<(), Failure> {
    if args.out.exists() {
        return Err(Failure::new("exists", format!("`{}` is there already", args.out.display()))
            .hint("give another file with --out")
            .exit(Exit::Usage));
    }
    let remote = members::require(at)?.open(globals, out)?;
    let governor = remote.identity(GOVERNOR, false)?;
    let expires = SystemClock.now().plus_ms(u64::from(args.days).saturating_mul(DAY_MS));
    let mut drafted = Vec::new();
    for change in changes((&remote, &governor), &args.change).await? {
        let network = remote.network().await?;
        let proposal = Proposal { network, id: CommandId(random()), expires, change };
        drafted.push(Drafted { proposal, approvals: Vec::new() });
    }
    sign_all(&mut drafted, &governor)?;
    files::write_private(&args.out, &encode(&drafted))?;
    tell(out, &drafted, Some(&args.out));
    out.say(
        "next: the other governors run `secnet govern approve`; then anybody `secnet govern order`",
    );
    Ok(())
}

/// What it takes: more than one change where a node comes with its data centre.
async fn changes(by: (&Remote, &Identity), proposed: &Proposed) -> Result<Vec<Change>, Failure> {
    let (remote, _) = by;
    Ok(match proposed {
        Proposed::Admit { card, follower } => {
            members::admission(by, &read_card(card)?, *follower).await?
        }
        Proposed::Dismiss { node, member } => {
            vec![members::dismissal(by, ValidatorKey(node.0), *member).await?]
        }
        Proposed::Suspend { member } => vec![Change::Suspend(remote.member(member)?)],
        Proposed::Reinstate { member } => vec![Change::Reinstate(remote.member(member)?)],
        Proposed::Issue { to, amount } => {
            vec![Change::Issue { to: remote.member(to)?, amount: *amount }]
        }
        Proposed::Pay { to, amount } => {
            vec![Change::Pay { to: remote.member(to)?, amount: *amount }]
        }
        Proposed::Governors { threshold, governors } => {
            let governors = governors.iter().map(|name| remote.member(name));
            let mut governors = governors.collect::<Result<Vec<_>, _>>()?;
            governors.sort();
            let threshold = *threshold;
            secnet_types::governors_fit(&governors, threshold).map_err(|wrong| {
                Failure::new("bad-governors", wrong)
                    .hint("name each once, and a threshold of more than half")
                    .exit(Exit::Usage)
            })?;
            vec![Change::SetGovernors { governors, threshold }]
        }
    })
}

fn show(out: Output, file: &Path) -> Result<(), Failure> {
    tell(out, &read(file)?, None);
    Ok(())
}

fn approve(globals: &Globals, out: Output, at: &RemoteArgs, file: &Path) -> Result<(), Failure> {
    let mut drafted = read(file)?;
    if let Some(genesis) = at.pinned(globals)? {
        are_of(&drafted, genesis.network())?;
    }
    let (keystore, passphrase) = at.keys(globals)?;
    let governor = keystore.open(GOVERNOR, &passphrase)?;
    sign_all(&mut drafted, &governor)?;
    files::write_private(file, &encode(&drafted))?;
    tell(out, &drafted, Some(file));
    Ok(())
}

/// Nobody who shows a governor a proposal gets an approval for another network than the one whose genesis is beside the keys.
fn are_of(drafted: &[Drafted], network: NetworkId) -> Result<(), Failure> {
    if drafted.iter().all(|drafted| drafted.proposal.network == network) {
        return Ok(());
    }
    let said = "the proposal is for another network than the keys";
    Err(Failure::new("other-network", said)
        .hint("ask whoever proposed it; nothing was signed. Other keys are named with --keys")
        .exit(Exit::Verification))
}

/// Once for each governor.
fn sign_all(drafted: &mut [Drafted], governor: &Identity) -> Result<(), Failure> {
    for Drafted { proposal, approvals } in drafted {
        if proposal.expires <= SystemClock.now() {
            return Err(expired(proposal.expires));
        }
        approvals.retain(|approval| approval.governor != governor.member());
        approvals.push(GovernorApproval::sign(governor.member(), proposal, &governor.signing));
    }
    Ok(())
}

fn expired(at: Timestamp) -> Failure {
    Failure::new("expired", format!("the proposal expired at {at}"))
        .hint("propose it again, with more --days")
        .exit(Exit::Failed)
}

async fn order(
    globals: &Globals,
    out: Output,
    at: &RemoteArgs,
    file: &Path,
) -> Result<(), Failure> {
    let drafted = read(file)?;
    let (remote, governor, how) = members::require(at)?.open_as(GOVERNOR, globals, out)?;
    let mut ordered = Vec::new();
    for Drafted { proposal, approvals } in &drafted {
        let operation =
            Operation::Govern { proposal: proposal.clone(), approvals: approvals.clone() };
        let operation = (operation, Enclosures::default());
        let change = remote::order(&remote, &governor, operation, how).await?;
        if !change.is_done() {
            change.tell(out, "order the proposal", || ());
            return Ok(());
        }
        ordered.push(proposal.id.to_string());
    }
    let value = json!({ "ordered": ordered });
    out.result(&value, |_| "what the governors proposed is ordered".into());
    Ok(())
}

/// Parse a file, and check every approval in it.
fn read(file: &Path) -> Result<Vec<Drafted>, Failure> {
    let bytes = files::read(file, MAX_DRAFT_BYTES as u64)?;
    let wrong = || {
        Failure::new("bad-proposal", format!("`{}` holds no proposal", file.display()))
            .hint("`secnet govern propose` writes one")
            .exit(Exit::Verification)
    };
    let drafted: Vec<Drafted> =
        decode("proposals", &bytes, MAX_DRAFT_BYTES).map_err(|error| wrong().because(&error))?;
    if drafted.is_empty() || drafted.len() > MAX_DRAFTED {
        return Err(wrong());
    }
    for Drafted { proposal, approvals } in &drafted {
        let holds = |approval: &GovernorApproval| {
            let SignedBytes { key, signature, .. } = approval.over(proposal);
            let message = approval.over(proposal).message(Namespace::Governance);
            secnet_crypto::verify_zip215(&key, &message, &signature)
        };
        if approvals.len() > limits::MAX_GOVERNORS || !approvals.iter().all(holds) {
            return Err(wrong().hint("an approval in it does not hold: get the file again"));
        }
    }
    Ok(drafted)
}

fn tell(out: Output, drafted: &[Drafted], file: Option<&Path>) {
    let proposals: Vec<Value> = drafted
        .iter()
        .map(|Drafted { proposal, approvals }| show::command::proposed(proposal, approvals))
        .collect();
    let value = json!({ "file": file, "proposals": proposals });
    out.result(&value, |_| {
        let lines = drafted.iter().zip(&proposals).map(|(drafted, shown)| {
            let change = shown.get("change").map(Value::to_string).unwrap_or_default();
            format!(
                "{change}\n  approved by {} of the governors; expires {}",
                drafted.approvals.len(),
                drafted.proposal.expires
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_for_another_network_is_not_approved() {
        let drafted = |network| Drafted {
            proposal: Proposal {
                network: NetworkId([network; 32]),
                id: CommandId([1; 16]),
                expires: Timestamp(1),
                change: Change::Suspend(MemberId([2; 32])),
            },
            approvals: Vec::new(),
        };
        assert!(are_of(&[drafted(1), drafted(1)], NetworkId([1; 32])).is_ok());
        let refused = are_of(&[drafted(1), drafted(2)], NetworkId([1; 32])).unwrap_err();
        assert_eq!((&*refused.code, refused.exit), ("other-network", Exit::Verification));
    }
}
