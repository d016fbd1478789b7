//! Handing shares over when the nodes that hold them change.
//!
//! The data centre drives it, because it keeps the packets. It learns nothing: what a former node deals is sealed to a new one, each of
//! them looks at its own ledger, and what is taken over comes back sealed to whoever took it over. Until all new nodes have
//! taken over from enough former ones, everything is as it was; then the packets are exchanged in one write. What has been
//! taken over meanwhile is kept, so that after an interruption it goes on from there.

use std::collections::{BTreeMap, BTreeSet};

use secnet_ledger::DatasetStatus;
use secnet_lock::{HandoverTerms, Known, ReleasePacket, UploadId};
use secnet_types::{DatasetId, Digest, Timestamp, quorum};

use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::{Change, EntryKind, EntryName};
use crate::release::{HandoverFailed, release_members};
use crate::upload::Catalogue;

/// How far handing over has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HandingOver {
    /// The epoch that named the nodes which hold shares now; 0 for those that the network began with.
    pub epoch: u64,
    /// The nodes have just changed: what is to be handed over has not been looked at yet.
    pub pending: bool,
    /// Uploads that are still with former nodes.
    pub waiting: usize,
    /// Those of them that fewer nodes can be reached for than it takes: nobody can read them.
    pub lost: Vec<UploadId>,
    /// Former nodes, by digest of their key, that dealt what does not fit together.
    pub faulty: BTreeSet<Digest>,
    /// Why the first that waits does, if somebody is to be waited for.
    pub why: Option<String>,
}

/// How long a former node that is to hold shares still, and does not deal, is waited for: without it the handover is less sure, and whoever
/// refuses must not hold it up for good.
const MAX_WAIT_MS: u64 = 10 * 60 * 1000;

/// What was looked at.
#[derive(Debug, Default)]
pub(crate) struct HandedOver {
    /// All uploads are with the nodes of this epoch, but for those that came since.
    settled: Option<u64>,
    /// When handing over to the nodes of this epoch began.
    begun: Option<(u64, Timestamp)>,
    /// Those.
    fresh: BTreeSet<(DatasetId, UploadId)>,
    told: HandingOver,
}

/// The nodes that hold shares from now on.
struct Heirs {
    epoch: u64,
    threshold: u8,
    nodes: Vec<Digest>,
    /// Former nodes that are among them are not waited for any more.
    late: bool,
}

/// What came of one upload.
enum Came {
    /// It is with those that hold shares now.
    Settled,
    /// It is not yet.
    Waiting { reached: usize, needed: usize, why: Option<String> },
}

/// The packets of an upload by their nodes' keys, each node's by dealer.
type Holders = BTreeMap<Digest, Vec<ReleasePacket>>;

impl Pdc {
    /// How far handing over has come, as of the last [`Pdc::hand_over`].
    #[must_use]
    pub fn handing_over(&self) -> HandingOver {
        let told = self.handed_over.lock().told.clone();
        // Also of nodes that are set and have not begun: until they have what is kept here, nobody else should leave.
        let newest =
            self.view(|view| view.state.release_members(u64::MAX).map_or(0, |(epoch, _)| epoch));
        match newest {
            Some(epoch) if epoch != told.epoch => HandingOver { epoch, pending: true, ..told },
            _ => told,
        }
    }

    /// An upload has come whose packets may be for former nodes: its owner asked for the keys before they changed.
    pub(crate) fn may_need_handing_over(&self, dataset: DatasetId, upload: UploadId) {
        let mut handed = self.handed_over.lock();
        // Also while all are looked at: the list of those was made before. Before nodes have ever changed there is nothing to note.
        if handed.begun.is_some() {
            handed.fresh.insert((dataset, upload));
        }
    }

    /// Hand over what former nodes still hold, as far as that goes now.
    ///
    /// # Errors
    /// The archive cannot be read or written; what was done is kept.
    pub async fn hand_over(&self) -> Result<HandingOver, AccessError> {
        let seen = self.view(|view| release_members(self.log.genesis(), view));
        let Some((epoch, members)) = seen else { return Ok(self.handing_over()) };
        if epoch == 0 {
            // Nothing was said since the network began.
            return Ok(HandingOver::default());
        }
        let heirs = Heirs {
            epoch,
            threshold: u8::try_from(quorum(members.len())).unwrap_or(u8::MAX),
            nodes: members.iter().map(|member| member.sealing_key).collect(),
            late: self.is_late(epoch),
        };
        let (settled, fresh) = {
            let handed = self.handed_over.lock();
            (handed.settled == Some(epoch), handed.fresh.clone())
        };
        let uploads = if settled { fresh } else { self.uploads_here().await? };
        let mut told = HandingOver { epoch, ..HandingOver::default() };
        for (dataset, upload) in uploads {
            match self.hand_over_upload((dataset, upload), &heirs, &mut told.faulty).await? {
                Came::Settled => {
                    self.handed_over.lock().fresh.remove(&(dataset, upload));
                }
                Came::Waiting { reached, needed, why } => {
                    told.waiting = told.waiting.saturating_add(1);
                    if reached < needed {
                        told.lost.push(upload);
                    }
                    told.why = told.why.or(why);
                }
            }
        }
        let mut handed = self.handed_over.lock();
        handed.settled = (settled || told.waiting == 0).then_some(epoch);
        handed.told = told.clone();
        Ok(told)
    }

    /// Has it been tried for long enough?
    fn is_late(&self, epoch: u64) -> bool {
        let (now, mut handed) = (self.clock.now(), self.handed_over.lock());
        match handed.begun {
            Some((of, begun)) if of == epoch => now.since_ms(begun) > MAX_WAIT_MS,
            _ => {
                handed.begun = Some((epoch, now));
                false
            }
        }
    }

    async fn uploads_here(&self) -> Result<BTreeSet<(DatasetId, UploadId)>, AccessError> {
        let datasets = self.view(|view| {
            let here = view.state.datasets().filter(|(_, entry)| {
                entry.pdc == self.member && entry.status != DatasetStatus::Erased
            });
            here.map(|(id, _)| id).collect::<Vec<DatasetId>>()
        });
        let mut uploads = BTreeSet::new();
        for dataset in datasets.unwrap_or_default() {
            for (name, _) in self.archive.list(EntryKind::Manifest, &dataset.0).await? {
                if let Ok(id) = name.key.try_into() {
                    uploads.insert((dataset, UploadId(id)));
                }
            }
        }
        Ok(uploads)
    }

    async fn hand_over_upload(
        &self,
        (dataset, upload): (DatasetId, UploadId),
        heirs: &Heirs,
        faulty: &mut BTreeSet<Digest>,
    ) -> Result<Came, AccessError> {
        let (since, holders) = {
            let _rewriting = self.rewriting.lock().await;
            (self.rewrites(), self.holders_of(upload).await?)
        };
        let with_heirs = holders.keys().copied().collect::<BTreeSet<_>>()
            == heirs.nodes.iter().copied().collect();
        let ours = holders.keys().all(|holder| self.release.hands_over(*holder));
        let Some(needed) = self.shares_needed((dataset, upload), &holders).await? else {
            return Ok(Came::Settled);
        };
        if with_heirs || !ours {
            return Ok(Came::Settled);
        }
        let terms = terms_for((dataset, upload), heirs, &holders, needed.dealt);
        let mut whole: BTreeSet<u8> = BTreeSet::new();
        let (mut reached, mut must_wait, mut why) = (0_usize, false, None);
        for (holder, packets) in &holders {
            let Some(packets) = own_columns(packets, &terms.former) else { continue };
            let done = self.hand_over_of((&packets, &terms), since).await?;
            match done {
                Ok(dealer) => {
                    whole.insert(dealer);
                    reached = reached.saturating_add(1);
                }
                Err(HandoverFailed::Misdealt) => {
                    faulty.insert(*holder);
                    self.put_back(upload, packets.first().map_or(0, |it| it.header.node)).await?;
                }
                Err(HandoverFailed::Away(said)) => {
                    // It will be back; a node that has left will not.
                    must_wait |= heirs.nodes.contains(holder) && !heirs.late;
                    why.get_or_insert(said);
                }
            }
        }
        if whole.len() >= needed.former && !must_wait {
            let exchanged = self.exchange((dataset, upload), (&terms, &whole), since).await?;
            if exchanged {
                return Ok(Came::Settled);
            }
        }
        // Whether a node that did not deal could still release is not known: it counts if it is one of the network's.
        let could = holders.keys().filter(|holder| heirs.nodes.contains(holder)).count();
        Ok(Came::Waiting { reached: reached.max(could), needed: needed.former, why })
    }

    /// One former node deals to all new ones, as far as they have not taken over from it before.
    async fn hand_over_of(
        &self,
        (packets, terms): (&[ReleasePacket], &HandoverTerms),
        since: u64,
    ) -> Result<Result<u8, HandoverFailed>, AccessError> {
        let dealer = packets.first().map_or(0, |packet| packet.header.node);
        let mut proofs = BTreeSet::new();
        for (node, key) in (1u8..).zip(&terms.nodes) {
            let name = taken_over(terms.upload, dealer, *key);
            if let Some(bytes) = self.archive.get(&name).await?
                && let Ok(before) = ReleasePacket::from_bytes(&bytes)
                && let Some(proof) = fits(&before, terms, (dealer, node))
            {
                proofs.insert(proof);
                continue;
            }
            let (packet, proof) = match self.release.deal(packets, terms, node).await {
                Ok(dealt) => dealt,
                Err(failed) => return Ok(Err(failed)),
            };
            let header = &packet.header;
            let meant = header.dealer == dealer && header.node == node && header.key == *key;
            if !meant || header.terms != terms.digest() {
                return Ok(Err(HandoverFailed::Misdealt));
            }
            let adopted = match self.release.adopt(&packet, &proof, terms).await {
                Ok(adopted) => adopted,
                Err(failed) => return Ok(Err(failed)),
            };
            if fits(&adopted, terms, (dealer, node)) != Some(proof.digest()) {
                let said = format!("node {key} kept something else than was dealt to it");
                return Ok(Err(HandoverFailed::Away(said)));
            }
            proofs.insert(proof.digest());
            let _rewriting = self.rewriting.lock().await;
            if self.rewrites() != since {
                return Ok(Err(HandoverFailed::Away("something was erased meanwhile".into())));
            }
            self.archive.write(vec![Change { name, value: Some(adopted.to_bytes()) }]).await?;
        }
        // All must have seen one proof: each alone says nothing of what the others got.
        Ok(if proofs.len() == 1 { Ok(dealer) } else { Err(HandoverFailed::Misdealt) })
    }

    /// The former packets go, and what was taken over of these dealers is kept in their place.
    async fn exchange(
        &self,
        (dataset, upload): (DatasetId, UploadId),
        (terms, dealers): (&HandoverTerms, &BTreeSet<u8>),
        since: u64,
    ) -> Result<bool, AccessError> {
        let rewriting = self.rewriting.lock().await;
        if self.rewrites() != since {
            return Ok(false);
        }
        let former = self.archive.list(EntryKind::ReleasePacket, &upload.0).await?;
        let mut changes: Vec<Change> = former.into_iter().map(|(name, _)| gone(name)).collect();
        let mut kept = 0_usize;
        for (name, bytes) in self.archive.list(EntryKind::TakenOver, &upload.0).await? {
            let packet = ReleasePacket::from_bytes(&bytes)
                .map_err(|error| AccessError::Damaged(error.to_string()))?;
            let dealer = packet.header.dealt.as_ref().map_or(0, |dealt| dealt.dealer);
            if dealers.contains(&dealer)
                && fits(&packet, terms, (dealer, packet.header.node)).is_some()
            {
                kept = kept.saturating_add(1);
                let key = [&packet.header.key.0[..], &[dealer]].concat();
                let place = EntryName::new(EntryKind::ReleasePacket, &upload.0, &key);
                changes.push(Change { name: place, value: Some(bytes) });
            }
            changes.push(gone(name));
        }
        if kept != dealers.len().saturating_mul(terms.nodes.len()) {
            return Ok(false);
        }
        self.about_to_rewrite(dataset);
        self.archive.write(changes).await?;
        drop(rewriting);
        self.rewritten(dataset);
        Ok(true)
    }

    /// What was taken over of this dealer is of no use.
    async fn put_back(&self, upload: UploadId, dealer: u8) -> Result<(), AccessError> {
        let all = self.archive.list(EntryKind::TakenOver, &upload.0).await?;
        let of_it = all.into_iter().filter(|(name, _)| name.key.first() == Some(&dealer));
        Ok(self.archive.write(of_it.map(|(name, _)| gone(name)).collect()).await?)
    }

    async fn holders_of(&self, upload: UploadId) -> Result<Holders, AccessError> {
        let mut holders = Holders::new();
        for (_, bytes) in self.archive.list(EntryKind::ReleasePacket, &upload.0).await? {
            let packet = ReleasePacket::from_bytes(&bytes)
                .map_err(|error| AccessError::Damaged(error.to_string()))?;
            holders.entry(packet.header.key).or_default().push(packet);
        }
        for packets in holders.values_mut() {
            packets.sort_by_key(|packet| packet.header.dealt.as_ref().map(|it| it.dealer));
        }
        Ok(holders)
    }

    /// How many of the holders it takes; none if nothing is left of the upload.
    async fn shares_needed(
        &self,
        (dataset, upload): (DatasetId, UploadId),
        holders: &Holders,
    ) -> Result<Option<Needed>, AccessError> {
        let Some(packet) = holders.values().flatten().next() else { return Ok(None) };
        let name = EntryName::new(EntryKind::Manifest, &dataset.0, &upload.0);
        let Some(bytes) = self.archive.get(&name).await? else { return Ok(None) };
        let catalogue = Catalogue::from_bytes(&bytes)
            .map_err(|error| AccessError::Damaged(error.to_string()))?;
        let Some(item) = catalogue.items.first() else { return Ok(None) };
        let sealed = usize::from(item.entry.threshold());
        Ok(Some(match &packet.header.dealt {
            None => Needed { former: sealed, dealt: 0 },
            Some(dealt) => Needed {
                former: dealt.threshold.into(),
                dealt: if dealt.of == 0 { sealed } else { dealt.of.into() },
            },
        }))
    }
}

/// How many nodes it takes.
struct Needed {
    /// Of those that hold the upload now.
    former: usize,
    /// Of the columns of each of these, if they came by a handover themselves.
    dealt: usize,
}

fn terms_for(
    (dataset, upload): (DatasetId, UploadId),
    heirs: &Heirs,
    holders: &Holders,
    columns: usize,
) -> HandoverTerms {
    let dealers = holders.values().flatten().filter_map(|it| it.header.dealt.as_ref());
    let dealers: BTreeSet<u8> = dealers.map(|dealt| dealt.dealer).collect();
    HandoverTerms {
        version: Known,
        dataset,
        upload,
        epoch: heirs.epoch,
        threshold: heirs.threshold,
        nodes: heirs.nodes.clone(),
        former: dealers.into_iter().take(columns).collect(),
    }
}

/// A holder's packet, or its columns of these dealers.
fn own_columns(packets: &[ReleasePacket], former: &[u8]) -> Option<Vec<ReleasePacket>> {
    if former.is_empty() {
        return Some(packets.to_vec());
    }
    let of = |dealer: &u8| {
        let named = |packet: &&ReleasePacket| {
            packet.header.dealt.as_ref().is_some_and(|dealt| dealt.dealer == *dealer)
        };
        packets.iter().find(named).cloned()
    };
    former.iter().map(of).collect()
}

/// The proof behind a packet that was taken over, if it is what these terms are about.
fn fits(packet: &ReleasePacket, terms: &HandoverTerms, (dealer, node): (u8, u8)) -> Option<Digest> {
    let (header, at) = (&packet.header, node.checked_sub(1)?);
    let dealt = header.dealt.as_ref()?;
    let same = header.dataset == terms.dataset
        && header.upload == terms.upload
        && header.node == node
        && terms.nodes.get(usize::from(at)) == Some(&header.key)
        && (dealt.dealer, dealt.epoch, dealt.threshold) == (dealer, terms.epoch, terms.threshold);
    same.then_some(dealt.proof)
}

fn taken_over(upload: UploadId, dealer: u8, key: Digest) -> EntryName {
    EntryName::new(EntryKind::TakenOver, &upload.0, &[&[dealer], &key.0[..]].concat())
}

fn gone(name: EntryName) -> Change {
    Change { name, value: None }
}
