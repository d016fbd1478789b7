//! `secnet net up`

use std::fs::File;

use secnet_types::Category;
use serde_json::{Value, json};

use super::running::{Started, begin, my_turn, stop_all, stop_started, until_ready};
use super::{UpArgs, sample};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::network::{Local, NodeHere, Wanted, require_feature};
use crate::output::Output;
use crate::sample::{PASSPHRASE, PRICE};
use crate::service::Signals;
use crate::show::quoted;

const VALIDATORS: usize = 4;
/// More nodes than this are for more machines.
const MAX_HERE: usize = 16;

pub(super) async fn run(globals: &Globals, out: Output, args: UpArgs) -> Result<(), Failure> {
    require_feature()?;
    let mut signals = Signals::listen()?;
    let there = Local::is_there(&globals.dir);
    let net = if there { again(globals, out, &args)? } else { make(globals, out, &args)? };
    let (mut turn, mut started) = (None, Vec::new());
    let ready = tokio::select! {
        ready = run_nodes(globals, out, (&net, !there), (&mut turn, &mut started)) => Some(ready),
        () = signals.end() => None,
    };
    // Half a network is of no use to whoever asked for one; what ran before is of use to somebody.
    match ready {
        Some(Ok(())) => {}
        Some(Err(failure)) => {
            stop_started(&mut started).await?;
            return Err(failure);
        }
        None => return stop_started(&mut started).await,
    }
    drop(turn);
    out.result(&told(&net), |value| text(value, args.detach));
    if args.detach {
        return Ok(());
    }
    signals.end().await;
    out.say("stopping ...");
    stop_all(&net).await.map(drop)
}

/// The network that is there is as it is.
fn again(globals: &Globals, out: Output, args: &UpArgs) -> Result<Local, Failure> {
    let net = Local::open(&globals.dir)?;
    let doors = net.nodes.iter().filter(|node| node.settings.door).count();
    let differ = |given: Option<usize>, have| given.is_some_and(|given| given != have);
    if differ(args.validators, net.nodes.len()) || differ(args.pdcs, doors) || args.ports.is_some()
    {
        let (dir, nodes) = (net.dir.display(), net.nodes.len());
        return Err(Failure::new(
            "exists",
            format!("`{dir}` already holds a network of {nodes} validators, {doors} with a door"),
        )
        .hint("leave --validators, --pdcs and --ports out to go on with it, or give another folder with --dir")
        .exit(Exit::Usage));
    }
    if net.heal()? {
        out.say("the nodes reach each other again");
    }
    Ok(net)
}

fn make(globals: &Globals, out: Output, args: &UpArgs) -> Result<Local, Failure> {
    let validators = args.validators.unwrap_or(VALIDATORS);
    let pdcs = args.pdcs.unwrap_or(1);
    if !(1..=MAX_HERE).contains(&validators) || pdcs > validators {
        return Err(Failure::new(
            "usage",
            format!("{validators} validators, {pdcs} of them with a door, cannot be run here"),
        )
        .hint(format!("1 to {MAX_HERE} validators, and at most as many with a door"))
        .exit(Exit::Usage));
    }
    out.say("making keys, a genesis and a folder for each node ...");
    let published = globals.passphrase_file.is_none();
    let given = if published { None } else { Some(globals.passphrase()?) };
    let passphrase = given.as_ref().map_or(PASSPHRASE, |given| given.as_str());
    let wanted = Wanted { validators, pdcs, ports: args.ports, passphrase, published };
    Local::make(&globals.dir, &args.name, &wanted)
}

async fn run_nodes<'n>(
    globals: &Globals,
    out: Output,
    (net, is_new): (&'n Local, bool),
    (turn, started): (&mut Option<File>, &mut Vec<Started<'n>>),
) -> Result<(), Failure> {
    *turn = Some(my_turn(net).await?);
    out.say("starting ...");
    let published = net.node(1)?.dir.join("passphrase").exists();
    let sampled = is_new && published;
    // The first node's folder is used here for a moment.
    for node in net.nodes.iter().skip(usize::from(sampled)) {
        started.push(begin(globals, node)?);
    }
    if sampled {
        out.say("making members, money and data ...");
        sample::make(globals, out, net).await?;
        started.push(begin(globals, net.node(1)?)?);
    }
    until_ready(out, started).await
}

fn told(net: &Local) -> Value {
    let program = std::env::args().next().unwrap_or_else(|| "secnet".into());
    let (program, dir) = (quoted(&program), quoted(&net.dir.display().to_string()));
    let nodes: Vec<Value> = net
        .nodes
        .iter()
        .map(|node| {
            json!({
                "node": node.number, "dir": node.dir, "process": node.process(),
                "url": node.url(), "metrics": node.settings.metrics,
                "network": node.settings.network.as_ref().map(|network| network.listen),
            })
        })
        .collect();
    let last = net.nodes.len();
    let mut commands = Vec::new();
    let dataset = sample::dataset(net);
    let mut urls = net.nodes.iter().filter_map(NodeHere::url);
    if let (Some(dataset), Some(node)) = (dataset, net.nodes.first()) {
        let folder = quoted(&node.dir.display().to_string());
        let get = |url: String| {
            format!(
                "{program} --dir {folder} get {dataset} --as dr-bo --purpose treatment --category {} --max-price {PRICE} --url {url}",
                Category::Laboratory,
            )
        };
        let told = [
            "allowed, paid, and agreed on by the validators",
            "asked at another data centre, which says where it is",
        ];
        for (what, url) in told.into_iter().zip(urls.by_ref()) {
            commands.push(json!({ "what": what, "command": get(url) }));
        }
    }
    for (what, verb) in [
        ("how each node stands, and whether all agree", "status".to_owned()),
        ("one may be gone: try the first command again", format!("kill {last}")),
        ("and back", format!("start {last}")),
    ] {
        commands
            .push(json!({ "what": what, "command": format!("{program} --dir {dir} net {verb}") }));
    }
    json!({ "dir": net.dir, "dataset": dataset.map(|d| d.to_string()), "nodes": nodes, "commands": commands })
}

fn text(value: &Value, detached: bool) -> String {
    let list = |field: &str| value.get(field).and_then(Value::as_array).into_iter().flatten();
    let word = |value: &Value, field: &str| match value.get(field) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    let mut lines = vec!["The network runs:".to_owned(), String::new()];
    for node in list("nodes") {
        lines.push(format!(
            "  node {:>2}  process {:>7}  agrees at {}  tells at {}  serves at {}",
            word(node, "node"),
            word(node, "process"),
            word(node, "network"),
            word(node, "metrics"),
            word(node, "url"),
        ));
    }
    lines.push(format!("\nEach has a folder in {}, with its log in node.log.", word(value, "dir")));
    lines.push("Try, in another terminal:".into());
    for command in list("commands") {
        lines.push(format!("\n  # {}\n  {}", word(command, "what"), word(command, "command")));
    }
    lines.push(match detached {
        true => "\n`secnet net stop` stops all of it; the folders stay.".into(),
        false => "\nCtrl-C stops all of it; the folders stay.".into(),
    });
    lines.join("\n")
}
