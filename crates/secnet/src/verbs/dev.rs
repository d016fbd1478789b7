//! `secnet dev`: a node with sample members, data and money, and three commands to try.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use secnet_app::Outcome;
use secnet_types::{Action, Amount, Category, DatasetId, Labels, MemberKind, Party, Purpose};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::actions::{self, Permission, Wanted};
use crate::cli::Globals;
use crate::config::{Config, Sources};
use crate::failure::{Exit, Failure};
use crate::ingest;
use crate::keystore::Identity;
use crate::node::Node;
use crate::output::Output;
use crate::sample::{self, Cast};
use crate::service::Service;
use crate::show::quoted;

/// Refusals after which the guard holds what the attacker asks for next, for an hour. Three are mistakes, twenty would be
/// denied outright.
const PROBES: usize = 14;
/// What each requester has to spend.
const UNITS: u64 = 50;
const DAYS: u64 = 30;

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Where to listen. Default: 127.0.0.1:8420, or another port if that one is taken.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// The folder, and whether it goes when the node stops.
enum Place {
    Named(PathBuf),
    Passing(TempDir),
}

impl Place {
    fn new(globals: &Globals) -> Result<Self, Failure> {
        if !globals.dir_is_named {
            let dir = tempfile::Builder::new().prefix("secnet-dev-").tempdir();
            return dir.map(Self::Passing).map_err(|error| {
                Failure::new("io", "cannot make a temporary folder").because(&error)
            });
        }
        if globals.dir.exists() {
            return Err(Failure::new(
                "exists",
                format!("`{}` is there already", globals.dir.display()),
            )
            .hint("give a folder that is not there yet; `secnet up` serves one that is")
            .exit(Exit::Usage));
        }
        std::path::absolute(&globals.dir)
            .map(Self::Named)
            .map_err(|error| Failure::io("find", &globals.dir, &error))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Passing(dir) => dir.path(),
        }
    }
}

pub(crate) async fn run(globals: &Globals, out: Output, args: DevArgs) -> Result<(), Failure> {
    // Whatever is configured here is meant for another node.
    let mut settings = Config::load(&Sources::default())?.settings()?;
    // Nobody's rights hang on a folder that passes.
    settings.reserve = 0;
    if let Some(listen) = args.listen {
        settings.listen = listen;
    } else if std::net::TcpListener::bind(settings.listen).is_err() {
        settings.listen.set_port(0);
    }
    let same = settings.clone();
    let service = Service::bind(settings, Box::new(move || Ok(same.clone()))).await?;
    let place = Place::new(globals)?;
    out.say("making members, money and data ...");
    let node = sample::folder(place.path(), "dev").await?;
    let made = make(&node, out).await?;
    let url = service.url().unwrap_or_default();
    let value = told(&node, &made, (&url, &place));
    let served = service.serve(&node, || out.result(&value, |value| text(value, &place))).await;
    let closed = node.close().await;
    if let Place::Passing(dir) = place {
        let path = dir.path().to_path_buf();
        dir.close().map_err(|error| Failure::io("remove", &path, &error))?;
    }
    served.and(closed)
}

/// What there is to show.
struct Made {
    cast: Cast,
    researcher: Identity,
    dataset: DatasetId,
    category: Category,
}

async fn make(node: &Node, out: Output) -> Result<Made, Failure> {
    let cast = sample::cast(node).await?;
    let hospital = Some(&cast.hospital);
    let researcher = actions::admit(node, "rita", MemberKind::Person, hospital).await?;
    for who in [&cast.doctor, &researcher, &cast.attacker] {
        sample::issue(node, who.member(), UNITS).await?;
    }
    let patient = ingest::sample(ingest::FIRST_SAMPLE)?;
    let dataset = sample::register(node, out, &cast.owner, &patient).await?;
    let category = Category::Laboratory;
    for (to, purpose) in [
        (&cast.doctor, Purpose::Treatment),
        (&researcher, Purpose::Research),
        (&cast.attacker, Purpose::Treatment),
    ] {
        let permission = Permission {
            dataset,
            to: Party::Member(to.member()),
            purposes: [purpose].into(),
            actions: [Action::Read].into(),
            scope: actions::scope_of(&[category], Labels::NONE),
            window: actions::days_from_now(DAYS),
            uses: None,
            price: sample::PRICE,
            emergency: false,
        };
        actions::grant(node, &cast.owner, &permission, None).await?;
    }
    let made = Made { cast, researcher, dataset, category };
    for _ in 0..PROBES {
        made.probe(node).await?;
    }
    Ok(made)
}

impl Made {
    /// Eve tries what she was not granted. It is refused, and the guard remembers.
    async fn probe(&self, node: &Node) -> Result<(), Failure> {
        let wanted = Wanted {
            dataset: self.dataset,
            action: Action::Read,
            purpose: Purpose::Research,
            scope: actions::scope_of(&[self.category], Labels::NONE),
            max_price: Amount::ZERO,
            id: actions::fresh_request(),
            proof_for: None,
        };
        let (outcome, _) = actions::get(node, &self.cast.attacker, &wanted, |_, _| ()).await?;
        if matches!(outcome, Outcome::Denied(_)) {
            return Ok(());
        }
        Err(Failure::new("demo", "what was not granted was not denied")
            .hint("this is a bug; please report it"))
    }

    /// Who is there: name and part.
    fn members(&self) -> [(&Identity, &'static str); 5] {
        [
            (&self.cast.hospital, "vouches for the others"),
            (&self.cast.owner, "owns the data"),
            (&self.cast.doctor, "may read laboratory results for treatment"),
            (&self.researcher, "may read laboratory results for research"),
            (&self.cast.attacker, "has a doctor's grant and has been probing"),
        ]
    }
}

fn told(node: &Node, made: &Made, (url, place): (&str, &Place)) -> Value {
    let members: Vec<Value> = made
        .members()
        .into_iter()
        .map(|(who, part)| {
            let balance =
                node.pdc.view(|view| view.state.balance(who.member())).unwrap_or_default();
            json!({
                "name": who.card.name, "part": part, "member": who.member().to_string(),
                "balance": balance.to_string(),
            })
        })
        .collect();
    let program = std::env::args().next().unwrap_or_else(|| "secnet".into());
    let get = |who: &str, purpose: Purpose| {
        format!(
            "{} --dir {} get {} --as {who} --purpose {purpose} --category {} --max-price {} --url {url}",
            quoted(&program),
            quoted(&place.path().display().to_string()),
            made.dataset,
            made.category,
            sample::PRICE,
        )
    };
    let commands = [
        (get("dr-bo", Purpose::Treatment), "allowed, and paid", 0),
        (get("rita", Purpose::Treatment), "denied by policy: rita may read for research", 3),
        (get("eve", Purpose::Treatment), "held by the guard, for an hour: eve has been probing", 4),
    ];
    let commands: Vec<Value> = commands.into_iter().map(|(command, outcome, exit)| {
        json!({ "command": command, "outcome": outcome, "exit": exit })
    }).collect();
    json!({
        "url": url, "dir": place.path(), "keys": place.path().join("keys"),
        "dataset": made.dataset.to_string(), "members": members, "commands": commands,
    })
}

fn text(value: &Value, place: &Place) -> String {
    let word = |value: &Value, field: &str| {
        value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let list = |field: &str| value.get(field).and_then(Value::as_array).into_iter().flatten();
    let mut lines = vec![
        format!("A node serves on {}; /openapi.json describes it.", word(value, "url")),
        String::new(),
    ];
    for member in list("members") {
        lines.push(format!(
            "  {:14} {:>4}  {}  {}",
            word(member, "name"),
            word(member, "balance"),
            word(member, "member"),
            word(member, "part"),
        ));
    }
    lines
        .push(format!("\nTheir keys are in {}; its passphrase is published.", word(value, "keys")));
    lines.push("Try, in another terminal:".into());
    for command in list("commands") {
        lines.push(format!("\n  # {}", word(command, "outcome")));
        lines.push(format!("  {}", word(command, "command")));
    }
    lines.push(match place {
        Place::Named(_) => "\nCtrl-C stops it; the folder stays.".into(),
        Place::Passing(_) => "\nCtrl-C stops it and removes all of it.".into(),
    });
    lines.join("\n")
}
