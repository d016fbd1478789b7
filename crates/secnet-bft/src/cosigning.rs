//! Validators sign the log for programs that do not know the engine's certificates: a node asks all of them to sign what a
//! certified header says of it, and keeps what a quorum has signed.
//!
//! A question is `[0, [height]]`: sign the log of the header at this height. The answer is `[1, [height, cosignature]]`. Each
//! signs what its own durable header says, whatever the asker thinks of it, and only its signature is believed.

use std::sync::Arc;

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Spawner};
use futures::future::{Either, select};
use minicbor::{Decode, Encode};
use secnet_crypto::SigningKey;
use secnet_node::{Cosignature, Cosigned, Cosigning};
use secnet_types::{ValidatorKey, decode, encode};
use tokio::sync::mpsc;

use crate::epochs::named;
use crate::ledger::Ledger;
use crate::limits::{COSIGN_PAUSE, COSIGN_TIMEOUT, MAX_UNTAKEN_COSIGNATURES};
use crate::node::Channel;

/// Longest message: two numbers and two signatures, with what frames them.
pub(crate) const MAX_MESSAGE_BYTES: usize = 256;

#[derive(Debug, Encode, Decode)]
enum Message {
    #[n(0)]
    Sign(#[n(0)] u64),
    #[n(1)]
    Signed(#[n(0)] u64, #[n(1)] Cosignature),
}

/// Who signed what of the header at this height.
type Came = (ValidatorKey, u64, Cosignature);

/// Sign for others, with this key, and gather what they sign.
pub(crate) fn serve<E, S, R>(
    runtime: &E,
    (ledger, key): (Arc<Ledger>, Arc<SigningKey>),
    (sender, receiver): Channel<S, R>,
) where
    E: Spawner + Clock,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let (came, coming) = mpsc::channel(MAX_UNTAKEN_COSIGNATURES);
    let (signing, asking) = ((Arc::clone(&ledger), Arc::clone(&key)), sender.clone());
    runtime.child("cosign").spawn(move |_| hear(signing, came, (sender, receiver)));
    runtime.child("gather").spawn(move |runtime| gather(runtime, (ledger, key), coming, asking));
}

async fn hear<S, R>(
    (ledger, key): (Arc<Ledger>, Arc<SigningKey>),
    came: mpsc::Sender<Came>,
    (mut others, mut heard): Channel<S, R>,
) where
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    while let Ok((peer, message)) = heard.recv().await {
        let message = bytes::Bytes::from(message);
        match decode::<Message>("cosignature", &message, MAX_MESSAGE_BYTES) {
            Ok(Message::Sign(height)) => {
                // What is not durable here yet is asked for again.
                if let Some(cosignature) = sign(&ledger, &key, height) {
                    let answer = encode(&Message::Signed(height, cosignature));
                    drop(others.send(Recipients::One(peer), answer, false));
                }
            }
            Ok(Message::Signed(height, cosignature)) => {
                // Nobody waits for more than this.
                drop(came.try_send((named(&peer), height, cosignature)));
            }
            Err(_) => tracing::warn!(?peer, "a message that is no cosignature was dropped"),
        }
    }
}

fn sign(ledger: &Ledger, key: &SigningKey, height: u64) -> Option<Cosignature> {
    let chain = ledger.chain();
    let said = chain.log_statement(height).unwrap_or_else(|error| {
        tracing::error!(%error, "a header that others ask about cannot be read");
        None
    });
    said?.cosign(chain.genesis(), ledger.now().0 / 1000, key).ok()
}

/// Whenever the log has grown, at most once in a while. It is looked for by the clock and not with those who wait for the next
/// block: who of these is woken first is left to chance, and a simulated run is to be repeatable.
async fn gather<E: Clock>(
    runtime: E,
    (ledger, key): (Arc<Ledger>, Arc<SigningKey>),
    mut coming: mpsc::Receiver<Came>,
    mut others: impl Sender<PublicKey = PublicKey>,
) {
    loop {
        runtime.sleep(COSIGN_PAUSE).await;
        let before = ledger.cosigned().map_or(0, |cosigned| cosigned.statement().size);
        if ledger.chain().executor().log_size() <= before {
            continue;
        }
        match ledger.chain().cosigning(before) {
            Ok(Some(cosigning)) => {
                let asked = (cosigning, &*key);
                let signed = ask(&runtime, &ledger, asked, (&mut coming, &mut others)).await;
                if let Some(cosigned) = signed {
                    ledger.keep_cosigned(cosigned);
                }
            }
            // What is certified ends below, or there is nothing yet.
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "what is to be cosigned cannot be read"),
        }
    }
}

/// Until a quorum has signed; none if it does not in time.
async fn ask<E: Clock>(
    runtime: &E,
    ledger: &Ledger,
    (mut cosigning, key): (Cosigning, &SigningKey),
    (coming, others): (&mut mpsc::Receiver<Came>, &mut impl Sender<PublicKey = PublicKey>),
) -> Option<Cosigned> {
    let height = cosigning.statement().height;
    if let Some(own) = sign(ledger, key, height) {
        cosigning.take(ValidatorKey(*key.verifying_key().as_bytes()), own);
    }
    drop(others.send(Recipients::All, encode(&Message::Sign(height)), false));
    let mut left = Box::pin(runtime.sleep(COSIGN_TIMEOUT));
    loop {
        if let Some(cosigned) = cosigning.enough() {
            return Some(cosigned);
        }
        let next = std::pin::pin!(coming.recv());
        match select(next, &mut left).await {
            Either::Left((Some((from, of, cosignature)), _)) if of == height => {
                if !cosigning.take(from, cosignature) {
                    // A follower's is of no use, and a validator's that does not hold is a fault.
                    tracing::debug!(?from, height, "a cosignature does not count");
                }
            }
            Either::Left((Some(_), _)) => {}
            Either::Left((None, _)) | Either::Right(_) => return None,
        }
    }
}
