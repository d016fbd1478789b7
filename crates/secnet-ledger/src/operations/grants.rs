//! Grants, denials, delegations.

use secnet_types::{
    Amount, CommandId, Delegation, Denial, DenialId, Effect, Grant, GrantId, MemberId, Party,
    Power, Reason, Timestamp, Window, limits,
};

use super::Context;
use crate::entries::{DelegationState, DenialState, GrantState, GrantStatus, Reach};
use crate::{Rejection, State};

impl State {
    pub(super) fn make_grant(
        &mut self,
        author: MemberId,
        id: CommandId,
        grant: &Grant,
        context: &mut Context,
    ) -> Result<GrantId, Rejection> {
        let dataset = self.usable_dataset(grant.dataset)?;
        let owner = dataset.owner;
        self.entitled(author, owner, Some(grant.dataset), Power::Grant, context.time)?;
        if grant.tenure != dataset.tenure {
            return Err(Rejection::OtherTenure { given: grant.tenure, now: dataset.tenure });
        }
        check_window(grant.window, context.time)?;
        self.check_party(grant.grantee)?;
        self.not_suspended(grant.grantee)?;
        if grant.emergency && grant.price != Amount::ZERO {
            return Err(Rejection::EmergencyTerms);
        }
        let too_many = match (grant.uses, dataset.terms.max_uses) {
            (Some(0), _) | (None, Some(_)) => true,
            (Some(uses), Some(most)) => uses > most,
            (_, None) => false,
        };
        if too_many || grant.window.from >= dataset.terms.expires {
            return Err(Rejection::BadTerms);
        }
        let key = GrantId::derive(author, id);
        if self.grants.contains(&key) {
            return Err(Rejection::AlreadyExists);
        }
        let state =
            GrantState { grant: grant.clone(), owner, used: 0, status: GrantStatus::Active };
        self.grants.put(key, state);
        context.tell(Effect::Granted { grant: key, dataset: grant.dataset, by: author });
        Ok(key)
    }

    /// Either side ends a grant.
    pub(super) fn revoke(
        &mut self,
        author: MemberId,
        key: GrantId,
        reason: Reason,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let state = self.grants.find(&key).ok_or(Rejection::UnknownGrant)?;
        if state.status != GrantStatus::Active {
            return Err(Rejection::GrantNotActive);
        }
        let dataset = state.grant.dataset;
        if !self.speaks_for(author, state.grant.grantee) {
            // After a transfer both the old grantor and the owner of today may clear it away.
            let owner = self.dataset_entry(dataset)?.owner;
            self.entitled(author, state.owner, Some(dataset), Power::Revoke, context.time)
                .or_else(|_| {
                    self.entitled(author, owner, Some(dataset), Power::Revoke, context.time)
                })?;
        }
        context.tell(Effect::GrantRevoked { grant: key, by: author, reason });
        end_grant(self, key, GrantStatus::Revoked, context)
    }

    pub(super) fn deny(
        &mut self,
        author: MemberId,
        id: CommandId,
        denial: &Denial,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let owner = match denial.dataset {
            Some(dataset) => self.usable_dataset(dataset)?.owner,
            None => author,
        };
        self.entitled(author, owner, denial.dataset, Power::Revoke, context.time)?;
        if denial.window.is_empty() || denial.window.until <= context.time {
            return Err(Rejection::BadWindow);
        }
        self.check_party(denial.party)?;
        // Every decision on the owner's data reads all of them.
        if self.denials_by(owner).count() >= limits::MAX_DENIALS_OF_OWNER {
            return Err(Rejection::TooManyDenials);
        }
        let key = DenialId::derive(author, id);
        if self.denials.contains(&key) {
            return Err(Rejection::AlreadyExists);
        }
        self.denials.put(key, DenialState { denial: denial.clone(), owner });
        context.tell(Effect::DenialMade { denial: key, owner });
        Ok(())
    }

    pub(super) fn lift_denial(
        &mut self,
        author: MemberId,
        key: DenialId,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let state = self.denials.find(&key).ok_or(Rejection::UnknownDenial)?;
        // Lifting opens what was closed, so it takes the power to grant.
        self.entitled(author, state.owner, state.denial.dataset, Power::Grant, context.time)?;
        self.denials.remove(&key);
        context.tell(Effect::DenialLifted { denial: key });
        Ok(())
    }

    pub(super) fn delegate(
        &mut self,
        author: MemberId,
        delegation: &Delegation,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        self.active_member(delegation.delegate)?;
        if delegation.delegate == author {
            return Err(Rejection::SelfDealing);
        }
        if let Some(dataset) = delegation.dataset {
            // Delegated powers are not passed on: only the owner itself delegates.
            if self.usable_dataset(dataset)?.owner != author {
                return Err(Rejection::NotEntitled);
            }
        }
        check_window(delegation.window, context.time)?;
        if delegation.powers.is_empty() {
            return Err(Rejection::TooMany);
        }
        let key = ((author, delegation.delegate), Reach(delegation.dataset));
        let full = self.delegations_by(author).count() >= limits::MAX_DELEGATIONS_OF_OWNER;
        if full && !self.delegations.contains(&key) {
            return Err(Rejection::LimitReached);
        }
        let state = DelegationState { powers: delegation.powers, window: delegation.window };
        self.delegations.put(key, state);
        context.tell(Effect::Delegated { owner: author, delegate: delegation.delegate });
        Ok(())
    }

    pub(super) fn end_delegation(
        &mut self,
        author: MemberId,
        (owner, delegate): (MemberId, MemberId),
        reach: Reach,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        if author != owner && author != delegate {
            return Err(Rejection::NotEntitled);
        }
        let key = ((owner, delegate), reach);
        if !self.delegations.contains(&key) {
            return Err(Rejection::UnknownDelegation);
        }
        self.delegations.remove(&key);
        context.tell(Effect::DelegationEnded { owner, delegate });
        Ok(())
    }

    /// Is the author the party itself, or the admin of the group?
    pub(super) fn speaks_for(&self, author: MemberId, party: Party) -> bool {
        match party {
            Party::Member(member) | Party::Organisation(member) => member == author,
            Party::Group(group) => self.groups.find(&group).is_some_and(|g| g.admin == author),
        }
    }

    /// A suspended member, or an organisation's staff, can neither be granted anything nor use what it was granted.
    pub(crate) fn not_suspended(&self, party: Party) -> Result<(), Rejection> {
        match party {
            Party::Member(member) | Party::Organisation(member) => {
                self.active_member(member).map(drop)
            }
            Party::Group(_) => Ok(()),
        }
    }

    fn check_party(&self, party: Party) -> Result<(), Rejection> {
        match party {
            Party::Member(member) => {
                self.members.find(&member).map(drop).ok_or(Rejection::UnknownMember)
            }
            Party::Group(group) => {
                self.groups.find(&group).map(drop).ok_or(Rejection::UnknownGroup)
            }
            Party::Organisation(id) => match self.members.find(&id) {
                Some(member) if member.kind == secnet_types::MemberKind::Organisation => Ok(()),
                Some(_) => Err(Rejection::WrongKind),
                None => Err(Rejection::UnknownMember),
            },
        }
    }
}

/// A grant is over: what is left in its escrow goes back in the same transaction.
pub(crate) fn end_grant(
    state: &mut State,
    key: GrantId,
    status: GrantStatus,
    context: &mut Context,
) -> Result<(), Rejection> {
    let grant = state.grants.find(&key).ok_or(Rejection::UnknownGrant)?;
    let grant = GrantState { status, ..grant.clone() };
    state.grants.put(key, grant);
    if let Some(escrow) = state.escrows.find(&key).copied() {
        state.escrows.remove(&key);
        state.credit(escrow.funder, escrow.amount)?;
        context.tell(Effect::EscrowReturned {
            grant: key,
            to: escrow.funder,
            amount: escrow.amount,
        });
    }
    Ok(())
}

/// A window for something new: it has not ended, it is not empty and not endless.
pub(super) fn check_window(window: Window, now: Timestamp) -> Result<(), Rejection> {
    let length = window.until.since_ms(now.max(window.from));
    if window.is_empty() || window.until <= now || length > limits::MAX_GRANT_LIFETIME_MS {
        return Err(Rejection::BadWindow);
    }
    Ok(())
}
