//! The release nodes of a network: a quorum of them hands out the second half of the lock, each from its own view of the ledger.
//! It is the same quorum as for a block: no third of them can open anything, and none can keep anything shut.

mod ask;
mod book;
mod over;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use secnet_app::ports::{Archive, Log, View};
use secnet_app::{
    Granted, HandoverFailed, NodeAnswer, NodeQuestion, Release, ReleaseDesk, ReleaseFailed, Wanted,
};
use secnet_crypto::SealPublicKey;
use secnet_lock::limits::MAX_RELEASED_SHARES;
use secnet_lock::{
    HandoverPacket, HandoverProof, HandoverTerms, ReleasePacket, ReleasedShares, UploadId,
};
use secnet_types::{Digest, RecordId, ValidatorKey, quorum};
use tokio::time::{Instant, sleep, timeout_at};

use ask::Asked;
use book::{Book, members};

/// How long a node may take to hand out its shares.
const PATIENCE: Duration = Duration::from_secs(2);
/// Once enough have answered, the others are waited for as long again, but no longer than this: a share too many makes up for
/// a wrong one.
const MAX_GRACE: Duration = Duration::from_millis(50);
/// And at least so long.
const MIN_GRACE: Duration = Duration::from_millis(1);
/// How long the keys of all nodes may take to come.
const KEYS_PATIENCE: Duration = Duration::from_secs(5);
/// Pause before it is looked again whether they have.
const KEYS_PAUSE: Duration = Duration::from_millis(100);
/// Records of the uploads that are asked for together. A node keeps more opened than these, so that none of them is put away
/// before it is asked for.
const MAX_ASKED_AT_ONCE: usize = 32_768;

/// The way to other nodes' desks.
#[async_trait]
pub trait Link: Send + Sync {
    /// Those that can be asked now.
    fn peers(&self) -> Vec<ValidatorKey>;

    /// The answer to a question; none if it did not come in time.
    async fn ask(&self, peer: ValidatorKey, question: Vec<u8>) -> Option<Vec<u8>>;
}

/// The release nodes of a network, one of them in this process.
pub struct QuorumRelease {
    desk: Arc<ReleaseDesk>,
    /// Of the key that uploads were sealed to before a network had several release nodes.
    alone: ReleaseDesk,
    log: Arc<dyn Log>,
    link: Arc<dyn Link>,
    book: Book,
}

impl core::fmt::Debug for QuorumRelease {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("QuorumRelease").finish_non_exhaustive()
    }
}

impl QuorumRelease {
    /// The nodes that the network's ledger names; `desk` is the one in this process, `alone` one that holds uploads which no
    /// other node has shares of. `archive` keeps the others' keys.
    #[must_use]
    pub fn new(
        (desk, alone): (Arc<ReleaseDesk>, ReleaseDesk),
        log: Arc<dyn Log>,
        archive: Arc<dyn Archive>,
        link: Arc<dyn Link>,
    ) -> Self {
        let book = Book::new(desk.public().clone(), archive);
        Self { desk, alone, log, link, book }
    }

    /// The desk in this process that has this key.
    fn here_is(&self, node: Digest) -> Option<&ReleaseDesk> {
        let mut here = [&*self.desk, &self.alone].into_iter();
        here.find(|desk| Digest(desk.public().digest()) == node)
    }

    /// Which peer a node is. Strangers are asked who they are; one that does not say keeps nobody else waiting.
    async fn peer(&self, node: Digest) -> Option<ValidatorKey> {
        if self.book.peer(node).is_none() {
            self.book.meet(&*self.log, &*self.link, Some(node)).await;
        }
        self.book.peer(node)
    }

    /// The same, as soon as it has been met: after a start connections are only being made.
    async fn met(&self, node: Digest) -> ValidatorKey {
        loop {
            if let Some(peer) = self.peer(node).await {
                return peer;
            }
            sleep(KEYS_PAUSE).await;
        }
    }

    /// One node's shares.
    async fn shares_of(
        &self,
        node: Digest,
        granted: &Granted,
        parts: &[(&ReleasePacket, &Wanted)],
    ) -> Result<ReleasedShares, ReleaseFailed> {
        if let Some(desk) = self.here_is(node) {
            let look = |reader: &mut dyn FnMut(&View<'_>)| self.log.read(reader);
            let parts: Vec<_> = parts.iter().map(|(packet, of)| (*packet, &of.records)).collect();
            return desk.release(granted.permit(), &parts, &look);
        }
        let end = Instant::now() + PATIENCE;
        let peer = timeout_at(end, self.met(node)).await;
        let peer = peer.map_err(|_| ReleaseFailed("it has not been reached".into()))?;
        let mut height = 0;
        self.log.read(&mut |view| height = view.height);
        Asked { link: &*self.link, peer, node, granted, parts, height }.shares(end).await
    }

    async fn release_at_once(
        &self,
        granted: &Granted,
        wanted: &[&Wanted],
    ) -> Result<Vec<ReleasedShares>, ReleaseFailed> {
        let begun = Instant::now();
        let asks = asks(wanted);
        let mut asked: FuturesUnordered<_> = asks
            .iter()
            .map(
                |(node, parts)| async move { (*node, self.shares_of(*node, granted, parts).await) },
            )
            .collect();
        let mut tally = Tally::of(wanted);
        while !tally.is_enough() {
            let Some((node, answer)) = asked.next().await else {
                return Err(tally.too_few());
            };
            tally.count(node, answer);
        }
        let grace = begun.elapsed().clamp(MIN_GRACE, MAX_GRACE);
        let end = Instant::now() + grace;
        while let Ok(Some((node, answer))) = timeout_at(end, asked.next()).await {
            tally.count(node, answer);
        }
        Ok(tally.shares)
    }
}

#[async_trait]
impl Release for QuorumRelease {
    async fn nodes(&self) -> Result<Vec<SealPublicKey>, ReleaseFailed> {
        let end = Instant::now() + KEYS_PATIENCE;
        loop {
            match self.book.keys(&*self.log).await {
                Ok(keys) => return Ok(keys),
                Err(failed) if Instant::now() >= end => return Err(failed),
                Err(_) => self.book.meet(&*self.log, &*self.link, None).await,
            }
            sleep(KEYS_PAUSE).await;
        }
    }

    fn threshold(&self) -> u8 {
        u8::try_from(quorum(members(&*self.log).len())).unwrap_or(u8::MAX)
    }

    fn here(&self) -> SealPublicKey {
        self.desk.public().clone()
    }

    async fn release(
        &self,
        granted: &Granted,
        wanted: &[Wanted],
    ) -> Result<Vec<ReleasedShares>, ReleaseFailed> {
        if wanted.is_empty() {
            return Err(ReleaseFailed("no record is wanted".into()));
        }
        let mut shares = Vec::new();
        for some in at_once(wanted) {
            shares.extend(self.release_at_once(granted, &some).await?);
        }
        Ok(shares)
    }

    async fn forget(
        &self,
        packet: &ReleasePacket,
        records: &BTreeSet<RecordId>,
    ) -> Result<Option<ReleasePacket>, ReleaseFailed> {
        let node = packet.header.key;
        if let Some(desk) = self.here_is(node) {
            let left = desk.forget(packet, records);
            return left.map_err(|error| ReleaseFailed(error.to_string()));
        }
        let away = || {
            ReleaseFailed(format!(
                "node {node} cannot be reached, and only it can take records out of its own packet"
            ))
        };
        let peer = self.peer(node).await.ok_or_else(away)?;
        let question = NodeQuestion::Forget { packet: packet.clone(), records: records.clone() };
        let answer = self.link.ask(peer, question.to_bytes()).await.ok_or_else(away)?;
        match NodeAnswer::from_bytes(&answer) {
            // Sealed to the node: what is in it only it can see, so this much is looked at here.
            Ok(NodeAnswer::Left { packet: left })
                if left.as_ref().is_none_or(|left| left.header == packet.header) =>
            {
                Ok(left)
            }
            Ok(NodeAnswer::Refused { why }) => Err(ReleaseFailed(format!("node {node}: {why}"))),
            _ => Err(ReleaseFailed(format!("node {node} answered something else"))),
        }
    }

    fn hands_over(&self, holder: Digest) -> bool {
        holder != Digest(self.alone.public().digest())
    }

    async fn deal(
        &self,
        packets: &[ReleasePacket],
        terms: &HandoverTerms,
        node: u8,
    ) -> Result<(HandoverPacket, HandoverProof), HandoverFailed> {
        self.dealt(packets, terms, node).await
    }

    async fn adopt(
        &self,
        packet: &HandoverPacket,
        proof: &HandoverProof,
        terms: &HandoverTerms,
    ) -> Result<ReleasePacket, HandoverFailed> {
        self.adopted(packet, proof, terms).await
    }
}

/// What is wanted of whom, by the key of each node.
fn asks<'w>(wanted: &[&'w Wanted]) -> BTreeMap<Digest, Vec<(&'w ReleasePacket, &'w Wanted)>> {
    let mut asks: BTreeMap<Digest, Vec<_>> = BTreeMap::new();
    for of in wanted {
        for packet in &of.packets {
            asks.entry(packet.header.key).or_default().push((packet, *of));
        }
    }
    asks
}

/// What has come, and whether it is enough.
struct Tally {
    /// The nodes of each upload, or of each former node's part of it, that have not answered yet, and how many more of them it takes.
    missing: BTreeMap<(UploadId, u8), (BTreeSet<Digest>, usize)>,
    shares: Vec<ReleasedShares>,
    failed: Vec<(Digest, ReleaseFailed)>,
}

impl Tally {
    fn of(wanted: &[&Wanted]) -> Self {
        let nodes = |of: &Wanted| of.packets.iter().map(|packet| packet.header.key).collect();
        // By the packets that are left it could be too few, and be paid for what does not open.
        let missing = wanted
            .iter()
            .map(|of| ((of.upload, of.dealer), (nodes(of), usize::from(of.threshold))));
        Self { missing: missing.collect(), shares: Vec::new(), failed: Vec::new() }
    }

    fn count(&mut self, node: Digest, answer: Result<ReleasedShares, ReleaseFailed>) {
        match answer {
            Ok(shares) => {
                for (nodes, needed) in self.missing.values_mut() {
                    if nodes.remove(&node) {
                        *needed = needed.saturating_sub(1);
                    }
                }
                self.shares.push(shares);
            }
            Err(failed) => self.failed.push((node, failed)),
        }
    }

    fn is_enough(&self) -> bool {
        self.missing.values().all(|(_, needed)| *needed == 0)
    }

    fn too_few(&self) -> ReleaseFailed {
        let came = self.shares.len();
        let why = self.failed.iter().map(|(node, failed)| format!("; {node}: {}", failed.0));
        ReleaseFailed(format!(
            "{came} of {} nodes answered, which are too few{}",
            came.saturating_add(self.failed.len()),
            why.collect::<String>()
        ))
    }
}

/// The uploads, as many together as every node keeps ready and one answer has room for.
fn at_once(wanted: &[Wanted]) -> Vec<Vec<&Wanted>> {
    let (mut all, mut some) = (Vec::new(), Vec::new());
    let (mut weight, mut shares) = (0_usize, 0_usize);
    for of in wanted {
        // What a packet holds is not to be seen, but from its length.
        let rows = of.packets.iter().map(|packet| packet.envelope.len() / MIN_ROW_BYTES).max();
        let rows = rows.unwrap_or(0);
        let is_full = weight.saturating_add(rows) > MAX_ASKED_AT_ONCE
            || shares.saturating_add(of.records.len()) > MAX_RELEASED_SHARES;
        if is_full && !some.is_empty() {
            all.push(std::mem::take(&mut some));
            (weight, shares) = (0, 0);
        }
        weight = weight.saturating_add(rows);
        shares = shares.saturating_add(of.records.len());
        some.push(of);
    }
    all.push(some);
    all.retain(|some| !some.is_empty());
    all
}

/// A row of a release packet: record, share, salt.
const MIN_ROW_BYTES: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    /// After a handover an upload has shares of each former node: together they may be more than an answer has room for.
    #[test]
    fn no_more_is_asked_at_once_than_an_answer_has_room_for() {
        let records = |count: usize| {
            let id = |at: usize| RecordId((at as u128).to_be_bytes());
            (0..count).map(id).collect::<BTreeSet<RecordId>>()
        };
        let of = |dealer: u8| Wanted {
            upload: UploadId([1; 16]),
            records: records(MAX_RELEASED_SHARES / 4),
            dealer,
            threshold: 3,
            packets: Vec::new(),
        };
        let wanted: Vec<Wanted> = (1..=5).map(of).collect();
        let asked = at_once(&wanted);
        let each: Vec<usize> = asked.iter().map(Vec::len).collect();
        assert_eq!(each, [4, 1]);
    }
}
