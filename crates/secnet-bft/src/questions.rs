//! Data centres ask release nodes over the network of validators, where each knows whom it talks to.
//!
//! A message is `[kind, id, bytes]` in canonical CBOR: kind 0 a question, kind 1 the answer to the question with that id. What is
//! in the bytes is the flow's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::Spawner;
use minicbor::{Decode, Encode};
use parking_lot::Mutex;
use secnet_app::ports::View;
use secnet_app::{MAX_RELEASE_MESSAGE_BYTES, ReleaseDesk, SignedNodeCard};
use secnet_node::Link;
use secnet_types::{ValidatorKey, decode, encode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::ledger::Ledger;
use crate::limits::{ANSWER_TIMEOUT, MAX_ASKED_BYTES, MAX_QUESTIONS};
use crate::log::Peers;

/// Longest message.
pub(crate) const MAX_MESSAGE_BYTES: usize = MAX_RELEASE_MESSAGE_BYTES + 64;

/// What answers others' questions.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The release node.
    pub desk: Arc<ReleaseDesk>,
    /// Whose it is.
    pub card: SignedNodeCard,
}

#[derive(Debug, Encode, Decode)]
struct Message {
    #[n(0)]
    kind: Kind,
    #[n(1)]
    id: u64,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    bytes: Vec<u8>,
}

impl Message {
    /// What it counts for while it waits, in bytes: a place is worth something too.
    fn weight(&self) -> usize {
        self.bytes.len().max(MAX_ASKED_BYTES / (MAX_QUESTIONS / 4))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
enum Kind {
    #[n(0)]
    Question,
    #[n(1)]
    Answer,
}

/// To whom, and what.
type Outgoing = (ValidatorKey, Message);

/// How many bytes of each peer's questions wait, so that none crowds out the others.
type Load = Arc<Mutex<BTreeMap<ValidatorKey, usize>>>;

/// The way to the desk of this node.
struct Asked {
    to_answer: mpsc::Sender<Outgoing>,
    load: Load,
}

impl Asked {
    /// Is there room for another question of this peer?
    fn take(&self, peer: ValidatorKey, message: Message) -> bool {
        let (weight, mut load) = (message.weight(), self.load.lock());
        let waits = load.entry(peer).or_default();
        let more = waits.saturating_add(weight);
        if more > MAX_ASKED_BYTES || self.to_answer.try_send((peer, message)).is_err() {
            return false;
        }
        *waits = more;
        true
    }
}

/// The questions to the desk of this node.
struct ToAnswer {
    asked: mpsc::Receiver<Outgoing>,
    load: Load,
}

/// From those who hear questions to the one who answers them.
fn to_answer() -> (Asked, ToAnswer) {
    let (to_answer, asked) = mpsc::channel(MAX_QUESTIONS);
    let load = Load::default();
    (Asked { to_answer, load: Arc::clone(&load) }, ToAnswer { asked, load })
}

/// Who waits for which answer, and of whom.
type Waiting = Mutex<BTreeMap<u64, (ValidatorKey, oneshot::Sender<Vec<u8>>)>>;

/// The way to other nodes' desks, over the network of validators.
#[derive(Debug)]
pub struct Questions {
    out: mpsc::Sender<Outgoing>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    peers: Peers,
}

/// The other end of it, for the engine's tasks.
#[derive(Debug)]
pub struct Counter {
    to_send: mpsc::Receiver<Outgoing>,
    out: mpsc::Sender<Outgoing>,
    waiting: Arc<Waiting>,
    desk: Option<Desk>,
}

pub(crate) fn questions(desk: Option<Desk>, peers: Peers) -> (Questions, Counter) {
    let (out, to_send) = mpsc::channel(MAX_QUESTIONS);
    let waiting = Arc::new(Waiting::default());
    let counter = Counter { to_send, out: out.clone(), waiting: Arc::clone(&waiting), desk };
    (Questions { out, waiting, next: AtomicU64::new(0), peers }, counter)
}

/// Whoever does not wait any more is forgotten.
struct Waits<'w>(&'w Waiting, u64);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

#[async_trait]
impl Link for Questions {
    fn peers(&self) -> Vec<ValidatorKey> {
        self.peers.lock().0.clone()
    }

    async fn ask(&self, peer: ValidatorKey, question: Vec<u8>) -> Option<Vec<u8>> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        self.waiting.lock().insert(id, (peer, reply));
        let _waits = Waits(&self.waiting, id);
        let message = Message { kind: Kind::Question, id, bytes: question };
        let asked = async {
            self.out.send((peer, message)).await.ok()?;
            answer.await.ok()
        };
        timeout(ANSWER_TIMEOUT, asked).await.ok()?
    }
}

/// Ask and answer as a release node.
pub(crate) fn serve<E, S, R>(
    runtime: &E,
    ledger: &Arc<Ledger>,
    Counter { to_send, out, waiting, desk }: Counter,
    (tellers, hearers): (S, R),
) where
    E: Spawner,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let asked = desk.map(|desk| {
        let (asked, questions) = to_answer();
        let ledger = Arc::clone(ledger);
        // Each takes cryptography, so they have a thread of their own.
        runtime.child("release").dedicated().spawn(move |_| answer(desk, ledger, questions, out));
        asked
    });
    runtime.child("ask").spawn(move |_| send(to_send, tellers));
    runtime.child("asked").spawn(move |_| hear(waiting, asked, hearers));
}

/// Send what there is to send.
async fn send<S: Sender<PublicKey = PublicKey>>(
    mut to_send: mpsc::Receiver<Outgoing>,
    mut others: S,
) {
    while let Some((peer, message)) = to_send.recv().await {
        let (Ok(peer), bytes) = (PublicKey::decode(Copying(&peer.0)), encode(&message)) else {
            continue;
        };
        if bytes.len() > MAX_MESSAGE_BYTES {
            tracing::warn!(bytes = bytes.len(), "a question or an answer is too long to be sent");
            continue;
        }
        // What is lost is asked again, or not answered in time.
        drop(others.send(Recipients::One(peer), bytes, false));
    }
}

/// Take what others ask and answer.
async fn hear<R: Receiver<PublicKey = PublicKey>>(
    waiting: Arc<Waiting>,
    asked: Option<Asked>,
    mut others: R,
) {
    while let Ok((peer, message)) = others.recv().await {
        let Ok(peer) = <[u8; 32]>::try_from(&*peer.encode()).map(ValidatorKey) else { continue };
        let message = bytes::Bytes::from(message);
        let Ok(message) = decode::<Message>("message", &message, MAX_MESSAGE_BYTES) else {
            tracing::warn!(?peer, "a message that is no question and no answer was dropped");
            continue;
        };
        match (message.kind, &asked) {
            (Kind::Question, Some(asked)) => {
                if !asked.take(peer, message) {
                    tracing::warn!(?peer, "a question was dropped: too many wait");
                }
            }
            // No desk here.
            (Kind::Question, None) => {}
            (Kind::Answer, _) => {
                let mut waiting = waiting.lock();
                // Only of whom was asked: anybody could guess an id.
                if waiting.get(&message.id).is_some_and(|(of, _)| *of == peer)
                    && let Some((_, reply)) = waiting.remove(&message.id)
                {
                    // Who asked may have enough already.
                    drop(reply.send(message.bytes));
                }
            }
        }
    }
}

/// Answer one question after the other.
async fn answer(
    Desk { desk, card }: Desk,
    ledger: Arc<Ledger>,
    ToAnswer { mut asked, load }: ToAnswer,
    out: mpsc::Sender<Outgoing>,
) {
    let look = |reader: &mut dyn FnMut(&View<'_>)| ledger.read(reader);
    while let Some((peer, message)) = asked.recv().await {
        if let Some(waits) = load.lock().get_mut(&peer) {
            *waits = waits.saturating_sub(message.weight());
        }
        let Message { id, bytes, .. } = message;
        let bytes = desk.answer(&bytes, &card, &look);
        // It waits for nobody: a peer whose answers are not taken gets none.
        drop(out.try_send((peer, Message { kind: Kind::Answer, id, bytes })));
    }
}

impl Counter {
    /// One that asks nobody and answers nobody.
    #[must_use]
    pub fn closed() -> Self {
        questions(None, Peers::default()).1
    }
}
