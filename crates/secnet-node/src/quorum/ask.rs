//! One release node, asked until it has said yes or no.

use std::collections::BTreeSet;
use std::time::Duration;

use secnet_app::{Granted, NodeAnswer, NodeQuestion, PacketPart, ReleaseFailed, Wanted};
use secnet_lock::{ReleasePacket, ReleasedShares, UploadId};
use secnet_types::{Digest, RecordId, ValidatorKey};
use tokio::time::{Instant, sleep, timeout_at};

use super::Link;

/// Pause before a node that is a block behind is asked again.
const BEHIND_PAUSE: Duration = Duration::from_millis(3);

/// What is asked of whom.
pub(super) struct Asked<'a> {
    pub link: &'a dyn Link,
    pub peer: ValidatorKey,
    /// Digest of the node's key.
    pub node: Digest,
    pub granted: &'a Granted,
    pub parts: &'a [(&'a ReleasePacket, &'a Wanted)],
    /// Where the ledger here was when the decision was on it.
    pub height: u64,
}

impl Asked<'_> {
    /// The node's shares of these parts.
    pub(super) async fn shares(&self, end: Instant) -> Result<ReleasedShares, ReleaseFailed> {
        let shares = timeout_at(end, self.until_told()).await;
        shares.unwrap_or_else(|_| Err(ReleaseFailed("it did not answer in time".into())))
    }

    async fn until_told(&self) -> Result<ReleasedShares, ReleaseFailed> {
        let packets: Vec<(Digest, &ReleasePacket)> =
            self.parts.iter().map(|(packet, _)| (packet.digest(), *packet)).collect();
        let parts = packets.iter().zip(self.parts);
        let parts = parts.map(|((digest, _), (_, of))| PacketPart {
            packet: *digest,
            records: of.records.clone(),
        });
        let question = NodeQuestion::Release {
            ask: self.granted.permit().ask().clone(),
            parts: parts.collect(),
            height: self.height,
        };
        let question = question.to_bytes();
        let mut sent = false;
        loop {
            match self.ask(question.clone()).await? {
                NodeAnswer::Shares { shares } => return self.checked(shares),
                NodeAnswer::Behind { .. } => sleep(BEHIND_PAUSE).await,
                NodeAnswer::Missing { packets: missing } if !sent => {
                    for (digest, packet) in &packets {
                        if missing.contains(digest) {
                            self.send(packet).await?;
                        }
                    }
                    sent = true;
                }
                NodeAnswer::Refused { why } => return Err(ReleaseFailed(why.to_string())),
                _ => return Err(something_else()),
            }
        }
    }

    async fn send(&self, packet: &ReleasePacket) -> Result<(), ReleaseFailed> {
        match self.ask(NodeQuestion::Hold { packet: packet.clone() }.to_bytes()).await? {
            NodeAnswer::Held => Ok(()),
            NodeAnswer::Refused { why } => Err(ReleaseFailed(why.to_string())),
            _ => Err(something_else()),
        }
    }

    async fn ask(&self, question: Vec<u8>) -> Result<NodeAnswer, ReleaseFailed> {
        let answer = self.link.ask(self.peer, question).await;
        let answer = answer.ok_or_else(|| ReleaseFailed("it did not answer".into()))?;
        NodeAnswer::from_bytes(&answer).map_err(|_| something_else())
    }

    /// What is in it only the requester sees. That it says it answers this question is seen here, so that a node that does
    /// not is not counted.
    fn checked(&self, shares: ReleasedShares) -> Result<ReleasedShares, ReleaseFailed> {
        let named: BTreeSet<(UploadId, RecordId, u8)> = self
            .parts
            .iter()
            .flat_map(|(_, of)| of.records.iter().map(|record| (of.upload, *record, of.dealer)))
            .collect();
        let header = &shares.header;
        let answers = header.context == self.granted.permit().context()
            && header.node == self.node
            && header.recipient == Digest(self.granted.receiving_key().digest())
            && header.covers(&named);
        if answers { Ok(shares) } else { Err(something_else()) }
    }
}

fn something_else() -> ReleaseFailed {
    ReleaseFailed("it answered something else".into())
}
