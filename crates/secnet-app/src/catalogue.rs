//! The datasets that a member may know of: its own, those it was granted something of, those it asked for. Nothing tells
//! how many others there are.

use std::collections::BTreeSet;

use secnet_ledger::Dataset;
use secnet_types::{DatasetId, MemberId, Party};

use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::{EntryKind, EntryName, View};
use crate::upload::TermsDetail;

/// Datasets in one page of a catalogue.
pub const MAX_CATALOGUE_PAGE: usize = 1000;

/// One dataset, as far as whoever may know of it is told.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub id: DatasetId,
    /// What the ledger has of it.
    pub dataset: Dataset,
    /// Its title, if its detailed terms are here and whole.
    pub title: Option<String>,
}

/// One page, in the order of ids.
#[derive(Debug, Clone, Default)]
pub struct KnownPage {
    /// The datasets.
    pub datasets: Vec<Known>,
    /// Give it as `after` to go on; none if this is all.
    pub next: Option<DatasetId>,
}

impl Pdc {
    /// The datasets here that a member may know of, a page at a time. Each page is looked up in the consent of its own
    /// moment.
    ///
    /// # Errors
    /// The archive's storage fails.
    pub async fn catalogue(
        &self,
        member: MemberId,
        after: Option<DatasetId>,
        limit: usize,
    ) -> Result<KnownPage, AccessError> {
        let limit = limit.clamp(1, MAX_CATALOGUE_PAGE);
        let found = self.view(|view| {
            let here = |id: &DatasetId| {
                view.state.dataset(*id).filter(|dataset| dataset.pdc == self.member)
            };
            let ids =
                known_ids(view, member, after, limit.saturating_add(1), |id| here(id).is_some());
            ids.iter().filter_map(|id| Some((*id, here(id)?.clone()))).collect::<Vec<_>>()
        });
        let mut found = found.unwrap_or_default();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(|(id, _)| *id).filter(|_| more);
        let titles = self.titles_of(found.iter().map(|(_, dataset)| dataset)).await?;
        let known = found.into_iter().zip(titles);
        let known = known.map(|((id, dataset), title)| Known { id, dataset, title });
        Ok(KnownPage { datasets: known.collect(), next })
    }

    /// May the member know of a dataset, at whichever data centre it is? The same for one that it may not know of and one that
    /// does not exist.
    #[must_use]
    pub fn may_know_of(&self, member: MemberId, id: DatasetId) -> bool {
        let known = self.view(|view| {
            let dataset = view.state.dataset(id);
            let parties = view.state.parties_of(member);
            dataset.is_some_and(|dataset| may_know(view, member, &parties, (id, dataset)))
        });
        known.unwrap_or(false)
    }

    /// Is the dataset at this data centre now?
    #[must_use]
    pub fn keeps(&self, id: DatasetId) -> bool {
        let here = self.view(|view| view.state.dataset(id).is_some_and(|d| d.pdc == self.member));
        here.unwrap_or(false)
    }

    /// One dataset, if the member may know of it.
    ///
    /// # Errors
    /// [`AccessError::Unknown`], whether it exists or not; the archive's storage fails.
    pub async fn known(&self, member: MemberId, id: DatasetId) -> Result<Known, AccessError> {
        let dataset = self.view(|view| {
            let dataset = view.state.dataset(id).filter(|dataset| dataset.pdc == self.member)?;
            let parties = view.state.parties_of(member);
            may_know(view, member, &parties, (id, dataset)).then(|| dataset.clone())
        });
        let unknown = || AccessError::Unknown(format!("dataset {id}"));
        let dataset = dataset.flatten().ok_or_else(unknown)?;
        let title = self.titles_of([&dataset].into_iter()).await?.pop().flatten();
        Ok(Known { id, dataset, title })
    }

    /// One for each; none where it cannot be read.
    async fn titles_of(
        &self,
        datasets: impl Iterator<Item = &Dataset>,
    ) -> Result<Vec<Option<String>>, AccessError> {
        let name = |of: &Dataset| EntryName::new(EntryKind::TermsDetail, &[], &of.terms.detail.0);
        let names: Vec<EntryName> = datasets.map(name).collect();
        let mut titles = Vec::with_capacity(names.len());
        for found in self.archive.get_each(&names).await {
            let bytes = match found {
                Err(error) if AccessError::from(error.clone()).is_damage() => None,
                bytes => bytes?,
            };
            let detail = bytes.and_then(|bytes| TermsDetail::from_bytes(&bytes).ok());
            titles.push(detail.map(|detail| detail.title));
        }
        Ok(titles)
    }
}

/// May a member that counts as these parties know of the dataset? Also whose grant has ended knows of it, and is told that
/// it ended.
pub(crate) fn may_know(
    view: &View<'_>,
    member: MemberId,
    parties: &[Party],
    (id, dataset): (DatasetId, &Dataset),
) -> bool {
    let state = view.state;
    let asked = || state.asks_by(member).any(|(_, ask)| ask.ask.dataset == id);
    let granted = || !state.grants_between(id, parties).is_empty();
    member == dataset.owner || asked() || granted()
}

/// The first ids after this one that [`may_know`] is true of, among those that are `here`.
fn known_ids(
    view: &View<'_>,
    member: MemberId,
    after: Option<DatasetId>,
    limit: usize,
    here: impl Fn(&DatasetId) -> bool,
) -> BTreeSet<DatasetId> {
    let state = view.state;
    let first = after.unwrap_or(DatasetId([0; 16]));
    let wanted = |id: &DatasetId| after.is_none_or(|after| *id > after) && here(id);
    let own = state.datasets_from(member, first).filter(wanted);
    let mut ids: BTreeSet<DatasetId> = own.take(limit).collect();
    let parties = state.parties_of(member);
    let granted = parties.into_iter().flat_map(|party| state.grants_to(party));
    let asked = state.asks_by(member).map(|(_, ask)| ask.ask.dataset);
    for id in granted.map(|(_, grant)| grant.grant.dataset).chain(asked).filter(wanted) {
        ids.insert(id);
        if ids.len() > limit {
            ids.pop_last();
        }
    }
    ids
}
