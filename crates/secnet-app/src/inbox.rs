//! What waits for an owner: asks, holds, reviews; and what somebody asked for.

use secnet_ledger::{AskState, AskStatus, DecisionState};
use secnet_types::{
    AskId, DatasetId, DecisionId, GrantDetail, MemberId, Power, RecordId, RecordMeta, RequestId,
    Timestamp, Verdict, decode, limits,
};
use std::sync::Arc;

use crate::AccessError;
use crate::access::facts_name;
use crate::facts::VisiblePage;
use crate::notices::Notice;
use crate::pdc::{DatasetRecords, Pdc};
use crate::ports::{EntryKind, EntryName};
use crate::record::FactsRecord;

/// The most of each kind that one look shows; answering some brings the next.
pub const MAX_INBOX_ENTRIES: usize = 1000;

/// Everything that waits for an answer, at most [`MAX_INBOX_ENTRIES`] of each kind.
#[derive(Debug, Default)]
pub struct Inbox {
    /// Wishes for grants.
    pub asks: Vec<InboxAsk>,
    /// Requests that the guard holds.
    pub holds: Vec<InboxHold>,
    /// Emergency uses to be reviewed.
    pub reviews: Vec<InboxReview>,
    /// Uses that went ahead and that she is to know of.
    pub notices: Vec<Notice>,
    /// What could not be read of all this, one sentence each. The rest is not affected.
    pub damaged: Vec<String>,
}

/// What a member has asked others for, at most [`MAX_INBOX_ENTRIES`].
#[derive(Debug, Default)]
pub struct Asked {
    /// Every ask whose deadline lies ahead, answered or not.
    pub asks: Vec<InboxAsk>,
    /// What could not be read of all this, one sentence each.
    pub damaged: Vec<String>,
}

/// Some of what a member has asked others for, in the order of ids.
#[derive(Debug, Default)]
pub struct AskedPage {
    /// The asks.
    pub asked: Asked,
    /// There are more: ask for those after this one.
    pub next: Option<AskId>,
}

/// One ask.
#[derive(Debug)]
pub struct InboxAsk {
    /// Its id.
    pub id: AskId,
    /// The ask and where it stands.
    pub state: AskState,
    /// What is wished for, if its detail was handed in.
    pub detail: Option<GrantDetail>,
}

/// One held request.
#[derive(Debug)]
pub struct InboxHold {
    /// The decision.
    pub decision: DecisionId,
    /// Who asked.
    pub requester: MemberId,
    /// The request.
    pub request: RequestId,
    /// For what dataset.
    pub dataset: DatasetId,
    /// By when to answer.
    pub answer_by: Timestamp,
    /// The facts, with the reasons in sentences.
    pub facts: Option<FactsRecord>,
}

/// One emergency use.
#[derive(Debug)]
pub struct InboxReview {
    /// Who used it.
    pub requester: MemberId,
    /// The request.
    pub request: RequestId,
    /// Of what dataset.
    pub dataset: DatasetId,
    /// By when.
    pub due: Timestamp,
    /// Too late already.
    pub overdue: bool,
}

/// A damaged entry is named and left out; other failures are failures.
fn whole<T>(
    what: &str,
    entry: Result<Option<T>, AccessError>,
    damaged: &mut Vec<String>,
) -> Result<Option<T>, AccessError> {
    match entry {
        Err(error) if error.is_damage() => {
            damaged.push(format!("{what}: {error}"));
            Ok(None)
        }
        other => other,
    }
}

impl Pdc {
    /// The inbox of an owner.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn inbox(&self, owner: MemberId) -> Result<Inbox, AccessError> {
        let (asks, holds, reviews) = self
            .view(|view| {
                let state = view.state;
                let open = |status: &AskStatus| {
                    matches!(
                        status,
                        AskStatus::Open | AskStatus::Countered(_) | AskStatus::Agreed(_)
                    )
                };
                let asks: Vec<_> = state
                    .asks_to(owner)
                    .filter(|(_, ask)| open(&ask.status) && ask.ask.deadline > view.time)
                    .map(|(id, ask)| (id, ask.clone()))
                    .take(MAX_INBOX_ENTRIES)
                    .collect();
                let holds: Vec<_> = state
                    .holds_of(owner)
                    .filter(|(_, hold)| hold.answer.is_none())
                    .map(|(key, hold)| (key, hold.clone()))
                    .take(MAX_INBOX_ENTRIES)
                    .collect();
                let reviews: Vec<_> = state.reviews_of(owner).take(MAX_INBOX_ENTRIES).collect();
                (asks, holds, reviews)
            })
            .unwrap_or_default();
        let mut inbox = Inbox::default();
        inbox.asks = self.with_details(asks, &mut inbox.damaged).await?;
        for ((requester, request), hold) in holds {
            let Verdict::Hold { answer_by, .. } = hold.verdict else { continue };
            let what = format!("the facts of decision {}", hold.id);
            let facts = whole(&what, self.facts_of(&hold).await, &mut inbox.damaged)?;
            inbox.holds.push(InboxHold {
                decision: hold.id,
                requester,
                request,
                dataset: hold.dataset,
                answer_by,
                facts,
            });
        }
        inbox.reviews = reviews
            .into_iter()
            .map(|((requester, request), review)| InboxReview {
                requester,
                request,
                dataset: review.dataset,
                due: review.due,
                overdue: review.overdue,
            })
            .collect();
        let (mut notices, damaged) = self.notices(owner).await?;
        notices.truncate(MAX_INBOX_ENTRIES);
        inbox.notices = notices;
        inbox.damaged.extend(damaged);
        Ok(inbox)
    }

    /// What a member has asked others for, and what they answered: the first [`MAX_INBOX_ENTRIES`].
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn asks_of(&self, asker: MemberId) -> Result<Asked, AccessError> {
        self.asks_page(asker, None, MAX_INBOX_ENTRIES).await.map(|page| page.asked)
    }

    /// As [`Pdc::asks_of`], those after one, at most so many and never more than [`MAX_INBOX_ENTRIES`].
    ///
    /// # Errors
    /// As there.
    pub async fn asks_page(
        &self,
        asker: MemberId,
        after: Option<AskId>,
        limit: usize,
    ) -> Result<AskedPage, AccessError> {
        let limit = limit.clamp(1, MAX_INBOX_ENTRIES);
        let asks = self.view(|view| {
            let wanted = |(id, ask): &(AskId, &AskState)| {
                ask.ask.deadline > view.time && after.is_none_or(|after| *id > after)
            };
            let asks = view.state.asks_by(asker).filter(wanted).take(limit.saturating_add(1));
            asks.map(|(id, ask)| (id, ask.clone())).collect::<Vec<_>>()
        });
        let mut asks = asks.unwrap_or_default();
        let more = asks.len() > limit;
        asks.truncate(limit);
        let next = asks.last().map(|(id, _)| *id).filter(|_| more);
        let mut asked = Asked::default();
        asked.asks = self.with_details(asks, &mut asked.damaged).await?;
        Ok(AskedPage { asked, next })
    }

    async fn with_details(
        &self,
        asks: Vec<(AskId, AskState)>,
        damaged: &mut Vec<String>,
    ) -> Result<Vec<InboxAsk>, AccessError> {
        let mut found = Vec::with_capacity(asks.len());
        for (id, state) in asks {
            let detail = self.ask_detail(state.ask.detail).await;
            let detail = whole(&format!("the detail of ask {id}"), detail, damaged)?;
            found.push(InboxAsk { id, state, detail });
        }
        Ok(found)
    }

    /// The detail of an ask, if it was handed in.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn ask_detail(
        &self,
        commitment: secnet_types::Digest,
    ) -> Result<Option<GrantDetail>, AccessError> {
        let name = EntryName::new(EntryKind::AskDetail, &[], &commitment.0);
        let Some(bytes) = self.archive.get(&name).await? else { return Ok(None) };
        decode("ask detail", &bytes, limits::MAX_DETAIL_BYTES)
            .map(Some)
            .map_err(|error| AccessError::Damaged(error.to_string()))
    }

    pub(crate) async fn facts_of(
        &self,
        decision: &DecisionState,
    ) -> Result<Option<FactsRecord>, AccessError> {
        let Some(bytes) = self.archive.get(&facts_name(decision.dataset, decision.id)).await?
        else {
            return Ok(None);
        };
        FactsRecord::from_bytes(&bytes).map(Some).map_err(|e| AccessError::Damaged(e.to_string()))
    }

    /// The records of a dataset, for its owner.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] to anybody else, whether the dataset exists or not.
    pub async fn records_for_owner(
        &self,
        owner: MemberId,
        dataset: DatasetId,
    ) -> Result<Vec<RecordMeta>, AccessError> {
        Ok(self.owned_records(owner, dataset).await?.index.iter().cloned().collect())
    }

    /// As [`Pdc::records_for_owner`], a page at a time.
    ///
    /// # Errors
    /// As there.
    pub async fn owned_page(
        &self,
        owner: MemberId,
        dataset: DatasetId,
        after: Option<RecordId>,
        limit: usize,
    ) -> Result<VisiblePage, AccessError> {
        let owned = self.owned_records(owner, dataset).await?;
        let mut rest = owned.index.after(after);
        let records: Vec<RecordMeta> = rest.by_ref().take(limit.max(1)).cloned().collect();
        let next = records.last().map(|last| last.id).filter(|_| rest.next().is_some());
        Ok(VisiblePage { records, next })
    }

    async fn owned_records(
        &self,
        owner: MemberId,
        dataset: DatasetId,
    ) -> Result<Arc<DatasetRecords>, AccessError> {
        let owned = self.view(|view| view.state.dataset(dataset).is_some_and(|d| d.owner == owner));
        if owned != Some(true) {
            return Err(AccessError::Unknown(format!("dataset {dataset}")));
        }
        Ok(self.records_of(dataset).await?)
    }

    /// May `author` act for `owner` at all? For doors that show an inbox to a guardian. Block time stands still while
    /// nothing happens, so the clock counts if it is later.
    #[must_use]
    pub fn may_act_for(&self, author: MemberId, owner: MemberId, power: Power) -> bool {
        let now = self.clock.now();
        author == owner
            || self
                .view(|view| view.state.has_power(author, owner, power, view.time.max(now)))
                .unwrap_or(false)
    }
}
