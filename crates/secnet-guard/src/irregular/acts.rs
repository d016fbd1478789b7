//! Whose doing an event is, and on what.

use secnet_types::{Answer, Cause, DatasetId, Effect, GrantId, MemberId, Operation};

use super::account::short;

/// Who acted on what, if it was a member's own doing.
pub(super) fn acted(effect: &Effect, cause: &Cause) -> Option<(MemberId, u64)> {
    let dataset = |id: &DatasetId| short(id.as_bytes());
    let grant = |id: &GrantId| short(id.as_bytes());
    let member = |id: &MemberId| short(id.as_bytes());
    let author = match cause {
        Cause::Command { author, .. } => Some(*author),
        Cause::Clock => None,
    };
    Some(match effect {
        Effect::Decided { requester, dataset: id, .. }
        | Effect::DenialsSummarised { requester, dataset: id, .. } => (*requester, dataset(id)),
        Effect::AskOpened { asker, dataset: id, .. } => (*asker, dataset(id)),
        Effect::Granted { by, dataset: id, .. } => (*by, dataset(id)),
        Effect::DatasetRegistered { owner, dataset: id, .. } => (*owner, dataset(id)),
        Effect::DatasetUpdated { dataset: id }
        | Effect::DatasetWithdrawn { dataset: id }
        | Effect::DatasetOffered { dataset: id, .. }
        | Effect::DatasetMoved { dataset: id, .. }
        | Effect::Erased { dataset: id, .. } => (author?, dataset(id)),
        Effect::DatasetTransferred { to, dataset: id, .. } => (*to, dataset(id)),
        Effect::GrantRevoked { by, grant: id, .. } => (*by, grant(id)),
        Effect::Transferred { from, to, .. } => (*from, member(to)),
        Effect::RuleBought { buyer, rule, .. } => (*buyer, short(rule.as_bytes())),
        Effect::Issued { to, .. } | Effect::TreasuryPaid { to, .. } => (author?, member(to)),
        Effect::MemberAdmitted { member: id, voucher: Some(voucher), .. } => (*voucher, member(id)),
        Effect::Redeemed { from, .. } => (*from, member(from)),
        Effect::KeyRotated { member: id, .. }
        | Effect::SessionOpened { member: id, .. }
        | Effect::Delegated { owner: id, .. } => (*id, member(id)),
        _ => return None,
    })
}

/// How many uses a grant that this operation makes is for.
pub(super) const fn uses_of(operation: &Operation) -> Option<u32> {
    match operation {
        Operation::Grant { grant }
        | Operation::AnswerAsk { answer: Answer::Approve(grant), .. } => grant.uses,
        _ => None,
    }
}
