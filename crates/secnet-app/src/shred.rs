//! Erasure: the keys are destroyed, the destruction is stated on the ledger, the rest is unreadable.

use secnet_lock::ReleasePacket;
use secnet_types::{DatasetId, Digest, Operation, RecordId, SignedCommand, Timestamp, encode};
use std::collections::BTreeSet;

use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::{Change, Committed, EntryKind, EntryName, View};
use crate::upload::{Catalogue, CatalogueItem};

/// The longest that a backup of keys lives, in milliseconds (30 days).
pub(crate) const KEY_BACKUP_LIFETIME_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// What is kept about a dataset as a whole and goes with it.
const GOES_WITH_DATASET: [EntryKind; 5] = [
    EntryKind::Facts,
    EntryKind::DenialSummary,
    EntryKind::DatasetManifest,
    EntryKind::Previews,
    EntryKind::Feedback,
];

/// What an erasure is about to destroy.
#[derive(Debug, Clone)]
pub struct Shredded {
    /// The dataset.
    pub dataset: DatasetId,
    /// The records.
    pub records: BTreeSet<RecordId>,
    /// All of its records: the dataset ends.
    pub whole: bool,
    /// Salted commitments to the records, for the ledger. The salt is destroyed with the keys.
    pub commitments: Vec<Digest>,
    /// The day the last backup of the keys dies.
    pub last_backup_dies: Timestamp,
    /// Salt of the commitments.
    pub salt: [u8; 32],
}

/// The operation that states an erasure, for the owner to sign.
#[must_use]
pub fn what_to_shred(shredded: &Shredded) -> Operation {
    Operation::RecordErasure {
        dataset: shredded.dataset,
        erased: shredded.commitments.clone(),
        last_backup_dies: shredded.last_backup_dies,
        whole: shredded.whole,
    }
}

fn commitment(salt: &[u8; 32], records: &BTreeSet<RecordId>) -> Digest {
    let ids: Vec<RecordId> = records.iter().copied().collect();
    Digest::commit(salt, &encode(&ids))
}

impl Pdc {
    /// Plan an erasure of some records of a dataset, or of all.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] if a record is not there; the archive cannot be read.
    pub async fn plan_shredding(
        &self,
        dataset: DatasetId,
        records: Option<BTreeSet<RecordId>>,
    ) -> Result<Shredded, AccessError> {
        let listed = self.records_of(dataset).await?;
        let all: BTreeSet<RecordId> = listed.entries.keys().copied().collect();
        let records = records.unwrap_or_else(|| all.clone());
        if let Some(unknown) = records.iter().find(|id| !all.contains(id)) {
            return Err(AccessError::Unknown(format!("record {unknown}")));
        }
        let whole = records == all;
        let salt: [u8; 32] = self.random();
        // One commitment over the sorted ids: their number and order stay unknown without the salt.
        let commitments = vec![commitment(&salt, &records)];
        let last_backup_dies = self.clock.now().plus_ms(KEY_BACKUP_LIFETIME_MS);
        Ok(Shredded { dataset, records, whole, commitments, last_backup_dies, salt })
    }

    /// Carry an erasure out: first the owner's signed statement on the ledger, which ends further release, then the
    /// destruction of the release nodes' shares, the requester's half, and the record descriptions.
    ///
    /// If it is interrupted, running it again goes on: the ledger already refuses to release what it names as a whole, and
    /// what is left of a part is destroyed then.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn shred(
        &self,
        shredded: &Shredded,
        command: &SignedCommand,
    ) -> Result<Committed, AccessError> {
        if command.value.operation != what_to_shred(shredded) {
            return Err(AccessError::Malformed("the command states another erasure".into()));
        }
        // The owner signed commitments. Her command is on the ledger for all to read: it erases these records, no others.
        if shredded.commitments != [commitment(&shredded.salt, &shredded.records)] {
            return Err(AccessError::Malformed(
                "the command states the erasure of other records".into(),
            ));
        }
        // With the whole dataset the ledger forgets what was still asked for: its details are looked up before.
        let behind = match shredded.whole {
            true => self.details_of(shredded.dataset),
            false => BTreeSet::new(),
        };
        let erasing = self.erasing.lock().await;
        let committed = self.log.submit(command.to_bytes()).await?;
        self.destroy(shredded.dataset, &shredded.records, shredded.whole).await?;
        drop(erasing);
        self.archive.write(behind.into_iter().map(gone).collect()).await?;
        Ok(committed)
    }

    /// Destroy what an erasure that is on the ledger named: after an interruption, or in a restored backup that is older
    /// than the erasure. What is not there any more is passed over.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn destroy(
        &self,
        dataset: DatasetId,
        records: &BTreeSet<RecordId>,
        whole: bool,
    ) -> Result<(), AccessError> {
        let rewriting = self.rewriting.lock().await;
        self.about_to_destroy();
        let changes = self.destruction(dataset, records, whole).await?;
        self.about_to_rewrite(dataset);
        self.archive.write(changes).await?;
        drop(rewriting);
        self.rewritten(dataset);
        Ok(())
    }

    async fn destruction(
        &self,
        dataset: DatasetId,
        records: &BTreeSet<RecordId>,
        whole: bool,
    ) -> Result<Vec<Change>, AccessError> {
        let mut changes = Vec::new();
        for (name, bytes) in self.archive.list(EntryKind::Manifest, &dataset.0).await? {
            let catalogue = Catalogue::from_bytes(&bytes)
                .map_err(|error| AccessError::Damaged(error.to_string()))?;
            let (upload, owner) = (name.key.clone(), catalogue.owner);
            let (manifest, mut erased) = (catalogue.manifest, catalogue.erased);
            // With the whole dataset goes what was brought in while the erasure was signed.
            let (gone, kept): (Vec<CatalogueItem>, Vec<_>) = catalogue
                .items
                .into_iter()
                .partition(|item| whole || records.contains(&item.meta.id));
            if gone.is_empty() && !whole {
                continue;
            }
            // A part leaves its digests, so that what is kept can be told from what is lost.
            erased.extend(gone.iter().map(CatalogueItem::digest));
            let gone: BTreeSet<RecordId> = gone.into_iter().map(|item| item.meta.id).collect();
            let rest = Catalogue { items: kept, owner, manifest, erased };
            let value = (!whole).then(|| encode(&rest));
            changes.push(Change { name, value });
            self.destroy_shares(&upload, &gone, &mut changes).await?;
        }
        if whole {
            for kind in GOES_WITH_DATASET {
                let kept = self.archive.list(kind, &dataset.0).await?;
                changes.extend(kept.into_iter().map(|(name, _)| gone(name)));
            }
            changes.extend(self.details_of(dataset).into_iter().map(gone));
            changes.extend(self.notices_of(dataset).await?.into_iter().map(gone));
        }
        Ok(changes)
    }

    /// Everything that is kept behind commitments about a dataset: with the salts gone, the ledger says nothing of it any
    /// more. What consent on another dataset commits to as well stays.
    pub(crate) fn details_of(&self, dataset: DatasetId) -> BTreeSet<EntryName> {
        let of = details_about;
        let names = self.view(|view| {
            let owner = view.state.dataset(dataset).map(|entry| entry.owner);
            let others = owner.into_iter().flat_map(|owner| view.state.datasets_of(owner));
            let others = others.filter(|other| *other != dataset);
            let shared: BTreeSet<EntryName> = others.flat_map(|other| of(other, view)).collect();
            of(dataset, view).difference(&shared).cloned().collect()
        });
        names.unwrap_or_default()
    }

    /// Each release and hosting packet is sealed anew without the erased records; an upload of which nothing is left loses
    /// its compartment packets as well.
    async fn destroy_shares(
        &self,
        upload: &[u8],
        gone: &BTreeSet<RecordId>,
        changes: &mut Vec<Change>,
    ) -> Result<(), AccessError> {
        self.forget_hosted(upload, gone, changes).await?;
        // What is being handed over holds the records too: it begins anew, from what is left.
        for (name, _) in self.archive.list(EntryKind::TakenOver, upload).await? {
            changes.push(Change { name, value: None });
        }
        let mut emptied = false;
        for (name, bytes) in self.archive.list(EntryKind::ReleasePacket, upload).await? {
            let packet = ReleasePacket::from_bytes(&bytes)
                .map_err(|error| AccessError::Damaged(error.to_string()))?;
            let kept = self.release.forget(&packet, gone).await?;
            emptied |= kept.is_none();
            changes.push(Change { name, value: kept.map(|packet| packet.to_bytes()) });
        }
        if emptied {
            for (name, _) in self.archive.list(EntryKind::CompartmentPacket, upload).await? {
                changes.push(Change { name: EntryName { ..name }, value: None });
            }
        }
        Ok(())
    }
}

fn gone(name: EntryName) -> Change {
    Change { name, value: None }
}

/// Where everything is that the ledger says of consent on a dataset, and commits to.
pub(crate) fn details_about(dataset: DatasetId, view: &View<'_>) -> BTreeSet<EntryName> {
    let state = view.state;
    let Some(entry) = state.dataset(dataset) else { return BTreeSet::new() };
    let name = |kind, digest: Digest| EntryName::new(kind, &[], &digest.0);
    let grants = state.grants_on(dataset).flat_map(|(_, state)| {
        let grant = &state.grant;
        [name(EntryKind::ConsentDetail, grant.detail), name(EntryKind::Wraps, grant.wraps)]
    });
    let denials = state.denials_by(entry.owner).filter_map(|(_, state)| {
        let own = state.denial.dataset == Some(dataset);
        Some(name(EntryKind::ConsentDetail, state.denial.detail.filter(|_| own)?))
    });
    let asks = state.asks_to(entry.owner).filter(|(_, state)| state.ask.dataset == dataset);
    let asks = asks.map(|(_, state)| name(EntryKind::AskDetail, state.ask.detail));
    let terms = name(EntryKind::TermsDetail, entry.terms.detail);
    grants.chain(denials).chain(asks).chain([terms]).collect()
}
