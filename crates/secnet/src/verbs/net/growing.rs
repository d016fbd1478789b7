//! `secnet net add` and `remove`: a node more, or less, of the network on this machine.

use std::time::Instant;

use secnet_types::ValidatorKey;
use serde_json::{Value, json};

use super::members::{Set, governs, let_go, let_in, role};
use super::running::{LOOK, PATIENCE, begin, my_turn, standing, until_gone, until_ready};
use super::{AddArgs, RemoveArgs};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::network::{How as Ending, Local, NodeHere, data_centre, later_card, require_feature};
use crate::node::GOVERNOR;
use crate::output::Output;
use crate::remote::{How, Remote};

/// Make a node, let it in, start it, and wait until it takes part.
pub(super) async fn add(globals: &Globals, out: Output, args: &AddArgs) -> Result<(), Failure> {
    require_feature()?;
    let net = Local::open(&globals.dir)?;
    let turn = my_turn(&net).await?;
    let (remote, governor) = governing(globals, out, &net)?;
    out.say("making keys and a folder ...");
    let number = net.next_number();
    let made = net.make_one(number, args.door, remote.passphrase())?;
    let grown = Local::open(&globals.dir)?;
    let node = grown.node(number)?;
    let result = take_in(globals, out, (node, args.follower), (&remote, &governor)).await;
    let set = match result {
        Ok(set) => set,
        Err(failure) => {
            // Nobody has let it in: it is as if it had not been made.
            std::fs::remove_dir_all(&made).map_err(|e| Failure::io("remove", &made, &e))?;
            return Err(failure);
        }
    };
    out.say("starting ...");
    let mut started = [begin(globals, node)?];
    until_ready(out, &mut started).await?;
    until_epoch(out, &grown, set.epoch).await?;
    drop(turn);
    let value = json!({
        "node": number, "dir": node.dir, "process": node.process(), "url": node.url(),
        "role": role(args.follower), "epoch": set.epoch, "first": set.first,
        "validators": set.nodes.validators.len(), "followers": set.nodes.followers.len(),
    });
    out.result(&value, |_| {
        format!(
            "node {number} is a {} since block {}, one of {} validators and {} followers",
            role(args.follower),
            set.first,
            set.nodes.validators.len(),
            set.nodes.followers.len(),
        )
    });
    Ok(())
}

async fn take_in(
    globals: &Globals,
    out: Output,
    (node, follower): (&NodeHere, bool),
    (remote, governor): (&Remote, &Identity),
) -> Result<Set, Failure> {
    let address = node.settings.network.as_ref().map(|network| network.listen);
    let address = address.ok_or_else(|| not_set("the new node has no address"))?;
    let passphrase = globals.passphrase_of(&node.dir)?;
    let card = later_card(&node.dir, address, remote.network().await?, &passphrase)?;
    let set = let_in(remote, governor, (&card, follower), (How::Order, out, "")).await?;
    set.ok_or_else(|| not_set("the governors' word was not ordered"))
}

fn not_set(said: &'static str) -> Failure {
    Failure::new("unavailable", said).exit(Exit::Unreachable)
}

/// A node that serves, called by the governor.
fn governing(globals: &Globals, out: Output, net: &Local) -> Result<(Remote, Identity), Failure> {
    let governs = net.nodes.iter().find(|node| governs(&node.dir)).ok_or_else(|| {
        Failure::new("no-governor", "no node of this network has the governor's keys")
            .hint("let a node in with `secnet net admit`, where the governor is")
    })?;
    let serving = net.nodes.iter().filter(|node| node.process().is_some());
    let url = serving.filter_map(NodeHere::url).next().ok_or_else(|| {
        Failure::new("not-running", "no node that serves runs")
            .hint("`secnet net up` starts them")
            .exit(Exit::Unreachable)
    })?;
    let passphrase = globals.passphrase_of(&governs.dir)?;
    let remote = Remote::at(&url, &governs.dir, &passphrase, out)?;
    let governor = remote.identity(GOVERNOR, false)?;
    Ok((remote, governor))
}

/// Wait until every node that runs is in this epoch.
async fn until_epoch(out: Output, net: &Local, epoch: u64) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    for node in net.nodes.iter().filter(|node| node.process().is_some()) {
        loop {
            let told = standing(out, node, None).await;
            let now = told.as_ref().and_then(|told| told.get("epoch")).and_then(Value::as_u64);
            if now >= Some(epoch) || node.process().is_none() {
                break;
            }
            if Instant::now() > end {
                let said = format!("node {} is not in epoch {epoch} after a minute", node.number);
                return Err(Failure::new("not-ready", said)
                    .hint("`secnet net status` says which nodes run; more than two thirds must")
                    .exit(Exit::Unreachable));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Let a node go, and stop it when the others agree without it.
pub(super) async fn remove(
    globals: &Globals,
    out: Output,
    args: &RemoveArgs,
) -> Result<(), Failure> {
    require_feature()?;
    let net = Local::open(&globals.dir)?;
    let turn = my_turn(&net).await?;
    let node = net.node(args.node)?;
    can_go(node)?;
    handed_over(out, &net).await?;
    let (remote, governor) = governing(globals, out, &net)?;
    let key = ValidatorKey(node.validator()?.0);
    let passphrase = globals.passphrase_of(&node.dir)?;
    let member = data_centre(&node.dir, &passphrase)?;
    let who = (key, Some(member));
    let set = let_go(&remote, &governor, who, (How::Order, out, "")).await?;
    let set = set.ok_or_else(|| not_set("the governors' word was not ordered"))?;
    out.say("waiting for the others to agree without it ...");
    until_epoch(out, &net, set.epoch).await?;
    node.signal(Ending::Ask)?;
    until_gone(node).await?;
    let kept = net.put_aside(node)?;
    drop(turn);
    let value = json!({
        "node": args.node, "kept": kept, "epoch": set.epoch, "first": set.first,
        "validators": set.nodes.validators.len(), "followers": set.nodes.followers.len(),
    });
    out.result(&value, |_| {
        format!(
            "node {} is none of this network since block {}; its folder is `{}`, with the data that it holds",
            args.node, set.first, kept.display()
        )
    });
    Ok(())
}

/// The others can go on without it.
fn can_go(node: &NodeHere) -> Result<(), Failure> {
    if governs(&node.dir) {
        let said = format!("node {} has the governor's keys", node.number);
        return Err(Failure::new("governs", said).hint("remove another").exit(Exit::Usage));
    }
    Ok(())
}

/// Wait until nothing is being handed over: whoever left in the middle of it could be one too many.
async fn handed_over(out: Output, net: &Local) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    for node in net.nodes.iter().filter(|node| node.process().is_some()) {
        loop {
            let told = standing(out, node, None).await;
            let handover = told.as_ref().and_then(|told| told.get("handover"));
            let number = handover.and_then(|it| it.get("waiting")).and_then(Value::as_u64);
            let waiting = number.unwrap_or_default();
            let pending = handover.and_then(|it| it.get("pending")).and_then(Value::as_bool);
            if waiting == 0 && pending != Some(true) {
                break;
            }
            if Instant::now() > end {
                let said = format!("node {} is still handing over {waiting} uploads", node.number);
                return Err(Failure::new("handing-over", said)
                    .hint("`secnet net status` says how far it is; all nodes must run")
                    .exit(Exit::Usage));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}
