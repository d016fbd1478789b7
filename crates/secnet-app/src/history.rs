//! What has been tried with an owner's data: every decision, refused ones too, with the reasons.

use secnet_types::{
    DatasetId, DecisionId, Effect, Event, MemberId, RequestId, Timestamp, Verdict, decode, limits,
};
use std::collections::BTreeSet;

use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::{EntryKind, LogError};
use crate::record::FactsRecord;

/// Events read from the log at a time.
const PAGE: usize = 1024;

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

/// What was decided.
pub type AttemptVerdict = Verdict;

impl Pdc {
    /// Every attempt on an owner's datasets, oldest first.
    ///
    /// # Errors
    /// The log or the archive cannot be read.
    pub async fn history(&self, owner: MemberId) -> Result<Vec<Attempt>, AccessError> {
        let datasets: BTreeSet<DatasetId> =
            self.view(|view| view.state.datasets_of(owner).collect()).unwrap_or_default();
        let mut facts = std::collections::BTreeMap::new();
        for dataset in &datasets {
            for (name, bytes) in self.archive.list(EntryKind::Facts, &dataset.0).await? {
                let record = FactsRecord::from_bytes(&bytes)
                    .map_err(|error| AccessError::Damaged(error.to_string()))?;
                facts.insert(name.key, record);
            }
        }
        let mut attempts = Vec::new();
        self.for_each_event(|index, event| {
            for effect in &event.effects {
                let Effect::Decided { decision, dataset, requester, request, verdict } = effect
                else {
                    continue;
                };
                if !datasets.contains(dataset) {
                    continue;
                }
                attempts.push(Attempt {
                    event: index,
                    time: event.time,
                    decision: *decision,
                    dataset: *dataset,
                    requester: *requester,
                    request: *request,
                    verdict: *verdict,
                    facts: facts.remove(decision.0.as_slice()),
                });
            }
        })
        .await?;
        Ok(attempts)
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
                let event: Event = decode("event", bytes, limits::MAX_EVENT_BYTES)
                    .map_err(|error| LogError::Damaged(format!("event {index}: {error}")))?;
                visit(*index, &event);
            }
        }
    }
}
