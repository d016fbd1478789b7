//! Holds and emergency reviews: what the owner still has to say.

use secnet_types::{DecisionId, Effect, HoldAnswer, MemberId, Power, Review, Verdict};

use super::Context;
use crate::entries::DecisionState;
use crate::{Rejection, State};

impl State {
    pub(super) fn answer_hold(
        &mut self,
        author: MemberId,
        id: DecisionId,
        answer: HoldAnswer,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let key = *self.index.decisions.get(&id).ok_or(Rejection::UnknownDecision)?;
        let state = self.decisions.find(&key).ok_or(Rejection::UnknownDecision)?.clone();
        let Verdict::Hold { answer_by, .. } = state.verdict else {
            return Err(Rejection::NotHeld);
        };
        if state.answer.is_some() || answer_by <= context.time {
            return Err(Rejection::NotHeld);
        }
        // INVARIANT: a hold lapses when its dataset changes hands, so its owner is the owner of today.
        self.entitled(author, state.owner, Some(state.dataset), Power::Grant, context.time)?;
        self.decisions.put(key, DecisionState { answer: Some(answer), ..state });
        context.tell(match answer {
            HoldAnswer::Release => Effect::HoldReleased { decision: id },
            HoldAnswer::Refuse => Effect::HoldRefused { decision: id },
        });
        Ok(())
    }

    pub(super) fn review_emergency(
        &mut self,
        author: MemberId,
        review: &Review,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let key = (review.requester, review.request);
        let state = self.reviews.find(&key).ok_or(Rejection::UnknownReview)?;
        // Whoever used it does not review it.
        if author == review.requester {
            return Err(Rejection::NotEntitled);
        }
        self.entitled(author, state.owner, Some(state.dataset), Power::Revoke, context.time)?;
        self.reviews.remove(&key);
        context.tell(Effect::Reviewed {
            requester: review.requester,
            request: review.request,
            finding: review.finding,
        });
        Ok(())
    }
}
