//! What the ledger says of an id is true, and to whoever may not know of it too much: it is told what is told of an id that
//! does not exist.

use secnet_ledger::{Rejection, State};
use secnet_types::{DatasetId, DecisionId, GrantId, MemberId, Operation, Party, SignedCommand};

use crate::catalogue::may_know;
use crate::pdc::Pdc;
use crate::ports::View;

impl Pdc {
    /// What an author is told of the ledger's refusal. If the command names something that the author may not know of, the
    /// answer is the one for what does not exist, whatever was wrong.
    pub(crate) fn veiled(&self, command: &SignedCommand, rejection: Rejection) -> Rejection {
        if is_about_the_command(rejection) {
            return rejection;
        }
        self.view(|view| unknown_to_author(view, command)).flatten().unwrap_or(rejection)
    }

    /// The refusal that a command meets because it names something that its author may not know of, whether it exists or
    /// not.
    pub(crate) fn names_unknown(&self, command: &SignedCommand) -> Option<Rejection> {
        self.view(|view| unknown_to_author(view, command)).flatten()
    }
}

/// Said before the ledger looks at what the command names.
const fn is_about_the_command(rejection: Rejection) -> bool {
    matches!(
        rejection,
        Rejection::WrongNetwork
            | Rejection::Expired { .. }
            | Rejection::ExpiresTooLate
            | Rejection::IdReused
            | Rejection::WrongKey
            | Rejection::Closed
    )
}

fn unknown_to_author(view: &View<'_>, command: &SignedCommand) -> Option<Rejection> {
    let author = command.value.author;
    let state = view.state;
    let dataset = |id: DatasetId| knows(view, author, id);
    let (known, otherwise) = match &command.value.operation {
        Operation::UpdateDataset { dataset: id, .. }
        | Operation::WithdrawDataset { dataset: id }
        | Operation::OfferDataset { dataset: id, .. }
        | Operation::AcceptDataset { dataset: id, .. }
        | Operation::RecordErasure { dataset: id, .. } => (dataset(*id), Rejection::UnknownDataset),
        Operation::MoveDataset { arrival } => {
            (dataset(arrival.value.dataset), Rejection::UnknownDataset)
        }
        Operation::OpenAsk { ask } => (dataset(ask.dataset), Rejection::UnknownDataset),
        Operation::Grant { grant } => (dataset(grant.dataset), Rejection::UnknownDataset),
        Operation::Deny { denial } => {
            (denial.dataset.is_none_or(dataset), Rejection::UnknownDataset)
        }
        Operation::Delegate { delegation } => {
            (delegation.dataset.is_none_or(dataset), Rejection::UnknownDataset)
        }
        Operation::AnswerAsk { ask, .. }
        | Operation::AcceptCounter { ask, .. }
        | Operation::WithdrawAsk { ask } => {
            let ask = state.ask(*ask);
            let known = ask.is_some_and(|ask| ask.asker == author || dataset(ask.ask.dataset));
            (known, Rejection::UnknownAsk)
        }
        Operation::Revoke { grant, .. } | Operation::FundGrant { grant, .. } => {
            (knows_grant(view, author, *grant), Rejection::UnknownGrant)
        }
        Operation::LiftDenial { denial } => {
            let denial = state.denial(*denial);
            let known = denial.is_some_and(|denial| acts_for(state, author, denial.owner));
            (known, Rejection::UnknownDenial)
        }
        Operation::AnswerHold { decision, .. } => {
            (knows_decision(view, author, *decision), Rejection::UnknownDecision)
        }
        Operation::ReviewEmergency { review } => {
            let decision = state.decision(review.requester, review.request);
            (decision.is_some_and(|d| dataset(d.dataset)), Rejection::UnknownReview)
        }
        _ => return None,
    };
    (!known).then_some(otherwise)
}

/// May the author know of the dataset: as everybody may, or because it was offered it, or because it may do something with
/// it in its owner's name?
pub(crate) fn knows(view: &View<'_>, author: MemberId, id: DatasetId) -> bool {
    let Some(dataset) = view.state.dataset(id) else { return false };
    let parties = view.state.parties_of(author);
    may_know(view, author, &parties, (id, dataset))
        || dataset.offered_to == Some(author)
        || acts_for(view.state, author, dataset.owner)
}

/// Was the author ever let act for this owner? Also whose delegation has ended knows of it, and is told that it ended.
fn acts_for(state: &State, author: MemberId, owner: MemberId) -> bool {
    author == owner || state.delegations_by(owner).any(|(delegate, ..)| delegate == author)
}

fn knows_grant(view: &View<'_>, author: MemberId, id: GrantId) -> bool {
    let Some(state) = view.state.grant(id) else { return false };
    let runs = |group| view.state.group(group).is_some_and(|group| group.admin == author);
    let grantee = match state.grant.grantee {
        Party::Group(group) => runs(group),
        Party::Member(_) | Party::Organisation(_) => false,
    };
    grantee
        || view.state.parties_of(author).contains(&state.grant.grantee)
        || acts_for(view.state, author, state.owner)
        || knows(view, author, state.grant.dataset)
}

fn knows_decision(view: &View<'_>, author: MemberId, id: DecisionId) -> bool {
    let Some((requester, request)) = view.state.decided_request(id) else { return false };
    let decision = view.state.decision(requester, request);
    decision.is_some_and(|decision| knows(view, author, decision.dataset))
}
