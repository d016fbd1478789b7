//! Erasures: noted under seal beside the keys of the backups before the ledger states them, and carried out as often as
//! it takes. An interruption at any point leaves a note from which the rest can be done; a backup that is older than an
//! erasure meets the same note when it is restored.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use secnet_app::ports::ArchiveError;
use secnet_app::{compartments_in_use, referenced_segments};
use secnet_crypto::Address;
use secnet_lock::CompartmentId;
use secnet_types::{DatasetId, Digest, MemberId, RecordId, Timestamp, decode, encode};
use secnet_vault::BackupEpochs;

use crate::actions;
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::node::{Node, access_failure, backup_failure};

/// One erasure, and everything that has to go with the records.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Erasure {
    #[n(0)]
    pub dataset: DatasetId,
    #[n(1)]
    pub records: BTreeSet<RecordId>,
    /// The dataset ends.
    #[n(2)]
    pub whole: bool,
    /// Compartments that were in use then: the keys of those that nothing needs any more are destroyed.
    #[n(3)]
    pub compartments: BTreeSet<CompartmentId>,
    /// Segments that were referred to then, likewise.
    #[n(4)]
    segments: BTreeSet<Digest>,
    /// From then on no backup opens that could still hold it.
    #[n(5)]
    pub dies: Timestamp,
}

/// What has been destroyed, beside the records.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    pub compartments: usize,
    pub segments: usize,
}

impl Erasure {
    /// What has to go with these records of a dataset, as of now.
    pub(crate) async fn of(
        node: &Node,
        dataset: DatasetId,
        records: BTreeSet<RecordId>,
        whole: bool,
        dies: Timestamp,
    ) -> Result<Self, Failure> {
        let compartments =
            compartments_in_use(&node.archive, dataset).await.map_err(archive_failure)?;
        let segments =
            referenced_segments(&node.archive, dataset).await.map_err(archive_failure)?;
        let segments = segments.iter().map(|segment| Digest(*segment.as_bytes())).collect();
        Ok(Self { dataset, records, whole, compartments, segments, dies })
    }

    fn segments(&self) -> impl Iterator<Item = Address> + '_ {
        self.segments.iter().map(|digest| Address::from_bytes(digest.0))
    }
}

/// The erasures that have been noted.
pub(crate) fn noted(epochs: &BackupEpochs) -> Result<Vec<Erasure>, Failure> {
    let note = epochs.note();
    if note.is_empty() {
        return Ok(Vec::new());
    }
    decode("erasures", note, note.len()).map_err(|error| {
        Failure::new("damaged", "the note of what was erased is damaged")
            .because(&error)
            .exit(Exit::Verification)
    })
}

/// Note an erasure; those that no backup can bring back any more are left out. What had been noted before.
pub(crate) fn note(
    epochs: &mut BackupEpochs,
    erasure: &Erasure,
    now: Timestamp,
) -> Result<Vec<u8>, Failure> {
    let before = epochs.note().to_vec();
    let mut all = noted(epochs)?;
    all.retain(|other| other.dies > now && other != erasure);
    all.push(erasure.clone());
    epochs.set_note(encode(&all)).map_err(|error| backup_failure(&error))?;
    Ok(before)
}

/// Steps of [`carry_out`], for progress.
pub(crate) const STEPS: u64 = 4;

/// Destroy what these erasures of an owner name, as far as it is still there: the release nodes' halves, the owner's keys,
/// then every key under which an old page of the archive would open, then the bytes. `step` is called after each of
/// these.
pub(crate) async fn carry_out(
    node: &Node,
    owner: &Identity,
    erasures: &[Erasure],
    mut step: impl FnMut(),
) -> Result<Gone, Failure> {
    for Erasure { dataset, records, whole, .. } in erasures {
        node.pdc.destroy(*dataset, records, *whole).await.map_err(access_failure)?;
    }
    step();
    let compartments = destroy_keys(node, owner, erasures).await?;
    step();
    // Sealed anew under another key: pages of the old file, and copies of it, open nothing.
    node.archive.rekey().await.map_err(archive_failure)?;
    step();
    let present = node.vault.list().await.map_err(|error| access_failure(error.into()))?;
    let mut segments: BTreeSet<Address> = erasures.iter().flat_map(Erasure::segments).collect();
    segments.retain(|segment| present.contains(segment));
    let removed = node.pdc.free_segments(segments).await.map_err(access_failure)?;
    step();
    Ok(Gone { compartments, segments: removed.len() })
}

/// Destroy the owner's keys of compartments that nothing of the owner is sealed for any more.
async fn destroy_keys(
    node: &Node,
    owner: &Identity,
    erasures: &[Erasure],
) -> Result<usize, Failure> {
    let mut compartments: BTreeSet<CompartmentId> =
        erasures.iter().flat_map(|erasure| &erasure.compartments).copied().collect();
    for dataset in datasets_of(node, owner.member()) {
        let used = compartments_in_use(&node.archive, dataset).await.map_err(archive_failure)?;
        compartments.retain(|compartment| !used.contains(compartment));
    }
    let mut keys = actions::compartments(&node.keystore, owner)?;
    let destroyed =
        compartments.into_iter().filter(|compartment| keys.destroy(*compartment)).count();
    if destroyed > 0 {
        actions::save_compartments(&node.keystore, owner, &keys)?;
    }
    Ok(destroyed)
}

fn datasets_of(node: &Node, owner: MemberId) -> Vec<DatasetId> {
    node.pdc.view(|view| view.state.datasets_of(owner).collect()).unwrap_or_default()
}

fn archive_failure(error: ArchiveError) -> Failure {
    access_failure(error.into())
}
