//! "What can I see" and "who can see this": answered from consent alone, nothing is released on it.

use std::collections::{BTreeMap, BTreeSet};

use secnet_policy::{CompiledConsent, PolicyVerdict, Question, decide, who_can_see};
use secnet_types::{
    Action, Amount, DatasetId, GrantId, MemberId, Party, Purpose, RecordId, RecordMeta, Timestamp,
};

use super::{Snapshot, erased};
use crate::AccessError;
use crate::pdc::Pdc;

/// What somebody would like to do with a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Who.
    pub requester: MemberId,
    /// With what.
    pub dataset: DatasetId,
    /// What for.
    pub purpose: Purpose,
    /// What is to be done.
    pub action: Action,
}

/// One page of what somebody can see, in the order of ids. It tells no total, and nothing of what is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisiblePage {
    /// The records.
    pub records: Vec<RecordMeta>,
    /// Give it as `after` to go on; none if this is all.
    pub next: Option<RecordId>,
}

/// Somebody who can see something, and by which grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seer {
    /// Who: a member, a group, or everybody an organisation vouches for.
    pub party: Party,
    /// By this grant.
    pub grant: GrantId,
    /// How many of the records that were asked about.
    pub records: usize,
}

impl Pdc {
    /// The records that policy would permit, whatever they cost, one page at a time. Every page is decided on the consent
    /// of its own moment: what was revoked after page 1 is not on page 2. None if there is nothing here that the
    /// requester may know of, whether it exists or not.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn visible(
        &self,
        wish: Wish,
        after: Option<RecordId>,
        limit: usize,
    ) -> Result<Option<VisiblePage>, AccessError> {
        let Wish { requester, dataset, purpose, action } = wish;
        let snapshot = self.view(|view| Snapshot::take(view, dataset, requester, self.member));
        let Some(snapshot) = snapshot.flatten().filter(|snapshot| snapshot.discoverable) else {
            return Ok(None);
        };
        if snapshot.erased {
            return Err(erased(dataset));
        }
        let consent = self.compiled(dataset, requester, &snapshot).await?;
        let listed = self.records_of(dataset).await?;
        let question = Question {
            requester,
            parties: snapshot.parties,
            purpose,
            action,
            time: snapshot.time.max(self.clock.now()),
            max_price: Amount(u64::MAX),
            fields: None,
            used_up: snapshot.used_up,
        };
        let page = listed.index.page(&consent, &question, after, limit);
        let records = page.records.iter().filter_map(|id| listed.index.get(*id).cloned()).collect();
        Ok(Some(VisiblePage { records, next: page.next }))
    }

    /// Would policy permit this wish for the record, or for at least one of the dataset's, whatever it costs? No, if the
    /// requester may not know of the dataset, whether it exists or not.
    ///
    /// # Errors
    /// As [`Pdc::visible`].
    pub async fn could(&self, wish: Wish, record: Option<RecordId>) -> Result<bool, AccessError> {
        // The page of one that begins with this record.
        let before = record.and_then(predecessor);
        let Some(page) = self.visible(wish, before, 1).await? else { return Ok(false) };
        let first = page.records.first().map(|meta| meta.id);
        Ok(first.is_some_and(|first| record.is_none_or(|record| record == first)))
    }

    /// Who can see this record, or any of the dataset's, for at least one purpose. For the owner, or who may grant in its
    /// name.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] to anybody else, whether the dataset exists or not.
    pub async fn seers(
        &self,
        asker: MemberId,
        dataset: DatasetId,
        record: Option<RecordId>,
    ) -> Result<Vec<Seer>, AccessError> {
        let unknown = || AccessError::Unknown(format!("dataset {dataset}"));
        let time = self.shows_who(asker, dataset).ok_or_else(unknown)?;
        let slice = self.full_slice(dataset).await?.ok_or_else(unknown)?;
        let parties = self.parties_named(slice.grants.iter().map(|fact| fact.grant.grantee));
        let consent = CompiledConsent::compile(&slice)
            .map_err(|error| AccessError::Damaged(error.to_string()))?;
        let listed = self.records_of(dataset).await?;
        let asked: Vec<&RecordMeta> = match record {
            Some(id) => vec![
                listed.index.get(id).ok_or_else(|| AccessError::Unknown(format!("record {id}")))?,
            ],
            None => listed.index.iter().collect(),
        };
        let mut counts: BTreeMap<(Party, GrantId), usize> = BTreeMap::new();
        for record in asked {
            let known = |party| parties.get(&party).cloned().unwrap_or_default();
            for seer in who_can_see(&consent, record, time, known) {
                let count = counts.entry(seer).or_default();
                *count = count.saturating_add(1);
            }
        }
        let seers = counts.into_iter();
        Ok(seers.map(|((party, grant), records)| Seer { party, grant, records }).collect())
    }

    /// The parties with a grant that policy would permit to do this for this purpose with the record, or with at least one
    /// of the dataset's, whatever it costs; in order. For the owner, or who may grant in its name.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] to anybody else, whether the dataset exists or not.
    pub async fn could_use(
        &self,
        asker: MemberId,
        (dataset, record): (DatasetId, Option<RecordId>),
        (purpose, action): (Purpose, Action),
    ) -> Result<Vec<Party>, AccessError> {
        let unknown = || AccessError::Unknown(format!("dataset {dataset}"));
        let time = self.shows_who(asker, dataset).ok_or_else(unknown)?;
        let slice = self.full_slice(dataset).await?.ok_or_else(unknown)?;
        let parties = self.parties_named(slice.grants.iter().map(|fact| fact.grant.grantee));
        let used_up = slice.grants.iter().filter(|fact| fact.uses_left == Some(0));
        let used_up: BTreeSet<GrantId> = used_up.map(|fact| fact.id).collect();
        let consent = CompiledConsent::compile(&slice)
            .map_err(|error| AccessError::Damaged(error.to_string()))?;
        let listed = self.records_of(dataset).await?;
        let could = |(party, counts_as): &(Party, Vec<Party>)| {
            let question = Question {
                requester: match *party {
                    Party::Member(id) | Party::Organisation(id) => id,
                    // Nobody in particular: whoever is in the group.
                    Party::Group(_) => MemberId([0; 32]),
                },
                parties: counts_as.clone(),
                purpose,
                action,
                time,
                max_price: Amount(u64::MAX),
                fields: None,
                used_up: used_up.clone(),
            };
            match record {
                Some(id) => listed.index.get(id).is_some_and(|record| {
                    matches!(decide(&consent, &question, record), PolicyVerdict::Permit(_))
                }),
                None => !listed.index.page(&consent, &question, None, 1).records.is_empty(),
            }
        };
        Ok(parties.into_iter().filter(could).map(|(party, _)| party).collect())
    }

    /// May the asker see who else may use the dataset, and as of when?
    fn shows_who(&self, asker: MemberId, dataset: DatasetId) -> Option<Timestamp> {
        let now = self.clock.now();
        let seen = self.view(|view| {
            let owner = view.state.dataset(dataset)?.owner;
            let time = view.time.max(now);
            let may = view.state.has_power(asker, owner, secnet_types::Power::Grant, time);
            may.then_some(time)
        });
        seen.flatten()
    }

    /// Everyone as whom each of these parties counts.
    fn parties_named(&self, parties: impl Iterator<Item = Party>) -> BTreeMap<Party, Vec<Party>> {
        let parties: BTreeSet<Party> = parties.collect();
        self.view(|view| {
            let of = |party: &Party| match party {
                Party::Member(id) | Party::Organisation(id) => view.state.parties_of(*id),
                Party::Group(_) => vec![*party],
            };
            parties.iter().map(|party| (*party, of(party))).collect()
        })
        .unwrap_or_default()
    }
}

/// The id before this one; none before the first.
fn predecessor(id: RecordId) -> Option<RecordId> {
    u128::from_be_bytes(id.0).checked_sub(1).map(|before| RecordId(before.to_be_bytes()))
}
