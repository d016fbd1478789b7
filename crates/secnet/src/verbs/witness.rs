//! `secnet witness`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secnet_types::{Digest, Genesis, limits};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::remote::{MAX_CA_BYTES, Published};
use crate::witness::{Alarm, Kept, Look, agree, look};

/// Most places that one witness looks at.
const MAX_PLACES: usize = 128;

#[derive(Debug, Args)]
pub(crate) struct WitnessArgs {
    /// Where the network's log is published: nodes, or folders on web servers.
    #[arg(required = true, value_name = "URL")]
    places: Vec<String>,
    /// How the network began. Default: genesis.cbor in the data folder.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// What was seen, and is compared with: made if it is not there. Keep it where nobody who publishes the log can write.
    #[arg(long, value_name = "FILE")]
    kept: PathBuf,
    /// Look once, and not again and again.
    #[arg(long)]
    once: bool,
    /// Seconds from one look to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Trust the certificates in this PEM file, and no other, for TLS.
    #[arg(long, env = "SECNET_CA", hide_env_values = true, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Look at what is published, until something is wrong.
pub(crate) async fn run(globals: &Globals, out: Output, args: WitnessArgs) -> Result<(), Failure> {
    if args.places.len() > MAX_PLACES {
        return Err(Failure::new(
            "usage",
            format!("a witness looks at {MAX_PLACES} places at most"),
        )
        .hint("let another witness look at the others")
        .exit(Exit::Usage));
    }
    let genesis = args.genesis.unwrap_or_else(|| globals.dir.join("genesis.cbor"));
    let genesis = files::read(&genesis, limits::MAX_GENESIS_BYTES as u64)?;
    let genesis = Genesis::parse(&genesis).map_err(|error| {
        Failure::new(error.code(), "the genesis does not hold")
            .because(&error)
            .hint("get genesis.cbor from somebody whom you believe")
            .exit(Exit::Verification)
    })?;
    let ca = args.ca.as_deref().map(|ca| files::read(ca, MAX_CA_BYTES)).transpose()?;
    let ca = ca.as_ref().map(|ca| ca.as_slice());
    let places = args.places.iter().map(|url| Published::new(url, ca));
    let places = places.collect::<Result<Vec<_>, _>>()?;
    let mut kept = Kept::open(&args.kept, &genesis)?;
    let mut told = String::new();
    loop {
        let round = round(&genesis, &places, &mut kept).await?;
        let news = text(&round);
        if args.once || news != told {
            kept.save()?;
            out.result(&value(&genesis, &round), |_| news.clone());
            told = news;
        }
        if args.once {
            return unread(&round);
        }
        tokio::time::sleep(Duration::from_secs(args.every)).await;
    }
}

/// What came of one place in one round.
struct Place<'a> {
    url: &'a str,
    said: Said,
}

enum Said {
    /// It continues what was seen before, events of which there were so many.
    Holds {
        before: u64,
        events: u64,
        root: Digest,
    },
    Nothing(String),
}

/// Look at each place, and compare each with the longest.
async fn round<'a>(
    genesis: &Genesis,
    places: &'a [Published],
    kept: &mut Kept,
) -> Result<Vec<Place<'a>>, Failure> {
    let mut round = Vec::new();
    for at in places {
        let last = kept.seen.get(at.base());
        let said = match look(genesis, at, last).await {
            Look::Alarm(alarm) => return Err(ring(kept, &alarm)),
            Look::Nothing(why) => Said::Nothing(why),
            Look::Continues(now) => {
                let (before, events) = (last.map_or(0, |last| last.size()), now.size());
                let root = Digest(now.checkpoint.root().0);
                kept.seen.insert(at.base().to_owned(), now);
                Said::Holds { before, events, root }
            }
        };
        round.push(Place { url: at.base(), said });
    }
    let seen = || places.iter().filter_map(|at| Some((at, kept.seen.get(at.base())?)));
    if let Some(longest) = seen().max_by_key(|(_, seen)| seen.size()) {
        for other in seen().filter(|(at, _)| at.base() != longest.0.base()) {
            if let Err(alarm) = agree(longest, other).await {
                return Err(ring(kept, &alarm));
            }
        }
    }
    Ok(round)
}

/// What is wrong, with the proof of it kept. What was known before stays as it is.
fn ring(kept: &Kept, alarm: &Alarm) -> Failure {
    let failure = alarm.failure.clone().exit(Exit::Verification);
    match kept.save_alarm(alarm) {
        Ok(file) => failure.hint(format!(
            "`{}` holds the checkpoints that show it: show them to the other members, and believe nothing newer from there",
            file.display()
        )),
        Err(unsaved) => failure.hint(format!("the proof could not be kept: {}", unsaved.message)),
    }
}

/// Of a single look, that a place could not be read is a failure.
fn unread(round: &[Place<'_>]) -> Result<(), Failure> {
    let unread = round.iter().find_map(|place| match &place.said {
        Said::Nothing(why) => Some(format!("nothing can be read at {}: {why}", place.url)),
        _ => None,
    });
    match unread {
        Some(said) => Err(Failure::new("unreachable", said)
            .hint("does a node that publishes its log run there? what was seen elsewhere is kept")
            .exit(Exit::Unreachable)),
        None => Ok(()),
    }
}

fn value(genesis: &Genesis, round: &[Place<'_>]) -> Value {
    let places = round.iter().map(|place| match &place.said {
        Said::Holds { before, events, root } => json!({
            "url": place.url, "holds": true, "before": before, "events": events, "root": root.to_string(),
        }),
        Said::Nothing(why) => json!({ "url": place.url, "holds": null, "why_not": why }),
    });
    json!({ "network": genesis.network().to_string(), "places": places.collect::<Vec<_>>() })
}

fn text(round: &[Place<'_>]) -> String {
    let line = |place: &Place<'_>| match &place.said {
        Said::Holds { before: 0, events, root } => {
            format!("{}: {events} events, root {root}", place.url)
        }
        Said::Holds { before, events, root } => {
            format!("{}: {events} events, root {root}; continues {before} seen before", place.url)
        }
        Said::Nothing(why) => format!("{}: nothing can be read: {why}", place.url),
    };
    round.iter().map(line).collect::<Vec<_>>().join("\n")
}
