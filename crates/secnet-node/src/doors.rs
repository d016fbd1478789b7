//! Nodes ask each other which doors of data centres they know of. What is told is proved by whoever says it, so that anybody may tell
//! it on: a data centre is heard of also by those that it has no connection to.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use secnet_app::ports::{Clock, Log, View};
use secnet_app::{Doors, NodeAnswer, NodeQuestion};
use secnet_types::ValidatorKey;
use tokio::time::{Instant, sleep};

use crate::Link;

/// How often it is looked who is to be asked, and the pause after a peer was asked first.
const LOOK: Duration = Duration::from_secs(1);
/// The longest pause: each is twice as long as the one before.
const MAX_PAUSE: Duration = Duration::from_secs(64);

/// When a peer is asked next, and how long after that.
struct Turn {
    next: Instant,
    pause: Duration,
}

impl Turn {
    fn after(before: Option<&Self>, now: Instant) -> Self {
        let pause = before.map_or(LOOK, |turn| turn.pause.saturating_mul(2).min(MAX_PAUSE));
        Self { next: now + pause, pause }
    }
}

/// Ask the others, whoever is met anew at once and often, for as long as it is wanted. It never ends by itself.
pub async fn learn_doors(doors: &Doors, log: &dyn Log, link: &dyn Link, clock: &dyn Clock) {
    let mut turns: BTreeMap<ValidatorKey, Turn> = BTreeMap::new();
    loop {
        let (now, peers) = (Instant::now(), link.peers());
        turns.retain(|peer, _| peers.contains(peer));
        let is_due = |peer: &ValidatorKey| turns.get(peer).is_none_or(|turn| turn.next <= now);
        let due: Vec<ValidatorKey> = peers.into_iter().filter(is_due).collect();
        for peer in &due {
            let turn = Turn::after(turns.get(peer), now);
            turns.insert(*peer, turn);
        }
        let asked = due.into_iter().map(|peer| link.ask(peer, NodeQuestion::Doors.to_bytes()));
        for answer in join_all(asked).await.into_iter().flatten() {
            // One of another version does not understand the question.
            if let Ok(NodeAnswer::Doors { doors: said }) = NodeAnswer::from_bytes(&answer) {
                let look = |reader: &mut dyn FnMut(&View<'_>)| log.read(reader);
                doors.hear(said, &look, clock.now());
            }
        }
        sleep(LOOK).await;
    }
}
