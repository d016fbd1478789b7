//! `secnet net partition` and `heal`: nodes that do not reach each other, and that do again.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use secnet_types::quorum;
use serde_json::{Value, json};

use super::running::{LOOK, PATIENCE, standing};
use crate::failure::{Exit, Failure};
use crate::network::{Local, NodeHere};
use crate::output::Output;

pub(super) async fn partition(dir: &Path, out: Output, nodes: &[usize]) -> Result<(), Failure> {
    let net = Local::open(dir)?;
    for number in nodes {
        net.node(*number)?;
    }
    let one_side: BTreeSet<usize> = nodes.iter().copied().collect();
    let all = net.nodes.iter().map(|node| node.number);
    let other_side: BTreeSet<usize> = all.filter(|number| !one_side.contains(number)).collect();
    if other_side.is_empty() {
        return Err(Failure::new("usage", "all nodes are on one side")
            .hint("name the nodes of one side; the others are on the other")
            .exit(Exit::Usage));
    }
    net.part(&one_side)?;
    until_in_force(&net, out).await?;
    let enough = quorum(net.nodes.len());
    let sides = [one_side, other_side];
    let goes_on = sides.iter().find(|side| side.len() >= enough);
    let value = json!({ "sides": sides, "goes_on": goes_on });
    out.result(&value, |_| {
        let [one, other] = sides.each_ref().map(listed);
        let then = match goes_on {
            Some(side) => format!("{} can go on, the others cannot", listed(side)),
            None => format!("neither side can go on: {enough} nodes must agree"),
        };
        format!("{one} and {other} do not reach each other; {then}; `secnet net heal` ends it")
    });
    Ok(())
}

fn listed(side: &BTreeSet<usize>) -> String {
    let numbers: Vec<String> = side.iter().map(usize::to_string).collect();
    let word = if numbers.len() == 1 { "node" } else { "nodes" };
    format!("{word} {}", numbers.join(", "))
}

pub(super) async fn heal(dir: &Path, out: Output) -> Result<(), Failure> {
    let net = Local::open(dir)?;
    let healed = net.heal()?;
    until_in_force(&net, out).await?;
    out.result(&json!({ "healed": healed }), |_| match healed {
        true => "all nodes reach each other again".into(),
        false => "no nodes were apart".into(),
    });
    Ok(())
}

/// Until every node that runs does what it is told.
async fn until_in_force(net: &Local, out: Output) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    for node in &net.nodes {
        while node.process().is_some() && !does_so(out, node).await? {
            if Instant::now() > end {
                let said = format!("node {} does not do what it was told", node.number);
                return Err(Failure::new("not-ready", said)
                    .hint(format!("see {}", node.dir.join("node.log").display()))
                    .exit(Exit::Unreachable));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

async fn does_so(out: Output, node: &NodeHere) -> Result<bool, Failure> {
    let told: BTreeSet<String> = node.apart()?.into_iter().collect();
    let standing = standing(out, node, None).await;
    let said = standing.as_ref().and_then(|standing| standing.get("apart")?.as_array());
    let does = |said: &Vec<Value>| -> BTreeSet<String> {
        said.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Ok(said.map(does) == Some(told))
}
