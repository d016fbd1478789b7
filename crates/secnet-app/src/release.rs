//! The release port: holders of the second half of the lock.

mod ready;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use secnet_crypto::{SealKeyPair, SealPublicKey};
use secnet_lock::{HeldShares, ReleaseContext, ReleaseNode, ReleasePacket, ReleasedShares};
use secnet_types::{DatasetId, RecordId};

use crate::Granted;
use crate::pdc::Pdc;
use crate::ports::{Clock, Entropy, Log};

use ready::Ready;

/// Why key parts were not handed out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the release node could not hand out the key parts: {0}")]
pub struct ReleaseFailed(pub String);

/// The release nodes of a data centre. They accept nothing but a [`Granted`].
#[async_trait]
pub trait Release: Send + Sync {
    /// The public keys that uploads share to, in order.
    fn nodes(&self) -> Vec<SealPublicKey>;

    /// How many of them it takes.
    fn threshold(&self) -> u8;

    /// Their shares of the granted records, re-sealed to the granted key. `packets` are those of the records' uploads.
    ///
    /// # Errors
    /// [`ReleaseFailed`], if too few nodes answered.
    async fn release(
        &self,
        granted: &Granted,
        packets: &[ReleasePacket],
    ) -> Result<Vec<ReleasedShares>, ReleaseFailed>;

    /// The packet without these records, sealed anew: what remains after an erasure. None if nothing remains.
    ///
    /// # Errors
    /// [`ReleaseFailed`].
    async fn forget(
        &self,
        packet: &ReleasePacket,
        records: &BTreeSet<RecordId>,
    ) -> Result<Option<ReleasePacket>, ReleaseFailed>;
}

/// One release node in this process: n = t = 1.
pub struct LocalRelease {
    node: ReleaseNode,
    ready: Ready,
    entropy: Arc<dyn Entropy>,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
}

impl core::fmt::Debug for LocalRelease {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LocalRelease").finish_non_exhaustive()
    }
}

impl LocalRelease {
    /// With this key pair, and with its own look at the ledger.
    #[must_use]
    pub fn new(
        pair: SealKeyPair,
        entropy: Arc<dyn Entropy>,
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { node: ReleaseNode::new(pair), ready: Ready::new(), entropy, log, clock }
    }

    /// A [`Granted`] says what was so when it was made. What is so now, the node sees for itself.
    fn look(&self, granted: &Granted) -> Result<(), ReleaseFailed> {
        let mut seen = Err(ReleaseFailed("the ledger cannot be read".into()));
        self.log.read(&mut |view| {
            seen = granted
                .still_holds(view, self.clock.now())
                .map_err(|error| ReleaseFailed(error.to_string()));
        });
        seen
    }
}

#[async_trait]
impl Release for LocalRelease {
    fn nodes(&self) -> Vec<SealPublicKey> {
        vec![self.node.public().clone()]
    }

    fn threshold(&self) -> u8 {
        1
    }

    async fn release(
        &self,
        granted: &Granted,
        packets: &[ReleasePacket],
    ) -> Result<Vec<ReleasedShares>, ReleaseFailed> {
        self.look(granted)?;
        let context = ReleaseContext {
            request: granted.request(),
            decision: granted.decision(),
            dataset: granted.dataset(),
        };
        let records: BTreeSet<RecordId> = granted.records().iter().copied().collect();
        let mut rng = crate::pdc::port_rng(self.entropy.as_ref());
        let failed = |error: secnet_lock::ReleaseError| ReleaseFailed(error.to_string());
        let held = packets.iter().map(|packet| self.ready.opened(&self.node, packet));
        let held: Vec<Arc<HeldShares>> = held.collect::<Result<_, _>>().map_err(failed)?;
        let held: Vec<&HeldShares> = held.iter().map(Arc::as_ref).collect();
        let to = self.ready.recipient(granted.receiving_key(), &mut rng).map_err(failed)?;
        let shares = self.node.release_held(&held, &records, context, &to, &mut rng);
        Ok(vec![shares.map_err(failed)?])
    }

    async fn forget(
        &self,
        packet: &ReleasePacket,
        records: &BTreeSet<RecordId>,
    ) -> Result<Option<ReleasePacket>, ReleaseFailed> {
        let mut rng = crate::pdc::port_rng(self.entropy.as_ref());
        self.ready.forget(packet);
        self.node
            .forget(packet, records, &mut rng)
            .map_err(|error| ReleaseFailed(error.to_string()))
    }
}

impl Pdc {
    /// The release packets of these uploads of a dataset.
    pub(crate) async fn release_packets(
        &self,
        dataset: DatasetId,
        uploads: &BTreeSet<secnet_lock::UploadId>,
    ) -> Result<Vec<ReleasePacket>, crate::AccessError> {
        let mut packets = Vec::new();
        for upload in uploads {
            packets.extend_from_slice(&self.packets_of(dataset, *upload).await?.release);
        }
        Ok(packets)
    }
}
