//! The grantee's side: from a delivery to plaintext. Runs where the grantee's keys are.

use secnet_crypto::{SealKeyPair, Zeroizing};
use secnet_lock::{
    GrantBinding, Grantee, PacketError, ReceivedShares, RecordEntry, ReleaseContext, UnlockError,
};
use secnet_types::Digest;

use crate::Delivery;

/// Why a delivery does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A packet is not for this key, or is altered.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// A record does not open.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The ciphertext is not what was sealed.
    #[error("the record's ciphertext is damaged: {0}")]
    Ciphertext(#[from] secnet_crypto::StreamError),
}

/// Opens the records of one delivery.
#[derive(Debug)]
pub struct Reader {
    grantee: Grantee,
    shares: ReceivedShares,
}

impl Reader {
    /// Open the packets of a delivery. `own` is the key the grant was sealed to, `receiving` the one the request named;
    /// `detail` is the grant's commitment, which its packets are bound to.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn new(
        delivery: &Delivery,
        own: &SealKeyPair,
        receiving: &SealKeyPair,
        detail: Digest,
    ) -> Result<Self, OpenError> {
        let mut grantee = Grantee::new();
        if let Some(wraps) = &delivery.wraps {
            let binding = GrantBinding { dataset: delivery.granted.dataset(), detail };
            grantee.accept(&own.secret, &binding, wraps)?;
        }
        Self::with(grantee, delivery, receiving)
    }

    /// Open with what an owner's own keys, or wraps accepted before, already give.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn with(
        mut grantee: Grantee,
        delivery: &Delivery,
        receiving: &SealKeyPair,
    ) -> Result<Self, OpenError> {
        for packet in &delivery.packets {
            grantee.open_packet(packet)?;
        }
        let context = ReleaseContext {
            request: delivery.granted.request(),
            decision: delivery.granted.decision(),
            dataset: delivery.granted.dataset(),
        };
        let mut shares = ReceivedShares::new();
        shares.open_each(receiving, &context, &delivery.shares)?;
        Ok(Self { grantee, shares })
    }

    /// The plaintext of one record.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        &self,
        entry: &RecordEntry,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        Ok(self.grantee.unlock(entry, &self.shares)?.open(ciphertext)?)
    }
}
