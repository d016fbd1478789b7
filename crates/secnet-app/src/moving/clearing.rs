//! What is left of a dataset that has moved away, or that did not come, is removed.

use std::collections::BTreeSet;

use secnet_crypto::Address;
use secnet_types::{DatasetId, MemberId, decode, limits};

use super::leaving::{Allowed, Failed, Leaving, MAX_NOTE_BYTES, leaving_name};
use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::{Change, EntryKind, EntryName};
use crate::upload::Catalogue;

/// How long the copy stays when the new data centre has everything: nothing that was decided here can be collected any longer.
const KEEP_MS: u64 = limits::MAX_COLLECTION_MS;

impl Pdc {
    /// Remove the copies of what has moved, as soon as they may go: when nothing can be collected here any more, or something was
    /// erased where the dataset is now. How many went.
    ///
    /// # Errors
    /// Archive or vault fail; what was removed until then stays removed, and the rest is tried again.
    pub async fn clear_moved(&self) -> Result<usize, AccessError> {
        let mut gone = 0_usize;
        self.catch_up().await?;
        for (name, bytes) in self.archive.list(EntryKind::Leaving, &[]).await? {
            let Ok(id) = name.key.clone().try_into() else { continue };
            let note: Leaving = decode("note of a move", &bytes, MAX_NOTE_BYTES)
                .map_err(|error| AccessError::Damaged(error.to_string()))?;
            let dataset = DatasetId(id);
            let late = note.done.is_some_and(|done| self.now().since_ms(done) >= KEEP_MS);
            let erasure = self.timeline.lock().last_erasure(dataset);
            let erased = note.log_size.is_some_and(|size| erasure.is_some_and(|at| at >= size));
            // What a former owner sealed is no part of the dataset any more.
            let handed = self.owned(note.owner, dataset).is_none();
            let over = late || erased || handed || self.is_erased(dataset);
            if over && self.remove_copy(dataset, note.owner).await? {
                gone = gone.saturating_add(1);
            }
        }
        Ok(gone)
    }

    /// Remove all that is kept of the records of this owner, unless the dataset is here, or is coming. True if nothing is left.
    pub(super) async fn remove_copy(
        &self,
        dataset: DatasetId,
        owner: MemberId,
    ) -> Result<bool, AccessError> {
        let _moving = self.moving.lock().await;
        let coming = self.coming_note(dataset).await?.is_some();
        let here = self
            .view(|view| view.state.dataset(dataset).is_none_or(|entry| entry.pdc == self.member));
        if coming || here != Some(false) {
            return Ok(false);
        }
        self.drop_copy(dataset, owner).await?;
        self.archive.write(vec![Change { name: leaving_name(dataset), value: None }]).await?;
        Ok(true)
    }

    /// The same without asking. Segments go before what names them, so that after an interruption none is left that nothing names.
    pub(super) async fn drop_copy(
        &self,
        dataset: DatasetId,
        owner: MemberId,
    ) -> Result<(), AccessError> {
        let rewriting = self.rewriting.lock().await;
        self.about_to_destroy();
        self.about_to_rewrite(dataset);
        let dropped = self.drop_alone(dataset, owner).await;
        drop(rewriting);
        self.rewritten(dataset);
        dropped
    }

    async fn drop_alone(&self, dataset: DatasetId, owner: MemberId) -> Result<(), AccessError> {
        let mut changes = Vec::new();
        for (name, bytes) in self.archive.list(EntryKind::Manifest, &dataset.0).await? {
            let catalogue = Catalogue::from_bytes(&bytes)
                .map_err(|error| AccessError::Damaged(error.to_string()))?;
            if catalogue.owner != owner {
                continue;
            }
            let used = catalogue.items.iter().map(|item| item.entry.location().segment);
            for segment in used.collect::<BTreeSet<Address>>() {
                self.drop_segment(dataset, segment).await?;
            }
            self.forget_packets(&name.key, &mut changes).await?;
            changes.push(Change { name, value: None });
        }
        let allowed = Allowed::own(dataset, owner, self.member);
        for kind in [EntryKind::Facts, EntryKind::Feedback, EntryKind::Notice] {
            let group = if kind == EntryKind::Notice { &owner.0[..] } else { &dataset.0[..] };
            let names = self.names_to_copy(&allowed, kind, None).await;
            let names = names.map_err(|failed| match failed {
                Failed::Here(error) => error,
                Failed::Refused(why) => AccessError::Damaged(why.to_string()),
            })?;
            let named = names.into_iter().map(|(key, _)| EntryName::new(kind, group, &key));
            changes.extend(named.map(|name| Change { name, value: None }));
        }
        for (name, _) in self.archive.list(EntryKind::DatasetManifest, &dataset.0).await? {
            changes.push(Change { name, value: None });
        }
        let details = self.details_of(dataset).into_iter();
        changes.extend(details.map(|name| Change { name, value: None }));
        Ok(self.archive.write(changes).await?)
    }

    pub(super) async fn drop_segment(
        &self,
        dataset: DatasetId,
        segment: Address,
    ) -> Result<(), AccessError> {
        if self.dataset_of(segment).await? == Some(dataset) {
            self.vault.remove_segment(segment).await?;
            let name = crate::segments::owner_entry(segment);
            self.archive.write(vec![Change { name, value: None }]).await?;
        }
        Ok(())
    }
}
