//! The release port: holders of the second half of the lock.

mod card;
mod desk;
mod ready;
mod talk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use secnet_crypto::{SealKeyPair, SealPublicKey};
use secnet_lock::{
    HandoverPacket, HandoverProof, HandoverTerms, RecordEntry, ReleasePacket, ReleasedShares,
    UploadId,
};
use secnet_types::{DatasetId, Digest, RecordId, RecordMeta};

use crate::Granted;
use crate::pdc::Pdc;
use crate::ports::{Clock, Entropy, Log, View};

pub use card::{NodeCard, SignedNodeCard, card_holds, release_members};
pub use desk::ReleaseDesk;
pub use talk::{MAX_RELEASE_MESSAGE_BYTES, NodeAnswer, NodeQuestion, PacketPart, Refused};

/// Why key parts were not handed out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the release nodes could not hand out the key parts: {0}")]
pub struct ReleaseFailed(pub String);

/// How a release node looks at its ledger: as [`Log::read`].
pub type Look<'l> = &'l dyn Fn(&mut dyn FnMut(&View<'_>));

/// Which records of an upload are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The upload.
    pub upload: UploadId,
    /// The records.
    pub records: BTreeSet<RecordId>,
    /// After a handover, the former node whose shares these are; 0 if they are as the owner dealt them.
    pub dealer: u8,
    /// How many of its release nodes it takes, as the upload was sealed or handed over.
    pub threshold: u8,
    /// The upload's packets for its release nodes.
    pub packets: Vec<ReleasePacket>,
}

/// The release nodes of a data centre. They accept nothing but a [`Granted`].
#[async_trait]
pub trait Release: Send + Sync {
    /// The public keys that uploads share to, in order.
    ///
    /// # Errors
    /// [`ReleaseFailed`], if one of them is not known yet.
    async fn nodes(&self) -> Result<Vec<SealPublicKey>, ReleaseFailed>;

    /// How many of them it takes.
    fn threshold(&self) -> u8;

    /// The public key of the one that is in this process.
    fn here(&self) -> SealPublicKey;

    /// Their shares of the granted records, re-sealed to the granted key. `wanted` are the granted records by upload.
    ///
    /// # Errors
    /// [`ReleaseFailed`], if too few nodes answered.
    async fn release(
        &self,
        granted: &Granted,
        wanted: &[Wanted],
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

    /// Is this the key of a node that hands over to others when the governors say so?
    fn hands_over(&self, _holder: Digest) -> bool {
        false
    }

    /// What the node that these packets are of deals to one of the new ones.
    ///
    /// # Errors
    /// [`HandoverFailed`].
    async fn deal(
        &self,
        _packets: &[ReleasePacket],
        _terms: &HandoverTerms,
        _node: u8,
    ) -> Result<(HandoverPacket, HandoverProof), HandoverFailed> {
        Err(HandoverFailed::Away("one release node hands over to nobody".into()))
    }

    /// That one takes it over.
    ///
    /// # Errors
    /// [`HandoverFailed`]; [`HandoverFailed::Misdealt`] if the dealer did not follow the rules.
    async fn adopt(
        &self,
        _packet: &HandoverPacket,
        _proof: &HandoverProof,
        _terms: &HandoverTerms,
    ) -> Result<ReleasePacket, HandoverFailed> {
        Err(HandoverFailed::Away("one release node takes over from nobody".into()))
    }
}

/// Why nothing was dealt or taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandoverFailed {
    /// For now.
    #[error("{0}")]
    Away(String),
    /// What was dealt does not fit together.
    #[error("what was dealt does not fit together")]
    Misdealt,
}

/// One release node in this process: n = t = 1.
pub struct LocalRelease {
    desk: ReleaseDesk,
    log: Arc<dyn Log>,
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
        Self { desk: ReleaseDesk::new(pair, entropy, clock), log }
    }
}

#[async_trait]
impl Release for LocalRelease {
    async fn nodes(&self) -> Result<Vec<SealPublicKey>, ReleaseFailed> {
        Ok(vec![self.here()])
    }

    fn threshold(&self) -> u8 {
        1
    }

    fn here(&self) -> SealPublicKey {
        self.desk.public().clone()
    }

    async fn release(
        &self,
        granted: &Granted,
        wanted: &[Wanted],
    ) -> Result<Vec<ReleasedShares>, ReleaseFailed> {
        let parts = wanted.iter().flat_map(|of| of.packets.iter().map(|it| (it, &of.records)));
        let parts: Vec<_> = parts.collect();
        let look = |reader: &mut dyn FnMut(&View<'_>)| self.log.read(reader);
        Ok(vec![self.desk.release(granted.permit(), &parts, &look)?])
    }

    async fn forget(
        &self,
        packet: &ReleasePacket,
        records: &BTreeSet<RecordId>,
    ) -> Result<Option<ReleasePacket>, ReleaseFailed> {
        self.desk.forget(packet, records).map_err(|error| ReleaseFailed(error.to_string()))
    }
}

impl Pdc {
    /// These records of a dataset by upload, with the uploads' release packets.
    pub(crate) async fn wanted(
        &self,
        dataset: DatasetId,
        records: &[(RecordMeta, RecordEntry)],
    ) -> Result<Vec<Wanted>, crate::AccessError> {
        let mut by_upload: BTreeMap<UploadId, (BTreeSet<RecordId>, u8)> = BTreeMap::new();
        for (_, entry) in records {
            let (records, threshold) = by_upload.entry(entry.upload()).or_default();
            records.insert(entry.record());
            *threshold = entry.threshold().max(*threshold);
        }
        let mut wanted = Vec::with_capacity(by_upload.len());
        for (upload, (records, threshold)) in by_upload {
            let packets = &self.packets_of(dataset, upload).await?.release;
            // After a handover each former node's share is put together by itself.
            let mut by_dealer: BTreeMap<u8, (u8, Vec<ReleasePacket>)> = BTreeMap::new();
            for packet in packets {
                let dealt = packet.header.dealt.as_ref();
                let (dealer, needed) =
                    dealt.map_or((0, threshold), |dealt| (dealt.dealer, dealt.threshold));
                by_dealer.entry(dealer).or_insert((needed, Vec::new())).1.push(packet.clone());
            }
            if by_dealer.is_empty() {
                by_dealer.insert(0, (threshold, Vec::new()));
            }
            wanted.extend(by_dealer.into_iter().map(|(dealer, (threshold, packets))| Wanted {
                upload,
                records: records.clone(),
                dealer,
                threshold,
                packets,
            }));
        }
        Ok(wanted)
    }
}
