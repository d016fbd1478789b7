//! Deadlines: what the ledger does by itself when block time has passed them, at the start of a block.

use secnet_types::{
    AskId, CommandId, DenialId, Effect, GrantId, MemberId, RequestId, RuleId, Timestamp, Verdict,
    limits,
};

use crate::entries::{Charge, ChargeStatus, DecisionState, GrantStatus, Reach, ReviewState};
use crate::operations::{Context, end_grant, refund};
use crate::{Rejection, State};

/// Something with a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Ask(AskId),
    Grant(GrantId),
    Denial(DenialId),
    Session(MemberId, [u8; 32]),
    Decision(MemberId, RequestId),
    Review(MemberId, RequestId),
    Applied(MemberId, CommandId),
    Install(MemberId, RuleId),
    Delegation((MemberId, MemberId), Reach),
}

impl DecisionState {
    /// When the next thing happens to it by itself.
    pub(crate) fn due(&self) -> Timestamp {
        let retry_over = self.expires;
        let own = match (self.verdict, self.charge, self.answer) {
            (Verdict::Allow { collect_by, .. }, _, _) => collect_by,
            // An answered hold waits for its new decision as long as an unanswered one for the answer.
            (Verdict::Hold { answer_by, .. }, _, _) => answer_by,
            (Verdict::Deny { .. }, _, _) => retry_over,
        };
        own.max(retry_over)
    }
}

impl State {
    /// Do what is overdue at `context.time`, oldest first, at most [`limits::MAX_SWEEP_PER_BLOCK`] things.
    pub(crate) fn sweep(&mut self, context: &mut Context) -> Result<(), Rejection> {
        for _ in 0..limits::MAX_SWEEP_PER_BLOCK {
            let Some((deadline, due)) = self.index.due.first().copied() else { break };
            if deadline > context.time {
                break;
            }
            self.expire(due, context)?;
            self.keep(context.height);
            // INVARIANT: expiring something removes it or moves its deadline, or this would never end.
            debug_assert!(!self.index.due.contains(&(deadline, due)));
        }
        Ok(())
    }

    fn expire(&mut self, due: Due, context: &mut Context) -> Result<(), Rejection> {
        match due {
            Due::Ask(key) => {
                if self.asks.find(&key).is_some_and(|ask| !ask.is_over()) {
                    context.tell(Effect::AskExpired { ask: key });
                }
                self.asks.remove(&key);
            }
            Due::Grant(key) => {
                context.tell(Effect::GrantEnded { grant: key });
                end_grant(self, key, GrantStatus::Ended, context)?;
            }
            Due::Denial(key) => {
                context.tell(Effect::DenialLifted { denial: key });
                self.denials.remove(&key);
            }
            Due::Session(member, key) => {
                context.tell(Effect::SessionEnded { member, key });
                self.sessions.remove(&(member, key));
            }
            Due::Decision(member, request) => self.expire_decision((member, request), context)?,
            Due::Review(member, request) => {
                let key = (member, request);
                match self.reviews.find(&key).copied() {
                    Some(review) if !review.overdue => {
                        self.reviews.put(key, ReviewState { overdue: true, ..review });
                        context.tell(Effect::ReviewOverdue { requester: member, request });
                    }
                    _ => {
                        self.reviews.remove(&key);
                        context.tell(Effect::ReviewAbandoned { requester: member, request });
                    }
                }
            }
            Due::Install(by, rule) => {
                self.installs.remove(&(by, rule));
                context.tell(Effect::RuleRemoved { rule, by });
            }
            Due::Delegation(parties, reach) => {
                self.delegations.remove(&(parties, reach));
                let (owner, delegate) = parties;
                context.tell(Effect::DelegationEnded { owner, delegate });
            }
            Due::Applied(author, id) => self.applied.remove(&(author, id)),
        }
        Ok(())
    }

    /// Nothing can come of it any more: an uncollected charge goes back, an unanswered hold stays refused.
    fn expire_decision(
        &mut self,
        key: (MemberId, RequestId),
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let Some(state) = self.decisions.find(&key).cloned() else { return Ok(()) };
        if matches!(state.charge, Some(Charge { status: ChargeStatus::Held, .. })) {
            refund(self, key, state.clone(), context)?;
        }
        if state.is_open_hold() {
            context.tell(Effect::HoldExpired { decision: state.id });
        }
        self.decisions.remove(&key);
        Ok(())
    }
}
