//! What an owner is told of though nothing waits for her answer: uses that went ahead with an alarm.

use minicbor::{Decode, Encode};
use secnet_types::{DatasetId, DecisionId, MemberId, Obligation, RequestId, Timestamp, decode};

use crate::AccessError;
use crate::pdc::{Pdc, put};
use crate::ports::{Change, EntryKind, EntryName};
use crate::record::FactsRecord;

/// Longest notice, in bytes.
const MAX_NOTICE_BYTES: usize = 64 * 1024;

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
    };
    Some(put(EntryKind::Notice, &owner.0, &decision.0, &notice))
}

impl Pdc {
    /// What an owner is to know of and has not put aside yet, oldest first; and what of it is damaged.
    pub(crate) async fn notices(
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
        let (notices, _) = self.notices(owner).await?;
        let about = notices.into_iter().filter(|notice| notice.dataset == dataset);
        Ok(about
            .map(|notice| EntryName::new(EntryKind::Notice, &owner.0, &notice.decision.0))
            .collect())
    }

    /// The owner has seen it. The decision itself stays in her history.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub async fn put_aside(
        &self,
        owner: MemberId,
        decision: DecisionId,
    ) -> Result<(), AccessError> {
        let name = EntryName::new(EntryKind::Notice, &owner.0, &decision.0);
        Ok(self.archive.write(vec![Change { name, value: None }]).await?)
    }
}
