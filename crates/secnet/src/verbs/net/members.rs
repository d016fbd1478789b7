//! `secnet net admit` and `dismiss`: the governors say which nodes a network has.

use std::net::SocketAddr;
use std::path::Path;

use secnet_app::{DoorUrl, Enclosures, MAX_DOORS};
use secnet_types::{
    Change, Digest, IdError, MemberId, NetworkNode, NodeSet, ReleaseMember, ValidatorKey, limits,
    quorum,
};
use serde_json::{Value, json};

use super::founding::read_card;
use super::{AdmitArgs, DismissArgs, NodesArgs};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::network::Card;
use crate::node::{GOVERNOR, approved};
use crate::output::Output;
use crate::remote::{self, How, Remote, RemoteArgs};
use crate::show::command::nodes_of;

/// What the nodes of a network are from some block on.
pub(super) struct Set {
    pub epoch: u64,
    /// The first block that is theirs.
    pub first: u64,
    pub nodes: NodeSet,
}

/// Let a node in.
pub(super) async fn admit(globals: &Globals, out: Output, args: &AdmitArgs) -> Result<(), Failure> {
    let card = read_card(&args.card)?;
    let (remote, governor, how) = open(&args.remote, globals, out)?;
    let would = format!("let {} in as a {}", card.validator, role(args.follower));
    let Some(set) = let_in(&remote, &governor, (&card, args.follower), (how, out, &would)).await?
    else {
        return Ok(());
    };
    tell(out, &set, &card.validator, role(args.follower));
    Ok(())
}

/// List the nodes.
pub(super) async fn list(globals: &Globals, out: Output, args: &NodesArgs) -> Result<(), Failure> {
    let remote = require(&args.remote)?.open(globals, out)?;
    let caller = remote.identity(&args.caller, false)?;
    let (Set { epoch, first, nodes }, doors) = told(&remote, &caller).await?;
    let listed: Vec<Value> =
        doors.iter().map(|(member, url)| json!({ "member": member, "url": url })).collect();
    let value = json!({
        "epoch": epoch, "first": first,
        "validators": nodes_of(&nodes.validators), "followers": nodes_of(&nodes.followers),
        "doors": listed,
    });
    out.result(&value, |_| {
        let line = |role: &str, node: &NetworkNode| {
            let at = node.address.map(|at| at.to_string());
            let address = at.as_deref().unwrap_or("(in each node's configuration)");
            format!("{role}  {}  {address}", MemberId(node.key.0))
        };
        let validators = nodes.validators.iter().map(|node| line("validator", node));
        let followers = nodes.followers.iter().map(|node| line("follower ", node));
        let mut lines = vec![format!("epoch {epoch}, from block {first} on")];
        lines.extend(validators.chain(followers));
        lines.extend(doors.iter().map(|(member, url)| format!("door       {member}  {url}")));
        lines.join("\n")
    });
    Ok(())
}

/// Let no node in any more.
pub(super) async fn dismiss(
    globals: &Globals,
    out: Output,
    args: &DismissArgs,
) -> Result<(), Failure> {
    let (remote, governor, how) = open(&args.remote, globals, out)?;
    let would = format!("dismiss {}", args.node);
    let key = ValidatorKey(args.node.0);
    let who = (key, args.member);
    if let Some(set) = let_go(&remote, &governor, who, (how, out, &would)).await? {
        tell(out, &set, &args.node.to_string(), "stranger");
    }
    Ok(())
}

fn open(
    args: &RemoteArgs,
    globals: &Globals,
    out: Output,
) -> Result<(Remote, Identity, How), Failure> {
    require(args)?.open_as(GOVERNOR, globals, out)
}

/// What concerns the whole network is ordered at a node that runs.
pub(in crate::verbs) fn require(args: &RemoteArgs) -> Result<&RemoteArgs, Failure> {
    if args.is_given() {
        return Ok(args);
    }
    Err(Failure::new("usage", "say at which node of the network this is ordered")
        .hint("name a running one with --url, and the folder with the governor's keys with --keys")
        .exit(Exit::Usage))
}

pub(super) const fn role(follower: bool) -> &'static str {
    if follower { "follower" } else { "validator" }
}

fn tell(out: Output, set: &Set, node: &str, role: &str) {
    let value = json!({
        "node": node, "role": role, "epoch": set.epoch, "first": set.first,
        "validators": set.nodes.validators.len(), "followers": set.nodes.followers.len(),
    });
    out.result(&value, |_| {
        format!(
            "from block {} on {node} is a {role}, one of {} validators and {} followers",
            set.first,
            set.nodes.validators.len(),
            set.nodes.followers.len(),
        )
    });
}

/// Let a node in by this governor's word alone. None if it was only foreseen.
pub(super) async fn let_in(
    remote: &Remote,
    governor: &Identity,
    (card, follower): (&Card, bool),
    how: (How, Output, &str),
) -> Result<Option<Set>, Failure> {
    let changes = admission((remote, governor), card, follower).await?;
    order(remote, governor, changes, how).await
}

/// Let a node go by this governor's word alone. None if it was only foreseen.
pub(super) async fn let_go(
    remote: &Remote,
    governor: &Identity,
    (key, member): (ValidatorKey, Option<MemberId>),
    how: (How, Output, &str),
) -> Result<Option<Set>, Failure> {
    let change = dismissal((remote, governor), key, member).await?;
    order(remote, governor, vec![change], how).await
}

/// What it takes to let a node in: its data centre becomes a member, unless it is one, and the nodes are set with it.
pub(in crate::verbs) async fn admission(
    (remote, governor): (&Remote, &Identity),
    card: &Card,
    follower: bool,
) -> Result<Vec<Change>, Failure> {
    let (member, admission) = card.admission(remote.network().await?)?;
    let admission_of = ReleaseMember { member, sealing_key: admission.value.sealing_key };
    let is_member = is_member(remote, governor, member).await?;
    let mut changes = if is_member { Vec::new() } else { vec![Change::Admit(admission)] };
    let node = card.node()?;
    let Set { epoch, mut nodes, .. } = current(remote, governor).await?;
    forget(&mut nodes, node.key);
    if follower {
        nodes.release = None;
    } else {
        // What is uploaded from then on is shared with its node, and what was before is handed over to it too.
        hold(&mut nodes, admission_of)?;
    }
    let among = if follower { &mut nodes.followers } else { &mut nodes.validators };
    among.push(node);
    among.sort_by_key(|node| node.key);
    changes.push(Change::SetNodes { epoch: epoch.saturating_add(1), nodes });
    Ok(changes)
}

/// A node that follows and is to vote has its data centre in the network already.
async fn is_member(
    remote: &Remote,
    governor: &Identity,
    member: MemberId,
) -> Result<bool, Failure> {
    match remote.client.look(governor, &format!("/v1/members/{member}")).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.code == "not-visible" => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The nodes without this one. If its member is named it holds no shares any more.
pub(in crate::verbs) async fn dismissal(
    (remote, governor): (&Remote, &Identity),
    key: ValidatorKey,
    member: Option<MemberId>,
) -> Result<Change, Failure> {
    let Set { epoch, mut nodes, .. } = current(remote, governor).await?;
    if !nodes.all().any(|node| node.key == key) {
        let said = format!("{} is no node of this network", MemberId(key.0));
        return Err(Failure::new("unknown-node", said)
            .hint("`secnet net nodes --url URL` lists them")
            .exit(Exit::Usage));
    }
    forget(&mut nodes, key);
    match member {
        Some(member) => let_go_of_shares(&mut nodes, member)?,
        None => nodes.release = None,
    }
    Ok(Change::SetNodes { epoch: epoch.saturating_add(1), nodes })
}

/// This member's node holds shares too.
fn hold(nodes: &mut NodeSet, member: ReleaseMember) -> Result<(), Failure> {
    let all = nodes.release.get_or_insert_default();
    all.retain(|other| other.member != member.member);
    all.push(member);
    all.sort();
    if all.len() <= limits::MAX_RELEASE_MEMBERS {
        return Ok(());
    }
    Err(Failure::new(
        "too-many",
        format!("at most {} nodes hold shares", limits::MAX_RELEASE_MEMBERS),
    )
    .hint("let it in with --follower: it serves, and holds none")
    .exit(Exit::Usage))
}

/// This member's node holds no shares any more. As many as a release takes must be left, to hand over.
fn let_go_of_shares(nodes: &mut NodeSet, member: MemberId) -> Result<(), Failure> {
    let Some(all) = nodes.release.as_mut() else { return Ok(()) };
    let before = all.len();
    all.retain(|other| other.member != member);
    let left = all.len();
    if left == before {
        nodes.release = None;
    }
    if left >= quorum(before) {
        return Ok(());
    }
    let said = format!(
        "{left} of {before} nodes that hold shares of the keys would be left, and a release takes {}",
        quorum(before)
    );
    Err(Failure::new("too-few-shares", said)
        .hint("what was uploaded could be read by nobody: let another node in first")
        .exit(Exit::Usage))
}

fn forget(nodes: &mut NodeSet, key: ValidatorKey) {
    nodes.validators.retain(|node| node.key != key);
    nodes.followers.retain(|node| node.key != key);
}

/// Order these changes, one after the other. None if they were only foreseen.
async fn order(
    remote: &Remote,
    governor: &Identity,
    changes: Vec<Change>,
    (how, out, would): (How, Output, &str),
) -> Result<Option<Set>, Failure> {
    for change in changes {
        let operation = approved(remote.network().await?, governor, change);
        let operation = (operation, Enclosures::default());
        let change = remote::order(remote, governor, operation, how).await?;
        if !change.is_done() {
            change.tell(out, would, || ());
            return Ok(None);
        }
    }
    current(remote, governor).await.map(Some)
}

/// The nodes that were set last.
pub(super) async fn current(remote: &Remote, governor: &Identity) -> Result<Set, Failure> {
    told(remote, governor).await.map(|(set, _)| set)
}

/// The same, and where the doors of members' data centres are.
async fn told(
    remote: &Remote,
    governor: &Identity,
) -> Result<(Set, Vec<(String, String)>), Failure> {
    if remote.genesis().await?.validators.is_none() {
        return Err(Failure::new("no-nodes", "the node belongs to no network of several")
            .hint("one sequencer makes its blocks; it has no nodes to set")
            .exit(Exit::Usage));
    }
    let nodes_told = remote.client.look(governor, "/v1/nodes").await?;
    let number = |field: &str| nodes_told.get(field).and_then(Value::as_u64).unwrap_or_default();
    let list = |field: &str| -> Result<Vec<NetworkNode>, Failure> {
        let listed = nodes_told.get(field).and_then(Value::as_array).into_iter().flatten();
        listed.take(limits::MAX_VALIDATORS.max(limits::MAX_FOLLOWERS)).map(node).collect()
    };
    let release = nodes_told.get("release").and_then(Value::as_array).into_iter().flatten();
    let release = release.take(limits::MAX_RELEASE_MEMBERS).map(holder);
    let nodes = NodeSet {
        validators: list("validators")?,
        followers: list("followers")?,
        release: Some(release.collect::<Result<_, _>>()?),
    };
    let doors = nodes_told.get("doors").and_then(Value::as_array).into_iter().flatten();
    let doors = doors.take(MAX_DOORS).map(|door| {
        // Printed, and called by whoever reads it: only what is an address of a door.
        let url: DoorUrl = remote::text(door, "url")?.parse().map_err(|e| remote::wrong(&e))?;
        let member = remote::text(door, "member")?;
        let member: MemberId = member.parse().map_err(|error| remote::wrong(&error))?;
        Ok((member.to_string(), url.to_string()))
    });
    let doors = doors.collect::<Result<_, Failure>>()?;
    Ok((Set { epoch: number("epoch"), first: number("first"), nodes }, doors))
}

fn holder(told: &Value) -> Result<ReleaseMember, Failure> {
    let member = remote::text(told, "member")?;
    let key = <[u8; 32]>::try_from(remote::bytes(told, "sealing_key")?.as_slice());
    let key = key.map_err(|error| remote::wrong(&error))?;
    let member = member.parse().map_err(|error: IdError| remote::wrong(&error))?;
    Ok(ReleaseMember { member, sealing_key: Digest(key) })
}

fn node(told: &Value) -> Result<NetworkNode, Failure> {
    let id: MemberId = remote::text(told, "id")?.parse().map_err(|error| remote::wrong(&error))?;
    let address = told.get("address").and_then(Value::as_str).map(str::parse::<SocketAddr>);
    let address = address.transpose().map_err(|error| remote::wrong(&error))?.map(Into::into);
    Ok(NetworkNode { key: ValidatorKey(id.0), address })
}

/// Where the governor's keys are, if they are in one of these folders.
pub(super) fn governs(dir: &Path) -> bool {
    dir.join("keys").join(format!("{GOVERNOR}.key")).exists()
}
