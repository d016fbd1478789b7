//! What a release node keeps ready, because making it anew costs a key encapsulation: opened packets, and the keys agreed
//! with receivers.

use std::sync::Arc;

use parking_lot::Mutex;
use secnet_crypto::{CryptoRng, SealPublicKey};
use secnet_lock::{HeldShares, Recipient, ReleaseError, ReleaseNode, ReleasePacket};
use secnet_types::Digest;

use crate::recent::Recent;

/// Records whose shares are kept opened, over all packets.
const MAX_OPENED: usize = 100_000;
/// Rewritten packets that are remembered.
const MAX_GONE: usize = 65_536;
/// Receivers agreed with.
const MAX_RECIPIENTS: usize = 4096;

/// The opened packets, and which ones must not be kept any more: who read a packet just before it was rewritten could
/// otherwise bring back what was erased.
struct Opened {
    held: Recent<HeldShares>,
    gone: Recent<()>,
}

/// The node's memory.
pub(super) struct Ready {
    opened: Mutex<Opened>,
    recipients: Mutex<Recent<Recipient>>,
}

impl Ready {
    pub(super) fn new() -> Self {
        Self {
            opened: Mutex::new(Opened {
                held: Recent::new(MAX_OPENED),
                gone: Recent::new(MAX_GONE),
            }),
            recipients: Mutex::new(Recent::new(MAX_RECIPIENTS)),
        }
    }

    /// A packet, opened. One that was altered has another digest, so it is not found here.
    pub(super) fn opened(
        &self,
        node: &ReleaseNode,
        packet: &ReleasePacket,
    ) -> Result<Arc<HeldShares>, ReleaseError> {
        let digest = packet.digest();
        if let Some(held) = self.opened.lock().held.get(digest) {
            return Ok(held);
        }
        let held = Arc::new(node.hold(packet)?);
        let mut opened = self.opened.lock();
        if opened.gone.get(digest).is_none() {
            opened.held.keep(digest, held.records().max(1), Arc::clone(&held));
        }
        Ok(held)
    }

    /// The packet with this digest, if it has been opened lately.
    pub(super) fn at_hand(&self, packet: Digest) -> Option<Arc<HeldShares>> {
        self.opened.lock().held.get(packet)
    }

    /// Whom an answer is sealed to.
    pub(super) fn recipient(
        &self,
        key: &SealPublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Arc<Recipient>, ReleaseError> {
        let digest = Digest(key.digest());
        if let Some(recipient) = self.recipients.lock().get(digest) {
            return Ok(recipient);
        }
        let recipient = Arc::new(Recipient::new(key, rng)?);
        self.recipients.lock().keep(digest, 1, Arc::clone(&recipient));
        Ok(recipient)
    }

    /// Nothing of this packet is kept any more.
    pub(super) fn forget(&self, packet: &ReleasePacket) {
        let (digest, mut opened) = (packet.digest(), self.opened.lock());
        opened.held.forget(digest);
        opened.gone.keep(digest, 1, Arc::new(()));
    }
}
