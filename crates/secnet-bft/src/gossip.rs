//! Validators tell each other of their clients' commands, so that whoever leads can put them into a block.
//!
//! One message is a CBOR array of byte strings, each a signed command.

use std::sync::Arc;

use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::Clock;
use futures::FutureExt as _;
use secnet_types::{decode, encode, limits::MAX_COMMAND_BYTES};
use tokio::sync::mpsc;

use crate::ledger::Ledger;
use crate::limits::{GOSSIP_PAUSE, MAX_GOSSIP_BYTES, MAX_HEARD_AT_ONCE};

/// Longest message: its commands, each with a length, in an array.
pub(crate) const MAX_MESSAGE_BYTES: usize = MAX_GOSSIP_BYTES + MAX_COMMAND_BYTES + 16 * 1024;

type Commands = Vec<minicbor::bytes::ByteVec>;

/// Tell the others of what comes in here.
pub(crate) async fn tell(
    runtime: impl Clock,
    mut untold: mpsc::Receiver<Vec<u8>>,
    mut others: impl Sender,
) {
    while let Some(first) = untold.recv().await {
        let mut bytes = first.len();
        let mut commands: Commands = vec![first.into()];
        // Each counts for at least as much as its length takes, so that many small ones fit as well.
        while bytes.saturating_add(commands.len().saturating_mul(4)) < MAX_GOSSIP_BYTES {
            let Ok(next) = untold.try_recv() else { break };
            bytes = bytes.saturating_add(next.len());
            commands.push(next.into());
        }
        // Who does not get it now gets it in a block, or is told again when blocks pass it over.
        drop(others.send(Recipients::All, encode(&commands), false));
        runtime.sleep(GOSSIP_PAUSE).await;
    }
}

/// Take what others tell of. What comes in during a pause is checked together: a signature costs half of what it does alone.
pub(crate) async fn hear(runtime: impl Clock, ledger: Arc<Ledger>, mut others: impl Receiver) {
    while let Ok(first) = others.recv().await {
        let (mut peers, mut all) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some((peer, message)) = next.take() {
            let message = bytes::Bytes::from(message);
            match decode::<Commands>("commands", &message, MAX_MESSAGE_BYTES) {
                Ok(commands) => {
                    peers.extend(std::iter::repeat_n(peer, commands.len()));
                    all.extend(commands.into_iter().map(Vec::from));
                }
                Err(_) => tracing::warn!(?peer, "a message that holds no commands was dropped"),
            }
            if all.len() < MAX_HEARD_AT_ONCE {
                next = others.recv().now_or_never().and_then(Result::ok);
            }
        }
        for (peer, valid) in peers.into_iter().zip(ledger.hear(&all)) {
            if !valid {
                tracing::warn!(?peer, "a command that is not valid was dropped");
            }
        }
        runtime.sleep(GOSSIP_PAUSE).await;
    }
}
