//! What has been tried with an owner's data: every decision, refused ones too, with the reasons.

use secnet_types::{
    AskId, Cause, DatasetId, DecisionId, Effect, Event, HoldAnswer, MemberId, RequestId, Timestamp,
    Verdict, decode, limits,
};
use std::collections::{BTreeMap, BTreeSet};

use crate::AccessError;
use crate::access::facts_name;
use crate::pdc::Pdc;
use crate::ports::LogError;
use crate::record::FactsRecord;
use crate::refusals::{SummaryRecord, summary_name};

/// Events read from the log at a time.
const PAGE: usize = 1024;
/// Attempts in one page of a history.
pub const MAX_HISTORY_PAGE: usize = 1000;

/// One attempt.
#[derive(Debug)]
pub struct Attempt {
    /// The event's index in the log.
    pub event: u64,
    /// When, in block time.
    pub time: Timestamp,
    /// The decision.
    pub decision: DecisionId,
    /// The dataset.
    pub dataset: DatasetId,
    /// Who.
    pub requester: MemberId,
    /// The request.
    pub request: RequestId,
    /// What was decided.
    pub verdict: AttemptVerdict,
    /// The facts, if they are still kept: purpose, scope, reasons.
    pub facts: Option<FactsRecord>,
}

/// Attempts beyond a requester's quota, all denied and recorded as a count.
#[derive(Debug)]
pub struct Summarised {
    /// The event's index in the log.
    pub event: u64,
    /// When, in block time.
    pub time: Timestamp,
    /// The dataset.
    pub dataset: DatasetId,
    /// Who.
    pub requester: MemberId,
    /// How many requests.
    pub count: u32,
    /// From when until when, and why, if it is still kept.
    pub record: Option<SummaryRecord>,
}

/// What was decided.
pub type AttemptVerdict = Verdict;

/// Some attempts, oldest first.
#[derive(Debug, Default)]
pub struct HistoryPage {
    /// The attempts.
    pub attempts: Vec<Attempt>,
    /// What was counted between them.
    pub summaries: Vec<Summarised>,
    /// There are earlier ones: ask for those before this event.
    pub before: Option<u64>,
}

/// Where in the log the attempts on everybody's datasets are. Read once, then only what is new.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    next: u64,
    /// Whose each dataset is as of `next`.
    owners: BTreeMap<DatasetId, MemberId>,
    /// By who owned the dataset when it was tried: what happens under a new owner is no business of the former one's, nor
    /// the other way round.
    attempts: BTreeMap<MemberId, Attempts>,
    /// Who was asked, and who asks.
    asks: BTreeMap<AskId, [MemberId; 2]>,
    /// Whose answer a hold waits for, who asked, and for what.
    holds: BTreeMap<DecisionId, (MemberId, MemberId, DatasetId)>,
    /// What was answered to holds.
    answers: BTreeMap<DecisionId, HoldAnswer>,
    /// The last erasure of something in each dataset.
    erasures: BTreeMap<DatasetId, u64>,
}

/// Where the attempts on what somebody owned are.
#[derive(Debug, Default)]
struct Attempts {
    /// Events, ascending.
    events: Vec<u64>,
    /// Of each the tag of its decision: enough to find it without reading the others.
    tags: Vec<u32>,
}

/// The first bytes of an id.
fn tag(decision: DecisionId) -> u32 {
    let [a, b, c, d, ..] = decision.0;
    u32::from_be_bytes([a, b, c, d])
}

impl Timeline {
    fn attempted(&mut self, owner: MemberId, event: u64, tag: u32) {
        let attempts = self.attempts.entry(owner).or_default();
        attempts.events.push(event);
        attempts.tags.push(tag);
    }

    fn add(&mut self, index: u64, event: &Event) {
        for effect in &event.effects {
            match effect {
                Effect::DatasetRegistered { dataset, owner, .. } => {
                    self.owners.insert(*dataset, *owner);
                }
                Effect::DatasetTransferred { dataset, to, .. } => {
                    self.owners.insert(*dataset, *to);
                }
                Effect::DenialsSummarised { dataset, .. } => {
                    if let Some(owner) = self.owners.get(dataset).copied() {
                        self.attempted(owner, index, 0);
                    }
                }
                Effect::Decided { decision, dataset, requester, verdict, .. } => {
                    let Some(owner) = self.owners.get(dataset).copied() else { continue };
                    self.attempted(owner, index, tag(*decision));
                    if let Verdict::Hold { .. } = verdict {
                        self.holds.insert(*decision, (owner, *requester, *dataset));
                    }
                }
                Effect::Erased { dataset, .. } => {
                    self.erasures.insert(*dataset, index);
                }
                Effect::HoldReleased { decision } => {
                    self.answers.insert(*decision, HoldAnswer::Release);
                }
                Effect::HoldRefused { decision } => {
                    self.answers.insert(*decision, HoldAnswer::Refuse);
                }
                Effect::AskOpened { ask, dataset, asker } => {
                    let owner = self.owners.get(dataset).copied();
                    self.asks.extend(owner.map(|owner| (*ask, [owner, *asker])));
                }
                _ => {}
            }
        }
        self.next = index.saturating_add(1);
    }

    pub(crate) fn sides_of_ask(&self, ask: AskId) -> Option<[MemberId; 2]> {
        self.asks.get(&ask).copied()
    }

    pub(crate) fn hold(&self, decision: DecisionId) -> Option<(MemberId, MemberId, DatasetId)> {
        self.holds.get(&decision).copied()
    }

    /// The event that stated the last erasure of something in the dataset.
    pub(crate) fn last_erasure(&self, dataset: DatasetId) -> Option<u64> {
        self.erasures.get(&dataset).copied()
    }

    pub(crate) fn answer(&self, decision: DecisionId) -> Option<HoldAnswer> {
        self.answers.get(&decision).copied()
    }

    /// Whoever owned something when it was tried, also those who own nothing any more.
    pub(crate) fn owners_then(&self) -> Vec<MemberId> {
        self.attempts.keys().copied().collect()
    }

    /// Is this event a decision on what the member owned at the time?
    pub(crate) fn was_attempt_on(&self, owner: MemberId, event: u64) -> bool {
        self.attempts.get(&owner).is_some_and(|all| all.events.binary_search(&event).is_ok())
    }

    /// The events on what the member owned at the time that may hold one of these decisions: few others are among them.
    pub(crate) fn holding(&self, owner: MemberId, decisions: &BTreeSet<DecisionId>) -> Vec<u64> {
        let wanted: BTreeSet<u32> = decisions.iter().copied().map(tag).collect();
        let Some(all) = self.attempts.get(&owner) else { return Vec::new() };
        let tagged = all.events.iter().zip(&all.tags);
        tagged.filter(|(_, tag)| wanted.contains(tag)).map(|(event, _)| *event).collect()
    }

    /// Those of these decisions that are on what the member owned at the time; others only where the first bytes are the same.
    pub(crate) fn tried(
        &self,
        owner: MemberId,
        decisions: &BTreeSet<DecisionId>,
    ) -> BTreeSet<DecisionId> {
        let Some(all) = self.attempts.get(&owner) else { return BTreeSet::new() };
        let tags: BTreeSet<u32> = all.tags.iter().copied().collect();
        decisions.iter().copied().filter(|decision| tags.contains(&tag(*decision))).collect()
    }

    /// The newest events before this one, oldest first; and whether there are earlier ones.
    fn page(&self, owner: MemberId, before: u64, limit: usize) -> (Vec<u64>, bool) {
        let all = self.attempts.get(&owner).map_or(&[][..], |all| all.events.as_slice());
        let end = all.partition_point(|index| *index < before);
        let start = end.saturating_sub(limit);
        (all.get(start..end).unwrap_or_default().to_vec(), start > 0)
    }
}

impl Pdc {
    /// Every attempt on what an owner owned at the time that was recorded by itself, oldest first. For pages of it, and for
    /// what was counted, see [`Pdc::history_page`].
    ///
    /// # Errors
    /// The log or the archive cannot be read.
    pub async fn history(&self, owner: MemberId) -> Result<Vec<Attempt>, AccessError> {
        let mut pages = Vec::new();
        let mut before = None;
        loop {
            let page = self.history_page(owner, before, MAX_HISTORY_PAGE).await?;
            pages.push(page.attempts);
            before = page.before;
            if before.is_none() {
                return Ok(pages.into_iter().rev().flatten().collect());
            }
        }
    }

    /// The newest attempts and counts before an event, or of all, at most [`MAX_HISTORY_PAGE`] together.
    ///
    /// # Errors
    /// The log or the archive cannot be read.
    pub async fn history_page(
        &self,
        owner: MemberId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<HistoryPage, AccessError> {
        self.catch_up().await?;
        let limit = limit.clamp(1, MAX_HISTORY_PAGE);
        let (events, earlier) = self.timeline.lock().page(owner, before.unwrap_or(u64::MAX), limit);
        let before = events.first().copied().filter(|_| earlier);
        let mut page = HistoryPage { before, ..HistoryPage::default() };
        for index in events {
            let Some((_, bytes)) = self.log.events(index, 1).await?.pop() else { continue };
            let event = parse(index, &bytes)?;
            page.attempts.extend(self.attempt(index, &event).await?);
            page.summaries.extend(self.summarised(index, &event).await?);
        }
        Ok(page)
    }

    /// The count in an event, with what is kept of it.
    async fn summarised(
        &self,
        index: u64,
        event: &Event,
    ) -> Result<Option<Summarised>, AccessError> {
        let Cause::Command { id, .. } = event.cause else { return Ok(None) };
        for effect in &event.effects {
            let Effect::DenialsSummarised { requester, dataset, count } = *effect else { continue };
            let record = self.archive.get(&summary_name(dataset, id)).await?;
            let record = record.map(|bytes| SummaryRecord::from_bytes(&bytes)).transpose();
            return Ok(Some(Summarised {
                event: index,
                time: event.time,
                dataset,
                requester,
                count,
                record: record.map_err(|error| AccessError::Damaged(error.to_string()))?,
            }));
        }
        Ok(None)
    }

    /// The decision in an event, with its facts.
    pub(crate) async fn attempt(
        &self,
        index: u64,
        event: &Event,
    ) -> Result<Option<Attempt>, AccessError> {
        for effect in &event.effects {
            let Effect::Decided { decision, dataset, requester, request, verdict } = effect else {
                continue;
            };
            let facts = self.archive.get(&facts_name(*dataset, *decision)).await?;
            let facts = facts.map(|bytes| FactsRecord::from_bytes(&bytes)).transpose();
            return Ok(Some(Attempt {
                event: index,
                time: event.time,
                decision: *decision,
                dataset: *dataset,
                requester: *requester,
                request: *request,
                verdict: *verdict,
                facts: facts.map_err(|error| AccessError::Damaged(error.to_string()))?,
            }));
        }
        Ok(None)
    }

    /// Bring the timeline up to the end of the log.
    pub(crate) async fn catch_up(&self) -> Result<(), AccessError> {
        loop {
            let next = self.timeline.lock().next;
            let page = self.log.events(next, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            let events = page
                .iter()
                .map(|(index, bytes)| Ok((*index, parse(*index, bytes)?)))
                .collect::<Result<Vec<_>, AccessError>>()?;
            let mut timeline = self.timeline.lock();
            // Another call may have read the same page.
            for (index, event) in &events {
                if *index >= timeline.next {
                    timeline.add(*index, event);
                }
            }
        }
    }

    /// Every event of the log, in order.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn for_each_event(
        &self,
        mut visit: impl FnMut(u64, &Event),
    ) -> Result<(), AccessError> {
        let mut next = 0;
        loop {
            let page = self.log.events(next, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            next = last.saturating_add(1);
            for (index, bytes) in &page {
                visit(*index, &parse(*index, bytes)?);
            }
        }
    }
}

pub(crate) fn parse(index: u64, bytes: &[u8]) -> Result<Event, AccessError> {
    decode("event", bytes, limits::MAX_EVENT_BYTES)
        .map_err(|error| LogError::Damaged(format!("event {index}: {error}")).into())
}
