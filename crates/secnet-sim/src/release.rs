//! The release node, watched: whatever it hands out is looked at in the same moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use secnet_app::{Granted, LocalRelease, Release, ReleaseFailed};
use secnet_crypto::{Address, SealPublicKey};
use secnet_lock::{ReleasePacket, ReleasedShares};
use secnet_types::{DatasetId, DecisionId, Digest, GrantId, MemberId, RecordId, RequestId};

use crate::gate::Gate;
use crate::log::SimLog;

/// What left, and what the disk would hold if the process died at that moment.
#[derive(Debug, Clone)]
pub(crate) struct HandedOut {
    pub(crate) decision: DecisionId,
    pub(crate) requester: MemberId,
    pub(crate) request: RequestId,
    pub(crate) dataset: DatasetId,
    pub(crate) grant: GrantId,
    pub(crate) records: Vec<RecordId>,
    pub(crate) receiving_key: Digest,
    pub(crate) disk: Vec<u8>,
    /// The revocations that had been acknowledged by then.
    pub(crate) revoked: BTreeSet<GrantId>,
}

/// What the world and the ports tell each other.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Not looked at yet.
    pub(crate) handed_out: Vec<HandedOut>,
    /// Acknowledged revocations.
    pub(crate) revoked: BTreeSet<GrantId>,
    /// Places in the vault that a decision has opened.
    pub(crate) may_be_read: BTreeSet<(Address, u64, u64)>,
}

pub(crate) struct SimRelease {
    pub(crate) node: LocalRelease,
    pub(crate) gate: Arc<Gate>,
    pub(crate) log: Arc<SimLog>,
    pub(crate) watch: Arc<Mutex<Watch>>,
}

#[async_trait]
impl Release for SimRelease {
    fn nodes(&self) -> Vec<SealPublicKey> {
        self.node.nodes()
    }

    fn threshold(&self) -> u8 {
        self.node.threshold()
    }

    async fn release(
        &self,
        granted: &Granted,
        packets: &[ReleasePacket],
    ) -> Result<Vec<ReleasedShares>, ReleaseFailed> {
        let shares = self.node.release(granted, packets).await?;
        {
            let mut watch = self.watch.lock();
            let revoked = watch.revoked.clone();
            watch.handed_out.push(HandedOut {
                decision: granted.decision(),
                requester: granted.requester(),
                request: granted.request(),
                dataset: granted.dataset(),
                grant: granted.grant(),
                records: granted.records().to_vec(),
                receiving_key: Digest(granted.receiving_key().digest()),
                disk: self.log.disk.after_crash(),
                revoked,
            });
        }
        self.gate.pass().await;
        Ok(shares)
    }

    async fn forget(
        &self,
        packet: &ReleasePacket,
        records: &BTreeSet<RecordId>,
    ) -> Result<Option<ReleasePacket>, ReleaseFailed> {
        self.gate.pass().await;
        self.node.forget(packet, records).await
    }
}
