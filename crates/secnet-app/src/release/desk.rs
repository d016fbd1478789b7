//! A release node at work: its key, what it keeps ready, and for every answer a look at a ledger of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use secnet_crypto::{SealKeyPair, SealPublicKey};
use secnet_lock::{HeldShares, ReleaseError, ReleaseNode, ReleasePacket, ReleasedShares};
use secnet_types::{Digest, RecordId};

use super::card::SignedNodeCard;
use super::ready::Ready;
use super::talk::{NodeAnswer, NodeQuestion, PacketPart, Refused};
use super::{Look, ReleaseFailed};
use crate::AccessError;
use crate::doors::Doors;
use crate::granted::{Permit, ReleaseAsk};
use crate::pdc::port_rng;
use crate::ports::{Clock, Entropy};

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
        }
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
