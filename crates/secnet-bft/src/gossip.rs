//! Validators tell each other of their clients' commands, so that whoever leads can put them into a block.
//!
//! One message is a CBOR array of byte strings, each a signed command.

use std::sync::Arc;

use commonware_p2p::{Receiver, Recipients, Sender};
use secnet_types::{decode, encode, limits::MAX_COMMAND_BYTES};
use tokio::sync::mpsc;

use crate::ledger::Ledger;
use crate::limits::MAX_GOSSIP_BYTES;

/// Longest message: its commands, each with a length, in an array.
pub(crate) const MAX_MESSAGE_BYTES: usize = MAX_GOSSIP_BYTES + MAX_COMMAND_BYTES + 16 * 1024;

type Commands = Vec<minicbor::bytes::ByteVec>;

/// Tell the others of what comes in here.
pub(crate) async fn tell(mut untold: mpsc::Receiver<Vec<u8>>, mut others: impl Sender) {
    while let Some(first) = untold.recv().await {
        let mut bytes = first.len();
        let mut commands: Commands = vec![first.into()];
        // Each counts for at least as much as its length takes, so that many small ones fit as well.
        while bytes.saturating_add(commands.len().saturating_mul(4)) < MAX_GOSSIP_BYTES {
            let Ok(next) = untold.try_recv() else { break };
            bytes = bytes.saturating_add(next.len());
            commands.push(next.into());
        }
        // Who does not get it now gets it in a block.
        drop(others.send(Recipients::All, encode(&commands), false));
    }
}

/// Take what others tell of.
pub(crate) async fn hear(ledger: Arc<Ledger>, mut others: impl Receiver) {
    while let Ok((peer, message)) = others.recv().await {
        let message = bytes::Bytes::from(message);
        let Ok(commands) = decode::<Commands>("commands", &message, MAX_MESSAGE_BYTES) else {
            tracing::warn!(?peer, "a message that holds no commands was dropped");
            continue;
        };
        let invalid = ledger.hear(commands.into_iter().map(Vec::from).collect());
        if invalid > 0 {
            tracing::warn!(?peer, invalid, "commands that are not valid were dropped");
        }
    }
}
