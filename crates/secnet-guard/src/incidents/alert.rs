//! What administrators are told of an event of the log.

use secnet_types::{
    DatasetId, DecisionId, Effect, Event, MemberId, ReasonClass, RequestId, Timestamp, Verdict,
};

/// What an alert says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertKind {
    /// A use waits for the owner.
    Held,
    /// Guard or rules have refused one.
    Stopped,
    /// One failed because something is broken.
    Broken,
    /// So many were refused to one member, whatever for, that they are only counted.
    Flood,
}

impl AlertKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Stopped => "stopped",
            Self::Broken => "broken",
            Self::Flood => "flood",
        }
    }
}

/// One alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// Index of the event in the log.
    pub event: u64,
    /// When, in block time.
    pub at: Timestamp,
    /// What happened.
    pub kind: AlertKind,
    /// Why; none of a flood.
    pub reason: Option<ReasonClass>,
    /// Who asked.
    pub requester: MemberId,
    /// For what.
    pub dataset: DatasetId,
    /// The decision; none of a flood.
    pub decision: Option<DecisionId>,
    /// The request; none of a flood.
    pub request: Option<RequestId>,
    /// Until when the owner can answer, if it waits.
    pub answer_by: Option<Timestamp>,
    /// How many requests it is about.
    pub requests: u32,
}

impl Alert {
    /// What is told of one effect, if anything is.
    #[must_use]
    pub fn of(index: u64, event: &Event, effect: &Effect) -> Option<Self> {
        let alert = |kind, (requester, dataset)| Self {
            event: index,
            at: event.time,
            kind,
            reason: None,
            requester,
            dataset,
            decision: None,
            request: None,
            answer_by: None,
            requests: 1,
        };
        match *effect {
            Effect::Decided { decision, dataset, requester, request, verdict } => {
                let (kind, reason, answer_by) = match verdict {
                    Verdict::Hold { reason, answer_by } => {
                        (AlertKind::Held, reason, Some(answer_by))
                    }
                    Verdict::Deny { reason } if reason.is_behaviour() => {
                        (AlertKind::Stopped, reason, None)
                    }
                    Verdict::Deny { reason: ReasonClass::Fault } => {
                        (AlertKind::Broken, ReasonClass::Fault, None)
                    }
                    Verdict::Allow { .. } | Verdict::Deny { .. } => return None,
                };
                Some(Self {
                    reason: Some(reason),
                    decision: Some(decision),
                    request: Some(request),
                    answer_by,
                    ..alert(kind, (requester, dataset))
                })
            }
            Effect::DenialsSummarised { requester, dataset, count } => {
                Some(Self { requests: count, ..alert(AlertKind::Flood, (requester, dataset)) })
            }
            _ => None,
        }
    }
}
