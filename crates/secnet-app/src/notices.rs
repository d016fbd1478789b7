//! What an owner is told of though nothing waits for her answer: uses that went ahead with an alarm.

use minicbor::{Decode, Encode};
use secnet_ledger::DatasetStatus;
use secnet_types::{
    DatasetId, DecisionId, MemberId, Obligation, RequestId, Timestamp, decode, encode,
};

use crate::AccessError;
use crate::pdc::{Pdc, put};
use crate::ports::{Change, EntryKind, EntryName};
use crate::record::FactsRecord;

/// Longest notice, in bytes.
const MAX_NOTICE_BYTES: usize = 64 * 1024;
/// Marks that are kept on a notice; the oldest make room.
const MAX_MARKS: usize = 16;
/// How long a notice that was put aside can be taken up again, in milliseconds: 30 days.
pub const ASIDE_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// One use that the owner is to know of.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Notice {
    /// The decision that allowed it.
    #[n(0)]
    pub decision: DecisionId,
    /// Of what dataset.
    #[n(1)]
    pub dataset: DatasetId,
    /// Who.
    #[n(2)]
    pub requester: MemberId,
    /// The request.
    #[n(3)]
    pub request: RequestId,
    /// When.
    #[n(4)]
    pub time: Timestamp,
    /// Something was wrong with it: look at it, and say that it was looked at.
    #[n(5)]
    pub review: bool,
    /// Why, in sentences.
    #[n(6)]
    pub reasons: Vec<String>,
    /// Who put it aside or took it up again, oldest first; none if nobody has yet.
    #[n(7)]
    pub marks: Option<Vec<Mark>>,
}

/// What somebody did with a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Mark {
    /// Who.
    #[n(0)]
    pub by: MemberId,
    /// When.
    #[n(1)]
    pub at: Timestamp,
    /// Put aside, or taken up again?
    #[n(2)]
    pub aside: bool,
}

impl Notice {
    /// Since when it is aside, if it is.
    #[must_use]
    pub fn aside_since(&self) -> Option<Timestamp> {
        let last = self.marks.as_ref()?.last()?;
        last.aside.then_some(last.at)
    }
}

/// The notice that an allow's obligations ask for. It is written with the facts, before the decision is ordered: the
/// owner is told of every use, and once in a while of one that did not happen.
pub(crate) fn notice_to(
    owner: MemberId,
    record: &FactsRecord,
    decision: DecisionId,
) -> Option<Change> {
    let asks = |obligation| record.obligations.contains(&obligation);
    if !asks(Obligation::NotifyOwner) && !asks(Obligation::Review) {
        return None;
    }
    let notice = Notice {
        decision,
        dataset: record.dataset,
        requester: record.requester,
        request: record.request,
        time: record.time,
        review: asks(Obligation::Review),
        reasons: record.reasons.clone(),
        marks: None,
    };
    Some(put(EntryKind::Notice, &owner.0, &decision.0, &notice))
}

impl Pdc {
    /// What an owner is to know of and has not put aside yet, oldest first; and what of it is damaged.
    pub(crate) async fn notices(
        &self,
        owner: MemberId,
    ) -> Result<(Vec<Notice>, Vec<String>), AccessError> {
        let (mut notices, damaged) = self.all_notices(owner).await?;
        notices.retain(|notice| notice.aside_since().is_none());
        Ok((notices, damaged))
    }

    /// What an owner has put aside and can still take up again, the latest first.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub async fn notices_aside(&self, owner: MemberId) -> Result<Vec<Notice>, AccessError> {
        let now = self.clock.now();
        let (mut notices, _) = self.all_notices(owner).await?;
        notices.retain(|n| n.aside_since().is_some_and(|at| now.since_ms(at) < ASIDE_MS));
        notices.sort_by_key(|notice| std::cmp::Reverse((notice.aside_since(), notice.decision)));
        Ok(notices)
    }

    /// All notices to an owner, oldest first; and what of them is damaged.
    async fn all_notices(
        &self,
        owner: MemberId,
    ) -> Result<(Vec<Notice>, Vec<String>), AccessError> {
        let (mut notices, mut damaged) = (Vec::new(), Vec::new());
        for (name, bytes) in self.archive.list(EntryKind::Notice, &owner.0).await? {
            match decode::<Notice>("notice", &bytes, MAX_NOTICE_BYTES) {
                Ok(notice) => notices.push(notice),
                Err(error) => damaged.push(format!("a notice, {:02x?}: {error}", name.key)),
            }
        }
        notices.sort_by_key(|notice| (notice.time, notice.decision));
        Ok((notices, damaged))
    }

    /// The notices about one dataset to whoever owns it now.
    pub(crate) async fn notices_of(
        &self,
        dataset: DatasetId,
    ) -> Result<Vec<EntryName>, AccessError> {
        let owner = self.view(|view| view.state.dataset(dataset).map(|d| d.owner)).flatten();
        let Some(owner) = owner else { return Ok(Vec::new()) };
        self.notices_to(owner, dataset).await
    }

    /// The notices about one dataset to somebody.
    pub(crate) async fn notices_to(
        &self,
        owner: MemberId,
        dataset: DatasetId,
    ) -> Result<Vec<EntryName>, AccessError> {
        let (notices, _) = self.all_notices(owner).await?;
        let about = notices.into_iter().filter(|notice| notice.dataset == dataset);
        Ok(about
            .map(|notice| EntryName::new(EntryKind::Notice, &owner.0, &notice.decision.0))
            .collect())
    }

    /// The owner has seen it, or somebody in her name. The decision itself stays in her history, and who put it aside with the
    /// notice, which can be taken up again within [`ASIDE_MS`] and is gone after that.
    ///
    /// # Errors
    /// The archive cannot be read or written.
    pub async fn put_aside(
        &self,
        owner: MemberId,
        by: MemberId,
        decision: DecisionId,
    ) -> Result<(), AccessError> {
        self.mark(owner, decision, Mark { by, at: self.clock.now(), aside: true }).await?;
        self.clear_aside(owner).await
    }

    /// It waits in the owner's inbox again.
    ///
    /// # Errors
    /// The archive cannot be read or written.
    pub async fn take_up(
        &self,
        owner: MemberId,
        by: MemberId,
        decision: DecisionId,
    ) -> Result<(), AccessError> {
        self.mark(owner, decision, Mark { by, at: self.clock.now(), aside: false }).await
    }

    /// Mark a notice, if there is one and it is not so already.
    async fn mark(
        &self,
        owner: MemberId,
        decision: DecisionId,
        mark: Mark,
    ) -> Result<(), AccessError> {
        let one_at_a_time = self.saying.lock().await;
        let marked = self.mark_alone(owner, decision, mark).await;
        drop(one_at_a_time);
        marked
    }

    async fn mark_alone(
        &self,
        owner: MemberId,
        decision: DecisionId,
        mark: Mark,
    ) -> Result<(), AccessError> {
        let name = EntryName::new(EntryKind::Notice, &owner.0, &decision.0);
        let Some(bytes) = self.archive.get(&name).await? else { return Ok(()) };
        let Ok(mut notice) = decode::<Notice>("notice", &bytes, MAX_NOTICE_BYTES) else {
            // What is damaged tells nobody anything; put aside, it no longer stands in the inbox.
            let gone = mark.aside.then_some(Change { name, value: None });
            return Ok(self.archive.write(gone.into_iter().collect()).await?);
        };
        if notice.aside_since().is_some() == mark.aside {
            return Ok(());
        }
        let marks = notice.marks.get_or_insert_default();
        marks.push(mark);
        let more = marks.len().saturating_sub(MAX_MARKS);
        marks.drain(..more);
        let changed = Change { name: name.clone(), value: Some(encode(&notice)) };
        self.archive.write(vec![changed]).await?;
        // The ledger says of an erasure before the archive loses what it is about: whatever was written after that goes too.
        let erased = self.view(|view| {
            let dataset = view.state.dataset(notice.dataset);
            dataset.is_some_and(|dataset| dataset.status == DatasetStatus::Erased)
        });
        if erased == Some(true) {
            self.archive.write(vec![Change { name, value: None }]).await?;
        }
        Ok(())
    }

    /// Destroy what was put aside so long ago that nobody takes it up again.
    async fn clear_aside(&self, owner: MemberId) -> Result<(), AccessError> {
        let now = self.clock.now();
        let (notices, _) = self.all_notices(owner).await?;
        let old = |n: &Notice| n.aside_since().is_some_and(|at| now.since_ms(at) >= ASIDE_MS);
        let name = |n: Notice| EntryName::new(EntryKind::Notice, &owner.0, &n.decision.0);
        let gone = notices.into_iter().filter(old);
        let gone: Vec<_> = gone.map(|n| Change { name: name(n), value: None }).collect();
        if gone.is_empty() { Ok(()) } else { Ok(self.archive.write(gone).await?) }
    }
}
