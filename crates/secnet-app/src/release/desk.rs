//! A release node at work: its key, what it keeps ready, and for every answer a look at a ledger of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use secnet_crypto::{SealKeyPair, SealPublicKey};
use secnet_ledger::DatasetStatus;
use secnet_lock::{
    DealError, HandoverPacket, HandoverProof, HandoverTerms, HeldShares, ReleaseError, ReleaseNode,
    ReleasePacket, ReleasedShares,
};
use secnet_types::{Digest, RecordId, quorum};

use super::card::SignedNodeCard;
use super::ready::Ready;
use super::talk::{NodeAnswer, NodeQuestion, PacketPart, Refused};
use super::{Look, ReleaseFailed};
use crate::AccessError;
use crate::doors::Doors;
use crate::granted::{MAX_VIEW_AGE_MS, Permit, ReleaseAsk};
use crate::pdc::port_rng;
use crate::ports::{Clock, Entropy, View};

/// The node that holds one key.
pub struct ReleaseDesk {
    node: ReleaseNode,
    ready: Ready,
    doors: Option<Arc<Doors>>,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
}

impl core::fmt::Debug for ReleaseDesk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ReleaseDesk").finish_non_exhaustive()
    }
}

impl ReleaseDesk {
    /// With this key pair.
    #[must_use]
    pub fn new(pair: SealKeyPair, entropy: Arc<dyn Entropy>, clock: Arc<dyn Clock>) -> Self {
        Self { node: ReleaseNode::new(pair), ready: Ready::new(), doors: None, entropy, clock }
    }

    /// The same, telling which doors are known here.
    #[must_use]
    pub fn telling(self, doors: Arc<Doors>) -> Self {
        Self { doors: Some(doors), ..self }
    }

    /// What is sealed to it with.
    #[must_use]
    pub const fn public(&self) -> &SealPublicKey {
        self.node.public()
    }

    /// Its shares of these parts, within this process. A permit says what was so when it was made. What is so now, the node
    /// sees for itself.
    ///
    /// # Errors
    /// [`ReleaseFailed`].
    pub fn release(
        &self,
        permit: &Permit,
        parts: &[(&ReleasePacket, &BTreeSet<RecordId>)],
        look: Look<'_>,
    ) -> Result<ReleasedShares, ReleaseFailed> {
        let failed = |error: ReleaseError| ReleaseFailed(error.to_string());
        let mut seen = Err(ReleaseFailed("the ledger cannot be read".into()));
        look(&mut |view| {
            let holds = permit.still_holds(view, self.clock.now());
            seen = holds.map_err(|error| ReleaseFailed(error.to_string()));
        });
        seen?;
        let held = parts.iter().map(|(packet, _)| self.ready.opened(&self.node, packet));
        let held: Vec<Arc<HeldShares>> = held.collect::<Result<_, _>>().map_err(failed)?;
        let parts = held.iter().map(Arc::as_ref).zip(parts.iter().map(|(_, records)| *records));
        self.hand_out(permit, &parts.collect::<Vec<_>>()).map_err(failed)
    }

    /// The packet without these records, sealed anew.
    ///
    /// # Errors
    /// The packet does not open.
    pub fn forget(
        &self,
        packet: &ReleasePacket,
        records: &BTreeSet<RecordId>,
    ) -> Result<Option<ReleasePacket>, ReleaseError> {
        self.ready.forget(packet);
        self.node.forget(packet, records, &mut port_rng(self.entropy.as_ref()))
    }

    /// The answer to somebody else's question. Whoever it is need not be believed: nothing is released but what this node's
    /// own view of the ledger allows, and that only to the key that the decision names. `card` says whose node this is.
    #[must_use]
    pub fn answer(&self, question: &[u8], card: &SignedNodeCard, look: Look<'_>) -> Vec<u8> {
        let answer = match NodeQuestion::from_bytes(question) {
            Ok(question) => self.answer_to(question, card, look),
            Err(_) => Err(Refused::Malformed),
        };
        answer.unwrap_or_else(|why| NodeAnswer::Refused { why }).to_bytes()
    }

    fn answer_to(
        &self,
        question: NodeQuestion,
        card: &SignedNodeCard,
        look: Look<'_>,
    ) -> Result<NodeAnswer, Refused> {
        let not_here = |_: ReleaseError| Refused::NotHere;
        match question {
            NodeQuestion::Who => {
                Ok(NodeAnswer::Node { card: card.clone(), key: self.public().clone() })
            }
            NodeQuestion::Doors => {
                let doors = self.doors.as_ref().map(|doors| doors.all(look, self.clock.now()));
                Ok(NodeAnswer::Doors { doors: doors.unwrap_or_default() })
            }
            NodeQuestion::Release { ask, parts, height } => self.asked(ask, &parts, height, look),
            NodeQuestion::Hold { packet } => {
                self.ready.opened(&self.node, &packet).map_err(not_here)?;
                Ok(NodeAnswer::Held)
            }
            NodeQuestion::Forget { packet, records } => {
                let packet = self.forget(&packet, &records).map_err(not_here)?;
                Ok(NodeAnswer::Left { packet })
            }
            NodeQuestion::Deal { packets, terms, node, key } => {
                let missing =
                    packets.iter().filter(|packet| self.ready.at_hand(**packet).is_none());
                let missing: Vec<Digest> = missing.copied().collect();
                if !missing.is_empty() {
                    return Ok(NodeAnswer::Missing { packets: missing });
                }
                let held = packets.iter().map(|packet| self.ready.at_hand(*packet));
                let held: Vec<_> = held.collect::<Option<_>>().ok_or(Refused::NotHere)?;
                let (packet, proof) = self.deal_held(&held, &terms, (node, &key), look)?;
                Ok(NodeAnswer::Dealt { packet, proof })
            }
            NodeQuestion::Adopt { packet, proof, terms } => {
                Ok(NodeAnswer::Adopted { packet: self.adopt(&packet, &proof, &terms)? })
            }
        }
    }

    /// Deals what it holds of an upload to a node that is to hold shares from now on. Whether it is one, this node sees on its own
    /// ledger: who asks can be anybody.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn deal(
        &self,
        packets: &[ReleasePacket],
        terms: &HandoverTerms,
        to: (u8, &SealPublicKey),
        look: Look<'_>,
    ) -> Result<(HandoverPacket, HandoverProof), Refused> {
        let held = packets.iter().map(|packet| self.ready.opened(&self.node, packet));
        let held: Vec<_> = held.collect::<Result<_, _>>().map_err(|_| Refused::NotHere)?;
        self.deal_held(&held, terms, to, look)
    }

    fn deal_held(
        &self,
        held: &[Arc<HeldShares>],
        terms: &HandoverTerms,
        to: (u8, &SealPublicKey),
        look: Look<'_>,
    ) -> Result<(HandoverPacket, HandoverProof), Refused> {
        let mut seen = Err(Refused::Stale);
        look(&mut |view| seen = may_hand_over(terms, view));
        seen?;
        let held: Vec<&HeldShares> = held.iter().map(Arc::as_ref).collect();
        let dealt = self.node.deal(&held, terms, to, &mut port_rng(self.entropy.as_ref()));
        dealt.map_err(|error| refused(&error))
    }

    /// Takes over what a former node dealt, if it fits together.
    ///
    /// # Errors
    /// [`Refused::Misdealt`] says that the dealer did not follow the rules; [`Refused`].
    pub fn adopt(
        &self,
        packet: &HandoverPacket,
        proof: &HandoverProof,
        terms: &HandoverTerms,
    ) -> Result<ReleasePacket, Refused> {
        let mut rng = port_rng(self.entropy.as_ref());
        let adopted = self.node.adopt(packet, proof, terms, &mut rng);
        adopted.map_err(|error| refused(&error))
    }

    fn asked(
        &self,
        ask: ReleaseAsk,
        parts: &[PacketPart],
        height: u64,
        look: Look<'_>,
    ) -> Result<NodeAnswer, Refused> {
        let named: BTreeSet<RecordId> = ask.records.iter().copied().collect();
        if !parts.iter().all(|part| part.records.is_subset(&named)) {
            return Err(Refused::NotPermitted);
        }
        let missing = parts.iter().filter(|part| self.ready.at_hand(part.packet).is_none());
        let packets: Vec<Digest> = missing.map(|part| part.packet).collect();
        if !packets.is_empty() {
            return Ok(NodeAnswer::Missing { packets });
        }
        let (mut ask, mut seen) = (Some(ask), None);
        look(&mut |view| {
            seen = Some(if view.height < height {
                Err(view.height)
            } else {
                Ok(ask.take().map(|ask| Permit::from_view(ask, view, self.clock.now())))
            });
        });
        let permit = match seen {
            Some(Ok(Some(Ok(permit)))) => permit,
            Some(Err(height)) => return Ok(NodeAnswer::Behind { height }),
            Some(Ok(Some(Err(AccessError::StaleLedger { .. })))) | None => {
                return Err(Refused::Stale);
            }
            Some(Ok(_)) => return Err(Refused::NotPermitted),
        };
        // What was at hand a moment ago may have been erased since.
        let held: Vec<Arc<HeldShares>> = parts
            .iter()
            .map(|part| self.ready.at_hand(part.packet).ok_or(Refused::NotHere))
            .collect::<Result<_, _>>()?;
        let parts = held.iter().map(Arc::as_ref).zip(parts.iter().map(|part| &part.records));
        let shares = self.hand_out(&permit, &parts.collect::<Vec<_>>());
        Ok(NodeAnswer::Shares { shares: shares.map_err(|_| Refused::NotHere)? })
    }

    fn hand_out(
        &self,
        permit: &Permit,
        parts: &[(&HeldShares, &BTreeSet<RecordId>)],
    ) -> Result<ReleasedShares, ReleaseError> {
        let mut rng = port_rng(self.entropy.as_ref());
        let to = self.ready.recipient(&permit.ask().to, &mut rng)?;
        self.node.release_held(parts, permit.context(), &to, &mut rng)
    }
}

/// Does this ledger say that just these nodes hold the shares from now on, with this threshold, and that there is something to be
/// held?
fn may_hand_over(terms: &HandoverTerms, view: &View<'_>) -> Result<(), Refused> {
    if view.age_ms > MAX_VIEW_AGE_MS {
        return Err(Refused::Stale);
    }
    let set = view.state.release_members(view.height).ok_or(Refused::NotPermitted)?;
    let (epoch, members) = (set.0, set.1.nodes.release.as_deref().unwrap_or_default());
    let keys = members.iter().map(|member| member.sealing_key);
    let named = terms.epoch == epoch
        && keys.eq(terms.nodes.iter().copied())
        && usize::from(terms.threshold) == quorum(members.len());
    let dataset = view.state.dataset(terms.dataset);
    let is_there = dataset.is_some_and(|dataset| dataset.status != DatasetStatus::Erased);
    if named && is_there { Ok(()) } else { Err(Refused::NotPermitted) }
}

fn refused(error: &DealError) -> Refused {
    match error {
        DealError::Wrong { .. } => Refused::Misdealt,
        _ => Refused::NotHere,
    }
}
