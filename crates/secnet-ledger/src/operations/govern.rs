//! What takes a quorum of governors.

use std::collections::BTreeSet;

use secnet_types::{
    Change, CommandId, Effect, GovernorApproval, MemberId, MemberKind, Proposal, governors_fit,
    limits,
};

use super::money::not_zero;
use super::{Context, same_network};
use crate::entries::{AppliedState, Governance, Only};
use crate::{Rejection, State};

/// Proposals share the replay table with commands, under an author that no member can be: a small-order key.
const PROPOSALS: MemberId = MemberId([0; 32]);

impl State {
    pub(super) fn govern(
        &mut self,
        proposal: &Proposal,
        approvals: &[GovernorApproval],
        context: &mut Context,
    ) -> Result<(), Rejection> {
        same_network(self, proposal.network)?;
        if proposal.expires <= context.time {
            return Err(Rejection::Expired { expires: proposal.expires, now: context.time });
        }
        if proposal.expires.since_ms(context.time) > limits::MAX_PROPOSAL_LIFETIME_MS {
            return Err(Rejection::ExpiresTooLate);
        }
        self.check_quorum(approvals)?;
        self.once(proposal.id, proposal)?;
        match &proposal.change {
            Change::Admit(card) => {
                if !matches!(card.value.kind, MemberKind::Organisation | MemberKind::Node) {
                    return Err(Rejection::WrongKind);
                }
                self.admit_member(card, None, context)
            }
            Change::Suspend(member) => self.set_suspended(*member, true, context),
            Change::Reinstate(member) => self.set_suspended(*member, false, context),
            Change::Issue { to, amount } => {
                not_zero(*amount)?;
                self.active_member(*to)?;
                let mut totals = self.totals();
                totals.supply = totals.supply.plus(*amount)?;
                self.totals.put(Only, totals);
                self.credit(*to, *amount)?;
                context.tell(Effect::Issued { to: *to, amount: *amount });
                Ok(())
            }
            Change::Pay { to, amount } => {
                not_zero(*amount)?;
                self.active_member(*to)?;
                let mut totals = self.totals();
                let available = totals.treasury;
                totals.treasury = available
                    .minus(*amount)
                    .map_err(|_| Rejection::InsufficientFunds { needed: *amount, available })?;
                self.totals.put(Only, totals);
                self.credit(*to, *amount)?;
                context.tell(Effect::TreasuryPaid { to: *to, amount: *amount });
                Ok(())
            }
            Change::SetParameters(parameters) => {
                let parameters = parameters.clone();
                self.set_governance(
                    |g| Governance { parameters, ..g },
                    Effect::ParametersSet,
                    context,
                )
            }
            Change::SetGovernors { governors, threshold } => {
                governors_fit(governors, *threshold).map_err(|_| Rejection::BadGovernors)?;
                for governor in governors {
                    self.active_member(*governor)?;
                }
                let (governors, threshold) = (governors.clone(), *threshold);
                let change = |g| Governance { governors, threshold, ..g };
                self.set_governance(change, Effect::GovernorsSet, context)
            }
            Change::Close { successor } => {
                let closed = Some(*successor);
                let effect = Effect::Closed { successor: *successor };
                self.set_governance(|g| Governance { closed, ..g }, effect, context)
            }
            Change::SetNodes { epoch, nodes } => self.set_nodes(*epoch, nodes, context),
        }
    }

    /// Enough approvals, each by another governor with its current key. Their signatures were verified before.
    fn check_quorum(&self, approvals: &[GovernorApproval]) -> Result<(), Rejection> {
        if approvals.len() > limits::MAX_GOVERNORS {
            return Err(Rejection::TooMany);
        }
        let governance = self.governance()?;
        let mut seen = BTreeSet::new();
        for approval in approvals {
            let is_governor = governance.governors.contains(&approval.governor);
            let key = self.active_member(approval.governor)?.key;
            if !is_governor || key != approval.key || !seen.insert(approval.governor) {
                return Err(Rejection::BadApproval);
            }
        }
        if seen.len() < governance.threshold as usize { Err(Rejection::NoQuorum) } else { Ok(()) }
    }

    /// A proposal takes effect once, whoever submits it.
    fn once(&mut self, id: CommandId, proposal: &Proposal) -> Result<(), Rejection> {
        if self.applied.contains(&(PROPOSALS, id)) {
            return Err(Rejection::IdReused);
        }
        let digest = secnet_types::Digest::of_value(proposal);
        self.applied
            .put((PROPOSALS, id), AppliedState { digest, expires: proposal.expires, event: 0 });
        Ok(())
    }

    fn set_governance(
        &mut self,
        change: impl FnOnce(Governance) -> Governance,
        effect: Effect,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let after = change(self.governance()?.clone());
        self.governance.put(Only, after);
        context.tell(effect);
        Ok(())
    }
}
