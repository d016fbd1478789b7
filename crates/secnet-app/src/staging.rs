//! What is stored for a command before the ledger has spoken: listed if it accepts, cleared away if it refuses, and
//! either of the two after an interruption.

use minicbor::{Decode, Encode};
use secnet_crypto::Address;
use secnet_ledger::{DatasetStatus, Rejection};
use secnet_lock::UploadId;
use secnet_types::{
    Command, DatasetId, Digest, MemberId, Operation, SignedCommand, Timestamp, decode,
};
use std::collections::BTreeSet;

use crate::AccessError;
use crate::pdc::{Pdc, put};
use crate::ports::{Archive, ArchiveError, Change, Committed, EntryKind, EntryName, SubmitError};
use crate::upload::Upload;

/// Longest note, in bytes.
const MAX_STAGED_BYTES: usize = 4 * 1024 * 1024;

/// The note of what was stored for one command.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Staged {
    #[n(0)]
    dataset: DatasetId,
    /// Once the dataset has this manifest, the ledger has accepted the command.
    #[n(1)]
    manifest: Digest,
    /// Nothing that was there before stays.
    #[n(2)]
    anew: bool,
    #[n(3)]
    uploads: Vec<UploadId>,
    #[n(4)]
    segments: Vec<Place>,
    /// From then on the ledger does not accept the command any more.
    #[n(5)]
    expires: Timestamp,
    /// Segments that came ahead of the command.
    #[n(6)]
    ahead: Option<SentAhead>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct SentAhead {
    #[n(0)]
    author: MemberId,
    #[n(1)]
    segments: Vec<Place>,
}

impl SentAhead {
    fn addresses(&self) -> BTreeSet<Address> {
        self.segments.iter().map(|place| Address::from_bytes(place.0)).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
struct Place(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]);

impl Staged {
    pub(crate) fn dataset(&self) -> DatasetId {
        self.dataset
    }

    /// What is about to be stored for a command that registers, updates or accepts a dataset.
    pub(crate) fn of(dataset: DatasetId, uploads: &[Upload], command: &Command) -> Self {
        let manifest = match &command.operation {
            Operation::RegisterDataset { manifest, .. }
            | Operation::UpdateDataset { manifest, .. }
            | Operation::AcceptDataset { manifest, .. } => *manifest,
            _ => Digest::ZERO,
        };
        let segments = uploads.iter().flat_map(|upload| &upload.sealed.segments);
        Self {
            dataset,
            manifest,
            anew: matches!(command.operation, Operation::AcceptDataset { .. }),
            uploads: uploads.iter().map(|upload| upload.sealed.upload).collect(),
            segments: segments.map(|segment| Place(*segment.address.as_bytes())).collect(),
            expires: command.expires,
            ahead: None,
        }
    }

    /// These segments came ahead of the command.
    pub(crate) fn with_ahead(mut self, author: MemberId, segments: &BTreeSet<Address>) -> Self {
        let segments: Vec<Place> = segments.iter().map(|at| Place(*at.as_bytes())).collect();
        self.ahead = (!segments.is_empty()).then_some(SentAhead { author, segments });
        self
    }
}

/// What goes by the name of a command in the archive.
pub(crate) fn staged_name(command: &SignedCommand) -> Digest {
    Digest::of(&command.to_bytes())
}

fn note_name(command: Digest) -> EntryName {
    EntryName::new(EntryKind::Staged, &[], &command.0)
}

/// The catalogues of a dataset's uploads, those included that an interruption has kept from being listed. A free function,
/// for checks of a folder.
pub(crate) async fn catalogues_of(
    archive: &dyn Archive,
    dataset: DatasetId,
    manifest: Digest,
) -> Result<Vec<(EntryName, Vec<u8>)>, ArchiveError> {
    let mut all = archive.list(EntryKind::Manifest, &dataset.0).await?;
    for (name, bytes) in archive.list(EntryKind::Staged, &[]).await? {
        let staged: Staged = decode("note of what is staged", &bytes, MAX_STAGED_BYTES)
            .map_err(|error| ArchiveError::Damaged(error.to_string()))?;
        if staged.dataset != dataset || staged.manifest != manifest {
            continue;
        }
        if staged.anew {
            all.clear();
        }
        all.extend(archive.list(EntryKind::Manifest, &name.key).await?);
    }
    Ok(all)
}

impl Pdc {
    /// Was everything that is handed in with this command taken in before?
    pub(crate) async fn taken_in(
        &self,
        dataset: DatasetId,
        uploads: &[Upload],
        command: &SignedCommand,
    ) -> Result<bool, AccessError> {
        let name = staged_name(command);
        if self.archive.get(&note_name(name)).await?.is_some() {
            return Ok(false);
        }
        let Command { author, id, .. } = command.value;
        let applied = self.view(|view| view.state.applied(author, id)).flatten();
        if applied.is_some_and(|applied| applied.digest == name) {
            return Ok(true);
        }
        if self.is_erased(dataset) {
            return Err(Rejection::DatasetNotActive.into());
        }
        for upload in uploads {
            let id = upload.sealed.upload;
            let listed = EntryName::new(EntryKind::Manifest, &dataset.0, &id.0);
            if self.archive.get(&listed).await?.is_some() {
                return Err(AccessError::Malformed(format!(
                    "the dataset has had an upload {id} before; seal the records again"
                )));
            }
        }
        Ok(false)
    }

    /// What becomes of what was stored, now that the ledger has spoken.
    pub(crate) async fn settle_staged(
        &self,
        ordered: Result<Committed, SubmitError>,
        staged: &Staged,
        command: &SignedCommand,
    ) -> Result<Committed, AccessError> {
        let name = staged_name(command);
        let committed = match ordered {
            Ok(committed) => committed,
            Err(SubmitError::Rejected(rejection)) => {
                // An earlier attempt may have been accepted, so long ago that the ledger has forgotten its id.
                match self.is_accepted(staged) {
                    true => self.list_staged(name, staged).await?,
                    false => self.clear_staged(name, staged).await?,
                }
                return Err(rejection.into());
            }
            Err(error) => return Err(error.into()),
        };
        // An older view says nothing of it.
        let superseded = self.view(|view| {
            let manifest = view.state.dataset(staged.dataset).map(|entry| entry.manifest);
            view.height >= committed.height && manifest != Some(staged.manifest)
        });
        if superseded == Some(true) {
            self.clear_staged(name, staged).await?;
            return Err(AccessError::Malformed(
                "a later command has stated the dataset without these records; hand them in anew"
                    .into(),
            ));
        }
        self.list_staged(name, staged).await?;
        Ok(committed)
    }

    /// Before anything is stored for a command.
    pub(crate) async fn note_staged(
        &self,
        command: Digest,
        staged: &Staged,
    ) -> Result<(), AccessError> {
        Ok(self.archive.write(vec![put(EntryKind::Staged, &[], &command.0, staged)]).await?)
    }

    /// The ledger has accepted: what was stored with the command is listed with the dataset. If everything is brought
    /// anew, nothing that was there before stays: a new owner's records are under new keys.
    pub(crate) async fn list_staged(
        &self,
        command: Digest,
        staged: &Staged,
    ) -> Result<(), AccessError> {
        let dataset = staged.dataset;
        if self.is_erased(dataset) {
            // Listed and then destroyed, it would stay after an interruption between the two.
            self.destroy(dataset, &BTreeSet::new(), true).await?;
            return self.clear_staged(command, staged).await;
        }
        let rewriting = self.rewriting.lock().await;
        if self.archive.get(&note_name(command)).await?.is_none() {
            return Ok(());
        }
        self.about_to_destroy();
        let waiting = self.archive.list(EntryKind::Manifest, &command.0).await?;
        let mut changes = vec![Change { name: note_name(command), value: None }];
        changes.extend(self.former_manifests(dataset).await?);
        if staged.anew {
            for (name, _) in self.archive.list(EntryKind::Manifest, &dataset.0).await? {
                self.forget_packets(&name.key, &mut changes).await?;
                changes.push(Change { name, value: None });
            }
        }
        for (name, bytes) in waiting {
            let listed = EntryName::new(EntryKind::Manifest, &dataset.0, &name.key);
            changes.push(Change { name: listed, value: Some(bytes) });
            changes.push(Change { name, value: None });
        }
        self.about_to_rewrite(dataset);
        self.archive.write(changes).await?;
        drop(rewriting);
        self.rewritten(dataset);
        for upload in &staged.uploads {
            self.may_need_handing_over(dataset, *upload);
        }
        if let Some(ahead) = &staged.ahead {
            self.forget_ahead(ahead.author, &ahead.addresses()).await?;
        }
        // The dataset may have been erased meanwhile.
        if self.is_erased(dataset) {
            self.destroy(dataset, &BTreeSet::new(), true).await?;
        }
        Ok(())
    }

    /// The ledger has refused: what was stored goes, but for what an earlier command has listed already.
    pub(crate) async fn clear_staged(
        &self,
        command: Digest,
        staged: &Staged,
    ) -> Result<(), AccessError> {
        let mut changes = Vec::new();
        for (name, _) in self.archive.list(EntryKind::Manifest, &command.0).await? {
            changes.push(Change { name, value: None });
        }
        if self.manifest_on_ledger(staged.dataset) != Some(staged.manifest) {
            let (group, key) = (&staged.dataset.0, &staged.manifest.0);
            let name = EntryName::new(EntryKind::DatasetManifest, group, key);
            changes.push(Change { name, value: None });
        }
        for upload in &staged.uploads {
            let listed = EntryName::new(EntryKind::Manifest, &staged.dataset.0, &upload.0);
            if self.archive.get(&listed).await?.is_none() {
                self.forget_packets(&upload.0, &mut changes).await?;
            }
        }
        self.archive.write(changes).await?;
        let stored: BTreeSet<Address> =
            staged.segments.iter().map(|place| Address::from_bytes(place.0)).collect();
        self.free_segments(stored).await?;
        // What came ahead stays for another command, until its time is over.
        if let Some(ahead) = &staged.ahead {
            self.disclaim(staged.dataset, &ahead.addresses()).await?;
        }
        // Last, so that after an interruption the rest is cleared away by the next start.
        Ok(self.archive.write(vec![Change { name: note_name(command), value: None }]).await?)
    }

    /// The lists of uploads that nothing commits to any more, neither the ledger nor a command that may still be applied.
    async fn former_manifests(&self, dataset: DatasetId) -> Result<Vec<Change>, AccessError> {
        let staged = self.staged().await?.into_iter().map(|(_, staged)| staged.manifest);
        let current: BTreeSet<Digest> = staged.chain(self.manifest_on_ledger(dataset)).collect();
        let kept = self.archive.list(EntryKind::DatasetManifest, &dataset.0).await?;
        let names = kept.into_iter().map(|(name, _)| name);
        let former =
            names.filter(|name| !current.iter().any(|digest| digest.0 == name.key.as_slice()));
        Ok(former.map(|name| Change { name, value: None }).collect())
    }

    pub(crate) async fn forget_packets(
        &self,
        upload: &[u8],
        changes: &mut Vec<Change>,
    ) -> Result<(), AccessError> {
        let kinds = [
            EntryKind::ReleasePacket,
            EntryKind::CompartmentPacket,
            EntryKind::HostingPacket,
            EntryKind::TakenOver,
        ];
        for kind in kinds {
            for (name, _) in self.archive.list(kind, upload).await? {
                changes.push(Change { name, value: None });
            }
        }
        Ok(())
    }

    /// List what the ledger has accepted meanwhile, of this dataset.
    pub(crate) async fn list_accepted(&self, dataset: DatasetId) -> Result<(), AccessError> {
        for (command, staged) in self.staged().await? {
            if staged.dataset == dataset && self.is_accepted(&staged) {
                self.list_staged(command, &staged).await?;
            }
        }
        Ok(())
    }

    /// After a start: nobody is storing anything, so what is staged was interrupted. What the ledger can still accept
    /// stays: a view of it may be behind.
    pub(crate) async fn finish_interrupted(&self) -> Result<(), AccessError> {
        for (command, staged) in self.staged().await? {
            let dataset = staged.dataset;
            if self.is_accepted(&staged) {
                self.list_staged(command, &staged).await?;
            } else if self.view(|view| staged.expires <= view.time) == Some(true) {
                self.clear_staged(command, &staged).await?;
            }
            if !self.is_hosted(dataset) {
                self.unhost(dataset).await?;
            }
        }
        Ok(())
    }

    pub(crate) fn is_erased(&self, dataset: DatasetId) -> bool {
        let status = self.view(|view| view.state.dataset(dataset).map(|entry| entry.status));
        status.flatten() == Some(DatasetStatus::Erased)
    }

    fn is_accepted(&self, staged: &Staged) -> bool {
        self.manifest_on_ledger(staged.dataset) == Some(staged.manifest)
    }

    async fn staged(&self) -> Result<Vec<(Digest, Staged)>, AccessError> {
        let mut all = Vec::new();
        for (name, bytes) in self.archive.list(EntryKind::Staged, &[]).await? {
            let staged = decode("note of what is staged", &bytes, MAX_STAGED_BYTES)
                .map_err(|error| AccessError::Damaged(error.to_string()))?;
            if let Ok(command) = name.key.try_into() {
                all.push((Digest(command), staged));
            }
        }
        Ok(all)
    }
}
