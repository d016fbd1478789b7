//! A witness keeps the checkpoints that it saw of a network's log, and asks of each new one that it continues them. Whoever
//! publishes the log cannot take anything back, nor tell two people two stories, without a witness of both noticing.

mod kept;

pub(crate) use kept::Kept;

use secnet_crypto::{Checkpoint, CheckpointError, NoteError};
use secnet_node::open_checkpoint;
use secnet_types::Genesis;

use crate::failure::Failure;
use crate::remote::{NotRead, Published, Tiles};

/// How often a node is asked again whose log grew while it was read.
const TRIES: usize = 3;

/// A checkpoint that holds, as it was published.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub checkpoint: Checkpoint,
    pub note: String,
}

impl Seen {
    pub(crate) fn new(genesis: &Genesis, note: String) -> Result<Self, CheckpointError> {
        open_checkpoint(genesis, &note).map(|checkpoint| Self { checkpoint, note })
    }

    pub(crate) fn size(&self) -> u64 {
        self.checkpoint.size()
    }
}

/// What must not be.
#[derive(Debug)]
pub(crate) struct Alarm {
    pub failure: Failure,
    /// The checkpoints that show it, with where each is from.
    pub proof: Vec<(String, String)>,
}

/// What came of looking at one place.
#[derive(Debug)]
pub(crate) enum Look {
    /// It continues what was seen there.
    Continues(Seen),
    /// There is nothing to be read.
    Nothing(String),
    Alarm(Alarm),
}

/// Look at what is published, and whether it continues what was seen there.
pub(crate) async fn look(genesis: &Genesis, at: &Published, last: Option<&Seen>) -> Look {
    let mut left = TRIES;
    loop {
        left = left.saturating_sub(1);
        match look_once(genesis, at, last).await {
            // It may have grown while it was read: what was its edge is there no more.
            Err(NotRead::Missing) if left > 0 => {}
            Err(NotRead::Missing) => {
                return Look::Nothing("it publishes no whole log".into());
            }
            Err(NotRead::Unreachable(why)) => return Look::Nothing(why),
            Ok(look) => return look,
        }
    }
}

async fn look_once(
    genesis: &Genesis,
    at: &Published,
    last: Option<&Seen>,
) -> Result<Look, NotRead> {
    let note = at.checkpoint().await?;
    let place = at.base();
    let alarm = |failure, note| {
        let kept = last.map(|last| (place.to_owned(), last.note.clone()));
        let proof = kept.into_iter().chain([(place.to_owned(), note)]).collect();
        Ok(Look::Alarm(Alarm { failure, proof }))
    };
    let now = match Seen::new(genesis, note.clone()) {
        Ok(now) => now,
        Err(CheckpointError::Note(why @ (NoteError::NotSigned(_) | NoteError::Invalid(_)))) => {
            let said = format!("the checkpoint at {place} does not hold: {why}");
            return alarm(Failure::new("not-certified", said), note);
        }
        // Something else is at that address.
        Err(why) => return Ok(Look::Nothing(why.to_string())),
    };
    let (size, before) = (now.size(), last.map_or(0, Seen::size));
    if size < before {
        let said = format!("{place} has published {before} events, and now publishes {size}");
        return alarm(Failure::new("rolled-back", said), note);
    }
    let mut tiles = Tiles::new(at, size);
    if tiles.root(size).await? != now.checkpoint.root() {
        let said = format!("the hashes that {place} publishes do not lead to its own checkpoint");
        return alarm(Failure::new("not-its-log", said), note);
    }
    // By hashes that lead to what is certified now.
    if let Some(last) = last
        && tiles.root(before).await? != last.checkpoint.root()
    {
        let said =
            format!("the first {before} events at {place} are not those that it published before");
        return alarm(Failure::new("rewritten", said), note);
    }
    Ok(Look::Continues(now))
}

/// Do two places tell one story? The longer one's log must begin with the shorter one's.
pub(crate) async fn agree(
    (longer, seen): (&Published, &Seen),
    (shorter, other): (&Published, &Seen),
) -> Result<(), Alarm> {
    let events = other.size();
    let mut tiles = Tiles::new(longer, seen.size());
    // Where it grew meanwhile, the next look compares.
    let Ok(root) = tiles.root(events).await else { return Ok(()) };
    let Ok(whole) = tiles.root(seen.size()).await else { return Ok(()) };
    if root == other.checkpoint.root() || whole != seen.checkpoint.root() {
        return Ok(());
    }
    let said = format!(
        "{} and {} have certified different histories: they differ within the first {events} events",
        shorter.base(),
        longer.base()
    );
    let proof = [(shorter, other), (longer, seen)];
    let proof = proof.map(|(at, seen)| (at.base().to_owned(), seen.note.clone())).into();
    Err(Alarm { failure: Failure::new("forked", said), proof })
}
