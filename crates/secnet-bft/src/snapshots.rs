//! A node that comes late gets the ledger of another: all blocks and events, and the state after the last of them, proved by one
//! certified header; only what came since it gets from the engine, block by block.
//!
//! Every node hands out what it has. A question has a number, under which the answer comes; nobody need be believed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Spawner};
use futures::future::{Either, select};
use minicbor::{Decode, Encode};
use parking_lot::Mutex;
use secnet_node::{Drawn, HandedBlock, Offer, Snapshot};
use secnet_types::{Digest, decode, encode};
use tokio::sync::mpsc;

use crate::ledger::Ledger;
use crate::limits::{
    MAX_SNAPSHOT_BLOCKS, MAX_SNAPSHOT_MESSAGE_BYTES, MAX_UNHANDED, MIN_AWAY_MS, MIN_BEHIND_BLOCKS,
    MIN_BEHIND_EVENTS,
};
use crate::node::Channel;

mod late;

pub(crate) use late::catch_up;

#[derive(Debug, Clone, Copy, Encode, Decode)]
enum Question {
    /// How far are you?
    #[n(0)]
    Far,
    /// What have you to offer?
    #[n(1)]
    Offer,
    /// Blocks from this height on, below that one.
    #[n(2)]
    Blocks(#[n(0)] u64, #[n(1)] u64),
    /// Events from this index on, below that one.
    #[n(3)]
    Events(#[n(0)] u64, #[n(1)] u64),
    /// The chunk of your snapshot with this digest.
    #[n(4)]
    Chunk(#[n(0)] Digest),
}

#[derive(Debug, Encode, Decode)]
enum Answer {
    /// Height and events that are durable here.
    #[n(0)]
    Far(#[n(0)] u64, #[n(1)] u64),
    /// There is none yet: ask again.
    #[n(1)]
    Wait,
    #[n(2)]
    Offer(#[n(0)] Box<Offer>),
    #[n(3)]
    Blocks(#[n(0)] Vec<HandedBlock>),
    #[n(4)]
    Events(#[n(0)] Vec<minicbor::bytes::ByteVec>),
    #[n(5)]
    Chunk(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// That is not here, or not any more.
    #[n(6)]
    Gone,
}

#[derive(Debug, Encode, Decode)]
enum Message {
    #[n(0)]
    Ask(#[n(0)] u64, #[n(1)] Question),
    #[n(1)]
    Answer(#[n(0)] u64, #[n(1)] Answer),
}

/// Who waits for which answers, and of whom; of anybody if nobody is named.
type Waiting = Arc<Mutex<BTreeMap<u64, (Option<PublicKey>, mpsc::Sender<(PublicKey, Answer)>)>>>;

/// The way to others' ledgers.
pub(crate) struct Asker<S> {
    others: S,
    waiting: Waiting,
    next: AtomicU64,
}

/// A question that was sent. Whoever drops it waits no more.
struct Asked {
    waiting: Waiting,
    id: u64,
    answers: mpsc::Receiver<(PublicKey, Answer)>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}

impl<S: Sender<PublicKey = PublicKey>> Asker<S> {
    fn send(&mut self, to: Option<&PublicKey>, question: &Question) -> Asked {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, answers) = mpsc::channel(MAX_UNHANDED);
        self.waiting.lock().insert(id, (to.cloned(), reply));
        let recipients = to.map_or(Recipients::All, |peer| Recipients::One(peer.clone()));
        let message = encode(&Message::Ask(id, *question));
        drop(self.others.send(recipients, message, false));
        Asked { waiting: Arc::clone(&self.waiting), id, answers }
    }
}

impl Asked {
    /// The next answer; none if there is none within this time.
    async fn within(
        &mut self,
        runtime: &impl Clock,
        time: Duration,
    ) -> Option<(PublicKey, Answer)> {
        let sleep = Box::pin(runtime.sleep(time));
        let answer = std::pin::pin!(self.answers.recv());
        match select(answer, sleep).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => None,
        }
    }
}

/// Hand out to others what is here, and take what they answer.
pub(crate) fn serve<E, S, R>(
    runtime: &E,
    ledger: &Arc<Ledger>,
    (sender, receiver): Channel<S, R>,
) -> Asker<S>
where
    E: Spawner + Clock,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let waiting = Waiting::default();
    let (to_answer, asked) = mpsc::channel(MAX_UNHANDED);
    let (answering, answers) = (Arc::clone(ledger), sender.clone());
    // It reads from the disk.
    runtime.child("give").dedicated().spawn(move |_| answer(answering, asked, answers));
    let routes = Arc::clone(&waiting);
    runtime.child("arrive").spawn(move |_| route(routes, to_answer, receiver));
    Asker { others: sender, waiting, next: AtomicU64::new(0) }
}

async fn route<R: Receiver<PublicKey = PublicKey>>(
    waiting: Waiting,
    to_answer: mpsc::Sender<(PublicKey, u64, Question)>,
    mut heard: R,
) {
    while let Ok((peer, message)) = heard.recv().await {
        let message = bytes::Bytes::from(message);
        match decode::<Message>("part of a ledger", &message, MAX_SNAPSHOT_MESSAGE_BYTES) {
            // If too many wait it is asked again.
            Ok(Message::Ask(id, question)) => drop(to_answer.try_send((peer, id, question))),
            Ok(Message::Answer(id, answer)) => {
                let waiting = waiting.lock();
                if let Some((of, reply)) = waiting.get(&id)
                    && of.as_ref().is_none_or(|of| *of == peer)
                {
                    // Who asked may have enough already.
                    drop(reply.try_send((peer, answer)));
                }
            }
            Err(_) => tracing::warn!(?peer, "a message that is no part of a ledger was dropped"),
        }
    }
}

/// The snapshot that this node hands out, and the one that it makes.
#[derive(Default)]
struct Shelf {
    drawn: Option<Drawn>,
    offered: Option<(Offer, Snapshot)>,
}

async fn answer<S: Sender<PublicKey = PublicKey>>(
    ledger: Arc<Ledger>,
    mut asked: mpsc::Receiver<(PublicKey, u64, Question)>,
    mut others: S,
) {
    let mut shelf = Shelf::default();
    // What was written down before the start nobody can ask for.
    if let Err(error) = ledger.chain().forget_snapshot() {
        tracing::warn!(%error, "an old snapshot cannot be removed");
    }
    while let Some((peer, id, question)) = asked.recv().await {
        let answer = shelf.answer(&ledger, question).unwrap_or_else(|error| {
            tracing::error!(%error, "what another node asks for cannot be read");
            Answer::Gone
        });
        drop(others.send(Recipients::One(peer), encode(&Message::Answer(id, answer)), false));
    }
}

impl Shelf {
    fn answer(
        &mut self,
        ledger: &Ledger,
        question: Question,
    ) -> Result<Answer, secnet_node::ChainError> {
        let chain = ledger.chain();
        Ok(match question {
            Question::Far => {
                let executor = chain.executor();
                Answer::Far(executor.height(), executor.log_size())
            }
            Question::Offer => {
                self.offer(ledger)?.map_or(Answer::Wait, |offer| Answer::Offer(Box::new(offer)))
            }
            Question::Blocks(from, below) => Answer::Blocks(chain.hand_blocks(from, below)?),
            Question::Events(from, end) => {
                let events = chain.hand_events(from, end)?;
                Answer::Events(events.into_iter().map(Into::into).collect())
            }
            Question::Chunk(digest) => {
                let chunk = match &self.offered {
                    Some((_, snapshot)) => snapshot.chunk(&digest)?,
                    None => None,
                };
                chunk.map_or(Answer::Gone, Answer::Chunk)
            }
        })
    }

    /// The snapshot that is there, if it is not old; else one is made, and there soon.
    fn offer(&mut self, ledger: &Ledger) -> Result<Option<Offer>, secnet_node::ChainError> {
        let chain = ledger.chain();
        let height = chain.executor().height();
        if let Some((offer, _)) = &self.offered
            && height.saturating_sub(offer.header.header.height) <= MAX_SNAPSHOT_BLOCKS
        {
            return Ok(Some(offer.clone()));
        }
        if let Some(drawn) = self.drawn.take() {
            match chain.certify(drawn) {
                Ok(Ok((offer, snapshot))) => {
                    self.offered = Some((offer.clone(), snapshot));
                    return Ok(Some(offer));
                }
                Ok(Err(drawn)) => {
                    self.drawn = Some(drawn);
                    return Ok(None);
                }
                // It is drawn anew, on another block.
                Err(secnet_node::ChainError::Uncertified(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(path) = chain.snapshot_path()
            && height > 0
        {
            // The one before goes with its file.
            self.offered = None;
            self.drawn = Some(chain.draw(&path)?);
        }
        Ok(None)
    }
}

/// When a node takes over the ledger of another.
#[derive(Debug, Clone, Copy)]
pub struct Behind {
    /// How old its last block must be by its clock, in milliseconds.
    pub away_ms: u64,
    /// Events that the other must have more.
    pub events: u64,
    /// Or blocks.
    pub blocks: u64,
}

impl Default for Behind {
    fn default() -> Self {
        Self { away_ms: MIN_AWAY_MS, events: MIN_BEHIND_EVENTS, blocks: MIN_BEHIND_BLOCKS }
    }
}
