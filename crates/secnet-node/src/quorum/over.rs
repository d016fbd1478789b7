//! Handing over: what is asked of the former nodes and of the new ones.

use secnet_app::ports::View;
use secnet_app::{HandoverFailed, NodeAnswer, NodeQuestion, Refused};
use secnet_lock::{HandoverPacket, HandoverProof, HandoverTerms, ReleasePacket};
use secnet_types::{Digest, ValidatorKey};

use super::QuorumRelease;

impl QuorumRelease {
    pub(super) async fn dealt(
        &self,
        packets: &[ReleasePacket],
        terms: &HandoverTerms,
        node: u8,
    ) -> Result<(HandoverPacket, HandoverProof), HandoverFailed> {
        let named = node.checked_sub(1).and_then(|at| terms.nodes.get(usize::from(at)));
        let (Some(to), Some(dealer)) = (named, packets.first().map(|it| it.header.key)) else {
            return Err(HandoverFailed::Away("there is nothing to hand over".into()));
        };
        let key = self.key(*to).await?;
        if let Some(desk) = self.here_is(dealer) {
            let look = |reader: &mut dyn FnMut(&View<'_>)| self.log.read(reader);
            return desk.deal(packets, terms, (node, &key), &look).map_err(refused);
        }
        let peer = self.there(dealer).await?;
        let question = NodeQuestion::Deal {
            packets: packets.iter().map(ReleasePacket::digest).collect(),
            terms: terms.clone(),
            node,
            key,
        };
        match self.put(peer, &question).await? {
            NodeAnswer::Dealt { packet, proof } => return Ok((packet, proof)),
            NodeAnswer::Missing { packets: missing } => {
                for packet in packets.iter().filter(|it| missing.contains(&it.digest())) {
                    match self.put(peer, &NodeQuestion::Hold { packet: packet.clone() }).await? {
                        NodeAnswer::Held => {}
                        _ => return Err(something_else(dealer)),
                    }
                }
            }
            _ => return Err(something_else(dealer)),
        }
        match self.put(peer, &question).await? {
            NodeAnswer::Dealt { packet, proof } => Ok((packet, proof)),
            _ => Err(something_else(dealer)),
        }
    }

    pub(super) async fn adopted(
        &self,
        packet: &HandoverPacket,
        proof: &HandoverProof,
        terms: &HandoverTerms,
    ) -> Result<ReleasePacket, HandoverFailed> {
        let to = packet.header.key;
        if let Some(desk) = self.here_is(to) {
            return desk.adopt(packet, proof, terms).map_err(refused);
        }
        let peer = self.there(to).await?;
        let question = NodeQuestion::Adopt {
            packet: packet.clone(),
            proof: proof.clone(),
            terms: terms.clone(),
        };
        match self.put(peer, &question).await? {
            NodeAnswer::Adopted { packet } => Ok(packet),
            _ => Err(something_else(to)),
        }
    }

    /// The key of a node that is to hold shares: from itself, if it has not come yet.
    async fn key(&self, digest: Digest) -> Result<secnet_crypto::SealPublicKey, HandoverFailed> {
        if self.book.key(digest).await.is_none() {
            self.book.meet(&*self.log, &*self.link, Some(digest)).await;
        }
        self.book.key(digest).await.ok_or_else(|| not_reached(digest))
    }

    async fn there(&self, node: Digest) -> Result<ValidatorKey, HandoverFailed> {
        self.peer(node).await.ok_or_else(|| not_reached(node))
    }

    async fn put(
        &self,
        peer: ValidatorKey,
        question: &NodeQuestion,
    ) -> Result<NodeAnswer, HandoverFailed> {
        let silent = || HandoverFailed::Away("a node did not answer".into());
        let answer = self.link.ask(peer, question.to_bytes()).await.ok_or_else(silent)?;
        match NodeAnswer::from_bytes(&answer) {
            Ok(NodeAnswer::Refused { why }) => Err(refused(why)),
            Ok(answer) => Ok(answer),
            Err(error) => Err(HandoverFailed::Away(error.to_string())),
        }
    }
}

fn refused(why: Refused) -> HandoverFailed {
    match why {
        Refused::Misdealt => HandoverFailed::Misdealt,
        why => HandoverFailed::Away(why.to_string()),
    }
}

fn not_reached(node: Digest) -> HandoverFailed {
    HandoverFailed::Away(format!("node {node} has not been reached"))
}

fn something_else(node: Digest) -> HandoverFailed {
    HandoverFailed::Away(format!("node {node} answered something else"))
}
