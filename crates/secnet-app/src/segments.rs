//! Whose segments are whose. An address is no secret: every grantee learns some. So what a dataset may point at, and what
//! an erasure may remove, is looked up here.

use secnet_crypto::Address;
use secnet_lock::SealedUpload;
use secnet_types::{DatasetId, MemberId};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::{Change, EntryKind, EntryName};
use crate::upload::referenced_segments;

pub(crate) fn owner_entry(segment: Address) -> EntryName {
    EntryName::new(EntryKind::SegmentOwner, &[], segment.as_bytes())
}

/// The entries that say that these segments belong to a dataset.
pub(crate) fn claims(dataset: DatasetId, segments: &BTreeSet<Address>) -> Vec<Change> {
    let value = Some(dataset.0.to_vec());
    segments.iter().map(|at| Change { name: owner_entry(*at), value: value.clone() }).collect()
}

impl Pdc {
    /// The segments of an upload, if it may point at all of them: they come with it, its author has sent them ahead, or
    /// they are the dataset's already.
    pub(crate) async fn own_segments(
        &self,
        dataset: DatasetId,
        author: MemberId,
        sealed: &SealedUpload,
    ) -> Result<BTreeSet<Address>, AccessError> {
        let brought: BTreeSet<Address> =
            sealed.segments.iter().map(|segment| segment.address).collect();
        let pointed_at = sealed.entries.iter().map(|entry| entry.location().segment);
        let all: BTreeSet<Address> = brought.iter().copied().chain(pointed_at).collect();
        for segment in &all {
            let allowed = match self.dataset_of(*segment).await? {
                Some(owner) => owner == dataset,
                None => {
                    brought.contains(segment) || self.has_room(author, *segment, sealed).await?
                }
            };
            if !allowed {
                return Err(AccessError::Malformed(format!(
                    "a record is said to be in segment {segment}, which is not this dataset's"
                )));
            }
        }
        Ok(all)
    }

    /// Has the author sent this segment ahead, and are the records that are said to be in it within it?
    async fn has_room(
        &self,
        author: MemberId,
        segment: Address,
        sealed: &SealedUpload,
    ) -> Result<bool, AccessError> {
        let Some(length) = self.ahead_of(author, segment).await? else { return Ok(false) };
        let mut inside = sealed.entries.iter().map(|entry| entry.location());
        Ok(inside.all(|at| {
            at.segment != segment
                || at.offset.checked_add(at.length).is_some_and(|end| end <= length)
        }))
    }

    /// These segments are not the dataset's after all, but for those that its listed records are in.
    pub(crate) async fn disclaim(
        &self,
        dataset: DatasetId,
        segments: &BTreeSet<Address>,
    ) -> Result<(), AccessError> {
        let used = referenced_segments(&*self.archive, dataset).await?;
        let mut gone = Vec::new();
        for segment in segments.difference(&used) {
            if self.dataset_of(*segment).await? == Some(dataset) {
                gone.push(Change { name: owner_entry(*segment), value: None });
            }
        }
        Ok(self.archive.write(gone).await?)
    }

    /// The dataset whose records are in a segment.
    pub(crate) async fn dataset_of(
        &self,
        segment: Address,
    ) -> Result<Option<DatasetId>, AccessError> {
        let Some(bytes) = self.archive.get(&owner_entry(segment)).await? else { return Ok(None) };
        let id = bytes
            .try_into()
            .map_err(|_| AccessError::Damaged(format!("the note of whose segment {segment} is")))?;
        Ok(Some(DatasetId(id)))
    }

    /// Remove those of these segments that no record of any dataset is in any more. Those that were removed.
    ///
    /// # Errors
    /// The archive or the vault fails; what was removed until then stays removed.
    pub async fn free_segments(
        &self,
        candidates: BTreeSet<Address>,
    ) -> Result<BTreeSet<Address>, AccessError> {
        let mut used: BTreeMap<DatasetId, BTreeSet<Address>> = BTreeMap::new();
        let mut freed = BTreeSet::new();
        for segment in candidates {
            if let Some(dataset) = self.dataset_of(segment).await? {
                let used = match used.entry(dataset) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        new.insert(referenced_segments(&*self.archive, dataset).await?)
                    }
                };
                if used.contains(&segment) {
                    continue;
                }
            }
            self.vault.remove_segment(segment).await?;
            freed.insert(segment);
        }
        let gone = freed.iter().map(|at| Change { name: owner_entry(*at), value: None });
        self.archive.write(gone.collect()).await?;
        Ok(freed)
    }
}
