//! Nodes as processes: started and waited for, ended, stopped.

use std::fs::File;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use secnet_app::MAX_VIEW_AGE_MS;
use secnet_crypto::Zeroizing;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::network::{How, Local, NodeHere, ask_to_end, require_feature};
use crate::output::Output;
use crate::remote::Client;

/// How long nodes may take to be ready, or to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// A node that was started, with its process if this one started it.
pub(super) struct Started<'n> {
    pub node: &'n NodeHere,
    pub child: Option<Child>,
}

/// Wait for the right to start nodes of a network: whoever had it before leaves them running.
pub(super) async fn my_turn(net: &Local) -> Result<File, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(turn) = net.starting()? {
            return Ok(turn);
        }
        if Instant::now() > end {
            let dir = net.dir.display();
            return Err(Failure::new(
                "in-use",
                format!("another process starts the nodes of `{dir}`"),
            )
            .hint("wait for it, or end it")
            .exit(Exit::Unreachable));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Start a node, unless it runs.
pub(super) fn begin<'n>(globals: &Globals, node: &'n NodeHere) -> Result<Started<'n>, Failure> {
    if node.process().is_some() {
        return Ok(Started { node, child: None });
    }
    let passphrase = passphrase(globals, node)?;
    let child = Some(node.start(passphrase.as_ref())?);
    Ok(Started { node, child })
}

/// What a node is given through a pipe: nothing if its passphrase is published in its folder.
fn passphrase(globals: &Globals, node: &NodeHere) -> Result<Option<Zeroizing<String>>, Failure> {
    let published = node.dir.join("passphrase").exists() && globals.passphrase_file.is_none();
    if published { Ok(None) } else { globals.passphrase_of(&node.dir).map(Some) }
}

/// Wait until all of these agree with the others, and serve if they have a door.
pub(super) async fn until_ready(out: Output, started: &mut [Started<'_>]) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    for Started { node, child } in started {
        while !is_ready(out, node).await {
            still_runs(node, child.as_mut())?;
            if Instant::now() > end {
                let said = format!("node {} is not ready after a minute", node.number);
                return Err(Failure::new("not-ready", said)
                    .hint("`secnet net status` says which nodes run; more than two thirds must")
                    .exit(Exit::Unreachable));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

fn still_runs(node: &NodeHere, child: Option<&mut Child>) -> Result<(), Failure> {
    match child.and_then(|child| child.try_wait().ok().flatten()) {
        Some(_) => Err(gone(node)),
        None => Ok(()),
    }
}

fn gone(node: &NodeHere) -> Failure {
    let mut failure = Failure::new("node-ended", format!("node {} does not run", node.number))
        .hint(format!("its log is in {}", node.dir.join("node.log").display()))
        .exit(Exit::Unreachable);
    failure.causes.extend(node.last_words());
    failure
}

/// What a node says of its ledger, if it says anything; with the header of one block. What answers at its address and is not
/// the process that has its folder is something else, such as the node that the folder is a copy of.
pub(super) async fn standing(out: Output, node: &NodeHere, height: Option<u64>) -> Option<Value> {
    let process = node.process()?;
    let address = node.settings.metrics?;
    let client = Client::new(&format!("http://{address}"), None, false, out).ok()?;
    let height = height.map_or_else(String::new, |height| format!("?height={height}"));
    let told = client.open(&format!("/standing{height}")).await.ok()?;
    (told.get("process") == Some(&json!(process))).then_some(told)
}

/// Has it heard of the others just now?
pub(super) fn is_fresh(standing: &Value) -> bool {
    let age = standing.pointer("/standing/age_ms").and_then(Value::as_u64);
    age.is_some_and(|age| age <= MAX_VIEW_AGE_MS)
}

pub(super) async fn is_ready(out: Output, node: &NodeHere) -> bool {
    let fresh = standing(out, node, None).await.is_some_and(|standing| is_fresh(&standing));
    match node.url() {
        Some(url) if fresh => match Client::new(&url, None, false, out) {
            Ok(client) => client.open("/readyz").await.is_ok(),
            Err(_) => false,
        },
        _ => fresh,
    }
}

pub(super) async fn start(globals: &Globals, out: Output, number: usize) -> Result<(), Failure> {
    require_feature()?;
    let net = Local::open(&globals.dir)?;
    let turn = my_turn(&net).await?;
    let started = begin(globals, net.node(number)?)?;
    let running = started.child.is_none();
    // With too few of the others it waits for them: that it runs is what was asked for.
    let Started { node, mut child } = started;
    let end = Instant::now() + PATIENCE;
    while standing(out, node, None).await.is_none() {
        still_runs(node, child.as_mut())?;
        if Instant::now() > end {
            return Err(gone(node));
        }
        tokio::time::sleep(LOOK).await;
    }
    drop(turn);
    let value = json!({ "node": number, "process": node.process(), "was_running": running });
    out.result(&value, |_| match running {
        true => format!("node {number} runs already"),
        false => format!("node {number} runs"),
    });
    Ok(())
}

pub(super) async fn kill(dir: &Path, out: Output, number: usize) -> Result<(), Failure> {
    let net = Local::open(dir)?;
    let node = net.node(number)?;
    let killed = node.signal(How::AtOnce)?;
    until_gone(node).await?;
    let value = json!({ "node": number, "killed": killed });
    out.result(&value, |_| match killed {
        true => format!("node {number} is gone; `secnet net start {number}` starts it again"),
        false => format!("node {number} did not run"),
    });
    Ok(())
}

pub(super) async fn stop(dir: &Path, out: Output) -> Result<(), Failure> {
    let net = Local::open(dir)?;
    let stopped = stop_all(&net).await?;
    let value = json!({ "stopped": stopped });
    out.result(&value, |_| match stopped.len() {
        0 => "no node was running".into(),
        _ => "all nodes have stopped; `secnet net up` goes on with them".into(),
    });
    Ok(())
}

/// Stop every node; those that ran.
pub(super) async fn stop_all(net: &Local) -> Result<Vec<usize>, Failure> {
    let mut stopped = Vec::new();
    for node in &net.nodes {
        if node.signal(How::Ask)? {
            stopped.push(node.number);
        }
    }
    for node in &net.nodes {
        until_gone(node).await?;
    }
    Ok(stopped)
}

/// Stop those of these nodes that were started here, and no others.
pub(super) async fn stop_started(started: &mut [Started<'_>]) -> Result<(), Failure> {
    for Started { child, .. } in &mut *started {
        child.as_mut().map(ask_to_end).transpose()?;
    }
    let end = Instant::now() + PATIENCE;
    for Started { node, child } in started {
        let Some(child) = child else { continue };
        while child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > end {
                return Err(not_ended(node));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

fn not_ended(node: &NodeHere) -> Failure {
    Failure::new("not-ended", format!("node {} does not end", node.number))
        .hint(format!("`secnet net kill {}` ends it at once", node.number))
}

pub(super) async fn until_gone(node: &NodeHere) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    while node.process().is_some() {
        if Instant::now() > end {
            return Err(not_ended(node));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
