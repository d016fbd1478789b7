//! What of the log concerns a member: asks to it and answers to its own, decisions on its data and on its requests, holds,
//! grants and their ends. Everything else is not shown, and what a member may not know of stays unknown here too.

use secnet_types::{Effect, Event, MemberId, Party, Timestamp};

use crate::AccessError;
use crate::catalogue::may_know;
use crate::history::{Timeline, parse};
use crate::pdc::Pdc;
use crate::ports::View;

/// Events looked at for one page.
const MAX_LOOKED_AT: usize = 256;

/// One event, as far as it concerns somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affair {
    /// Its index in the log.
    pub event: u64,
    /// When, in block time.
    pub time: Timestamp,
    /// What of it is the member's concern, in order.
    pub effects: Vec<Effect>,
}

/// A part of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AffairsPage {
    /// What of it concerns the member.
    pub affairs: Vec<Affair>,
    /// Where the next part begins.
    pub next: u64,
}

impl Pdc {
    /// What concerns a member, in a part of the log from this event on; the part is empty at the end of the log. Whether the
    /// member may know of a dataset is asked of this moment.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn affairs(&self, member: MemberId, first: u64) -> Result<AffairsPage, AccessError> {
        self.catch_up().await?;
        let mut page = AffairsPage { affairs: Vec::new(), next: first };
        for (index, bytes) in self.log.events(first, MAX_LOOKED_AT).await? {
            let event = parse(index, &bytes)?;
            page.next = index.saturating_add(1);
            let effects = self.view(|view| {
                let eyes = Eyes { member, parties: view.state.parties_of(member), view };
                eyes.of(&self.timeline.lock(), index, event)
            });
            page.affairs.extend(effects.flatten());
        }
        Ok(page)
    }
}

/// The member, and what it can see now.
struct Eyes<'v, 's> {
    member: MemberId,
    parties: Vec<Party>,
    view: &'v View<'s>,
}

impl Eyes<'_, '_> {
    fn of(&self, timeline: &Timeline, index: u64, event: Event) -> Option<Affair> {
        let mut effects = event.effects;
        effects.retain(|effect| self.concerned(timeline, index, effect));
        (!effects.is_empty()).then_some(Affair { event: index, time: event.time, effects })
    }

    fn concerned(&self, timeline: &Timeline, index: u64, effect: &Effect) -> bool {
        let me = self.member;
        match effect {
            Effect::AskOpened { ask, .. }
            | Effect::AskCountered { ask, .. }
            | Effect::AskAgreed { ask }
            | Effect::AskApproved { ask, .. }
            | Effect::AskRefused { ask, .. }
            | Effect::AskWithdrawn { ask }
            | Effect::AskExpired { ask }
            | Effect::AskLapsed { ask, .. } => {
                timeline.sides_of_ask(*ask).is_some_and(|sides| sides.contains(&me))
            }
            Effect::Granted { grant, .. }
            | Effect::GrantRevoked { grant, .. }
            | Effect::GrantEnded { grant } => self.view.state.grant(*grant).is_some_and(|grant| {
                grant.owner == me || self.parties.contains(&grant.grant.grantee)
            }),
            Effect::Decided { dataset, requester, .. } => {
                timeline.was_attempt_on(me, index) || (*requester == me && self.may_know(*dataset))
            }
            Effect::HoldReleased { decision }
            | Effect::HoldRefused { decision }
            | Effect::HoldExpired { decision }
            | Effect::HoldLapsed { decision, .. } => {
                timeline.hold(*decision).is_some_and(|(owner, requester, dataset)| {
                    owner == me || (requester == me && self.may_know(dataset))
                })
            }
            Effect::ReviewDue { requester, request, .. }
            | Effect::Reviewed { requester, request, .. }
            | Effect::ReviewOverdue { requester, request }
            | Effect::ReviewAbandoned { requester, request } => {
                let decision = self.view.state.decision(*requester, *request);
                let dataset = decision.and_then(|d| self.view.state.dataset(d.dataset));
                *requester == me || dataset.is_some_and(|dataset| dataset.owner == me)
            }
            Effect::DatasetOffered { to, .. } => *to == Some(me),
            Effect::DatasetTransferred { from, to, .. } => *from == me || *to == me,
            Effect::DenialMade { owner, .. } => *owner == me,
            Effect::Delegated { owner, delegate } | Effect::DelegationEnded { owner, delegate } => {
                *owner == me || *delegate == me
            }
            Effect::KeyRotated { member, .. }
            | Effect::SessionOpened { member, .. }
            | Effect::SessionEnded { member, .. } => *member == me,
            _ => false,
        }
    }

    /// A requester whose request was recorded as the denial of a stranger must not learn that the dataset exists.
    fn may_know(&self, dataset: secnet_types::DatasetId) -> bool {
        let found = self.view.state.dataset(dataset);
        found.is_some_and(|d| may_know(self.view, self.member, &self.parties, (dataset, d)))
    }
}
