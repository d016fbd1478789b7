//! What is stored for a command before the ledger has spoken: listed if it accepts, cleared away if it refuses, and
//! either of the two after an interruption.

use minicbor::{Decode, Encode};
use secnet_crypto::Address;
use secnet_ledger::DatasetStatus;
use secnet_lock::UploadId;
use secnet_types::{Command, DatasetId, Digest, MemberId, Operation, SignedCommand, Timestamp, decode};
use std::collections::BTreeSet;

use crate::AccessError;
use crate::pdc::{Pdc, put};
use crate::ports::{Change, EntryKind, EntryName};
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

impl Pdc {
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
        let rewriting = self.rewriting.lock().await;
        let waiting = self.archive.list(EntryKind::Manifest, &command.0).await?;
        let mut changes = vec![Change { name: note_name(command), value: None }];
        if staged.anew && !waiting.is_empty() {
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
        self.archive.write(changes).await?;
        drop(rewriting);
        if let Some(ahead) = &staged.ahead {
            self.forget_ahead(ahead.author, &ahead.addresses()).await?;
        }
        self.forget_records(dataset);
        // The dataset may have been erased since the ledger accepted.
        let status = self.view(|view| view.state.dataset(dataset).map(|entry| entry.status));
        if status.flatten() == Some(DatasetStatus::Erased) {
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

    async fn forget_packets(
        &self,
        upload: &[u8],
        changes: &mut Vec<Change>,
    ) -> Result<(), AccessError> {
        for kind in [EntryKind::ReleasePacket, EntryKind::CompartmentPacket] {
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
            if self.is_accepted(&staged) {
                self.list_staged(command, &staged).await?;
            } else if self.view(|view| staged.expires <= view.time) == Some(true) {
                self.clear_staged(command, &staged).await?;
            }
        }
        Ok(())
    }

    fn is_accepted(&self, staged: &Staged) -> bool {
        let manifest =
            self.view(|view| view.state.dataset(staged.dataset).map(|entry| entry.manifest));
        manifest.flatten() == Some(staged.manifest)
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
