//! A node that hears of an epoch it does not know asks who speaks of it for what leads there.
//!
//! A question is `[0, [epoch]]`: what comes after this epoch? The answer is `[1, [epoch, [* handover]]]`. Whoever gives it need
//! not be believed: each handover is proved by the validators before it.

use std::sync::Arc;

use commonware_consensus::types::Height;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Spawner};
use commonware_utils::vec::NonEmptyVec;
use minicbor::{Decode, Encode};
use secnet_types::{Handover, decode, encode};
use tokio::sync::mpsc;

use crate::apply::Marshal;
use crate::epochs::KnownEpochs;
use crate::ledger::Ledger;
use crate::limits::{HANDOVERS_PAUSE, MAX_HANDOVERS_BYTES, MAX_UNASKED};
use crate::node::{Ahead, Channel};

/// Longest message.
pub(crate) const MAX_MESSAGE_BYTES: usize = MAX_HANDOVERS_BYTES + 1024;

#[derive(Debug, Encode, Decode)]
enum Message {
    #[n(0)]
    After(#[n(0)] u64),
    #[n(1)]
    Handovers(#[n(0)] u64, #[n(1)] Vec<Handover>),
}

/// Answer others, and ask those who are further on. What is returned takes in who that is.
pub(crate) fn serve<E, S, R>(
    runtime: &E,
    (ledger, epochs, marshal): (Arc<Ledger>, KnownEpochs, Marshal),
    (sender, receiver): Channel<S, R>,
) -> mpsc::Sender<Ahead>
where
    E: Spawner + Clock,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let (ahead, asked) = mpsc::channel(MAX_UNASKED);
    let (asking, known) = (sender.clone(), epochs.clone());
    runtime.child("ask").spawn(move |runtime| ask(runtime, known, asked, asking));
    runtime.child("hand").spawn(move |_| hear(ledger, epochs, marshal, (sender, receiver)));
    ahead
}

async fn ask(
    runtime: impl Clock,
    epochs: KnownEpochs,
    mut ahead: mpsc::Receiver<Ahead>,
    mut others: impl Sender<PublicKey = PublicKey>,
) {
    while let Some((epoch, peer)) = ahead.recv().await {
        let known = epochs.newest();
        if epoch > known {
            drop(others.send(Recipients::One(peer), encode(&Message::After(known)), false));
            runtime.sleep(HANDOVERS_PAUSE).await;
        }
    }
}

async fn hear<S, R>(
    ledger: Arc<Ledger>,
    epochs: KnownEpochs,
    marshal: Marshal,
    (mut others, mut heard): Channel<S, R>,
) where
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    while let Ok((peer, message)) = heard.recv().await {
        let message = bytes::Bytes::from(message);
        match decode::<Message>("handovers", &message, MAX_MESSAGE_BYTES) {
            Ok(Message::After(epoch)) => {
                let answer = encode(&Message::Handovers(epoch, after(&ledger, epoch)));
                drop(others.send(Recipients::One(peer), answer, false));
            }
            Ok(Message::Handovers(from, handovers)) => {
                let before = epochs.newest();
                if let Err(error) = epochs.learn(from, &handovers) {
                    tracing::warn!(?peer, %error, "another node hands over what it cannot prove");
                }
                fetch_last(&epochs, before, &marshal, peer);
            }
            Err(_) => tracing::warn!(?peer, "a message that holds no handovers was dropped"),
        }
    }
}

/// The last block of the newest epoch that is over is what the next one's blocks follow; who knows of it has it.
fn fetch_last(epochs: &KnownEpochs, before: u64, marshal: &Marshal, peer: PublicKey) {
    let newest = epochs.newest();
    if newest > before
        && let Some(last) = epochs.last_of(newest.saturating_sub(1))
    {
        marshal.hint_finalized(Height::new(last), NonEmptyVec::new(peer));
    }
}

/// As many as fit into a message.
fn after(ledger: &Ledger, epoch: u64) -> Vec<Handover> {
    let mut handovers = ledger.chain().handovers_from(epoch).unwrap_or_else(|error| {
        tracing::error!(%error, "what leads to later validators cannot be read");
        Vec::new()
    });
    let mut bytes = 0_usize;
    let fit = handovers.iter().take_while(|handover| {
        bytes = bytes.saturating_add(encode(*handover).len());
        bytes <= MAX_HANDOVERS_BYTES
    });
    let fit = fit.count();
    handovers.truncate(fit);
    handovers
}
