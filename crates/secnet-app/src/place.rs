//! Which data centre a dataset is at. It is told to whoever may know of the dataset, and to nobody else: to others a dataset that
//! is elsewhere is as little there as one that does not exist.

use secnet_ledger::{DecisionState, Rejection};
use secnet_types::{Answer, DatasetId, MemberId, Operation, RequestId, SignedCommand};

use crate::AccessError;
use crate::call::Authenticated;
use crate::doors::SignedDoor;
use crate::pdc::Pdc;
use crate::veil::knows;

/// Where a dataset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The dataset.
    pub dataset: DatasetId,
    /// Whose data centre it is at.
    pub member: MemberId,
    /// Where that one says that its door is, if it has been heard here.
    pub door: Option<SignedDoor>,
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { dataset, member, door } = self;
        write!(f, "{dataset} is at the data centre of {member}")?;
        match door {
            Some(door) => write!(f, ", whose door is at {}", door.value.url),
            None => f.write_str(", which has not said lately where its door is"),
        }
    }
}

impl Pdc {
    /// Which data centre a dataset is at, for whoever may know of it: the owner, whoever was offered it, was granted something of it,
    /// has asked for it, or was ever let act in the owner's name. None for one that it may not know of and for one that does not exist.
    #[must_use]
    pub fn where_is(&self, member: MemberId, dataset: DatasetId) -> Option<Place> {
        let now = self.clock.now();
        let place = self.view(|view| {
            let at = view.state.dataset(dataset)?.pdc;
            let place = Place { dataset, member: at, door: self.doors.of(at, view, now) };
            knows(view, member, dataset).then_some(place)
        });
        place.flatten()
    }

    /// A place, with the door there.
    pub(crate) fn place_at(&self, dataset: DatasetId, member: MemberId) -> Place {
        let now = self.clock.now();
        let door = self.view(|view| self.doors.of(member, view, now)).flatten();
        Place { dataset, member, door }
    }

    /// The same, if that is another data centre than this one.
    pub(crate) fn elsewhere(&self, member: MemberId, dataset: DatasetId) -> Option<Box<Place>> {
        let place = self.where_is(member, dataset);
        place.filter(|place| place.member != self.member).map(Box::new)
    }

    /// Whoever may know of the dataset is sent to the data centre that it is at. To whoever may not, nothing is said here.
    ///
    /// # Errors
    /// [`AccessError::Elsewhere`].
    pub fn not_elsewhere(&self, member: MemberId, dataset: DatasetId) -> Result<(), AccessError> {
        self.elsewhere(member, dataset).map_or(Ok(()), |place| Err(AccessError::Elsewhere(place)))
    }

    /// As [`Pdc::not_elsewhere`], for the dataset that a request of this member's was decided about.
    ///
    /// # Errors
    /// [`AccessError::Elsewhere`].
    pub fn request_not_elsewhere(
        &self,
        requester: MemberId,
        request: RequestId,
    ) -> Result<(), AccessError> {
        let dataset = self
            .view(|view| view.state.decision(requester, request).map(|decision| decision.dataset));
        dataset.flatten().map_or(Ok(()), |dataset| self.not_elsewhere(requester, dataset))
    }

    /// What is at another data centre is decided there, and nothing is recorded of it here.
    pub(crate) fn requested_not_elsewhere(
        &self,
        caller: &Authenticated,
    ) -> Result<(), AccessError> {
        let request = &caller.request.value;
        self.not_elsewhere(request.requester, request.dataset)
    }

    /// Another data centre decided it, and has the facts. To whoever may not know of the dataset there is none.
    pub(crate) fn decided_elsewhere(
        &self,
        caller: &Authenticated,
        before: &DecisionState,
    ) -> Option<AccessError> {
        let place = self.elsewhere(caller.request.value.requester, before.dataset)?;
        Some(if before.request == caller.request.digest() {
            AccessError::Elsewhere(place)
        } else {
            AccessError::Rejected(Rejection::RequestReused)
        })
    }
}

/// The dataset whose data centre keeps what a command encloses; none of one that encloses nothing, or is about all of an owner's.
pub(crate) const fn keeps_enclosures(command: &SignedCommand) -> Option<DatasetId> {
    match &command.value.operation {
        Operation::Grant { grant }
        | Operation::AnswerAsk { answer: Answer::Approve(grant), .. } => Some(grant.dataset),
        Operation::Deny { denial } => denial.dataset,
        Operation::OpenAsk { ask } => Some(ask.dataset),
        _ => None,
    }
}
