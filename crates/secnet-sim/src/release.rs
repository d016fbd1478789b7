//! The release node, watched: whatever it hands out is looked at in the same moment.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use secnet_app::{Granted, LocalRelease, Release, ReleaseFailed, Wanted};
use secnet_crypto::{Address, SealPublicKey};
use secnet_lock::{ReleasePacket, ReleasedShares};
use secnet_types::{
    DatasetId, DecisionId, Digest, GrantId, MemberId, RecordId, RequestId, Timestamp,
};

use crate::endings::{Ending, Use};
use crate::folder::{FaultyFolder, Image};
use crate::gate::Gate;
use crate::log::SimLog;

/// What left, and what the disks would hold if the process died at that moment.
#[derive(Debug, Clone)]
pub(crate) struct HandedOut {
    pub(crate) decision: DecisionId,
    pub(crate) requester: MemberId,
    pub(crate) request: RequestId,
    pub(crate) dataset: DatasetId,
    pub(crate) grant: GrantId,
    pub(crate) records: Vec<RecordId>,
    pub(crate) receiving_key: Digest,
    pub(crate) ledger: Vec<u8>,
    pub(crate) archive: Image,
    pub(crate) moment: Moment,
}

/// Bytes that were asked of the vault.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) segment: Address,
    pub(crate) range: Range<u64>,
    pub(crate) moment: Moment,
}

/// A delivery as it was handed to whoever asked.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) decision: DecisionId,
    pub(crate) requester: MemberId,
    pub(crate) request: RequestId,
    pub(crate) dataset: DatasetId,
    pub(crate) grant: GrantId,
    pub(crate) priced: bool,
    /// Events in the log when this attempt began.
    pub(crate) since: u64,
    /// The ledger of this very process had the grant as ended.
    pub(crate) ended: bool,
    pub(crate) moment: Moment,
}

/// What was known when something left.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    /// Age of the ledger view, in milliseconds.
    pub(crate) age_ms: u64,
    /// The ends of permissions that had been acknowledged.
    pub(crate) endings: Vec<Ending>,
}

/// What the world and the ports tell each other.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Not looked at yet.
    pub(crate) handed_out: Vec<HandedOut>,
    /// Not looked at yet.
    pub(crate) delivered: Vec<Delivered>,
    /// Not looked at yet.
    pub(crate) reads: Vec<Read>,
    /// Every entry that was ever written to the archive, or was to be.
    pub(crate) written: BTreeSet<Digest>,
    /// Key files of the archive that were replaced and wiped.
    pub(crate) forgotten: Vec<Vec<u8>>,
    /// What is being handed out at this moment.
    pub(crate) leaving: Option<GrantId>,
    /// Acknowledged ends of permissions.
    pub(crate) endings: Vec<Ending>,
    /// Places in the vault, and the permissions that opened them.
    pub(crate) opened: BTreeMap<(Address, u64, u64), Vec<Use>>,
}

pub(crate) struct SimRelease {
    pub(crate) node: LocalRelease,
    pub(crate) gate: Arc<Gate>,
    pub(crate) log: Arc<SimLog>,
    pub(crate) archive: FaultyFolder,
    pub(crate) watch: Arc<Mutex<Watch>>,
}

#[async_trait]
impl Release for SimRelease {
    async fn nodes(&self) -> Result<Vec<SealPublicKey>, ReleaseFailed> {
        self.node.nodes().await
    }

    fn here(&self) -> SealPublicKey {
        self.node.here()
    }

    fn threshold(&self) -> u8 {
        self.node.threshold()
    }

    async fn release(
        &self,
        granted: &Granted,
        wanted: &[Wanted],
    ) -> Result<Vec<ReleasedShares>, ReleaseFailed> {
        let shares = self.node.release(granted, wanted).await?;
        {
            let moment = self.log.moment(&self.watch);
            let mut watch = self.watch.lock();
            watch.leaving = Some(granted.grant());
            watch.handed_out.push(HandedOut {
                decision: granted.decision(),
                requester: granted.requester(),
                request: granted.request(),
                dataset: granted.dataset(),
                grant: granted.grant(),
                records: granted.records().to_vec(),
                receiving_key: Digest(granted.receiving_key().digest()),
                ledger: self.log.disk.after_crash(),
                archive: self.archive.after_crash(),
                moment,
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
